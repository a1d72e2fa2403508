//! What may become an order: it knows every check on a request for one, and must never write anything.

use bursar_core::channel::Method;
use bursar_core::id::{MerchantId, OrderId, PaymentId};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, Payment, PaymentState};
use bursar_core::{Chance, Currency, Money, Timestamp, text};
use bursar_store::directory::Entries;
use serde::Serialize;
use utoipa::ToSchema;

use super::checks;
use crate::json::Reader;
use crate::limits::{self, GatewaySettings};
use crate::problem::Problem;

/// A request for an order.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateOrder)]
pub struct CreateOrder {
    /// The merchant's own number, unique per merchant: 1 to 64 of letters, digits, `_ . : -`.
    #[schema(example = "booking-2026-1122-7", max_length = 64)]
    pub number: String,
    /// What is owed, in minor units (fen for CNY).
    #[schema(example = 12_800, minimum = 1, maximum = 100_000_000_000_i64)]
    pub amount_minor: i64,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What for, as the payer reads it. At most 127 characters, no control characters, no card numbers.
    #[schema(example = "Home cleaning, 2 hours", max_length = 127)]
    pub description: String,
    /// How the payer pays: `wechat_native`, `wechat_jsapi`, `wechat_h5` or `wechat_app`.
    #[schema(example = "wechat_native")]
    pub method: String,
    /// Through which channel account. May be left out when the merchant has exactly one for the method.
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// Seconds from now to the last moment to pay: 60 to 604800. Without it and `expires_at` half an hour.
    #[schema(nullable = false, example = 1_800)]
    pub expires_in_seconds: Option<i64>,
    /// The last moment to pay, RFC 3339. Not together with `expires_in_seconds`.
    #[schema(nullable = false, format = DateTime)]
    pub expires_at: Option<String>,
    /// What the method must know of the payer.
    #[schema(nullable = false)]
    pub payer: Option<CreatePayer>,
}

/// What some methods must know of the payer.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreatePayer)]
pub struct CreatePayer {
    /// Who pays, as the merchant's WeChat app knows him. Needed by `wechat_jsapi`.
    #[schema(nullable = false)]
    pub openid: Option<String>,
    /// The payer's IP address. Needed by `wechat_h5`.
    #[schema(nullable = false)]
    pub client_ip: Option<String>,
}

/// The members of the body, by name and type only.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<CreateOrder, Problem> {
    let mut reader = Reader::parse(body)?;
    let mut request = CreateOrder {
        number: reader.text("number").unwrap_or_default(),
        amount_minor: reader.integer("amount_minor").unwrap_or_default(),
        currency: reader.text("currency").unwrap_or_default(),
        description: reader.text("description").unwrap_or_default(),
        method: reader.text("method").unwrap_or_default(),
        account_id: reader.optional_text("account_id"),
        expires_in_seconds: reader.optional_integer("expires_in_seconds"),
        expires_at: reader.optional_text("expires_at"),
        payer: None,
    };
    if let Some(mut part) = reader.optional_object("payer") {
        let payer = CreatePayer { openid: part.optional_text("openid"), client_ip: part.optional_text("client_ip") };
        reader.absorb(part);
        request.payer = Some(payer);
    }
    reader.finish()?;
    Ok(request)
}

/// Everything that the checks of a request's meaning look at besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Whose order it will be.
    pub merchant: MerchantId,
    /// Accounts.
    pub entries: &'a Entries,
    /// Bounds.
    pub settings: &'a GatewaySettings,
    /// The present instant.
    pub now: Timestamp,
    /// Where ids come from.
    pub chance: &'a dyn Chance,
}

/// The order and its payment that the request asks for.
///
/// # Errors
/// [`crate::problem::Kind::InvalidRequest`] naming every member that is wrong.
pub fn draft(request: CreateOrder, scene: Scene<'_>) -> Result<(Order, Payment), Problem> {
    let mut errors = Reader::blank();
    checks::number(&request.number, &mut errors);
    if !(1..=limits::AMOUNT_MAX_MINOR).contains(&request.amount_minor) {
        let max = limits::AMOUNT_MAX_MINOR;
        errors.refuse(
            "amount_minor",
            format!("`amount_minor` must be 1 to {max} minor units, not {}", request.amount_minor),
        );
    }
    let currency: Currency = checks::take(&mut errors, "currency", request.currency.parse()).unwrap_or(Currency::CNY);
    checks::take(
        &mut errors,
        "description",
        text::check("description", &request.description, limits::DESCRIPTION_MAX_CHARS),
    );
    let expires_at = checks::expiry(&request, scene, &mut errors);
    let method: Option<Method> = checks::take(&mut errors, "method", request.method.parse());
    let payer = checks::payer(request.payer.as_ref(), method, &mut errors);
    let account = method.and_then(|m| {
        if !limits::currencies(m.channel()).contains(&currency) {
            errors.refuse("currency", format!("{} does not take {currency}", m.channel().name()));
        }
        checks::account(request.account_id.as_deref(), m.channel(), scene, &mut errors)
    });
    errors.finish()?;
    let (Some(method), Some(account)) = (method, account) else {
        return Err(Problem::internal("a checked request has no method or account"));
    };
    let order = Order {
        id: OrderId::fresh(scene.now, scene.chance),
        merchant: scene.merchant,
        number: request.number,
        amount: Money::new(request.amount_minor, currency),
        description: request.description,
        state: OrderState::Created,
        close_reason: None,
        late_money: false,
        expires_at,
        event_count: 0,
        version: 0,
        created_at: scene.now,
    };
    let payment = Payment {
        id: PaymentId::fresh(scene.now, scene.chance),
        order: order.id,
        merchant: scene.merchant,
        account,
        method,
        amount: order.amount,
        payer,
        state: PaymentState::New,
        evidence: Evidence::default(),
        version: 0,
        due_at: Some(scene.now),
        created_at: scene.now,
    };
    Ok((order, payment))
}
