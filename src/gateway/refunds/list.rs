//! GET /v1/refunds: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::id::RefundId;
use bursar_core::refund::RefundState;
use bursar_store::RefundFilter;
use http::{StatusCode, Uri};

use super::view::{RefundPage, RefundView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::limits::{GatewaySettings, shown};
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::Parameters;
use crate::{App, cursor};

/// Refunds that match, newest first, in pages. Those that were only prepared are among them.
#[utoipa::path(
    get, path = "/v1/refunds", tag = "refunds", security(("api_key" = [])),
    params(
        ("order" = Option<String>, Query, description = "Only those of this order (`ord_…`)."),
        ("state" = Option<String>, Query, description = "Only refunds in this state."),
        ("limit" = Option<u32>, Query, description = "Refunds per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = RefundPage),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let (filter, limit) = filter(&uri, caller, &app.settings)?;
    let mut refunds = app.desk.gatherer.store().refunds(&filter).await?;
    let more = refunds.len() > limit;
    refunds.truncate(limit);
    let last = refunds.last().filter(|_| more).map(|r| r.id);
    let now = app.clock.now();
    let page = RefundPage {
        refunds: refunds.iter().map(|r| RefundView::new(r, &[], now)).collect(),
        next_cursor: last.map(|id| cursor::write(&scope(&filter, caller), id.uuid(), id)),
    };
    Ok(json(StatusCode::OK, to_json(&page)))
}

/// What a cursor of this list is good for.
fn scope(filter: &RefundFilter, caller: Caller) -> String {
    format!("refunds.1|{}|{:?}|{:?}", caller.merchant, filter.order, filter.state)
}

/// The filter (asking for one row more than the page has) and the size of the page.
fn filter(uri: &Uri, caller: Caller, settings: &GatewaySettings) -> Result<(RefundFilter, usize), Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let limit = parameters.limit(settings);
    let mut filter = RefundFilter {
        merchant: Some(caller.merchant),
        order: parameters.take("order", str::parse),
        state: parameters.take("state", |text| text.parse().map_err(|_| state_message(text))),
        before: None,
        limit: limit.saturating_add(1),
    };
    filter.before = parameters.take("cursor", |text| cursor::read(&scope(&filter, caller), text, RefundId));
    parameters.finish()?;
    Ok((filter, usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn state_message(text: &str) -> String {
    let names: Vec<_> = RefundState::ALL.into_iter().map(RefundState::name).collect();
    format!("`{}` is not a state of a refund; there are {}", shown(text), names.join(", "))
}
