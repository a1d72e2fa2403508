//! GET /v1/breaks/{id}: it knows whose a break is, and must never say who is right.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::sides::detail;
use super::view::BreakDetail;
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// One break, with the line of the bill that told it beside what our books have.
#[utoipa::path(
    get, path = "/v1/breaks/{id}", tag = "reconciliation", security(("api_key" = [])),
    params(("id" = String, Path, description = "The break (`brk_…`).")),
    responses(
        (status = 200, description = "The break and both sides.", body = BreakDetail),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let found = super::owned_break(&app, caller, super::break_id(path)?).await?;
    Ok(json(StatusCode::OK, to_json(&detail(app.desk.gatherer.store().as_ref(), &found).await?)))
}
