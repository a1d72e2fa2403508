//! Bank accounts in the API: it knows whose an account is, and must never know a format of a bank or whose a line
//! is.

pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod lines;
pub(crate) mod statements;
pub mod view;

use std::sync::Arc;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::channel::ChannelKind;
use bursar_core::id::{ChannelAccountId, LineId};
use bursar_core::merchant::ChannelAccount;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

/// The caller's bank account with this id.
async fn account(app: &App, caller: Caller, text: &str) -> Result<Arc<ChannelAccount>, Problem> {
    let no_account = || Problem::not_found("bank account");
    let id: ChannelAccountId = text.parse().map_err(|_| no_account())?;
    let entries = app.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
    let account = entries.accounts.get(&id).filter(|a| a.merchant == caller.merchant);
    account.filter(|a| a.channel == ChannelKind::Bank).cloned().ok_or_else(no_account)
}

/// The account in a path of the form `/v1/bank/{account}/…`.
fn in_path(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    path.map(|Path(text)| text).map_err(|_| Problem::not_found("bank account"))
}

/// The account and the line in a path of the form `/v1/bank/{account}/lines/{id}/…`.
fn line_in_path(path: Result<Path<(String, String)>, PathRejection>) -> Result<(String, LineId), Problem> {
    let no_line = || Problem::not_found("line of a statement");
    let Path((account, line)) = path.map_err(|_| no_line())?;
    Ok((account, line.parse().map_err(|_| no_line())?))
}
