//! GET /v1/plans: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::billing::PlanState;
use bursar_core::id::PlanId;
use bursar_store::PlanFilter;
use http::{StatusCode, Uri};

use super::view::{PlanPage, PlanView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::limits::{GatewaySettings, shown};
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::{self, Parameters};
use crate::{App, cursor};

/// Plans that match, newest first, in pages, without their schedules.
#[utoipa::path(
    get, path = "/v1/plans", tag = "plans", security(("api_key" = [])),
    params(
        ("number" = Option<String>, Query, description = "Only the plan with this number of yours."),
        ("payer" = Option<String>, Query, description = "Only those of the payer with this number of yours."),
        ("agreement" = Option<String>, Query, description = "Only those that charge by this agreement (`agr_…`)."),
        ("state" = Option<String>, Query, description = "Only plans in this state."),
        ("limit" = Option<u32>, Query, description = "Plans per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = PlanPage),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let (filter, limit) = filter(&uri, caller, &app.settings)?;
    let mut plans = app.desk.gatherer.store().plans(&filter).await?;
    let more = plans.len() > limit;
    plans.truncate(limit);
    let last = plans.last().filter(|_| more).map(|p| p.id);
    let page = PlanPage {
        plans: plans.iter().map(PlanView::from).collect(),
        next_cursor: last.map(|id| cursor::write(&scope(&filter, caller), id.uuid(), id)),
    };
    Ok(json(StatusCode::OK, to_json(&page)))
}

/// What a cursor of this list is good for.
fn scope(filter: &PlanFilter, caller: Caller) -> String {
    // Debug output quotes free text, which keeps the fields apart.
    let PlanFilter { number, payer, agreement, state, .. } = filter;
    format!("plans.1|{}|{state:?}|{agreement:?}|{number:?}|{payer:?}", caller.merchant)
}

/// The filter (asking for one row more than the page has) and the size of the page.
fn filter(uri: &Uri, caller: Caller, settings: &GatewaySettings) -> Result<(PlanFilter, usize), Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let limit = parameters.limit(settings);
    let mut filter = PlanFilter {
        merchant: Some(caller.merchant),
        number: parameters.take("number", |text| query::number("number", text)),
        payer: parameters.take("payer", |text| query::number("payer", text)),
        agreement: parameters.take("agreement", str::parse),
        state: parameters.take("state", state),
        before: None,
        limit: limit.saturating_add(1),
    };
    filter.before = parameters.take("cursor", |text| cursor::read(&scope(&filter, caller), text, PlanId));
    parameters.finish()?;
    Ok((filter, usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn state(text: &str) -> Result<PlanState, String> {
    PlanState::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
        let names: Vec<_> = PlanState::ALL.into_iter().map(PlanState::name).collect();
        format!("`{}` is not a state of a plan; there are {}", shown(text), names.join(", "))
    })
}
