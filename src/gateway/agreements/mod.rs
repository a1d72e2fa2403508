//! Agreements over HTTP: one file per verb; `view` is how an agreement looks to its merchant, `intake` what may become
//! one.

pub(crate) mod create;
pub(crate) mod end;
pub(crate) mod intake;
pub(crate) mod list;
pub(crate) mod show;
pub mod view;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::Timestamp;
use bursar_core::agreement::{Agreement, AgreementState};
use bursar_core::id::{AgreementId, MerchantId};

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

fn no_such_agreement() -> Problem {
    Problem::not_found("agreement")
}

/// The caller's agreement. Another merchant's agreement is as absent as none.
pub(crate) async fn owned(app: &App, caller: Caller, id: AgreementId) -> Result<Agreement, Problem> {
    let found = app.desk.gatherer.store().agreement(id).await?;
    found.filter(|a| a.merchant == caller.merchant).ok_or_else(no_such_agreement)
}

/// The agreements of `merchant` among `ids`; what cannot be an id is none.
pub(crate) async fn named(app: &App, merchant: MerchantId, ids: &[&str]) -> Result<Vec<Agreement>, Problem> {
    let mut found: Vec<Agreement> = Vec::new();
    for text in ids {
        let Ok(id) = text.parse::<AgreementId>() else { continue };
        if found.iter().any(|a| a.id == id) {
            continue;
        }
        let agreement = app.desk.gatherer.store().agreement(id).await?;
        found.extend(agreement.filter(|a| a.merchant == merchant));
    }
    Ok(found)
}

/// Why `agreement` cannot be charged at `now`.
pub(crate) fn why_not(agreement: &Agreement, now: Timestamp) -> String {
    let over = agreement.evidence.signed.as_ref().and_then(|s| s.ends_at).filter(|at| *at <= now);
    match (agreement.state, over) {
        (AgreementState::Active, Some(at)) => format!("the agreement ended at {at}; have the payer sign another"),
        (AgreementState::New | AgreementState::Signing, _) => {
            format!("the agreement is {}: the payer has not signed it yet", agreement.state.name())
        }
        (state, _) => format!("the agreement is {}; have the payer sign another", state.name()),
    }
}

/// The id of the path. What cannot be an id is an agreement that does not exist.
fn id(path: Result<Path<String>, PathRejection>) -> Result<AgreementId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_such_agreement())
}
