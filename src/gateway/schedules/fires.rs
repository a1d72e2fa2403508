//! GET /v1/schedules/{id}/fires: it knows what a schedule has opened, and must never know what became of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use bursar_core::Timestamp;
use http::Uri;

use super::view::{FirePage, FireView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::limits::shown;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;

/// What a schedule has opened, the latest due instant first.
#[utoipa::path(
    get, path = "/v1/schedules/{id}/fires", tag = "schedules", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The schedule (`sch_…`)."),
        ("before" = Option<String>, Query, description = "Only for instants before (RFC 3339): the last `due_at` of the page before."),
        ("limit" = Option<u32>, Query, description = "Fires per page: 1 to 100; 20 when left out."),
    ),
    responses(
        (status = 200, description = "A page.", body = FirePage),
        (status = 400, description = "A parameter is not valid.", body = ProblemBody, content_type = "application/problem+json"),
        ReadErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<FirePage>, Problem> {
    let id = super::id(path)?;
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let before = parameters.take("before", |text| Timestamp::parse_rfc3339(&shown(text)));
    parameters.finish()?;
    let schedule = super::owned(&app, caller, id).await?;
    let fires = app.desk.gatherer.store().fires(id, before, limit).await?;
    Ok(Json(FirePage { fires: fires.iter().map(|fire| FireView::new(&schedule, fire)).collect() }))
}
