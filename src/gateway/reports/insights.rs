//! GET /v1/reports/insights: it knows which sums make a report, and must never add up different currencies.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::insights::{Dimension, Durations, Group};
use bursar_core::money::Currency;
use bursar_store::reports::{MAX_GROUPS, MAX_TIMES};
use bursar_store::{InsightFilter, Store, StoreError};
use http::{HeaderMap, Uri};

use super::insights_view::{FailureView, InsightRow, InsightsView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::limits::shown;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;

/// The report; `None` when it would have more rows than anybody reads.
///
/// # Errors
/// When the database cannot be read.
pub async fn report(store: &dyn Store, filter: &InsightFilter) -> Result<Option<InsightsView>, StoreError> {
    let takings = store.takings(filter).await?;
    if takings.len() > usize::try_from(MAX_GROUPS).unwrap_or(usize::MAX) {
        return Ok(None);
    }
    let read = store.times_to_paid(filter).await?;
    // Half of them would be a lie about the median.
    let complete = read.len() <= usize::try_from(MAX_TIMES).unwrap_or(usize::MAX);
    let mut times = BTreeMap::<Group, Durations>::new();
    for (group, seconds, n) in read.into_iter().filter(|_| complete) {
        times.entry(group).or_default().add(seconds, n);
    }
    let mut all = BTreeMap::<Currency, i64>::new();
    for (group, takings) in &takings {
        let sum = all.entry(group.currency).or_default();
        *sum = sum.saturating_add(takings.taken_minor);
    }
    let all_of = |group: &Group| all.get(&group.currency).copied().unwrap_or(0);
    let rows = takings.iter().map(|(group, t)| InsightRow::new(group, t, times.get(group), all_of(group)));
    let failures = store.failures(filter).await?;
    Ok(Some(InsightsView {
        from: filter.from,
        to: filter.until,
        group_by: filter.by.iter().map(|d| d.name()).collect(),
        rows: rows.collect(),
        failures: failures.iter().map(FailureView::from).collect(),
    }))
}

/// What payments are told apart by, of a list with commas: each once, in the order of columns.
///
/// # Errors
/// A sentence when something else stands there.
pub fn dimensions(text: &str) -> Result<Vec<Dimension>, String> {
    let mut by = text.split(',').filter(|t| !t.is_empty()).map(str::parse).collect::<Result<Vec<Dimension>, _>>()?;
    by.sort_unstable();
    by.dedup();
    Ok(by)
}

/// How business went: takings, the mix of methods, success, times to pay, refunds and reasons of failure.
///
/// Every payment counts on the day in Beijing on which it was accepted, whenever its money came or went back.
#[utoipa::path(
    get, path = "/v1/reports/insights", tag = "reports", security(("api_key" = [])),
    params(
        ("from" = Option<String>, Query, description = "The first day, such as `2026-11-01`; a month before `to` when left out."),
        ("to" = Option<String>, Query, description = "The last day; today in Beijing when left out. At most 400 days."),
        ("group_by" = Option<String>, Query, description = "What payments are told apart by: `day`, `region`, `service`, `channel`, `method`, `merchant`; several with commas."),
        ("Accept" = Option<String>, Header, description = "`text/csv`: the rows for a spreadsheet."),
    ),
    responses(
        (status = 200, description = "The report.", content((InsightsView = "application/json"), (String = "text/csv"))),
        ListErrors,
    ),
)]
pub(crate) async fn insights(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::parse(&uri)?;
    let (from, until) = super::days(&mut parameters, app.clock.now());
    let by = parameters.take("group_by", |text| dimensions(&shown(text))).unwrap_or_default();
    parameters.finish()?;
    let filter = InsightFilter { merchant: Some(caller.merchant), from, until, by };
    let store = app.desk.gatherer.store();
    let report = report(store.as_ref(), &filter).await?.ok_or_else(|| super::too_many("group_by"))?;
    Ok(super::answer(&headers, || to_json(&report), || report.csv(&filter.by)))
}
