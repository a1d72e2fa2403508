//! Tests of the Alipay adapter over loopback: a merchant with keys of our own and a channel that answers what
//! it is told to.

mod agreements;
mod bills;
mod calls;
mod certificates;
mod debits;
mod holds;
mod notifications;
mod pages;
mod refunds;
mod rest;
mod settings;
mod trouble;
mod vectors;

use std::collections::BTreeMap;
use std::sync::Arc;

use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, ManualClock};
use bursar_core::id::{ChannelAccountId, LegId, MerchantId, OrderId, PaymentId, RefundId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::observation::PayCode;
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::refund::{Leg, LegEvidence, LegState, Route};
use bursar_core::{Currency, Money, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::channel::CreateRequest;
use crate::http::HttpSettings;
use crate::registry::Channels;
use crate::rsa::SigningKey;
use crate::secrets::{SecretBytes, Secrets};
use crate::testing::{Canned, Seen};
use crate::{Channel, Outcome, WhyKind};

pub(super) const MERCHANT_KEY: &str = include_str!("../../testdata/merchant_key.pem");
pub(super) const ALIPAY_KEY: &str = include_str!("../../testdata/platform_key.pem");
pub(super) const ALIPAY_PUBLIC: &str = include_str!("../../testdata/platform_pub.pem");
pub(super) const OTHER_KEY: &str = include_str!("../../testdata/other_key.pem");
pub(super) const APP_ID: &str = "2021000000000001";
pub(super) const SELLER: &str = "2088000000000001";
pub(super) const TRADE_NO: &str = "2027011522001400000000000001";
pub(super) const NOTIFY_URL: &str = "https://pay.example/notify/alipay/acc_1";
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// [`NOW`] on Beijing's clocks.
pub(super) const NOW_TEXT: &str = "2027-01-15 16:00:00";

/// Secrets by name.
#[derive(Debug)]
struct Vault;

impl Secrets for Vault {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        let bare: String = ALIPAY_PUBLIC.lines().filter(|line| !line.starts_with('-')).collect();
        let text = match reference {
            "file:key" => MERCHANT_KEY,
            "file:public" => ALIPAY_PUBLIC,
            "file:bare" => &bare,
            "file:app.crt" => include_str!("../../testdata/alipay/app.crt"),
            "file:alipay.crt" => include_str!("../../testdata/alipay/alipay.crt"),
            "file:next.crt" => include_str!("../../testdata/alipay/next.crt"),
            "file:root.crt" => include_str!("../../testdata/alipay/root.crt"),
            other => return Err(format!("cannot open `{other}`")),
        };
        Ok(SecretBytes::new(text.as_bytes().to_vec()))
    }
}

/// Settings in public-key mode, as a merchant would write them.
pub(super) fn settings(hosts: &[String]) -> Value {
    json!({
        "app_id": APP_ID, "seller_id": SELLER, "private_key": "file:key", "alipay_public_key": "file:public",
        "base_urls": hosts,
    })
}

pub(super) struct Fixture {
    pub(super) clock: Arc<ManualClock>,
    pub(super) channels: Channels,
    pub(super) channel: Arc<dyn Channel>,
}

pub(super) fn account(settings: Value) -> ChannelAccount {
    ChannelAccount {
        id: ChannelAccountId(Uuid::from_u128(7)),
        merchant: MerchantId(Uuid::from_u128(1)),
        channel: ChannelKind::Alipay,
        settings,
        facts: None,
        created_at: NOW,
    }
}

pub(super) fn registry(clock: Arc<ManualClock>) -> Channels {
    Channels::new(HttpSettings::default(), Arc::new(Vault), clock, Arc::new(SeededChance::new(1)))
}

impl Fixture {
    pub(super) fn with(settings: Value) -> Self {
        let clock = Arc::new(ManualClock::at(NOW));
        let channels = registry(clock.clone());
        let channel = channels.of(&account(settings)).unwrap();
        Self { clock, channels, channel }
    }

    pub(super) fn at(hosts: &[String]) -> Self {
        Self::with(settings(hosts))
    }

    /// One that cannot call anybody.
    pub(super) fn alone() -> Self {
        Self::at(&["http://127.0.0.1:1".to_owned()])
    }

    /// How often `verb` ended as `outcome`.
    pub(super) fn count(&self, verb: &str, outcome: &str) -> u64 {
        let of = |r: &&crate::CounterRow| r.channel == "alipay" && r.verb == verb && r.outcome == outcome;
        self.channels.counters().iter().filter(of).map(|r| r.count).sum()
    }

    pub(super) async fn create(&self, method: Method) -> Outcome<PayCode> {
        self.create_of(&order(), &payment(method), NOTIFY_URL).await
    }

    pub(super) async fn create_of(&self, order: &Order, payment: &Payment, notify_url: &str) -> Outcome<PayCode> {
        self.channel.create(&CreateRequest { order, payment, agreement: None, notify_url }).await
    }
}

pub(super) fn order() -> Order {
    Order {
        id: OrderId(Uuid::from_u128(2)),
        merchant: MerchantId(Uuid::from_u128(1)),
        number: "2027-0001".into(),
        amount: Money::new(1234, Currency::CNY),
        part_payment: false,
        service: None,
        region: None,
        description: "日常保洁, \"2 小时\" a=b&c/d + e".into(),
        state: OrderState::Paying,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
        expires_at: NOW.plus_ms(HOUR_MS),
        event_count: 0,
        offers: Vec::new(),
        payer: None,
        due_at: None,
        version: 1,
        created_at: NOW,
    }
}

pub(super) fn payment(method: Method) -> Payment {
    Payment {
        id: PaymentId(Uuid::from_u128(3)),
        order: order().id,
        merchant: order().merchant,
        account: ChannelAccountId(Uuid::from_u128(7)),
        method,
        amount: order().amount,
        payer: PayerDetails::default(),
        state: PaymentState::New,
        evidence: Evidence::default(),
        version: 1,
        returned_minor: 0,
        installments: None,
        agreement: None,
        due_at: None,
        created_at: NOW,
    }
}

/// The payment that most tests ask about.
pub(super) fn ours() -> Payment {
    payment(Method::AlipayQr)
}

pub(super) fn leg() -> Leg {
    Leg {
        id: LegId(Uuid::from_u128(0x51)),
        refund: RefundId(Uuid::from_u128(0x50)),
        payment: ours().id,
        sequence: 1,
        route: Route::Channel,
        amount: Money::new(500, Currency::CNY),
        replaces: None,
        state: LegState::Sending,
        evidence: LegEvidence::default(),
        version: 1,
        due_at: None,
        created_at: NOW,
    }
}

pub(super) fn sign(key: &str, message: &[u8]) -> String {
    SigningKey::read(key.as_bytes()).unwrap().sign(message).unwrap()
}

/// An answer of the gateway to `method`, signed with `key`.
pub(super) fn answer_with(key: &str, method: &str, content: &Value) -> Canned {
    let (name, content) = (format!("{}_response", method.replace('.', "_")), content.to_string());
    let sign = sign(key, content.as_bytes());
    Canned::new(200, format!(r#"{{"{name}":{content},"sign":"{sign}"}}"#))
        .with("content-type", "text/html;charset=utf-8")
}

/// A genuine answer to whatever was asked.
pub(super) fn answer(seen: &Seen, content: &Value) -> Canned {
    answer_with(ALIPAY_KEY, &asked(seen)["method"], content)
}

/// The same with more members beside `code`.
pub(super) fn done(seen: &Seen, members: Value) -> Canned {
    let mut content = json!({"code": "10000", "msg": "Success"});
    content.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    answer(seen, &content)
}

/// A genuine error with this business code.
pub(super) fn failed(seen: &Seen, number: &str, code: &str) -> Canned {
    let content =
        json!({"code": number, "msg": "Business Failed", "sub_code": code, "sub_msg": format!("{code} in words")});
    answer(seen, &content)
}

fn members(text: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// All members of a call at the gateway, from its query and its form.
pub(super) fn asked(seen: &Seen) -> BTreeMap<String, String> {
    let mut all = members(seen.target.split_once('?').map_or("", |(_, query)| query));
    all.extend(members(std::str::from_utf8(&seen.body).unwrap()));
    all
}

/// The content of a call at the gateway.
pub(super) fn biz(seen: &Seen) -> Value {
    serde_json::from_str(&asked(seen)["biz_content"]).unwrap()
}

/// Checks members as the channel does: written independently of the adapter's own canonical string.
pub(super) fn assert_signed(all: &BTreeMap<String, String>) {
    let mut pairs: Vec<_> = all.iter().filter(|(k, v)| *k != "sign" && !v.is_empty()).collect();
    pairs.sort();
    let text = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("&");
    // This padding is deterministic: the same message has one signature.
    assert_eq!(all["sign"], sign(MERCHANT_KEY, text.as_bytes()), "{text}");
    for (name, value) in [
        ("app_id", APP_ID),
        ("format", "JSON"),
        ("charset", "utf-8"),
        ("sign_type", "RSA2"),
        ("version", "1.0"),
        ("timestamp", NOW_TEXT),
    ] {
        assert_eq!(all[name], value, "{name}");
    }
}

/// A trade as a query shows it.
pub(super) fn trade(status: &str) -> Value {
    json!({
        "out_trade_no": ours().number(), "trade_no": TRADE_NO, "trade_status": status, "total_amount": "12.34",
        "buyer_pay_amount": "10.00", "send_pay_date": "2027-01-15 15:59:58",
    })
}

pub(super) fn unpaid() -> Value {
    json!({"out_trade_no": ours().number(), "trade_no": TRADE_NO, "trade_status": "WAIT_BUYER_PAY", "total_amount": "12.34"})
}

/// The kind of trouble of an unknown outcome.
pub(super) fn kind<T: std::fmt::Debug>(outcome: Outcome<T>) -> (WhyKind, bool) {
    match outcome {
        Outcome::Unknown(why) => (why.kind, why.not_sent),
        other => panic!("expected unknown, found {other:?}"),
    }
}

pub(super) fn shown<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Done(value) => format!("{value:?}"),
        Outcome::Refused(refusal) => format!("{:?}", refusal.class),
        Outcome::Unknown(why) => why.kind.name().to_owned(),
    }
}
