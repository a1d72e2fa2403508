//! POST /v1/orders/{id}/refunds: it knows the way from a request to a committed refund and its answer, and
//! must never call a channel for money (a job does that after the commit).

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::decide::RefundRequest;
use bursar_core::id::{OrderId, RefundId};
use bursar_store::desk::Granted;
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};

use super::intake::{self, CreateRefundSchema};
use super::plan_view::PlanView;
use super::view::RefundView;
use super::{impossible, plan};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::orders;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, body};

/// Gives money of an order back.
///
/// The money is set aside at once, so of two refunds that do not fit together one is refused; the channel
/// is called after that. A way that fails is replaced by others until the payer has the money or a person
/// has to transfer it: ask for the refund, or listen for its events.
///
/// With `?preview=true` nothing is written, no `Idempotency-Key` is needed, and the answer (200) tells from
/// which payments and by which ways the money would go back, or why it cannot.
#[utoipa::path(
    post, path = "/v1/orders/{id}/refunds", tag = "refunds", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("preview" = Option<bool>, Query, description = "`true`: only tell what would happen."),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; the same for each retry. Needed unless it is a preview."),
    ),
    request_body = CreateRefundSchema,
    responses(
        (status = 200, description = "A preview.", body = PlanView),
        (status = 202, description = "Taken; the money is set aside. `Idempotency-Replayed: true` when this is the stored answer of an earlier request.", body = RefundView),
        ChangeErrors,
        (status = 409, description = "The first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be refunded (`nothing-to-refund`, `refund-too-much` and others, with numbers), a member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = orders::id(path)?;
    if is_preview(&uri)? {
        return preview(&app, caller, id, &headers, body).await;
    }
    let path = format!("/v1/orders/{id}/refunds");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let asked = intake::read(&body, false)?;
        let dossier = orders::owned(&app, caller, id).await?;
        let planned = plan::plan(&app, caller, &dossier, &asked).await?;
        let shares = planned.shares.as_ref().map_err(impossible::problem)?;
        if planned.needs_approval && asked.requested_by.is_none() {
            let message = "`requested_by` is missing: a refund of this amount needs a second person, so say who asks";
            return Err(Problem::member("/requested_by", message));
        }
        let payee = match &asked.payee {
            Some(payee) => Some(plan::seal(&app, &dossier, shares, payee).await?),
            None => None,
        };
        write(&app, &keyed, id, RefundRequest { payee, ..planned.request }).await
    };
    keyed.once(&app, work).await
}

fn is_preview(uri: &Uri) -> Result<bool, Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let preview = parameters
        .take("preview", |text| text.parse::<bool>().map_err(|_| "`preview` must be `true` or `false`".to_owned()));
    parameters.finish()?;
    Ok(preview.unwrap_or_default())
}

async fn preview(app: &App, caller: Caller, id: OrderId, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    body::check_json(headers)?;
    body::check_encoding(headers)?;
    let body = body::read(headers, body, &app.settings).await?;
    let asked = intake::read(&body, true)?;
    let dossier = orders::owned(app, caller, id).await?;
    let planned = plan::plan(app, caller, &dossier, &asked).await?;
    Ok(json(StatusCode::OK, to_json(&PlanView::from(&planned))))
}

async fn write(app: &App, keyed: &KeyedRequest, order: OrderId, request: RefundRequest) -> Result<Response, Problem> {
    let said = Mutex::new(String::new());
    let granted = app.desk.refund(order, &request, |after, change| {
        let refund = after.refund(request.id);
        let answer = refund.map(|r| to_json(&RefundView::new(r, &[], app.clock.now()))).unwrap_or_default();
        change.idempotency = Some(keyed.row(StatusCode::ACCEPTED, answer.clone(), app.clock.now()));
        *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
    });
    match granted.await? {
        Granted::Written(_) => Ok(accepted(request.id, said.into_inner().unwrap_or_else(PoisonError::into_inner))),
        Granted::Duplicate => keyed.again(app).await,
        Granted::NoSuchOrder => Err(Problem::not_found("order")),
        Granted::Refused(why) => Err(impossible::problem(&why)),
    }
}

fn accepted(refund: RefundId, answer: String) -> Response {
    let mut response = json(StatusCode::ACCEPTED, answer);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/refunds/{refund}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
