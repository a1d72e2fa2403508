//! POST /v1/orders/{id}/capture: it knows how a merchant says that what is held shall be taken, and must
//! never take it itself.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::id::PaymentId;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::Dossier;
use bursar_core::payment::PaymentState;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{OrderView, to_json};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, act, people};

/// What is held shall be taken.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = Capture)]
pub struct Capture {
    /// Who says so.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// Which payment, when several are authorized.
    #[schema(nullable = false)]
    pub payment: Option<String>,
    /// How much is taken, in minor units: what the service came to. The rest is let go, and the order is for so much
    /// less. Without it all that is held is taken.
    #[schema(nullable = false, minimum = 1)]
    pub amount_minor: Option<i64>,
}

/// Takes the amount that is held for the payer: on his card, frozen on his account, or agreed to by him.
///
/// The channel is asked in the background; `order.paid` tells when it has done so. A hold that nobody captures
/// is let go an hour before it lapses. Closing the order lets it go at once.
#[utoipa::path(
    post, path = "/v1/orders/{id}/capture", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = Capture,
    responses(
        (status = 202, description = "It is being captured.", body = OrderView),
        ChangeErrors,
        (status = 409, description = "Nothing is held, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn capture(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/orders/{id}/capture");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let Wanted { by, payment: named, amount_minor: minor } = read(&body)?;
        for _ in 0..act::MAX_ROUNDS {
            let dossier = super::owned(&app, caller, id).await?;
            let payment = authorized(&dossier, named)?;
            let most = dossier.payment(payment).map_or(0, |p| p.amount.minor);
            if let Some(minor) = minor.filter(|minor| *minor <= 0 || *minor > most) {
                let mut reader = Reader::blank();
                reader.refuse("amount_minor", format!("it must be 1 to {most}, what is held; {minor} is not"));
                reader.finish()?;
            }
            let claim = Claim::CaptureRequested { by: by.clone(), minor };
            let said = Observation::new(Source::Merchant, app.clock.now(), claim);
            let answered = |after: &Dossier| {
                let taken = after.payment(payment).is_some_and(|p| p.state == PaymentState::Capturing);
                taken.then(|| (StatusCode::ACCEPTED, to_json(&OrderView::from(after))))
            };
            if let Some(response) = act::act(&app, &keyed, payment, &said, answered).await? {
                return Ok(response);
            }
        }
        Err(act::overtaken())
    };
    keyed.once(&app, work).await
}

/// What the body asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// Who says so.
    pub by: String,
    /// About which payment.
    pub payment: Option<PaymentId>,
    /// How much is taken, in minor units; `None`: all that is held.
    pub amount_minor: Option<i64>,
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<Wanted, Problem> {
    let mut reader = Reader::parse(body)?;
    let by = people::person("by", &mut reader);
    let payment = reader.optional_text("payment").and_then(|text| match text.parse() {
        Ok(id) => Some(id),
        Err(message) => {
            let message: String = message;
            reader.refuse("payment", message);
            None
        }
    });
    let amount_minor = reader.optional_integer("amount_minor");
    reader.finish()?;
    Ok(Wanted { by, payment, amount_minor })
}

fn authorized(dossier: &Dossier, named: Option<PaymentId>) -> Result<PaymentId, Problem> {
    let held = dossier.payments.iter().filter(|p| p.state == PaymentState::Authorized);
    let held: Vec<PaymentId> = held.map(|p| p.id).collect();
    match (held.as_slice(), named) {
        ([], _) => {
            let state = dossier.order.state.name();
            let facts = Facts { order_state: Some(state), ..Facts::default() };
            let detail = format!("The order is {state} and no payment of it is authorized.");
            Err(Problem::new(Kind::NothingAuthorized, detail).with(facts))
        }
        (all, Some(id)) if all.contains(&id) => Ok(id),
        (_, Some(id)) => Err(Problem::member("/payment", format!("{id} is not authorized"))),
        ([only], None) => Ok(*only),
        (_, None) => Err(Problem::member("/payment", "several payments are authorized: name one")),
    }
}
