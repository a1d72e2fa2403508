//! POST /v1/orders/{id}/payments: it knows how an order gets another payment, and must never know why the
//! rules refuse one (it repeats their words).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::Timestamp;
use bursar_core::id::PaymentId;
use bursar_core::order::Dossier;
use bursar_core::payment::Payment;
use bursar_store::desk::Granted;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::intake::{self, CreateInstallments, CreatePayer, Scene};
use super::view::{OrderView, to_json};
use super::{checks, create, tender};
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::limits::PAYMENTS_MAX;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, agreements, cash};

/// Another payment of an order.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = AddPayment)]
pub struct AddPayment {
    /// How the payer pays: `wechat_native`, `wechat_jsapi`, `wechat_h5`, `wechat_app`, `alipay_qr`, `alipay_page`,
    /// `alipay_wap`, `alipay_app`, `unionpay_web`, `unionpay_app`, `card`, `bank_transfer`, `cash`; after the service
    /// `wechat_score`, `alipay_hold`, `card_hold`; or, with an `agreement`, `wechat_debit`, `alipay_debit`,
    /// `unionpay_debit`, `card_debit`.
    #[schema(example = "wechat_native")]
    pub method: String,
    /// Through which channel account. May be left out when the merchant has exactly one for the method.
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// What is to be paid this way, in minor units: at most what is missing, and all of that when left out.
    #[schema(nullable = false, example = 9_800, minimum = 1)]
    pub amount_minor: Option<i64>,
    /// Seconds from now to the last moment to pay. Prolongs the order; it is never shortened.
    #[schema(nullable = false)]
    pub expires_in_seconds: Option<i64>,
    /// The last moment to pay, RFC 3339. Not together with `expires_in_seconds`.
    #[schema(nullable = false, format = DateTime)]
    pub expires_at: Option<String>,
    /// What the method must know of the payer.
    #[schema(nullable = false)]
    pub payer: Option<CreatePayer>,
    /// The installments in which the channel shall offer it to the payer, where the method has them.
    #[schema(nullable = false)]
    pub installments: Option<CreateInstallments>,
    /// The agreement (`agr_…`) by which the payer is charged, with a method that debits: it must be signed, of that
    /// method, and allow the amount. Its account charges.
    #[schema(nullable = false)]
    pub agreement: Option<String>,
}

/// Adds a payment to an order: another way to pay, or the rest after a deposit.
///
/// It is started at once, beside payments that are still open. Should two of them be paid, what the order
/// did not need is given back by itself.
#[utoipa::path(
    post, path = "/v1/orders/{id}/payments", tag = "orders", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The order (`ord_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
        ("Prefer" = Option<String>, Header, description = "`wait=SECONDS`: wait for the payer's code."),
    ),
    request_body = AddPayment,
    responses(
        (status = 201, description = "Taken; the order with its new payment.", body = OrderView),
        ChangeErrors,
        (status = 409, description = "The order takes no further payment, the collector carries too much, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let Posted { body, keyed } =
        posted::json(&app, caller, &headers, &format!("/v1/orders/{id}/payments"), body).await?;
    let work = async {
        let request = read(&body)?;
        let dossier = super::owned(&app, caller, id).await?;
        let (payment, expires_at) = draft(&app, &dossier, &request).await?;
        let said = std::sync::Mutex::new(String::new());
        let granted = app.desk.add_payment(&payment, expires_at, |after, change| {
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
pub fn read(body: &[u8]) -> Result<AddPayment, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = AddPayment {
        method: reader.text("method").unwrap_or_default(),
        account_id: reader.optional_text("account_id"),
        amount_minor: reader.optional_integer("amount_minor"),
        expires_in_seconds: reader.optional_integer("expires_in_seconds"),
        expires_at: reader.optional_text("expires_at"),
        payer: intake::payer("payer", &mut reader),
        installments: intake::installments(&mut reader),
        agreement: reader.optional_text("agreement"),
    };
    reader.finish()?;
    Ok(request)
}

fn refused(dossier: &Dossier, words: String) -> Problem {
    let state = dossier.order.state.name();
    Problem::new(Kind::OrderTakesNoPayment, words).with(Facts { order_state: Some(state), ..Facts::default() })
}

async fn draft(app: &App, dossier: &Dossier, request: &AddPayment) -> Result<(Payment, Option<Timestamp>), Problem> {
    let order = &dossier.order;
    if dossier.payments.len() >= PAYMENTS_MAX {
        return Err(refused(dossier, format!("the order has {PAYMENTS_MAX} payments and takes no further one")));
    }
    let merchant = order.merchant;
    let entries = super::entries(app, merchant, [request.method.as_str()]).await?;
    let now = app.clock.now();
    let agreements = agreements::named(app, merchant, request.agreement.as_deref().as_slice()).await?;
    let scene = Scene {
        merchant,
        entries: &entries,
        agreements: &agreements,
        settings: &app.settings,
        now,
        chance: app.chance.as_ref(),
    };
    let mut errors = Reader::blank();
    let missing = order.amount.minor.saturating_sub(dossier.captured_minor());
    if let Some(minor) = request.amount_minor {
        checks::amount("amount_minor", minor, &mut errors);
        if minor > missing && missing > 0 {
            errors.refuse("amount_minor", format!("at most {missing} minor units are missing, not {minor}"));
        }
    }
    let expires_at = checks::expiry(request.expires_in_seconds, request.expires_at.as_deref(), scene, &mut errors);
    let named = tender::Named {
        method: &request.method,
        account_id: request.account_id.as_deref(),
        payer: request.payer.as_ref(),
        installments: request.installments.as_ref(),
        agreement: request.agreement.as_deref(),
        customer: order.payer.as_deref(),
        amount_minor: request.amount_minor.unwrap_or(missing),
    };
    let way = tender::way(named, order.amount.currency, scene, &mut errors);
    errors.finish()?;
    let way = way.ok_or_else(|| Problem::internal("a checked request has no way to pay"))?;
    let id = PaymentId::fresh(now, app.chance.as_ref());
    let payment = tender::payment(id, order, way, scene);
    cash::collector::check(app, std::slice::from_ref(&payment)).await?;
    Ok((payment, expires_at))
}
