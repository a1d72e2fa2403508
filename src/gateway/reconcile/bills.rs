//! GET /v1/bills and /v1/bills/{id}: it knows filters, and must never read a file.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{StatusCode, Uri};

use super::view::{BillList, BillView};
use crate::App;
use crate::auth::Caller;
use crate::errors::{ListErrors, ReadErrors};
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;

/// Bills of channels that were fetched or brought, the latest day first.
#[utoipa::path(
    get, path = "/v1/bills", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("account" = Option<String>, Query, description = "Only of this account (`acc_…`)."),
        ("from" = Option<String>, Query, description = "From this business day of the channel on, such as `2026-11-01`."),
        ("until" = Option<String>, Query, description = "Up to this day, included."),
        ("limit" = Option<u32>, Query, description = "At most so many: 1 to 100; 20 when left out."),
    ),
    responses(
        (status = 200, description = "The bills.", body = BillList),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let (filter, most) = super::day_filter(&app, caller.merchant, &uri)?;
    let rows = app.desk.gatherer.store().bills(&filter).await?;
    let bills = rows.iter().take(most).map(BillView::from).collect();
    Ok(json(StatusCode::OK, to_json(&BillList { bills, complete: rows.len() <= most })))
}

/// One bill.
#[utoipa::path(
    get, path = "/v1/bills/{id}", tag = "reconciliation", security(("api_key" = [])),
    params(("id" = String, Path, description = "The bill (`bil_…`).")),
    responses(
        (status = 200, description = "The bill.", body = BillView),
        ReadErrors,
    ),
)]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let bill = super::owned_bill(&app, caller, super::bill_id(path)?).await?;
    Ok(json(StatusCode::OK, to_json(&BillView::from(&bill))))
}
