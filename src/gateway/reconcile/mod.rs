//! Reconciliation in the API: one file per verb; it knows whose a break, a bill or a reconciliation is, and must
//! never know when books agree (`bursar_core::reconcile` does).

pub(crate) mod begin;
pub(crate) mod bills;
pub(crate) mod breaks;
pub(crate) mod days;
pub(crate) mod gauges;
pub(crate) mod judge;
pub(crate) mod lines;
pub(crate) mod show;
pub mod sides;
pub mod view;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, MerchantId};
use bursar_core::reconcile::{Bill, Break};
use bursar_store::DayFilter;
use http::Uri;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;
use crate::query::Parameters;

fn no_break() -> Problem {
    Problem::not_found("break")
}

fn no_bill() -> Problem {
    Problem::not_found("bill")
}

/// The break of the path.
fn break_id(path: Result<Path<String>, PathRejection>) -> Result<BreakId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_break())
}

/// The bill of the path.
fn bill_id(path: Result<Path<String>, PathRejection>) -> Result<BillId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_bill())
}

/// The caller's break. Another merchant's is as absent as none.
async fn owned_break(app: &App, caller: Caller, id: BreakId) -> Result<Break, Problem> {
    let found = app.desk.gatherer.store().breaks_of(&[id]).await?.pop();
    found.filter(|b| b.merchant == caller.merchant).ok_or_else(no_break)
}

/// The caller's bill. Another merchant's is as absent as none.
async fn owned_bill(app: &App, caller: Caller, id: BillId) -> Result<Bill, Problem> {
    let found = app.desk.gatherer.store().bill(id).await?;
    found.filter(|b| b.merchant == caller.merchant).ok_or_else(no_bill)
}

/// Which days of which account a list shall have, with one row more than is shown.
fn day_filter(app: &App, merchant: MerchantId, uri: &Uri) -> Result<(DayFilter, usize), Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let limit = parameters.limit(&app.settings);
    let account = parameters.take("account", str::parse);
    let from: Option<Day> = parameters.take("from", str::parse);
    let until: Option<Day> = parameters.take("until", str::parse);
    if from.zip(until).is_some_and(|(from, until)| from > until) {
        parameters.refuse("until", "`until` is before `from`");
    }
    parameters.finish()?;
    let filter = DayFilter { merchant: Some(merchant), account, from, until, limit: limit.saturating_add(1) };
    Ok((filter, usize::try_from(limit).unwrap_or(usize::MAX)))
}
