//! Refunds over HTTP: one file per verb; `view` is how a refund looks to its merchant, `intake` what may
//! become one, `impossible` why one cannot be.

pub(crate) mod create;
mod impossible;
pub(crate) mod intake;
pub(crate) mod judge;
pub(crate) mod legs;
pub(crate) mod list;
mod plan;
mod plan_view;
mod say;
pub(crate) mod show;
pub mod view;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::id::RefundId;
use bursar_core::order::Dossier;
use bursar_core::refund::Refund;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

fn no_such_refund() -> Problem {
    Problem::not_found("refund")
}

/// The caller's refund, and the order that it belongs to. Another merchant's refund is as absent as none.
pub(crate) async fn owned(app: &App, caller: Caller, id: RefundId) -> Result<(Dossier, Refund), Problem> {
    let store = app.desk.gatherer.store();
    let order = store.order_of_refund(id).await?.ok_or_else(no_such_refund)?;
    let dossier = store.dossier(order).await?.filter(|d| d.order.merchant == caller.merchant);
    let dossier = dossier.ok_or_else(no_such_refund)?;
    let refund = dossier.refund(id).cloned().ok_or_else(no_such_refund)?;
    Ok((dossier, refund))
}

/// The id of the path. What cannot be an id is a refund that does not exist.
pub(crate) fn id(path: Result<Path<String>, PathRejection>) -> Result<RefundId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_such_refund())
}
