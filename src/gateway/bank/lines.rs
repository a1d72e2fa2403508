//! GET /v1/bank/{account}/lines: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::bank::LineState;
use bursar_core::id::LineId;
use bursar_store::LineFilter;
use http::{StatusCode, Uri};

use super::view::{LinePage, LineView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, cursor};

/// Lines of a bank account's statements, in pages. `?state=suspense` lists what waits for a person.
#[utoipa::path(
    get, path = "/v1/bank/{account}/lines", tag = "bank", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The bank account (`acc_…`)."),
        ("state" = Option<String>, Query, description = "Only lines in this state: `new`, `matched`, `suspense`, `ignored`, `settled`, `reversed`."),
        ("limit" = Option<u32>, Query, description = "Lines per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = LinePage),
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
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let state: Option<LineState> = parameters.take("state", str::parse);
    let scope = format!("lines.1|{account}|{state:?}");
    let after = parameters.take("cursor", |text| cursor::read(&scope, text, LineId));
    parameters.finish()?;
    let filter = LineFilter { account, state, after, limit: limit.saturating_add(1) };
    let mut rows = app.desk.gatherer.store().lines(&filter).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&scope, row.id.uuid(), row.id));
    let page = LinePage { lines: rows.iter().map(LineView::from).collect(), next_cursor };
    Ok(json(StatusCode::OK, to_json(&page)))
}
