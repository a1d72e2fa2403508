//! GET /v1/agreements: it knows filters and pages, and must never count.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bursar_core::agreement::AgreementState;
use bursar_core::id::AgreementId;
use bursar_store::AgreementFilter;
use http::{StatusCode, Uri};

use super::view::{AgreementPage, AgreementView};
use crate::auth::Caller;
use crate::errors::ListErrors;
use crate::idempotency::json;
use crate::limits::{GatewaySettings, shown};
use crate::orders::view::to_json;
use crate::problem::Problem;
use crate::query::{self, Parameters};
use crate::{App, cursor};

/// Agreements that match, newest first, in pages.
#[utoipa::path(
    get, path = "/v1/agreements", tag = "agreements", security(("api_key" = [])),
    params(
        ("payer" = Option<String>, Query, description = "Only those of the payer with this number of yours."),
        ("state" = Option<String>, Query, description = "Only agreements in this state."),
        ("limit" = Option<u32>, Query, description = "Agreements per page: 1 to 100; 20 when left out."),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before, with the same filters."),
    ),
    responses(
        (status = 200, description = "A page.", body = AgreementPage),
        ListErrors,
    ),
)]
pub async fn list(State(app): State<Arc<App>>, caller: Caller, uri: Uri) -> Result<Response, Problem> {
    let (filter, limit) = filter(&uri, caller, &app.settings)?;
    let mut agreements = app.desk.gatherer.store().agreements(&filter).await?;
    let more = agreements.len() > limit;
    agreements.truncate(limit);
    let last = agreements.last().filter(|_| more).map(|a| a.id);
    let page = AgreementPage {
        agreements: agreements.iter().map(AgreementView::from).collect(),
        next_cursor: last.map(|id| cursor::write(&scope(&filter, caller), id.uuid(), id)),
    };
    Ok(json(StatusCode::OK, to_json(&page)))
}

/// What a cursor of this list is good for.
fn scope(filter: &AgreementFilter, caller: Caller) -> String {
    // Debug output quotes the only free text, which keeps the fields apart.
    format!("agreements.1|{}|{:?}|{:?}", caller.merchant, filter.state, filter.payer)
}

/// The filter (asking for one row more than the page has) and the size of the page.
fn filter(uri: &Uri, caller: Caller, settings: &GatewaySettings) -> Result<(AgreementFilter, usize), Problem> {
    let mut parameters = Parameters::parse(uri)?;
    let limit = parameters.limit(settings);
    let mut filter = AgreementFilter {
        merchant: Some(caller.merchant),
        payer: parameters.take("payer", |text| query::number("payer", text)),
        state: parameters.take("state", state),
        before: None,
        limit: limit.saturating_add(1),
    };
    filter.before = parameters.take("cursor", |text| cursor::read(&scope(&filter, caller), text, AgreementId));
    parameters.finish()?;
    Ok((filter, usize::try_from(limit).unwrap_or(usize::MAX)))
}

fn state(text: &str) -> Result<AgreementState, String> {
    AgreementState::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
        let names: Vec<_> = AgreementState::ALL.into_iter().map(AgreementState::name).collect();
        format!("`{}` is not a state of an agreement; there are {}", shown(text), names.join(", "))
    })
}
