//! GET /v1/refunds/{id}: it knows how one refund is shown, and must never change it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::refund::Refund;
use bursar_store::{JobFilter, JobRow};
use http::StatusCode;

use super::view::RefundView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// A refund as it stands, with its legs: which way each goes, what went wrong, and what happens next when.
#[utoipa::path(
    get, path = "/v1/refunds/{id}", tag = "refunds", security(("api_key" = [])),
    params(("id" = String, Path, description = "The refund (`rfd_…`).")),
    responses(
        (status = 200, description = "The refund.", body = RefundView),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let (_, refund) = super::owned(&app, caller, super::id(path)?).await?;
    let jobs = jobs(&app, &refund).await?;
    Ok(json(StatusCode::OK, to_json(&RefundView::new(&refund, &jobs, app.clock.now()))))
}

/// The live jobs of the legs for which something is due.
pub async fn jobs(app: &App, refund: &Refund) -> Result<Vec<JobRow>, Problem> {
    let mut jobs = Vec::new();
    for leg in refund.legs.iter().filter(|l| l.due_at.is_some()) {
        let filter = JobFilter { subject: Some(leg.id.uuid()), limit: 4, ..JobFilter::default() };
        jobs.extend(app.desk.gatherer.store().jobs(&filter).await?);
    }
    Ok(jobs)
}
