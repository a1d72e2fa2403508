//! GET /v1/agreements/{id}: it knows how one agreement is shown, and must never change it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::view::AgreementView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// An agreement as it stands; while it waits to be signed, what the payer needs for that.
#[utoipa::path(
    get, path = "/v1/agreements/{id}", tag = "agreements", security(("api_key" = [])),
    params(("id" = String, Path, description = "The agreement (`agr_…`).")),
    responses(
        (status = 200, description = "The agreement.", body = AgreementView),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let agreement = super::owned(&app, caller, super::id(path)?).await?;
    Ok(json(StatusCode::OK, to_json(&AgreementView::from(&agreement))))
}
