//! GET /v1/schedules: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::id::ScheduleId;
use bursar_core::schedule::GRACE_MS;
use bursar_store::ScheduleFilter;
use http::{StatusCode, Uri};

use super::view::{SchedulePage, ScheduleView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::{App, cursor};

/// Schedules that match, newest first, in pages. `?overdue=true` lists those that should have fired and have not.
#[utoipa::path(
    get, path = "/v1/schedules", tag = "schedules", security(("api_key" = [])),
    params(
        ("state" = Option<String>, Query, description = "Only in this state: `active`, `paused`, `removed`. Removed ones are left out otherwise."),
        ("overdue" = Option<bool>, Query, description = "`true`: only active ones that were due more than five minutes ago."),
        ("limit" = Option<u32>, Query, description = "Schedules per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = SchedulePage),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let state = parameters.take("state", str::parse);
    let wrong = |_| "`overdue` must be `true` or `false`".to_owned();
    let overdue = parameters.take("overdue", |text| text.parse::<bool>().map_err(wrong)).unwrap_or_default();
    let scope = format!("schedules.1|{}|{state:?}|{overdue}", caller.merchant);
    let before = parameters.take("cursor", |text| cursor::read(&scope, text, ScheduleId));
    parameters.finish()?;
    let now = app.clock.now();
    let filter = ScheduleFilter {
        merchant: Some(caller.merchant),
        state,
        name: None,
        due_before: overdue.then(|| now.plus_ms(-GRACE_MS)),
        before,
        limit: limit.saturating_add(1),
    };
    let mut rows = app.desk.gatherer.store().schedules(&filter).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&scope, row.id.uuid(), row.id));
    let schedules = rows.iter().map(|row| ScheduleView::new(row, now)).collect();
    Ok(json(StatusCode::OK, to_json(&SchedulePage { schedules, next_cursor })))
}
