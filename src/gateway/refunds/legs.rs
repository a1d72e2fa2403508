//! POST /v1/refunds/{id}/transferred and /abandon: it knows how a person confirms or drops one leg of a
//! refund, and must never let a leg be dropped whose call may have left.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::id::LegId;
use bursar_core::observation::Subject;
use bursar_core::refund::{Leg, LegState, Refund, RefundClaim, Route};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::say::say;
use super::view::RefundView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};

/// A bank transfer that was made.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ConfirmTransfer)]
pub struct ConfirmTransfer {
    /// The leg (`rfl_…`).
    #[schema(value_type = String)]
    pub leg: LegId,
    /// Who transferred the money.
    #[schema(example = "Wang Fang", max_length = 64)]
    pub by: String,
    /// The bank's reference: letters, digits, spaces, `_ . : / -`.
    #[schema(example = "2026112200012345", max_length = 64)]
    pub reference: String,
}

/// A leg that is given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = AbandonLeg)]
pub struct AbandonLeg {
    /// The leg (`rfl_…`).
    #[schema(value_type = String)]
    pub leg: LegId,
    /// Who gives it up.
    #[schema(example = "Wang Fang", max_length = 64)]
    pub by: String,
    /// Why.
    #[schema(example = "the payer waived it", max_length = 127)]
    pub reason: String,
}

/// Confirms that a person transferred the money of a leg by bank.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/transferred", tag = "refunds", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The refund (`rfd_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = ConfirmTransfer,
    responses(
        (status = 200, description = "Confirmed; the refund as it stands now.", body = RefundView),
        ChangeErrors,
        (status = 409, description = "The leg does not wait for a transfer, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn transferred(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/refunds/{id}/transferred");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let ConfirmTransfer { leg, by, reference } = read_transfer(&body)?;
        let check = |refund: &Refund| {
            // One that was dropped meanwhile may have been transferred all the same: better to know.
            let waits = |l: &Leg| {
                l.route == Route::Transfer && matches!(l.state, LegState::AwaitingTransfer | LegState::Abandoned)
            };
            let what = "does not wait for a transfer";
            the_leg(refund, leg, waits, Kind::LegNotAwaitingTransfer, what)
        };
        let done = |after: &Refund, at| {
            let said = Some((at, (by.clone(), reference.clone())));
            after.legs.iter().any(|l| l.id == leg && l.state == LegState::Succeeded && l.evidence.transferred == said)
        };
        let claim = RefundClaim::Transferred { by: by.clone(), reference: reference.clone() };
        say(&app, caller, id, &keyed, claim, check, done).await
    };
    keyed.once(&app, work).await
}

/// Gives up a leg that was never sent, or waits for a transfer. Its money is free again.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/abandon", tag = "refunds", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The refund (`rfd_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = AbandonLeg,
    responses(
        (status = 200, description = "Given up; the refund as it stands now.", body = RefundView),
        ChangeErrors,
        (status = 409, description = "The leg cannot be dropped any more, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn abandon(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/refunds/{id}/abandon");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let AbandonLeg { leg, by, reason } = read_abandonment(&body)?;
        let check = |refund: &Refund| {
            the_leg(refund, leg, Leg::can_be_dropped, Kind::LegUnderWay, "cannot be dropped any more")
        };
        let done = |after: &Refund, at| {
            let said = Some((at, (by.clone(), reason.clone())));
            after.legs.iter().any(|l| l.id == leg && l.state == LegState::Abandoned && l.evidence.abandoned == said)
        };
        let claim = RefundClaim::Abandoned { by: by.clone(), reason: reason.clone() };
        say(&app, caller, id, &keyed, claim, check, done).await
    };
    keyed.once(&app, work).await
}

/// The members of a confirmation.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_transfer(body: &[u8]) -> Result<ConfirmTransfer, Problem> {
    let mut reader = Reader::parse(body)?;
    let leg = leg_id(&mut reader);
    let (by, reference) = (people::person("by", &mut reader), people::reference(&mut reader));
    reader.finish()?;
    let leg = leg.ok_or_else(|| Problem::internal("a checked request has no leg"))?;
    Ok(ConfirmTransfer { leg, by, reference })
}

/// The members of an abandonment.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_abandonment(body: &[u8]) -> Result<AbandonLeg, Problem> {
    let mut reader = Reader::parse(body)?;
    let leg = leg_id(&mut reader);
    let (by, reason) = (people::person("by", &mut reader), people::reason(&mut reader));
    reader.finish()?;
    let leg = leg.ok_or_else(|| Problem::internal("a checked request has no leg"))?;
    Ok(AbandonLeg { leg, by, reason })
}

pub fn leg_id(reader: &mut Reader<'_>) -> Option<LegId> {
    let text = reader.text("leg")?;
    let read: Result<LegId, String> = text.parse();
    read.map_err(|message| reader.refuse("leg", message)).ok()
}

/// The leg of the refund, when it is as it must be.
fn the_leg(
    refund: &Refund,
    id: LegId,
    lawful: impl Fn(&Leg) -> bool,
    kind: Kind,
    what: &str,
) -> Result<Subject, Problem> {
    let leg = refund.legs.iter().find(|l| l.id == id);
    let leg = leg.ok_or_else(|| Problem::member("/leg", format!("{id} is not a leg of this refund")))?;
    if refund.state.may_send() && lawful(leg) {
        return Ok(id.into());
    }
    // Legs of a refund that does not run are decided about with it.
    let state = if refund.state.may_send() { leg.state.name() } else { refund.state.name() };
    let whose = if refund.state.may_send() { "leg" } else { "refund" };
    let detail = format!("The {whose} is {state}, so the leg {what}.");
    Err(Problem::new(kind, detail).with(Facts { state: Some(state), ..Facts::default() }))
}
