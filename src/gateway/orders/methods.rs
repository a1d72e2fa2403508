//! GET /v1/orders/{id}/methods: it knows what can keep a way to pay from being chosen, and must never start
//! one.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use bursar_channels::BreakerState;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::choosing::{self, Moment, Offer};
use bursar_core::id::ChannelAccountId;
use bursar_core::order::Dossier;
use bursar_core::{Currency, Timestamp};
use http::Uri;
use serde::Serialize;
use utoipa::ToSchema;

use crate::App;
use crate::auth::Caller;
use crate::errors::ReadErrors;
use crate::limits::REGION_MAX_CHARS;
use crate::problem::{Problem, ProblemBody};
use crate::query::Parameters;

/// The ways to pay an order.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Methods)]
pub struct MethodsView {
    /// What can be chosen first; of that, what the payer used last first.
    pub methods: Vec<OfferView>,
}

/// One way to pay.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Offer)]
pub struct OfferView {
    /// The method.
    #[schema(value_type = String, example = "alipay_qr")]
    pub method: Method,
    /// Whether it can be chosen.
    pub available: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// When this payer last paid by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_paid_at: Option<Timestamp>,
    /// Whether it was tried for this order and did not work.
    pub failed: bool,
    /// In how many installments the channel can offer it, when it can: one of them may be said with the pick.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub installments: Vec<u8>,
}

impl OfferView {
    fn new(offer: Offer, currency: Currency) -> Self {
        let installments = offer.method.installment_rules(currency).map(|rules| rules.counts.to_vec());
        Self {
            installments: installments.unwrap_or_default(),
            method: offer.method,
            available: offer.unavailable.is_none(),
            why: offer.unavailable,
            last_paid_at: offer.last_paid_at,
            failed: offer.failed,
        }
    }
}

/// Tells which ways to pay the payer of an order can choose.
///
/// An order that was made without `offers` has none.
#[utoipa::path(
    get, path = "/v1/orders/{id}/methods", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("region" = Option<String>, Query, description = "Where the service is given, in the words of the merchant's rules."),
    ),
    responses(
        (status = 200, description = "The ways, best first.", body = MethodsView),
        (status = 400, description = "A parameter is not valid.", body = ProblemBody, content_type = "application/problem+json"),
        ReadErrors,
    ),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
) -> Result<Json<MethodsView>, Problem> {
    let id = super::id(path)?;
    let mut parameters = Parameters::parse(&uri)?;
    let region = parameters.take("region", |text| check_region(text).map(|()| text.to_owned()));
    parameters.finish()?;
    let dossier = super::owned(&app, caller, id).await?;
    let offers = offers(&app, &dossier, region.as_deref()).await?;
    let view = |offer| OfferView::new(offer, dossier.order.amount.currency);
    Ok(Json(MethodsView { methods: offers.into_iter().map(view).collect() }))
}

/// Whether `text` can be a region.
pub fn check_region(text: &str) -> Result<(), String> {
    bursar_core::text::check("region", text, REGION_MAX_CHARS)
}

/// The ways to pay `dossier`'s order as they stand now, best first.
///
/// # Errors
/// When the database cannot be read.
pub async fn offers(app: &App, dossier: &Dossier, region: Option<&str>) -> Result<Vec<Offer>, Problem> {
    let merchant = dossier.order.merchant;
    let entries = super::entries(app, merchant, dossier.order.offers.iter().map(|m| m.name())).await?;
    let policy = entries.merchants.get(&merchant).map(|m| m.policy.clone()).unwrap_or_default();
    let down: Vec<ChannelAccountId> =
        app.channels.breakers().into_iter().filter(|b| b.state == BreakerState::Open).map(|b| b.account).collect();
    let accounts = |channel: ChannelKind| {
        entries.accounts.values().filter(move |a| a.merchant == merchant && a.channel == channel).map(|a| a.id)
    };
    let trouble = |method: Method| {
        let name = method.channel().name();
        if accounts(method.channel()).next().is_none() {
            return Some(format!("the merchant has no {name} account"));
        }
        let dead = accounts(method.channel()).all(|id| down.contains(&id));
        dead.then(|| format!("{name} does not answer at present"))
    };
    let habits = match &dossier.order.payer {
        Some(payer) => app.desk.gatherer.store().last_methods(merchant, payer).await?,
        None => Vec::new(),
    };
    let moment = Moment { policy: &policy, region, trouble: &trouble, habits: &habits };
    Ok(choosing::offers(dossier, moment))
}
