//! What may become an order: it knows every check on a request for one, and must never write anything.

use bursar_core::agreement::Agreement;
use bursar_core::id::{MerchantId, OrderId};
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::Payment;
use bursar_core::{Chance, Currency, Money, Timestamp, text};
use bursar_store::directory::Entries;
use serde::Serialize;
use utoipa::ToSchema;

use super::shares::{self, CreateShare};
use super::{checks, tender};
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
    /// How the payer pays: `wechat_native`, `wechat_jsapi`, `wechat_h5`, `wechat_app`, `alipay_qr`, `alipay_page`,
    /// `alipay_wap`, `alipay_app`, `unionpay_web`, `unionpay_app`, `card`, `bank_transfer`, `cash`; after the service
    /// `wechat_score`, `alipay_hold`, `card_hold`; or, with an `agreement`, `wechat_debit`, `alipay_debit`,
    /// `unionpay_debit`, `card_debit`. Needed unless `payments` or `offers`
    /// are given.
    #[schema(nullable = false, example = "wechat_native")]
    pub method: Option<String>,
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
    /// The installments in which the channel shall offer it to the payer, where the method has them.
    #[schema(nullable = false)]
    pub installments: Option<CreateInstallments>,
    /// The agreement (`agr_…`) by which the payer is charged, with a method that debits: it must be signed, of that
    /// method, and allow the amount. Its account charges.
    #[schema(nullable = false)]
    pub agreement: Option<String>,
    /// The parts of a combined order, instead of `method`, `account_id`, `payer` and `installments`: 1 to 10, which add up
    /// to `amount_minor`. They are taken one after the other; those that cannot be undone come last.
    #[schema(nullable = false, min_items = 1, max_items = 10)]
    pub payments: Option<Vec<CreatePart>>,
    /// The ways among which the payer chooses, instead of `method`, `account_id`, `payer`, `installments` and
    /// `payments`: none is started before `POST /v1/orders/{id}/pick`.
    #[schema(nullable = false, min_items = 1, max_items = 14)]
    pub offers: Option<Vec<String>>,
    /// The merchant's own number of the payer, with `offers`: by what he paid last is shown first; with an
    /// `agreement`: it must be his. 1 to 64 of
    /// letters, digits, `_ . : -`; no name and no telephone number.
    #[schema(nullable = false, max_length = 64)]
    pub customer: Option<String>,
    /// Whether a part of the amount is kept when the rest does not come. Then `payments` may add up to less
    /// than the order (a deposit), and the rest is a further payment later. Otherwise, and when left out, an order that does not become whole gives everything back.
    #[schema(nullable = false, default = false)]
    pub part_payment: Option<bool>,
    /// What kind of service it is for, in your own words: reports tell takings apart by it. At most 64 characters, no
    /// names of people.
    #[schema(nullable = false, example = "cleaning", max_length = 64)]
    pub service: Option<String>,
    /// Where, in your own words: a city, a branch. For the same reports; at most 64 characters.
    #[schema(nullable = false, example = "Shanghai", max_length = 64)]
    pub region: Option<String>,
    /// Who gets a share of the money once the order is paid, 1 to 50; the rest stays with the merchant. Only with a
    /// `method` whose channel account shares (`wechat_native`, `wechat_jsapi`, `wechat_h5`, `wechat_app`).
    #[schema(nullable = false, min_items = 1, max_items = 50)]
    pub shares: Option<Vec<CreateShare>>,
}

/// One part of a combined order.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreatePart)]
pub struct CreatePart {
    /// How the payer pays it.
    #[schema(example = "wechat_native")]
    pub method: String,
    /// Through which channel account. May be left out when the merchant has exactly one for the method.
    #[schema(nullable = false)]
    pub account_id: Option<String>,
    /// What is to be paid this way, in minor units.
    #[schema(example = 5_000, minimum = 1, maximum = 100_000_000_000_i64)]
    pub amount_minor: i64,
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
    /// The payer's name, as it stands on his bank account. Helps `bank_transfer`: a transfer whose reference he
    /// forgot is recognised by it and the amount.
    #[schema(nullable = false, max_length = 128)]
    pub name: Option<String>,
    /// Who will collect it, by the merchant's name or number of him. Only for `cash`: who carries too much already
    /// (`GET /v1/cash/{account}/drawers`) is refused. Another worker may collect it all the same.
    #[schema(nullable = false, max_length = 64)]
    pub collector: Option<String>,
}

/// Installments that the channel grants the payer. The merchant is paid the whole amount at once, and refunds are
/// ordinary ones.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = CreateInstallments)]
pub struct CreateInstallments {
    /// In how many parts: 3, 6 or 12 with `alipay_qr`, `alipay_page`, `alipay_wap` and `alipay_app`; 3, 6, 9, 12, 18 or
    /// 24 with `unionpay_web` and `unionpay_app`, and with `card` in MXN; 3, 5, 6, 10, 12, 15, 18, 20 or 24 with `card`
    /// in JPY, where the payer's page confirms the count.
    #[schema(example = 6, minimum = 3, maximum = 24)]
    pub count: i64,
    /// Who pays what the channel asks for them: `payer` (when left out) or `merchant`. Of Alipay only; elsewhere the
    /// contract says it.
    #[schema(nullable = false, example = "payer")]
    pub fees: Option<String>,
}

/// The members of the body, by name and type only.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<CreateOrder, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = CreateOrder {
        number: reader.text("number").unwrap_or_default(),
        amount_minor: reader.integer("amount_minor").unwrap_or_default(),
        currency: reader.text("currency").unwrap_or_default(),
        description: reader.text("description").unwrap_or_default(),
        method: reader.optional_text("method"),
        account_id: reader.optional_text("account_id"),
        expires_in_seconds: reader.optional_integer("expires_in_seconds"),
        expires_at: reader.optional_text("expires_at"),
        payer: payer("payer", &mut reader),
        installments: installments(&mut reader),
        agreement: reader.optional_text("agreement"),
        payments: reader
            .optional_objects("payments")
            .map(|parts| parts.into_iter().map(|p| part(p, &mut reader)).collect()),
        offers: reader.optional_texts("offers"),
        customer: reader.optional_text("customer"),
        part_payment: reader.optional_bool("part_payment"),
        service: reader.optional_text("service"),
        region: reader.optional_text("region"),
        shares: reader
            .optional_objects("shares")
            .map(|shares| shares.into_iter().map(|s| shares::read(s, &mut reader)).collect()),
    };
    reader.finish()?;
    Ok(request)
}

fn part(mut part: Reader<'_>, whole: &mut Reader<'_>) -> CreatePart {
    let read = CreatePart {
        method: part.text("method").unwrap_or_default(),
        account_id: part.optional_text("account_id"),
        amount_minor: part.integer("amount_minor").unwrap_or_default(),
        payer: payer("payer", &mut part),
        installments: installments(&mut part),
        agreement: part.optional_text("agreement"),
    };
    whole.absorb(part);
    read
}

/// The member `member`: what some methods must know of the payer.
pub fn payer(member: &str, reader: &mut Reader<'_>) -> Option<CreatePayer> {
    let mut part = reader.optional_object(member)?;
    let payer = CreatePayer {
        openid: part.optional_text("openid"),
        client_ip: part.optional_text("client_ip"),
        name: part.optional_text("name"),
        collector: part.optional_text("collector"),
    };
    reader.absorb(part);
    Some(payer)
}

/// The member `installments`.
pub fn installments(reader: &mut Reader<'_>) -> Option<CreateInstallments> {
    let mut part = reader.optional_object("installments")?;
    let count = part.integer("count");
    let fees = part.optional_text("fees");
    reader.absorb(part);
    // A count that is none was noted; what it would come to is nobody's concern.
    Some(CreateInstallments { count: count?, fees })
}

/// Everything that the checks of a request's meaning look at besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Whose order it will be.
    pub merchant: MerchantId,
    /// Accounts.
    pub entries: &'a Entries,
    /// The merchant's agreements that the request names.
    pub agreements: &'a [Agreement],
    /// Bounds.
    pub settings: &'a GatewaySettings,
    /// The present instant.
    pub now: Timestamp,
    /// Where ids come from.
    pub chance: &'a dyn Chance,
}

/// The order and its payments that the request asks for, in the order in which they are taken.
///
/// # Errors
/// [`crate::problem::Kind::InvalidRequest`] naming every member that is wrong.
pub fn draft(request: CreateOrder, scene: Scene<'_>) -> Result<(Order, Vec<Payment>), Problem> {
    let mut errors = Reader::blank();
    checks::number(&request.number, &mut errors);
    checks::amount("amount_minor", request.amount_minor, &mut errors);
    let currency: Currency = checks::take(&mut errors, "currency", request.currency.parse()).unwrap_or(Currency::CNY);
    checks::take(
        &mut errors,
        "description",
        text::check("description", &request.description, limits::DESCRIPTION_MAX_CHARS),
    );
    checks::label("service", request.service.as_deref(), &mut errors);
    checks::label("region", request.region.as_deref(), &mut errors);
    let (seconds, at) = (request.expires_in_seconds, request.expires_at.as_deref());
    let expires_at = checks::expiry(seconds, at, scene, &mut errors);
    let offers = tender::offers(&request, currency, &mut errors);
    let ways = if request.offers.is_some() { Vec::new() } else { tender::ways(&request, currency, scene, &mut errors) };
    errors.finish()?;
    if ways.is_empty() && offers.is_empty() {
        return Err(Problem::internal("a checked request has no way to pay"));
    }
    let order = Order {
        id: OrderId::fresh(scene.now, scene.chance),
        merchant: scene.merchant,
        number: request.number,
        amount: Money::new(request.amount_minor, currency),
        description: request.description,
        state: OrderState::Created,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
        part_payment: request.part_payment.unwrap_or_default(),
        service: request.service,
        region: request.region,
        offers,
        payer: request.customer,
        due_at: None,
        expires_at: expires_at
            .unwrap_or_else(|| scene.now.plus_ms(scene.settings.default_expiry_seconds.saturating_mul(1_000))),
        event_count: 0,
        version: 0,
        created_at: scene.now,
    };
    let payments = tender::payments(&order, ways, scene);
    Ok((order, payments))
}
