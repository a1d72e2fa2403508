//! GET /v1/cash/{account}/hand-ins: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::HandInState;
use bursar_core::id::{self, HandInId};
use bursar_store::HandInFilter;
use http::{StatusCode, Uri};

use super::view::{HandInPage, HandInView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, cursor};

/// Hand-ins of a cash account, newest first, in pages. `?state=counted` lists what waits for approval.
#[utoipa::path(
    get, path = "/v1/cash/{account}/hand-ins", tag = "cash", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The cash account (`acc_…`)."),
        ("state" = Option<String>, Query, description = "Only in this state: `counted`, `approved`, `banked`."),
        ("limit" = Option<u32>, Query, description = "Hand-ins per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = HandInPage),
        (status = 404, description = "There is no such cash account.", body = ProblemBody, content_type = "application/problem+json"),
        ListErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let account = super::account(&app, caller, path).await?.id;
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let state: Option<HandInState> = parameters.take("state", str::parse);
    let scope = format!("hand-ins.1|{account}|{state:?}");
    let before = parameters.take("cursor", |text| cursor::read(&scope, text, HandInId));
    parameters.finish()?;
    // The id is made when it is received.
    let before = before.map(|before| (id::made_at(before.uuid()), before));
    let filter = HandInFilter { account, state, before, limit: limit.saturating_add(1) };
    let mut rows = app.desk.gatherer.store().hand_ins(&filter).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&scope, row.id.uuid(), row.id));
    let page = HandInPage { hand_ins: rows.iter().map(HandInView::from).collect(), next_cursor };
    Ok(json(StatusCode::OK, to_json(&page)))
}
