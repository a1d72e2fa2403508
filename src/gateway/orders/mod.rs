//! Orders over HTTP: one file per verb; `view` is how an order looks to its merchant, `intake` what may
//! become an order.

pub(crate) mod add_payment;
pub(crate) mod capture;
mod checks;
pub(crate) mod close;
pub(crate) mod create;
pub(crate) mod intake;
pub(crate) mod late_money;
pub(crate) mod list;
pub(crate) mod methods;
pub(crate) mod pick;
pub(crate) mod show;
mod tender;
pub(crate) mod timeline;
pub mod view;
mod words;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::id::OrderId;
use bursar_core::order::Dossier;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// The caller's order. Another merchant's order is as absent as none.
pub(crate) async fn owned(app: &App, caller: Caller, id: OrderId) -> Result<Dossier, Problem> {
    let dossier = app.desk.gatherer.store().dossier(id).await?;
    dossier.filter(|d| d.order.merchant == caller.merchant).ok_or_else(|| Problem::not_found("order"))
}

/// The id of the path. What cannot be an id is an order that does not exist.
pub(crate) fn id(path: Result<Path<String>, PathRejection>) -> Result<OrderId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| Problem::not_found("order"))
}
