//! GET /v1/bank/{account}/statements: it knows pages, and must never count.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::id::{self, StatementId};
use http::{StatusCode, Uri};

use super::view::{StatementPage, StatementView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, cursor};

/// Statements of a bank account that were imported, newest first, in pages.
#[utoipa::path(
    get, path = "/v1/bank/{account}/statements", tag = "bank", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The bank account (`acc_…`)."),
        ("limit" = Option<u32>, Query, description = "Statements per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses(
        (status = 200, description = "A page.", body = StatementPage),
        (status = 404, description = "There is no such bank account.", body = ProblemBody, content_type = "application/problem+json"),
        ListErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let account = super::account(&app, caller, &super::in_path(path)?).await?.id;
    let scope = format!("statements.1|{account}");
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let before = parameters.take("cursor", |text| cursor::read(&scope, text, StatementId));
    parameters.finish()?;
    let store = app.desk.gatherer.store();
    let before = before.map(|id| (id::made_at(id.uuid()), id));
    let mut rows = store.statements(account, before, limit.saturating_add(1)).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&scope, row.id.uuid(), row.id));
    let page = StatementPage { statements: rows.iter().map(StatementView::from).collect(), next_cursor };
    Ok(json(StatusCode::OK, to_json(&page)))
}
