//! POST /v1/orders: it knows the way from a request to a committed order and its answer, and must never
//! call a channel (a job does that after the commit).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bursar_core::id::{OrderId, PaymentId};
use bursar_store::Answer;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::intake::{self, CreateOrder, Scene};
use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::idempotency::{KeyedRequest, json};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::{App, body, prefer};

/// Takes an order and starts its payment.
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
        (status = 400, description = "Not JSON, or the key is missing or not valid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid API key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "The number is taken, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 413, description = "Too large.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 415, description = "Not JSON by its type, or compressed.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Too many requests, or no database: try again with the same key.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    body::check_json(&headers)?;
    body::check_encoding(&headers)?;
    crate::idempotency::read(&headers)?;
    let body = body::read(&headers, body, &app.settings).await?;
    let keyed = KeyedRequest::new(caller.merchant, &headers, "POST", "/v1/orders", &body)?;
    let drafted = match intake::read(&body) {
        Ok(request) => draft(&app, caller, request).await,
        Err(problem) => Err(problem),
    };
    let (order, payment) = match drafted {
        Ok(drafted) => drafted,
        // What was lawful then may not be lawful now (an expiry in the past): the first answer stands.
        Err(problem) => return keyed.stored(&app).await?.ok_or(problem),
    };
    let (number, payment_id) = (order.number.clone(), payment.id);
    let mut first = String::new();
    let opened = app.desk.open(order, payment, |dossier, change| {
        first = to_json(&OrderView::from(dossier));
        change.idempotency = Some(keyed.row(StatusCode::CREATED, first.clone(), app.clock.now()));
    });
    let (answer, dossier) = opened.await?;
    match answer {
        Answer::Committed => Ok(created(&app, &headers, dossier.order.id, payment_id, first).await),
        Answer::Duplicate => duplicate(&app, caller, &keyed, &number).await,
        Answer::Stale | Answer::Fenced => Err(Problem::internal("a new order was answered as only updates can be")),
    }
}

async fn draft(
    app: &App,
    caller: Caller,
    request: CreateOrder,
) -> Result<(bursar_core::order::Order, bursar_core::payment::Payment), Problem> {
    let merchant = caller.merchant;
    let entries = app.desk.directory.entries_with(|e| e.accounts.values().any(|a| a.merchant == merchant)).await?;
    let scene = Scene {
        merchant,
        entries: &entries,
        settings: &app.settings,
        now: app.clock.now(),
        chance: app.chance.as_ref(),
    };
    intake::draft(request, scene)
}

async fn created(app: &App, headers: &HeaderMap, order: OrderId, payment: PaymentId, first: String) -> Response {
    let waited = match prefer::wait(headers, app.settings.wait_max_ms) {
        Some(at_most) => prefer::wait_for_code(app, payment, at_most).await,
        None => None,
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
    let Some(id) = taken else {
        let problem = Problem::new(Kind::IdempotencyKeyInFlight, "The first request with this key is not finished.");
        return Err(Problem { retry_after_s: Some(1), ..problem });
    };
    let problem = Problem::new(Kind::OrderNumberTaken, format!("The order {id} has this number."));
    Err(Problem { order_id: Some(id.to_string()), ..problem })
}
