//! What people say about a refund, on its way to the books: it knows that it is checked, taken in and
//! answered, and must never know what may be said when.

use axum::response::Response;
use bursar_core::Timestamp;
use bursar_core::id::RefundId;
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::Dossier;
use bursar_core::refund::{Refund, RefundClaim};
use http::StatusCode;

use super::view::RefundView;
use crate::auth::Caller;
use crate::idempotency::KeyedRequest;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::{App, act};

/// Says `claim` about the refund, or the leg of it that `check` names, unless `check` refuses it. `done`
/// looks at the refund afterwards: whether what was said at that instant is what counts.
///
/// # Errors
/// What `check` says; and when the database cannot be read or written.
pub async fn say(
    app: &App,
    caller: Caller,
    id: RefundId,
    keyed: &KeyedRequest,
    claim: RefundClaim,
    check: impl Fn(&Refund) -> Result<Subject, Problem>,
    done: impl Fn(&Refund, Timestamp) -> bool + Send + Sync,
) -> Result<Response, Problem> {
    for _ in 0..act::MAX_ROUNDS {
        let (_, refund) = super::owned(app, caller, id).await?;
        let subject = check(&refund)?;
        let at = app.clock.now();
        let said = Observation::new(Source::Merchant, at, Claim::Refund(claim.clone()));
        let answer = |after: &Dossier| {
            let refund = after.refund(id).filter(|r| done(r, at))?;
            Some((StatusCode::OK, to_json(&RefundView::new(refund, &[], at))))
        };
        if let Some(response) = act::act(app, keyed, subject, &said, answer).await? {
            return Ok(response);
        }
    }
    Err(act::overtaken())
}
