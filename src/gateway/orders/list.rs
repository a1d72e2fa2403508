//! GET /v1/orders: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::id::OrderId;
use bursar_store::OrderFilter;
use http::{StatusCode, Uri};

use super::view::{OrderPage, OrderView, to_json};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::limits::{GatewaySettings, shown};
use crate::problem::Problem;
use crate::query::{self, Parameters};
use crate::{App, cursor};

/// Orders that match, newest first, in pages.
#[utoipa::path(
    get, path = "/v1/orders", tag = "orders", security(("api_key" = [])),
    params(
        ("state" = Option<String>, Query, description = "Only orders in this state."),
        ("number" = Option<String>, Query, description = "Only the order with this number of yours."),
        ("created_from" = Option<String>, Query, description = "Only orders accepted at or after (RFC 3339; write `+` as `%2B`)."),
        ("created_to" = Option<String>, Query, description = "Only orders accepted before (RFC 3339)."),
        ("limit" = Option<u32>, Query, description = "Orders per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = OrderPage),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let (filter, limit) = filter(&uri, caller, &app.settings)?;
    let mut dossiers = app.desk.gatherer.store().orders(&filter).await?;
    let more = dossiers.len() > limit;
    dossiers.truncate(limit);
    let last = dossiers.last().filter(|_| more).map(|d| d.order.id);
    let page = OrderPage {
        orders: dossiers.iter().map(OrderView::from).collect(),
        next_cursor: last.map(|id| cursor::write(&scope(&filter, caller), id.uuid(), id)),
    };
    Ok(json(StatusCode::OK, to_json(&page)))
}

/// What a cursor of this list is good for.
fn scope(filter: &OrderFilter, caller: Caller) -> String {
    // Debug output quotes the only free text, which keeps the fields apart.
    let OrderFilter { state, number, created_from, created_to, .. } = filter;
    format!("orders.1|{}|{state:?}|{created_from:?}|{created_to:?}|{number:?}", caller.merchant)
}

/// The filter (asking for one row more than the page has) and the size of the page.
fn filter(uri: &Uri, caller: Caller, settings: &GatewaySettings) -> Result<(OrderFilter, usize), Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let limit = parameters.limit(settings);
    let mut filter = OrderFilter {
        merchant: Some(caller.merchant),
        state: parameters.take("state", |text| text.parse().map_err(|_| state_message(text))),
        number: parameters.take("number", |text| query::number("number", text)),
        created_from: parameters.take("created_from", query::time),
        created_to: parameters.take("created_to", query::time),
        before: None,
        limit: limit.saturating_add(1),
    };
    let before = parameters.take("cursor", |text| cursor::read(&scope(&filter, caller), text, OrderId));
    filter.before = before;
    parameters.finish()?;
    Ok((filter, usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn state_message(text: &str) -> String {
    let names: Vec<_> = bursar_core::order::OrderState::ALL.into_iter().map(|s| s.name()).collect();
    format!("`{}` is not a state of an order; there are {}", shown(text), names.join(", "))
}
