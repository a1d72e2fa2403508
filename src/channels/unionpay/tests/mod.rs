//! Tests of the UnionPay adapter over loopback: a merchant with keys of our own and a channel that answers what
//! it is told to.

mod agreements;
mod bills;
mod calls;
mod certificates;
mod channel_side;
mod debits;
mod notifications;
mod refunds;
mod settings;
mod standings;
mod trouble;
mod vectors;
mod voids;

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

use self::channel_side::*;
use super::fields::Fields;
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
        service: None,
        region: None,
        offers: Vec::new(),
        payer: None,
        description: "日常保洁".into(),
        state: OrderState::Paying,
        close_reason: None,
        late_money: false,
        installment: None,
        shares: Vec::new(),
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
        installments: None,
        agreement: None,
        due_at: None,
        created_at: NOW,
    }
}

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
