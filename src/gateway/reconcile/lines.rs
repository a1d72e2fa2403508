//! GET /v1/bills/{id}/lines: it knows pages, and must never count.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, Uri};
use uuid::Uuid;

use super::view::{BillLinePage, BillLineView};
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;
use crate::{App, cursor};

/// Lines of a bill as they stand in the file, in pages.
///
/// Of a later issue only the lines that no earlier issue had told; the others stand at the issue that told them first.
#[utoipa::path(
    get, path = "/v1/bills/{id}/lines", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The bill (`bil_…`)."),
        ("limit" = Option<u32>, Query, description = "Lines per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before."),
    ),
    responses(
        (status = 200, description = "A page.", body = BillLinePage),
        (status = 400, description = "A parameter is not valid.", body = ProblemBody, content_type = "application/problem+json"),
        ReadErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Response, Problem> {
    let bill = super::owned_bill(&app, caller, super::bill_id(path)?).await?.id;
    let scope = format!("bill_lines.1|{bill}");
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let after = parameters.take("cursor", |text| cursor::read(&scope, text, |bits| bits.as_u128()));
    parameters.finish()?;
    // Only ordinals were written into cursors of this scope.
    let after = after.and_then(|ordinal| u32::try_from(ordinal).ok()).unwrap_or(0);
    let mut rows = app.desk.gatherer.store().bill_lines(bill, after, limit.saturating_add(1)).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let written = |ordinal: u128| cursor::write(&scope, Uuid::from_u128(ordinal), ordinal);
    let next_cursor = rows.last().filter(|_| more).map(|row| written(u128::from(row.line.ordinal)));
    let page = BillLinePage { lines: rows.iter().map(BillLineView::from).collect(), next_cursor };
    Ok(json(StatusCode::OK, to_json(&page)))
}
