//! GET /v1/breaks/{id}: it knows how both sides of a difference are laid side by side, and must never say who is
//! right.

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::id::BillId;
use bursar_core::reconcile::{Break, BreakSubject};
use bursar_store::Store;
use http::StatusCode;

use super::view::{BillLineView, BreakDetail, BreakView, OursView};
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

/// `found` with both sides. For the command line, too.
///
/// # Errors
/// When the database cannot be read.
pub async fn detail(store: &dyn Store, found: &Break) -> bursar_store::Result<BreakDetail> {
    let line = match found.line {
        None => None,
        Some((bill, ordinal)) => {
            let lines = store.bill_lines(BillId(bill), ordinal.saturating_sub(1), 1).await?;
            lines.iter().find(|row| row.line.ordinal == ordinal).map(BillLineView::from)
        }
    };
    let ours = match found.subject_kind {
        BreakSubject::Payment => store.payment_sides(&[found.subject]).await?.first().map(OursView::from),
        BreakSubject::Leg => store.leg_sides(&[found.subject]).await?.first().map(OursView::from),
        BreakSubject::Line | BreakSubject::Day => None,
    };
    Ok(BreakDetail { found: BreakView::from(found), line, ours })
}
