//! GET /v1/cash/{account}/collections: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::{CollectionState, one_spaced};
use bursar_core::id::CollectionId;
use bursar_store::CollectionFilter;
use http::{StatusCode, Uri};

use super::view::{CollectionPage, CollectionView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, cursor, people};

/// Collections of a cash account, in pages. `?state=claimed` lists what waits to be confirmed, `?state=disputed` what
/// a person is asked about.
#[utoipa::path(
    get, path = "/v1/cash/{account}/collections", tag = "cash", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The cash account (`acc_…`)."),
        ("worker" = Option<String>, Query, description = "Only this worker's."),
        ("state" = Option<String>, Query, description = "Only in this state: `claimed`, `confirmed`, `handed_in`, `banked`, `disputed`, `refused`."),
        ("limit" = Option<u32>, Query, description = "Collections per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = CollectionPage),
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
    let state: Option<CollectionState> = parameters.take("state", str::parse);
    let worker = parameters.take("worker", |name| {
        let name = one_spaced(name);
        people::check("worker", &name).map(|()| name)
    });
    let scope = format!("collections.1|{account}|{state:?}|{worker:?}");
    let after = parameters.take("cursor", |text| cursor::read(&scope, text, CollectionId));
    parameters.finish()?;
    let filter = CollectionFilter { account, worker, state, after, limit: limit.saturating_add(1) };
    let mut rows = app.desk.gatherer.store().collections(&filter).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&scope, row.id.uuid(), row.id));
    let page = CollectionPage { collections: rows.iter().map(CollectionView::from).collect(), next_cursor };
    Ok(json(StatusCode::OK, to_json(&page)))
}
