//! GET /v1/reconciliations: it knows filters, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};

use super::view::{ReconciliationList, ReconciliationView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// Reconciliations of accounts and days, the latest day first.
#[utoipa::path(
    get, path = "/v1/reconciliations", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("account" = Option<String>, Query, description = "Only of this account (`acc_…`)."),
        ("from" = Option<String>, Query, description = "From this business day of the channel on, such as `2026-11-01`."),
        ("until" = Option<String>, Query, description = "Up to this day, included."),
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 100; 20 when left out."),
    ),
    responses(
        (status = 200, description = "The reconciliations.", body = ReconciliationList),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let (filter, most) = super::day_filter(&app, caller.merchant, &uri)?;
    let rows = app.desk.gatherer.store().reconciliations(&filter).await?;
    let reconciliations = rows.iter().take(most).map(ReconciliationView::from).collect();
    Ok(json(StatusCode::OK, to_json(&ReconciliationList { reconciliations, complete: rows.len() <= most })))
}
