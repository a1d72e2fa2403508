//! POST /v1/orders/{id}/close: it knows how a merchant asks for an order to end, and must never end it
//! itself (the close protocol does, and money that is found on the way wins).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::text;
use bursar_store::desk::Taken;
use bursar_store::{Answer, Change, Settlement};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::idempotency::{KeyedRequest, json};
use crate::json::Reader;
use crate::limits::REASON_MAX_CHARS;
use crate::problem::{Kind, Problem, ProblemBody};
use crate::{App, body};

/// A request to close an order. The body may be left out.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CloseOrder)]
pub struct CloseOrder {
    /// Why, for people. At most 127 characters.
    #[schema(nullable = false, max_length = 127)]
    pub reason: Option<String>,
}

/// Asks for an order to be closed.
///
/// Its open payments go through the close protocol, which asks the channel before and after: an order
/// that turns out to be paid becomes paid. Closing an order that is closed or being closed changes
/// nothing. The answer is kept for the Idempotency-Key.
#[utoipa::path(
    post, path = "/v1/orders/{id}/close", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body(content = CloseOrder, description = "May be left out."),
    responses(
        (status = 200, description = "It is closed.", body = OrderView),
        (status = 202, description = "It is being closed.", body = OrderView),
        (status = 400, description = "Not JSON, or the key is missing or not valid.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No valid API key.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "There is no such order of yours.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is paid, or held for a person.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn close(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    body::check_encoding(&headers)?;
    let id = super::id(path)?;
    crate::idempotency::read(&headers)?;
    let body = body::read(&headers, body, &app.settings).await?;
    let keyed = KeyedRequest::new(caller.merchant, &headers, "POST", &format!("/v1/orders/{id}/close"), &body)?;
    if let Some(response) = keyed.stored(&app).await? {
        return Ok(response);
    }
    let request = read(&headers, &body)?;
    let dossier = app.desk.gatherer.store().dossier(id).await?;
    let dossier = dossier.filter(|d| d.order.merchant == caller.merchant).ok_or_else(|| Problem::not_found("order"))?;
    let dossier = asked_to_close(&app, dossier, request).await?;
    let status = match dossier.order.state {
        OrderState::Closed => StatusCode::OK,
        OrderState::Closing => StatusCode::ACCEPTED,
        OrderState::Paid => {
            return Err(Problem::new(Kind::OrderAlreadyPaid, "The order is paid; a paid order is not closed."));
        }
        OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid => {
            return Err(Problem::new(
                Kind::OrderHeld,
                "A payment of the order is held until a person has looked at it.",
            ));
        }
    };
    answered(&app, &keyed, status, to_json(&OrderView::from(&dossier))).await
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<CloseOrder, Problem> {
    if body.is_empty() {
        return Ok(CloseOrder::default());
    }
    body::check_json(headers)?;
    let mut reader = Reader::parse(body)?;
    let request = CloseOrder { reason: reader.optional_text("reason") };
    if let Some(Err(message)) = request.reason.as_deref().map(|r| text::check("reason", r, REASON_MAX_CHARS)) {
        reader.refuse("reason", message);
    }
    reader.finish()?;
    Ok(request)
}

/// Puts the wish on every payment that is still open; the order as it stands then.
async fn asked_to_close(app: &App, mut dossier: Dossier, request: CloseOrder) -> Result<Dossier, Problem> {
    let reason = request.reason.map_or_else(|| "by the merchant".to_owned(), |r| format!("by the merchant: {r}"));
    let open: Vec<_> = dossier.payments.iter().filter(|p| !p.state.is_final()).map(|p| p.id).collect();
    if dossier.order.state.is_final() {
        return Ok(dossier);
    }
    for payment in open {
        let claim = Claim::CloseRequested { reason: reason.clone() };
        let wish = Observation::new(Source::Merchant, app.clock.now(), claim);
        match app.desk.observe(payment, &wish, None, Some(&dossier), |_| Settlement::Hold).await? {
            Taken::Written(next) => dossier = *next,
            Taken::Fenced | Taken::NoSuchPayment => {
                return Err(Problem::internal("a payment vanished while it was closed"));
            }
        }
    }
    Ok(dossier)
}

/// Takes the key for the answer. The wish itself is on the books already and is the same however often
/// it is made, so a crash between the two costs nothing: the retry does both again.
async fn answered(app: &App, keyed: &KeyedRequest, status: StatusCode, answer: String) -> Result<Response, Problem> {
    let row = keyed.row(status, answer.clone(), app.clock.now());
    let change = Change { idempotency: Some(row), ..Change::default() };
    match app.desk.gatherer.commit(change).await? {
        Answer::Committed => Ok(json(status, answer)),
        Answer::Duplicate => match keyed.stored(app).await? {
            Some(response) => Ok(response),
            None => Err(Problem::new(Kind::IdempotencyKeyInFlight, "The first request with this key is not finished.")),
        },
        Answer::Stale | Answer::Fenced => {
            Err(Problem::internal("an idempotency key was answered as only updates can be"))
        }
    }
}
