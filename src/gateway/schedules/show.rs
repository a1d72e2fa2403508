//! GET /v1/schedules/{id}: it knows one schedule, and must never show another merchant's.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};

use super::view::ScheduleView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::problem::Problem;

/// A schedule: when it fired last, when it fires next, and how much it missed.
#[utoipa::path(
    get, path = "/v1/schedules/{id}", tag = "schedules", security(("api_key" = [])),
    params(("id" = String, Path, description = "The schedule (`sch_…`).")),
    responses(
        (status = 200, description = "The schedule.", body = ScheduleView),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Json<ScheduleView>, Problem> {
    let schedule = super::owned(&app, caller, super::id(path)?).await?;
    Ok(Json(ScheduleView::new(&schedule, app.clock.now())))
}
