//! The ledger in the API: it knows which accounts are the caller's, and must never know what a posting means.

pub(crate) mod account;
pub(crate) mod balances;
pub(crate) mod gauges;
pub mod view;

use bursar_core::ledger::{Account, AccountKind};
use uuid::Uuid;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// The merchant and its channel accounts: owners of the accounts that it may see.
async fn owners(app: &App, caller: Caller) -> Result<Vec<Uuid>, Problem> {
    let entries = app.desk.directory.entries().await?;
    let accounts = entries.accounts.values().filter(|a| a.merchant == caller.merchant).map(|a| a.id.uuid());
    Ok(accounts.chain([caller.merchant.uuid()]).collect())
}

/// The account that a kind and an owner (`mer_…` or `acc_…`, whichever the kind has) name.
///
/// # Errors
/// A sentence when they name none.
pub fn account(kind: &str, owner: &str) -> Result<Account, String> {
    let kind: AccountKind = kind.parse()?;
    let owner = if kind.is_of_a_channel() {
        owner.parse().map(bursar_core::id::ChannelAccountId::uuid)
    } else {
        owner.parse().map(bursar_core::id::MerchantId::uuid)
    };
    Ok(Account { kind, owner: owner? })
}
