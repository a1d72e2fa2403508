//! Reports for people who manage an agency: it knows ranges of days and how a report is answered, and must never sum
//! anything itself.

pub mod insights;
pub mod insights_view;
pub mod settlement;
pub mod settlement_view;
pub mod table;

use axum::response::{IntoResponse, Response};
use bursar_core::Timestamp;
use bursar_core::bank::Day;
use http::{HeaderMap, StatusCode, header};

use crate::limits::shown;
use crate::problem::Problem;
use crate::query::Parameters;

/// Most days of a report: a year, and the days by which one compares it with the one before.
pub const MAX_DAYS: i64 = 400;
/// Days of a report when nobody says which: four weeks and the last days of a month.
const DEFAULT_DAYS: i64 = 31;

/// The days of a report, both included, of what was asked for: up to today in Beijing, and a month, when nothing was.
///
/// # Errors
/// A sentence when there are too many, or none.
pub fn range(from: Option<Day>, until: Option<Day>, now: Timestamp) -> Result<(Day, Day), String> {
    let until = until.unwrap_or(Day::in_beijing(now));
    let from = from.unwrap_or(until.plus_days(1 - DEFAULT_DAYS));
    let days = until.days_since(from).saturating_add(1);
    if (1..=MAX_DAYS).contains(&days) {
        return Ok((from, until));
    }
    Err(format!("from {from} to {until} is not a range of 1 to {MAX_DAYS} days"))
}

/// The parameters `from` and `to`.
fn days(parameters: &mut Parameters, now: Timestamp) -> (Day, Day) {
    let from = parameters.take("from", |text| shown(text).parse());
    let until = parameters.take("to", |text| shown(text).parse());
    range(from, until, now).unwrap_or_else(|why| {
        parameters.refuse("from", why);
        (Day::in_beijing(now), Day::in_beijing(now))
    })
}

/// Whether a client wants a table for a spreadsheet.
fn wants_csv(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|v| v.to_str().ok());
    accepted.flat_map(|v| v.split(',')).any(|kind| kind.split(';').next().is_some_and(|k| k.trim() == "text/csv"))
}

/// A report as the client wants it.
fn answer(headers: &HeaderMap, json: impl FnOnce() -> String, csv: impl FnOnce() -> String) -> Response {
    if wants_csv(headers) {
        return (StatusCode::OK, [(header::CONTENT_TYPE, "text/csv; charset=utf-8")], csv()).into_response();
    }
    crate::idempotency::json(StatusCode::OK, json())
}

/// Too many rows for anybody to read.
fn too_many(name: &str) -> Problem {
    let message = format!(
        "these are more than {} rows: ask for fewer days, or tell less apart",
        bursar_store::reports::MAX_GROUPS
    );
    Problem::parameters(vec![crate::problem::FieldError::parameter(name, message)])
}
