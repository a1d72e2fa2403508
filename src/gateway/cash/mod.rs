//! Cash in the API: one file per verb; it knows whose a cash account, collection or hand-in is, and must never know
//! who may do what (`bursar_core::cash` does).

pub(crate) mod act;
pub(crate) mod approve;
pub(crate) mod banked;
pub(crate) mod collect;
pub(crate) mod collections;
pub(crate) mod collector;
pub(crate) mod confirm;
pub(crate) mod dispute;
pub(crate) mod drawers;
pub(crate) mod hand_in;
pub(crate) mod hand_ins;
pub(crate) mod paid_out;
mod problems;
pub mod view;

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_channels::CashSettings;
use bursar_core::cash::{Collection, CollectionState, DrawerLimits, HandIn};
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId};
use bursar_core::merchant::ChannelAccount;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

fn no_account() -> Problem {
    Problem::not_found("cash account")
}

fn no_collection() -> Problem {
    Problem::not_found("collection")
}

fn no_hand_in() -> Problem {
    Problem::not_found("hand-in")
}

/// The caller's cash account in a path of the form `/v1/cash/{account}/…`.
async fn account(
    app: &App,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Arc<ChannelAccount>, Problem> {
    let text = path.map(|Path(text)| text).map_err(|_| no_account())?;
    let id: ChannelAccountId = text.parse().map_err(|_| no_account())?;
    let found = known(app, id).await?.filter(|a| a.merchant == caller.merchant);
    found.filter(|a| a.channel == ChannelKind::Cash).ok_or_else(no_account)
}

async fn known(app: &App, id: ChannelAccountId) -> Result<Option<Arc<ChannelAccount>>, Problem> {
    let entries = app.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
    Ok(entries.accounts.get(&id).cloned())
}

/// How much the collectors of an account may carry.
async fn limits(app: &App, id: ChannelAccountId) -> Result<DrawerLimits, Problem> {
    let account = known(app, id).await?.ok_or_else(no_account)?;
    let settings = CashSettings::read(&account.settings);
    settings.map(|s| s.limits()).map_err(|why| Problem::internal(&format!("{id}: {why}")))
}

/// What workers say to have collected and nobody has confirmed yet, in minor units.
pub(crate) fn claimed_minor(collections: &[Collection]) -> i64 {
    let claims = collections.iter().filter(|c| c.state == CollectionState::Claimed);
    claims.map(|c| c.amount.minor).fold(0, i64::saturating_add)
}

/// The caller's collection. Another merchant's is as absent as none.
async fn collection(app: &App, caller: Caller, id: CollectionId) -> Result<Collection, Problem> {
    let found = app.desk.gatherer.store().collection(id).await?;
    found.filter(|c| c.merchant == caller.merchant).ok_or_else(no_collection)
}

/// The caller's hand-in.
async fn counted(app: &App, caller: Caller, id: HandInId) -> Result<HandIn, Problem> {
    let found = app.desk.gatherer.store().hand_in(id).await?;
    found.filter(|h| h.merchant == caller.merchant).ok_or_else(no_hand_in)
}

/// The collection of the path.
fn collection_id(path: Result<Path<String>, PathRejection>) -> Result<CollectionId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_collection())
}

/// The hand-in of the path.
fn hand_in_id(path: Result<Path<String>, PathRejection>) -> Result<HandInId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_hand_in())
}
