//! POST /v1/orders/{id}/close: it knows how a merchant asks for an order to end, and must never end it
//! itself (the close protocol does, and money that is found on the way wins).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_core::text;
use bursar_store::{Answer, Change, Settlement};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::json::Reader;
use crate::limits::REASON_MAX_CHARS;
use crate::posted::{self, Posted};
use crate::problem::{Kind, Problem, ProblemBody};
use crate::{App, act, body};

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
/// that turns out to be paid becomes paid. What was captured for a combined order that does not become whole
/// is given back by itself. Closing an order that is closed or being closed changes
/// nothing. The answer is kept for the Idempotency-Key.
#[utoipa::path(
    post, path = "/v1/orders/{id}/close", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body(content = CloseOrder, description = "May be left out."),
    responses(
        (status = 200, description = "It is closed; or partly paid, when it may be, and nothing of it is open any more.", body = OrderView),
        (status = 202, description = "It is being closed.", body = OrderView),
        ChangeErrors,
        (status = 409, description = "It is paid, partly paid with nothing open, or held for a person; or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
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
    let id = super::id(path)?;
    let path = format!("/v1/orders/{id}/close");
    let Posted { body, keyed } = posted::keyed(&app, caller, &headers, &path, body).await?;
    let work = async {
        let request = read(&headers, &body)?;
        let reason = request.reason.map_or_else(|| "by the merchant".to_owned(), |r| format!("by the merchant: {r}"));
        for _ in 0..act::MAX_ROUNDS {
            let dossier = super::owned(&app, caller, id).await?;
            let Some(payment) = next_to_close(&dossier)? else { return unchanged(&app, &keyed, &dossier).await };
            let claim = Claim::CloseRequested { reason: reason.clone() };
            let wish = Observation::new(Source::Merchant, app.clock.now(), claim);
            if let Some(response) = act::act(&app, &keyed, payment, &wish, answer).await? {
                return Ok(response);
            }
            // Not all of it ends with this payment: it first, the others in the next rounds.
            if dossier.payments.iter().filter(|p| !p.state.is_final()).count() > 1 {
                app.desk.observe(payment, &wish, None, None, |_| Settlement::Hold).await?;
            } else if dossier.payments.iter().any(|p| p.state == PaymentState::IntegrityHold) {
                return Err(held());
            }
        }
        Err(act::overtaken())
    };
    keyed.once(&app, work).await
}

/// To what the wish is told. A payment: the rules close the others with it. One that the channel may know
/// comes first, since its close takes a while and keeps the order closing. `None`: it is closed or being
/// closed already.
fn next_to_close(dossier: &Dossier) -> Result<Option<Subject>, Problem> {
    let order = &dossier.order;
    match order.state {
        OrderState::Closed | OrderState::Closing => return Ok(None),
        OrderState::Paid => {
            return Err(Problem::new(Kind::OrderAlreadyPaid, "The order is paid; a paid order is not closed."));
        }
        OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid => {}
    }
    let held = dossier.payments.iter().any(|p| p.state == PaymentState::IntegrityHold);
    let reversed = dossier.payments.iter().any(|p| p.state == PaymentState::CaptureReversed);
    if !held && (reversed || !order.offers.is_empty()) {
        return Ok(Some(Subject::Order(order.id)));
    }
    let open = dossier.payments.iter().filter(|p| !p.state.is_final());
    if let Some(payment) = open.min_by_key(|p| p.evidence.sent_at.is_none()) {
        return Ok(Some(Subject::Payment(payment.id)));
    }
    if order.state == OrderState::PartiallyPaid && order.part_payment {
        let captured = dossier.captured_minor();
        let detail = format!("{captured} minor units of the order are paid and kept, and nothing of it is open.");
        return Err(Problem::new(Kind::OrderPartlyPaid, detail));
    }
    Err(self::held())
}

fn held() -> Problem {
    Problem::new(Kind::OrderHeld, "A payment of the order is held until a person has looked at it.")
}

fn answer(after: &Dossier) -> Option<(StatusCode, String)> {
    let status = match after.order.state {
        OrderState::Closed => StatusCode::OK,
        OrderState::Closing => StatusCode::ACCEPTED,
        // The deposit is kept; what was open has ended.
        OrderState::PartiallyPaid if after.order.part_payment && !after.has_open_payment() => StatusCode::OK,
        _ => return None,
    };
    Some((status, to_json(&OrderView::from(after))))
}

/// Nothing is to be done: only the key is taken.
async fn unchanged(app: &App, keyed: &KeyedRequest, dossier: &Dossier) -> Result<Response, Problem> {
    let Some((status, body)) = answer(dossier) else {
        return Err(Problem::internal("an open order was left as it is"));
    };
    let row = keyed.row(status, body.clone(), app.clock.now());
    let change = Change { idempotency: Some(row), ..Change::default() };
    match app.desk.gatherer.commit(change).await? {
        Answer::Committed => Ok(json(status, body)),
        Answer::Duplicate => keyed.again(app).await,
        Answer::Stale | Answer::Fenced => {
            Err(Problem::internal("an idempotency key was answered as only updates can be"))
        }
    }
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
