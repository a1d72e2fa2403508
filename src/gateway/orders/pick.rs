//! POST /v1/orders/{id}/pick: it knows how a payer's choice becomes a payment, and must never let two ways
//! take money at once (the core starts the new one when the old one has ended).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::channel::Method;
use bursar_core::id::PaymentId;
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_store::desk::Granted;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::intake::{self, CreateInstallments, CreatePayer, Scene};
use super::view::{OrderView, to_json};
use super::{create, methods, tender};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::limits::PAYMENTS_MAX;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, cash};

/// What the payer has chosen.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = Pick)]
pub struct Pick {
    /// One of the order's `offers`.
    #[schema(example = "alipay_qr")]
    pub method: String,
    /// Through which channel account. May be left out when the merchant has exactly one for the method.
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// What the method must know of the payer.
    #[schema(nullable = false)]
    pub payer: Option<CreatePayer>,
    /// The installments in which the channel shall offer it to the payer, where the method has them.
    #[schema(nullable = false)]
    pub installments: Option<CreateInstallments>,
    /// Where the service is given, in the words of the merchant's rules.
    #[schema(nullable = false)]
    pub region: Option<String>,
}

/// Starts a payment of all that is missing by the way that the payer has chosen.
///
/// What he had chosen before is closed first: the new payment starts when the old one can take no money any
/// more. Should the old one turn out to be paid, the new one is dropped.
#[utoipa::path(
    post, path = "/v1/orders/{id}/pick", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`: wait for the payer's code."),
    ),
    request_body = Pick,
    responses(
        (status = 201, description = "Taken; the order with its new payment.", body = OrderView),
        ChangeErrors,
        (status = 409, description = "The order takes no further payment, the method cannot be chosen now, the collector carries too much, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn pick(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &format!("/v1/orders/{id}/pick"), body).await?;
    let work = async {
        let request = read(&body)?;
        let dossier = super::owned(&app, caller, id).await?;
        let payment = draft(&app, &dossier, &request).await?;
        let said = std::sync::Mutex::new(String::new());
        let granted = app.desk.pick(&payment, |after, change| {
            let answer = to_json(&OrderView::from(after));
            change.idempotency = Some(keyed.row(StatusCode::CREATED, answer.clone(), app.clock.now()));
            *said.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = answer;
        });
        match granted.await? {
            Granted::Written(_) => {
                let first = said.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
                Ok(create::created(&app, &headers, id, Some(payment.id), first).await)
            }
            Granted::Duplicate => keyed.again(&app).await,
            Granted::NoSuchOrder => Err(Problem::not_found("order")),
            Granted::Refused(words) => Err(refused(&dossier, words)),
        }
    };
    keyed.once(&app, work).await
}

/// The members of the body, by name and type only.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<Pick, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = Pick {
        method: reader.text("method").unwrap_or_default(),
        account_id: reader.optional_text("account_id"),
        payer: intake::payer("payer", &mut reader),
        installments: intake::installments(&mut reader),
        region: reader.optional_text("region"),
    };
    if let Some(Err(message)) = request.region.as_deref().map(methods::check_region) {
        reader.refuse("region", message);
    }
    reader.finish()?;
    Ok(request)
}

fn refused(dossier: &Dossier, words: String) -> Problem {
    let state = dossier.order.state.name();
    Problem::new(Kind::OrderTakesNoPayment, words).with(Facts { order_state: Some(state), ..Facts::default() })
}

async fn draft(app: &App, dossier: &Dossier, request: &Pick) -> Result<Payment, Problem> {
    let order = &dossier.order;
    if dossier.payments.len() >= PAYMENTS_MAX {
        return Err(refused(dossier, format!("the order has {PAYMENTS_MAX} payments and takes no further one")));
    }
    let merchant = order.merchant;
    let entries = super::entries(app, merchant, [request.method.as_str()]).await?;
    let now = app.clock.now();
    let scene = Scene {
        merchant,
        entries: &entries,
        agreements: &[],
        settings: &app.settings,
        now,
        chance: app.chance.as_ref(),
    };
    let mut errors = Reader::blank();
    if request.method.parse().is_ok_and(Method::debits) {
        errors.refuse("method", format!("`{}` charges the payer by an agreement; he cannot choose it", request.method));
        errors.finish()?;
        return Err(Problem::internal("a refused request was taken"));
    }
    let named = tender::Named {
        method: &request.method,
        account_id: request.account_id.as_deref(),
        payer: request.payer.as_ref(),
        installments: request.installments.as_ref(),
        agreement: None,
        customer: None,
        amount_minor: dossier.missing_minor(),
    };
    let way = tender::way(named, order.amount.currency, scene, &mut errors);
    errors.finish()?;
    let way = way.ok_or_else(|| Problem::internal("a checked request has no way to pay"))?;
    check_available(app, dossier, way.method, request.region.as_deref()).await?;
    let payment = tender::payment(PaymentId::fresh(now, app.chance.as_ref()), order, way, scene);
    cash::collector::check(app, std::slice::from_ref(&payment)).await?;
    Ok(payment)
}

/// What is not offered at all is the core's to refuse.
async fn check_available(app: &App, dossier: &Dossier, method: Method, region: Option<&str>) -> Result<(), Problem> {
    let offers = methods::offers(app, dossier, region).await?;
    match offers.into_iter().find(|o| o.method == method).and_then(|o| o.unavailable) {
        Some(why) => Err(Problem::new(Kind::MethodUnavailable, format!("{method} cannot be chosen: {why}"))),
        None => Ok(()),
    }
}
