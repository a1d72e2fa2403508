//! Tests of the UnionPay adapter over loopback: a merchant with keys of our own and a channel that answers what
//! it is told to.

mod calls;
mod certificates;
mod notifications;
mod refunds;
mod settings;
mod trouble;
mod vectors;
mod voids;

use std::collections::BTreeMap;
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

use super::fields::{Fields, SIGNATURE};
use super::sign;
use crate::http::HttpSettings;
use crate::registry::Channels;
use crate::rsa::SigningKey;
use crate::secrets::{SecretBytes, Secrets};
use crate::testing::{Canned, Peer, Seen};
use crate::{Channel, Outcome, Standing, WhyKind};

pub(super) const MERCHANT_KEY: &str = include_str!("../../testdata/merchant_key.pem");
pub(super) const CHANNEL_KEY: &str = include_str!("../../testdata/platform_key.pem");
pub(super) const OTHER_KEY: &str = include_str!("../../testdata/other_key.pem");
pub(super) const ROOT: &str = include_str!("../../testdata/unionpay/root.pem");
pub(super) const MIDDLE: &str = include_str!("../../testdata/unionpay/middle.pem");
/// The channel's certificate: of its key, by the middle one.
pub(super) const CHANNEL: &str = include_str!("../../testdata/unionpay/channel.pem");
pub(super) const MER_ID: &str = "777290058110048";
/// Friday, 2027-01-15, 16:00:00 in Beijing.
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(super) const TXN_TIME: &str = "20270115160000";
pub(super) const NUMBER: &str = "00000000000000000000000003";
pub(super) const QUERY_ID: &str = "442701151600307846498";

/// Secrets by name.
#[derive(Debug)]
struct Vault;

impl Secrets for Vault {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        let bytes: &[u8] = match reference {
            "file:key" => MERCHANT_KEY.as_bytes(),
            "file:other_key" => OTHER_KEY.as_bytes(),
            "file:certificate" => include_bytes!("../../testdata/unionpay/merchant.pem"),
            "file:pfx" => include_bytes!("../../testdata/unionpay/merchant.pfx"),
            "file:legacy_pfx" => include_bytes!("../../testdata/unionpay/merchant_legacy.pfx"),
            "file:password" => b"000000\n",
            "file:wrong_password" => b"000001",
            "file:root" => ROOT.as_bytes(),
            "file:middle" => MIDDLE.as_bytes(),
            "file:expired_middle" => include_bytes!("../../testdata/unionpay/middle_expired.pem"),
            "file:channel" => CHANNEL.as_bytes(),
            other => return Err(format!("cannot open `{other}`")),
        };
        Ok(SecretBytes::new(bytes.to_vec()))
    }
}

/// Settings as a merchant would write them.
pub(super) fn settings(hosts: &[String]) -> Value {
    json!({
        "mer_id": MER_ID, "front_url": "https://shop.example/back", "private_key": "file:key",
        "certificate": "file:certificate", "root_certificates": ["file:root"], "middle_certificates": ["file:middle"],
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
        channel: ChannelKind::Unionpay,
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
        let of_channel = |r: &&crate::CounterRow| r.channel == "unionpay" && r.verb == verb && r.outcome == outcome;
        self.channels.counters().iter().filter(of_channel).map(|r| r.count).sum()
    }

    /// Asks where the payment stands.
    pub(super) async fn query(&self) -> Outcome<Standing> {
        self.channel.query(&payment(Method::UnionpayWeb)).await
    }
}

pub(super) fn order() -> Order {
    Order {
        id: OrderId(Uuid::from_u128(2)),
        merchant: MerchantId(Uuid::from_u128(1)),
        number: "2027-0001".into(),
        amount: Money::new(1234, Currency::CNY),
        part_payment: false,
        offers: Vec::new(),
        payer: None,
        description: "日常保洁".into(),
        state: OrderState::Paying,
        close_reason: None,
        late_money: false,
        expires_at: NOW.plus_ms(HOUR_MS),
        event_count: 0,
        version: 1,
        due_at: None,
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
        due_at: None,
        created_at: NOW,
    }
}

/// Members by name, as the channel sends them.
pub(super) type Members = BTreeMap<String, String>;

pub(super) fn members(pairs: &[(&str, &str)]) -> Members {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// `members` as the owner of `key` and `certificate` signs them. Written apart from the adapter's own.
pub(super) fn signed_with(mut members: Members, key: &str, certificate: &str) -> Members {
    members.insert("signPubKeyCert".into(), certificate.trim().replace('\n', "\r\n"));
    let parts: Vec<_> = members.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={v}")).collect();
    let key = SigningKey::read(key.as_bytes()).unwrap();
    let signature = key.sign(sign::message(&parts.join("&")).as_bytes()).unwrap();
    members.insert(SIGNATURE.into(), signature);
    members
}

/// Members as they stand in the body of an answer.
pub(super) fn raw(members: &Members) -> Canned {
    let parts: Vec<_> = members.iter().map(|(k, v)| format!("{k}={v}")).collect();
    Canned::new(200, parts.join("&"))
}

pub(super) fn signed(members: Members) -> Canned {
    raw(&signed_with(members, CHANNEL_KEY, CHANNEL))
}

/// What each answer and notification about the transaction `number`, `txn_time` has.
pub(super) fn about(number: &str, txn_time: &str, more: &[(&str, &str)]) -> Members {
    let mut all = members(&[
        ("version", "5.1.0"),
        ("encoding", "UTF-8"),
        ("signMethod", "01"),
        ("accessType", "0"),
        ("merId", MER_ID),
        ("orderId", number),
        ("txnTime", txn_time),
        ("respCode", "00"),
        ("respMsg", "成功[0000000]"),
    ]);
    all.extend(members(more));
    all
}

/// What an answer about the paid payment has.
pub(super) fn paid(more: &[(&str, &str)]) -> Members {
    let mut all = about(
        NUMBER,
        TXN_TIME,
        &[
            ("txnType", "01"),
            ("txnSubType", "01"),
            ("bizType", "000201"),
            ("origRespCode", "00"),
            ("origRespMsg", "成功[0000000]"),
            ("queryId", QUERY_ID),
            ("txnAmt", "1234"),
            ("currencyCode", "156"),
            ("settleAmt", "1200"),
            ("settleCurrencyCode", "156"),
            ("settleDate", "0115"),
            ("traceNo", "784649"),
            ("traceTime", "0115160030"),
            ("accNo", "6216261000000000018"),
            ("cardTransData", "{a=b&c={d=e}}"),
        ],
    );
    all.extend(members(more));
    all
}

/// An answer to the question about the payment, when its payer has not confirmed it yet.
pub(super) fn absent() -> Canned {
    signed(about(NUMBER, TXN_TIME, &[("respCode", "34"), ("respMsg", "查无此交易[2600000]"), ("txnType", "00")]))
}

pub(super) const ABSENT: Outcome<Standing> = Outcome::Done(Standing::Absent);

/// What was sent, without its signature, which is checked.
pub(super) fn sent(seen: &Seen) -> Members {
    assert_eq!(seen.method, "POST");
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded; charset=UTF-8");
    verified(url::form_urlencoded::parse(&seen.body).into_owned().collect())
}

/// `members` without their signature, which is the merchant's.
pub(super) fn verified(mut members: Members) -> Members {
    let signature = members.remove(SIGNATURE).unwrap();
    let parts: Vec<_> = members.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    // This padding is deterministic: the same message has one signature.
    assert_eq!(signature, key.sign(sign::message(&parts.join("&")).as_bytes()).unwrap());
    assert_eq!(members.remove("certId").unwrap(), "69903319369");
    for (name, value) in [("version", "5.1.0"), ("encoding", "UTF-8"), ("signMethod", "01"), ("accessType", "0")] {
        assert_eq!(members.remove(name).unwrap(), value);
    }
    assert_eq!(members.remove("merId").unwrap(), MER_ID);
    members
}

/// A peer that answers each path with what stands beside it.
pub(super) async fn peer(answers: &[(&'static str, Canned)]) -> Peer {
    let answers: Vec<_> = answers.to_vec();
    Peer::start(move |seen: &Seen| {
        let found = answers.iter().find(|(path, _)| *path == seen.target);
        found.map_or_else(|| Canned::new(404, ""), |(_, canned)| canned.clone())
    })
    .await
}

pub(super) const QUERY: &str = "/gateway/api/queryTrans.do";
pub(super) const BACK: &str = "/gateway/api/backTransReq.do";
pub(super) const APP: &str = "/gateway/api/appTransReq.do";

/// The kind of trouble of an unknown outcome.
pub(super) fn kind<T: std::fmt::Debug>(outcome: Outcome<T>) -> (WhyKind, bool) {
    match outcome {
        Outcome::Unknown(why) => (why.kind, why.not_sent),
        other => panic!("expected unknown, found {other:?}"),
    }
}

/// The members of a form, read as the adapter reads them.
pub(super) fn fields(members: &Members) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in members {
        fields.set(name, value.as_str());
    }
    fields
}
