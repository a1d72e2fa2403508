//! GET /v1/plans/{id}: it knows how one plan is shown, and must never change it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::agreement::Agreement;
use bursar_core::billing::Plan;
use http::StatusCode;

use super::view::PlanView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// A plan as it stands, with its installments and what will fall due.
#[utoipa::path(
    get, path = "/v1/plans/{id}", tag = "plans", security(("api_key" = [])),
    params(("id" = String, Path, description = "The plan (`pln_…`).")),
    responses(
        (status = 200, description = "The plan.", body = PlanView),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let file = super::owned(&app, caller, super::id(path)?).await?;
    let agreement = agreement_of(&app, &file.plan).await?;
    Ok(json(StatusCode::OK, to_json(&PlanView::whole(&file, agreement.as_ref(), app.clock.now()))))
}

/// The agreement that the plan charges by.
pub async fn agreement_of(app: &App, plan: &Plan) -> Result<Option<Agreement>, Problem> {
    match plan.agreement {
        Some(id) => Ok(app.desk.gatherer.store().agreement(id).await?),
        None => Ok(None),
    }
}
