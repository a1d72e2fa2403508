//! Tests of the WeChat Pay adapter over loopback: a merchant with keys of our own and a channel that
//! answers what it is told to.

mod agreements;
mod bills;
mod calls;
mod debits;
mod keys;
mod notifications;
mod refunds;
mod refused_refunds;
mod score;
mod second_way;
mod shares;
mod trouble;
mod vectors;

use std::sync::Arc;

use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, ManualClock};
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::merchant::ChannelAccount;
use bursar_core::order::{Order, OrderState};
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::{Currency, Money, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::aead::ApiKey;
use crate::http::HttpSettings;
use crate::registry::Channels;
use crate::rsa::SigningKey;
use crate::secrets::{SecretBytes, Secrets};
use crate::testing::Canned;
use crate::{Channel, Outcome, Standing, WhyKind};

pub(super) const MERCHANT_KEY: &str = include_str!("../../testdata/merchant_key.pem");
pub(super) const PLATFORM_KEY: &str = include_str!("../../testdata/platform_key.pem");
pub(super) const PLATFORM_CERTIFICATE: &str = include_str!("../../testdata/platform_cert.pem");
pub(super) const PLATFORM_PUBLIC: &str = include_str!("../../testdata/platform_pub.pem");
pub(super) const OTHER_KEY: &str = include_str!("../../testdata/other_key.pem");
pub(super) const API_KEY: &str = "0123456789abcdef0123456789abcdef";
pub(super) const KEY_ID: &str = "PUB_KEY_ID_0119000000012026010100000000000001";
pub(super) const CERTIFICATE_SERIAL: &str = "8F00112233445566778899AABBCCDDEEFF0011";
pub(super) const MCHID: &str = "1900000001";
pub(super) const APPID: &str = "wx0000000000000001";
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Secrets by name.
#[derive(Debug)]
struct Vault;

impl Secrets for Vault {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        let text = match reference {
            "file:key" => MERCHANT_KEY,
            "file:pkcs1" => include_str!("../../testdata/merchant_key_pkcs1.pem"),
            "file:api" => API_KEY,
            "file:public" => PLATFORM_PUBLIC,
            "file:certificate" => PLATFORM_CERTIFICATE,
            other => return Err(format!("cannot open `{other}`")),
        };
        Ok(SecretBytes::new(text.as_bytes().to_vec()))
    }
}

/// Settings in public-key mode, as a merchant would write them.
pub(super) fn settings(hosts: &[String]) -> Value {
    json!({
        "mchid": MCHID, "appid": APPID, "serial_no": "5DEA10EF55877E3CF6C33255C2E7DEFFF7E427EC",
        "private_key": "file:key", "apiv3_key": "file:api",
        "public_key_id": KEY_ID, "public_key": "file:public", "base_urls": hosts,
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
        channel: ChannelKind::Wechat,
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

    /// How often `verb` ended as `outcome`.
    pub(super) fn count(&self, verb: &str, outcome: &str) -> u64 {
        self.channels.counters().iter().filter(|r| r.verb == verb && r.outcome == outcome).map(|r| r.count).sum()
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
        description: "日常保洁 \"2 小时\"".into(),
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
        payer: PayerDetails {
            openid: Some("o1".into()),
            client_ip: Some("203.0.113.9".into()),
            ..PayerDetails::default()
        },
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

/// A payment with this number.
pub(super) fn numbered(number: &str) -> Payment {
    Payment { id: format!("pay_{number}").parse().unwrap(), ..payment(Method::WechatNative) }
}

/// Signs `canned` as the channel would, with the key that `serial` names.
pub(super) fn signed_with(canned: Canned, key: &str, serial: &str, at: Timestamp) -> Canned {
    let (time, nonce) = (at.as_seconds().to_string(), "an-answers-nonce");
    let mut message = format!("{time}\n{nonce}\n").into_bytes();
    message.extend_from_slice(&canned.body);
    message.push(b'\n');
    let signature = SigningKey::read(key.as_bytes()).unwrap().sign(&message).unwrap();
    canned
        .with("Wechatpay-Timestamp", time)
        .with("Wechatpay-Nonce", nonce)
        .with("Wechatpay-Serial", serial)
        .with("Wechatpay-Signature", signature)
        .with("Wechatpay-Signature-Type", "WECHATPAY2-SHA256-RSA2048")
        .with("Request-ID", "08F4F0A00610-0")
}

pub(super) fn signed(canned: Canned) -> Canned {
    signed_with(canned, PLATFORM_KEY, KEY_ID, NOW)
}

/// A signed answer of the query.
pub(super) fn transaction(number: &str, change: impl FnOnce(&mut Value)) -> Canned {
    let mut value = json!({
        "appid": APPID, "mchid": MCHID, "out_trade_no": number, "trade_state": "SUCCESS",
        "transaction_id": "4200000000202701150000000001", "success_time": "2027-01-15T15:59:58+08:00",
        "amount": {"total": 1234, "payer_total": 1000, "currency": "CNY"},
    });
    change(&mut value);
    signed(Canned::new(200, value.to_string()))
}

pub(super) fn error(status: u16, code: &str) -> Canned {
    Canned::new(status, json!({ "code": code, "message": format!("{code} in words") }).to_string())
}

/// The kind of trouble of an unknown outcome.
pub(super) fn kind<T: std::fmt::Debug>(outcome: Outcome<T>) -> (WhyKind, bool) {
    match outcome {
        Outcome::Unknown(why) => (why.kind, why.not_sent),
        other => panic!("expected unknown, found {other:?}"),
    }
}

pub(super) fn api_key() -> ApiKey {
    ApiKey::new(API_KEY.as_bytes()).unwrap()
}

pub(super) const NUMBER: &str = "01jd7z0000000000000000000a";

pub(super) fn unpaid() -> Canned {
    transaction(NUMBER, |v| v["trade_state"] = json!("NOTPAY"))
}

pub(super) const UNPAID: Outcome<Standing> = Outcome::Done(Standing::Unpaid);
