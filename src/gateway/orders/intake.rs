//! What may become an order: it knows every check on a request for one, and must never write anything.

use std::net::IpAddr;

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::{Chance, Currency, Money, Timestamp, text};
use bursar_store::directory::Entries;
use serde::Serialize;
use utoipa::ToSchema;

use crate::json::Reader;
use crate::limits::{self, GatewaySettings, shown};
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
    check_number(&request.number, &mut errors);
    if !(1..=limits::AMOUNT_MAX_MINOR).contains(&request.amount_minor) {
        let max = limits::AMOUNT_MAX_MINOR;
        errors.refuse(
            "amount_minor",
            format!("`amount_minor` must be 1 to {max} minor units, not {}", request.amount_minor),
        );
    }
    let currency: Currency = take(&mut errors, "currency", request.currency.parse()).unwrap_or(Currency::CNY);
    take(&mut errors, "description", text::check("description", &request.description, limits::DESCRIPTION_MAX_CHARS));
    let expires_at = expiry(&request, scene, &mut errors);
    let method: Option<Method> = take(&mut errors, "method", request.method.parse());
    let payer = payer(request.payer.as_ref(), method, &mut errors);
    let account = method.and_then(|m| {
        if !limits::currencies(m.channel()).contains(&currency) {
            errors.refuse("currency", format!("{} does not take {currency}", m.channel().name()));
        }
        account(request.account_id.as_deref(), m.channel(), scene, &mut errors)
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

fn take<T>(errors: &mut Reader<'_>, name: &str, read: Result<T, String>) -> Option<T> {
    read.map_err(|message| errors.refuse(name, message)).ok()
}

/// No check for card numbers here: one in ten numbers of 13 to 19 digits looks like one by chance, and
/// merchants number their orders with digits.
fn check_number(number: &str, errors: &mut Reader<'_>) {
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    let max = limits::NUMBER_MAX_CHARS;
    if number.is_empty() || number.chars().count() > max || !number.chars().all(lawful) {
        let given = shown(number);
        errors.refuse("number", format!("`number` must be 1 to {max} letters, digits or `_ . : -`, not `{given}`"));
    }
}

fn expiry(request: &CreateOrder, scene: Scene<'_>, errors: &mut Reader<'_>) -> Timestamp {
    let (settings, now) = (scene.settings, scene.now);
    let (min, max) = (settings.min_expiry_seconds, settings.max_expiry_seconds);
    let fallback = now.plus_ms(settings.default_expiry_seconds.saturating_mul(1_000));
    let (name, at) = match (request.expires_in_seconds, request.expires_at.as_deref()) {
        (None, None) => return fallback,
        (Some(_), Some(_)) => {
            errors.refuse("expires_at", "give `expires_at` or `expires_in_seconds`, not both");
            return fallback;
        }
        (Some(seconds), None) => ("expires_in_seconds", now.plus_ms(seconds.saturating_mul(1_000))),
        (None, Some(text)) => match Timestamp::parse_rfc3339(&shown(text)) {
            Ok(at) => ("expires_at", at),
            Err(message) => {
                errors.refuse("expires_at", message);
                return fallback;
            }
        },
    };
    let ahead_ms = at.since_ms(now);
    if ahead_ms < min.saturating_mul(1_000) || ahead_ms > max.saturating_mul(1_000) {
        errors.refuse(name, format!("`{name}` must lie {min} to {max} seconds after the present instant ({now})"));
    }
    at
}

fn payer(given: Option<&CreatePayer>, method: Option<Method>, errors: &mut Reader<'_>) -> PayerDetails {
    let details = PayerDetails {
        openid: given.and_then(|p| p.openid.clone()),
        client_ip: given.and_then(|p| p.client_ip.clone()),
    };
    if let Some(openid) = &details.openid {
        let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if openid.is_empty() || openid.len() > limits::OPENID_MAX_CHARS || !openid.chars().all(lawful) {
            // The value is personal: it is not repeated.
            errors
                .refuse_at("/payer/openid", "`openid` must be the payer's WeChat openid: letters, digits, `_` or `-`");
        }
    }
    if let Some(address) = &details.client_ip
        && address.parse::<IpAddr>().is_err()
    {
        errors.refuse_at("/payer/client_ip", "`client_ip` must be an IPv4 or IPv6 address");
    }
    match method {
        Some(Method::WechatJsapi) if details.openid.is_none() => {
            errors.refuse_at("/payer/openid", "`wechat_jsapi` needs the payer's `openid`");
        }
        Some(Method::WechatH5) if details.client_ip.is_none() => {
            errors.refuse_at("/payer/client_ip", "`wechat_h5` needs the payer's IP address");
        }
        Some(Method::WechatNative | Method::WechatJsapi | Method::WechatH5 | Method::WechatApp) | None => {}
    }
    details
}

fn account(
    given: Option<&str>,
    channel: ChannelKind,
    scene: Scene<'_>,
    errors: &mut Reader<'_>,
) -> Option<ChannelAccountId> {
    let own = |a: &&std::sync::Arc<bursar_core::merchant::ChannelAccount>| {
        a.merchant == scene.merchant && a.channel == channel
    };
    let accounts = &scene.entries.accounts;
    let name = channel.name();
    if let Some(text) = given {
        let found = text.parse().ok().and_then(|id: ChannelAccountId| accounts.get(&id)).filter(own).map(|a| a.id);
        if found.is_none() {
            errors.refuse("account_id", format!("`{}` is not one of your {name} accounts", shown(text)));
        }
        return found;
    }
    let mut candidates = accounts.values().filter(own);
    match (candidates.next(), candidates.next()) {
        (Some(only), None) => Some(only.id),
        (None, _) => {
            errors.refuse(
                "method",
                format!("you have no {name} account: add one with `bursar merchant`, or choose another method"),
            );
            None
        }
        (Some(_), Some(_)) => {
            errors.refuse("account_id", format!("you have several {name} accounts: name one in `account_id`"));
            None
        }
    }
}
