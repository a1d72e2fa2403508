//! GET /v1/plans/{id}/timeline: it knows how what happened to a plan is asked for, and must never change it.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::billing::PlanState;
use bursar_core::id::PlanId;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

use super::story::{PlanTimelineEntry, entries, next};
use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// Everything that happened to a plan, and what comes next.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PlanTimeline)]
pub struct PlanTimelineView {
    /// The plan.
    #[schema(value_type = String, example = "pln_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub plan_id: PlanId,
    /// Where it stands.
    #[schema(value_type = String, example = "active")]
    pub state: PlanState,
    /// Why it is not done and what happens next when, in a sentence or two.
    pub next: String,
    /// How many of its oldest orders were left out because there are too many.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub orders_left_out: Option<usize>,
    /// By time; jobs stand at the time when they are due.
    pub entries: Vec<PlanTimelineEntry>,
}

/// Everything that happened to a plan, in one list: installments, charges, declines with what was decided and why,
/// wishes and who had them; and what comes next.
///
/// What the merchant was told is there as long as deliveries are kept; everything else for ever.
#[utoipa::path(
    get, path = "/v1/plans/{id}/timeline", tag = "plans", security(("api_key" = [])),
    params(("id" = String, Path, description = "The plan (`pln_…`).")),
    responses(
        (status = 200, description = "The timeline.", body = PlanTimelineView),
        ReadErrors,
    ),
)]
pub async fn timeline(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let found = app.desk.gatherer.store().plan_timeline(id).await?;
    let found = found.filter(|t| t.file.plan.merchant == caller.merchant);
    let timeline = found.ok_or_else(super::no_such_plan)?;
    let view = PlanTimelineView {
        plan_id: id,
        state: timeline.file.plan.state,
        next: next(&timeline, app.clock.now()),
        orders_left_out: Some(timeline.orders_left_out).filter(|n| *n > 0),
        entries: entries(&timeline),
    };
    Ok(json(StatusCode::OK, to_json(&view)))
}
