//! GET /v1/breaks: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::id::BreakId;
use bursar_store::BreakFilter;
use http::{StatusCode, Uri};

use super::view::{BreakPage, BreakView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::{App, cursor};

/// Differences between channels' books and ours, in pages. `?state=parked` lists what waits for a person.
#[utoipa::path(
    get, path = "/v1/breaks", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("account" = Option<String>, Query, description = "Only of this account (`acc_…`)."),
        ("kind" = Option<String>, Query, description = "Only of this kind, such as `missing_here`."),
        ("state" = Option<String>, Query, description = "Only in this state: `open`, `healing`, `healed`, `parked`, `resolved`, `written_off`."),
        ("open" = Option<bool>, Query, description = "`true`: only those that have not ended."),
        ("day" = Option<String>, Query, description = "Only those that were found on this business day of the channel, such as `2026-11-22`."),
        ("limit" = Option<u32>, Query, description = "Breaks per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = BreakPage),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let mut parameters = Parameters::parse(&uri)?;
    let limit = parameters.limit(&app.settings);
    let account = parameters.take("account", str::parse);
    let kind = parameters.take("kind", str::parse);
    let state = parameters.take("state", str::parse);
    let wrong = |_| "`open` must be `true` or `false`".to_owned();
    let open = parameters.take("open", |text| text.parse::<bool>().map_err(wrong)).unwrap_or_default();
    let day = parameters.take("day", str::parse);
    let merchant = Some(caller.merchant);
    let filter = BreakFilter { merchant, account, kind, state, open, day, after: None, limit: limit.saturating_add(1) };
    let scope = format!("breaks.1|{}|{account:?}|{kind:?}|{state:?}|{open}|{day:?}", caller.merchant);
    let after = parameters.take("cursor", |text| cursor::read(&scope, text, BreakId));
    parameters.finish()?;
    let mut rows = app.desk.gatherer.store().breaks(&BreakFilter { after, ..filter }).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| cursor::write(&scope, row.id.uuid(), row.id));
    let page = BreakPage { breaks: rows.iter().map(BreakView::from).collect(), next_cursor };
    Ok(json(StatusCode::OK, to_json(&page)))
}
