//! GET /v1/cash/{account}/drawers: it knows how drawers are shown, and must never judge them.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::view::{DrawerView, DrawersView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::{Problem, ProblemBody};

/// What workers have not handed in, and who may collect.
#[utoipa::path(
    get, path = "/v1/cash/{account}/drawers", tag = "cash", security(("api_key" = [])),
    params(("account" = String, Path, description = "The cash account (`acc_…`).")),
    responses(
        (status = 200, description = "One drawer for each worker who has something.", body = DrawersView),
        (status = 400, description = "A parameter is not valid.", body = ProblemBody, content_type = "application/problem+json"),
        ReadErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let account = super::account(&app, caller, path).await?.id;
    let limits = super::limits(&app, account).await?;
    let now = app.clock.now();
    let drawers = app.desk.gatherer.store().drawers(account).await?;
    let drawers = drawers.iter().map(|d| DrawerView::new(d, limits, now)).collect();
    Ok(json(StatusCode::OK, to_json(&DrawersView { drawers })))
}
