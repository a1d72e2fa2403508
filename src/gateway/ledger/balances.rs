//! GET /v1/ledger/balances: it knows how balances are shown, and must never sum them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::view::{BalanceView, BalancesView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;

/// What your accounts of the ledger hold: your own, and those of your channel accounts.
///
/// `suspense` is money that nobody is sure about now. Debits and credits of all accounts of a currency are equal.
#[utoipa::path(
    get, path = "/v1/ledger/balances", tag = "ledger", security(("api_key" = [])),
    responses(
        (status = 200, description = "Every account that was ever posted to.", body = BalancesView),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    Parameters::parse(&uri)?.finish()?;
    let owners = super::owners(&app, caller).await?;
    let balances = app.desk.gatherer.store().trial_balance(Some(&owners)).await?;
    let balances = balances.iter().map(BalanceView::from).collect();
    Ok(json(StatusCode::OK, to_json(&BalancesView { balances })))
}
