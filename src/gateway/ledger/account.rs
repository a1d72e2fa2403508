//! GET /v1/ledger/accounts/{kind}/{owner}: it knows filters and pages, and must never know what a posting means.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::{Currency, Timestamp};
use bursar_store::ledger::before;
use http::{StatusCode, Uri};

use super::view::{AccountPage, owner, running};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::limits::shown;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};
use crate::query::{self, Parameters};
use crate::{App, cursor};

/// The statement of one of your accounts: what was posted to it, with the balance after each entry, in pages.
#[utoipa::path(
    get, path = "/v1/ledger/accounts/{kind}/{owner}", tag = "ledger", security(("api_key" = [])),
    params(
        ("kind" = String, Path, description = "What kind of account, such as `clearing`."),
        ("owner" = String, Path, description = "You (`mer_…`) or your channel account (`acc_…`), whichever the kind has."),
        ("from" = Option<String>, Query, description = "Only what was written at or after (RFC 3339; write `+` as `%2B`)."),
        ("to" = Option<String>, Query, description = "Only what was written before (RFC 3339)."),
        ("currency" = Option<String>, Query, description = "ISO 4217 code; `CNY` when left out."),
        ("limit" = Option<u32>, Query, description = "Entries per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = AccountPage),
        (status = 404, description = "There is no such account of yours.", body = ProblemBody, content_type = "application/problem+json"),
        ListErrors,
    ),
)]
pub async fn statement(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<(String, String)>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let none = || Problem::not_found("account of the ledger");
    let Path((kind, of)) = path.map_err(|_| none())?;
    let account = super::account(&kind, &of).map_err(|_| none())?;
    if !super::owners(&app, caller).await?.contains(&account.owner) {
        return Err(none());
    }
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let from = parameters.take("from", query::time).unwrap_or(Timestamp::from_millis(0));
    let to = parameters.take("to", query::time).unwrap_or(Timestamp::from_millis(i64::MAX));
    let currency = parameters.take("currency", |text| shown(text).parse::<Currency>()).unwrap_or(Currency::CNY);
    let scope =
        format!("ledger.1|{}|{}|{from}|{}|{}", account.kind.name(), account.owner, to.as_millis(), currency.code());
    let after = parameters.take("cursor", |text| cursor::read_place(&scope, text)).unwrap_or(before(from));
    parameters.finish()?;
    let store = app.desk.gatherer.store();
    let mut entries = store.entries(account, currency, after, to, limit.saturating_add(1)).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = entries.len() > limit;
    entries.truncate(limit);
    let first = entries.first().map_or((to, uuid::Uuid::nil(), 0), bursar_store::ledger::Entry::place);
    let opening_minor = store.balance_before(account, currency, first).await?;
    let next_cursor = entries.last().filter(|_| more).map(|last| cursor::write_place(&scope, last.place()));
    let entries = running(account, opening_minor, &entries);
    let page = AccountPage {
        kind: account.kind,
        owner: owner(account),
        currency: currency.code().to_owned(),
        opening_minor,
        closing_minor: entries.last().map_or(opening_minor, |last| last.balance_minor),
        entries,
        next_cursor,
    };
    Ok(json(StatusCode::OK, to_json(&page)))
}
