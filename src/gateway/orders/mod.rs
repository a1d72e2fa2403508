//! Orders over HTTP: one file per verb; `view` is how an order looks to its merchant, `intake` what may
//! become an order.

pub(crate) mod add_payment;
pub(crate) mod capture;
pub(crate) mod checks;
pub(crate) mod close;
pub(crate) mod create;
mod debit;
pub(crate) mod intake;
pub(crate) mod late_money;
pub(crate) mod list;
pub(crate) mod methods;
pub(crate) mod pick;
pub(crate) mod shares;
pub(crate) mod show;
pub(crate) mod tender;
pub(crate) mod timeline;
pub mod view;
pub(crate) mod words;

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::id::{MerchantId, OrderId};
use bursar_core::order::Dossier;
use bursar_store::directory::Entries;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// The caller's order. Another merchant's order is as absent as none.
pub(crate) async fn owned(app: &App, caller: Caller, id: OrderId) -> Result<Dossier, Problem> {
    let dossier = app.desk.gatherer.store().dossier(id).await?;
    dossier.filter(|d| d.order.merchant == caller.merchant).ok_or_else(|| Problem::not_found("order"))
}

/// The directory with the merchant's accounts for `methods` in it: they may have been added a moment ago.
pub(crate) async fn entries(
    app: &App,
    merchant: MerchantId,
    methods: impl IntoIterator<Item = &str>,
) -> Result<Arc<Entries>, Problem> {
    let methods = methods.into_iter().filter_map(|name| name.parse().ok());
    let channels: Vec<ChannelKind> = methods.map(|method: Method| method.channel()).collect();
    let has = |e: &Entries, channel| e.accounts.values().any(|a| a.merchant == merchant && a.channel == channel);
    Ok(app.desk.directory.entries_with(|e| channels.iter().all(|channel| has(e, *channel))).await?)
}

/// The id of the path. What cannot be an id is an order that does not exist.
pub(crate) fn id(path: Result<Path<String>, PathRejection>) -> Result<OrderId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| Problem::not_found("order"))
}
