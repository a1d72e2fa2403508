//! POST /v1/orders: it knows the way from a request to a committed order and its answer, and must never
//! call a channel (a job does that after the commit).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::order::Order;
use bursar_core::payment::Payment;
use bursar_store::Answer;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::intake::{self, CreateOrder, Scene};
use super::shares;
use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::errors::CreateErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, agreements, cash, prefer};

/// Takes an order and starts its payment, or the first of its payments.
///
/// The parts of a combined order (`payments`) are taken one after the other: the next is started when the
/// one before it is paid, so that at most one must be undone while another is unsure. When the order does
/// not become whole everything is given back, unless it allows `part_payment`.
///
/// The answer comes when order, payment and the job that calls the channel are safely stored; the
/// payer's code is not there yet. Ask again for the order, or send `Prefer: wait=SECONDS` (at most 10):
/// then the answer comes when the code is there or the time is over, and shows the order as it is then.
/// The answer that is kept for the Idempotency-Key is always the first one, without the code: after a
/// retry read the order by its id.
#[utoipa::path(
    post, path = "/v1/orders", tag = "orders", security(("api_key" = [])),
    params(
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; fresh for each new order, the same for each retry."),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`: wait for the payer's code."),
    ),
    request_body = CreateOrder,
    responses(
        (status = 201, description = "Taken. `Idempotency-Replayed: true` when this is the stored answer of an earlier request.", body = OrderView),
        CreateErrors,
        (status = 409, description = "The number is taken, the collector carries too much, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Posted { body, keyed } = posted::json(&app, caller, &headers, "/v1/orders", body).await?;
    let drafted = match intake::read(&body) {
        Ok(request) => draft(&app, caller, request).await,
        Err(problem) => Err(problem),
    };
    let (order, payments) = match drafted {
        Ok(drafted) => drafted,
        // What was lawful then may not be lawful now (an expiry in the past): the first answer stands.
        Err(problem) => return keyed.stored(&app).await?.ok_or(problem),
    };
    let (id, number) = (order.id, order.number.clone());
    let payable = payments.first().map(|p| p.id);
    let mut first = String::new();
    let opened = app.desk.open(order, payments, |dossier, change| {
        first = to_json(&OrderView::from(dossier));
        change.idempotency = Some(keyed.row(StatusCode::CREATED, first.clone(), app.clock.now()));
    });
    let (answer, _) = opened.await?;
    match answer {
        Answer::Committed => Ok(created(&app, &headers, id, payable, first).await),
        Answer::Duplicate => duplicate(&app, caller, &keyed, &number).await,
        Answer::Stale | Answer::Fenced => Err(Problem::internal("a new order was answered as only updates can be")),
    }
}

async fn draft(app: &App, caller: Caller, request: CreateOrder) -> Result<(Order, Vec<Payment>), Problem> {
    let merchant = caller.merchant;
    let asked = shares::asks(&request)?;
    let parts = request.payments.iter().flatten().map(|part| part.method.as_str());
    let entries = super::entries(app, merchant, request.method.as_deref().into_iter().chain(parts)).await?;
    let parts = request.payments.iter().flatten().filter_map(|part| part.agreement.as_deref());
    let named: Vec<&str> = request.agreement.as_deref().into_iter().chain(parts).collect();
    let agreements = agreements::named(app, merchant, &named).await?;
    let scene = Scene {
        merchant,
        entries: &entries,
        agreements: &agreements,
        settings: &app.settings,
        now: app.clock.now(),
        chance: app.chance.as_ref(),
    };
    let mut drafted = intake::draft(request, scene)?;
    cash::collector::check(app, &drafted.1).await?;
    shares::plan(app, &entries, &asked, &mut drafted)?;
    Ok(drafted)
}

/// The answer to an order that has a new payment: at once, or as long as the client prefers to wait.
pub async fn created(
    app: &App,
    headers: &HeaderMap,
    order: OrderId,
    payable: Option<PaymentId>,
    first: String,
) -> Response {
    let waited = match (prefer::wait(headers, app.settings.wait_max_ms), payable) {
        (Some(at_most), Some(payment)) => prefer::wait_for_code(app, payment, at_most).await,
        _ => None,
    };
    let applied = waited.is_some();
    let mut response = json(StatusCode::CREATED, waited.map_or(first, |dossier| to_json(&OrderView::from(&dossier))));
    if applied {
        response.headers_mut().insert(prefer::APPLIED, HeaderValue::from_static("wait"));
    }
    if let Ok(location) = HeaderValue::try_from(format!("/v1/orders/{order}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// The key or the number was there before: which of them, the rows say.
async fn duplicate(app: &App, caller: Caller, keyed: &KeyedRequest, number: &str) -> Result<Response, Problem> {
    if let Some(response) = keyed.stored(app).await? {
        return Ok(response);
    }
    let taken = app.desk.gatherer.store().order_by_number(caller.merchant, number).await?;
    let Some(id) = taken else { return keyed.again(app).await };
    let problem = Problem::new(Kind::OrderNumberTaken, format!("The order {id} has this number."));
    Err(problem.with(Facts { order_id: Some(id), ..Facts::default() }))
}
