//! Tests of the Stripe adapter over loopback: an account with keys of our own and a channel that answers what it is
//! told to.

mod agreements;
mod bills;
mod calls;
mod create;
mod debits;
mod ends;
mod notifications;
mod refunds;
mod trouble;

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

use crate::channel::{CreateRequest, RefundRequest};
use crate::http::HttpSettings;
use crate::registry::Channels;
use crate::secrets::{SecretBytes, Secrets};
use crate::testing::{Canned, Peer, Seen};
use crate::{Channel, Outcome, RefundStanding, WhyKind};

pub(super) const SECRET_KEY: &str = "sk_test_bursars0own1key";
pub(super) const HOOK: &str = "whsec_bursars0own1secret";
pub(super) const NEXT_HOOK: &str = "whsec_bursars0next1secret";
pub(super) const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
pub(super) const INTENT: &str = "pi_3Qbursar0000000000000001";
pub(super) const REFUND: &str = "re_3Qbursar0000000000000002";

/// Secrets by name.
#[derive(Debug)]
struct Vault;

impl Secrets for Vault {
    fn read(&self, reference: &str) -> Result<SecretBytes, String> {
        let text = match reference {
            "file:key" => SECRET_KEY,
            "file:live" => "sk_live_bursars0own1key",
            "file:hook" => HOOK,
            "file:next" => NEXT_HOOK,
            other => return Err(format!("cannot open `{other}`")),
        };
        Ok(SecretBytes::new(text.as_bytes().to_vec()))
    }
}

/// Settings as a merchant would write them.
pub(super) fn settings(host: &str) -> Value {
    json!({
        "secret_key": "file:key", "publishable_key": "pk_test_bursar", "webhook_secrets": ["file:hook", "file:next"],
        "base_urls": [host],
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
        channel: ChannelKind::Stripe,
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

    pub(super) fn at(peer: &Peer) -> Self {
        Self::with(settings(&peer.url()))
    }

    /// How often `verb` ended as `outcome`.
    pub(super) fn count(&self, verb: &str, outcome: &str) -> u64 {
        let rows = self.channels.counters();
        rows.iter().filter(|r| r.channel == "stripe" && r.verb == verb && r.outcome == outcome).map(|r| r.count).sum()
    }

    pub(super) async fn create(&self, payment: &Payment) -> Outcome<PayCode> {
        let order = order();
        self.channel
            .create(&CreateRequest { order: &order, payment, agreement: None, notify_url: "https://pay.example/n" })
            .await
    }

    pub(super) async fn refund(&self, payment: &Payment, leg: &Leg, reason: &str) -> Outcome<RefundStanding> {
        self.channel.refund(&RefundRequest { payment, leg, reason, notify_url: "https://pay.example/n" }).await
    }
}

pub(super) fn order() -> Order {
    Order {
        id: OrderId(Uuid::from_u128(2)),
        merchant: MerchantId(Uuid::from_u128(1)),
        number: "2027-0001".into(),
        amount: Money::new(1234, "HKD".parse().unwrap()),
        part_payment: false,
        service: None,
        region: None,
        offers: Vec::new(),
        payer: None,
        description: "日常保洁 \"2 小时\" & more".into(),
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

/// A payment for which no answer has come yet.
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

/// A payment whose code was given.
pub(super) fn open(method: Method) -> Payment {
    let fields = BTreeMap::from([("payment_intent".to_owned(), INTENT.to_owned())]);
    let evidence = Evidence { accepted: Some((NOW, PayCode::Sdk { fields })), ..Evidence::default() };
    Payment { state: PaymentState::AwaitingPayer, evidence, ..payment(method) }
}

pub(super) fn leg() -> Leg {
    Leg {
        id: LegId(Uuid::from_u128(0x51)),
        refund: RefundId(Uuid::from_u128(0x50)),
        payment: payment(Method::Card).id,
        sequence: 1,
        route: Route::Channel,
        amount: Money::new(500, order().amount.currency),
        replaces: None,
        state: LegState::Sending,
        evidence: LegEvidence::default(),
        version: 1,
        due_at: None,
        created_at: NOW,
    }
}

pub(super) fn number() -> String {
    payment(Method::Card).number()
}

/// An intent as the channel shows it.
pub(super) fn intent(change: impl FnOnce(&mut Value)) -> Value {
    let mut value = json!({
        "id": INTENT, "object": "payment_intent", "amount": 1234, "amount_received": 0, "amount_capturable": 0,
        "capture_method": "automatic", "client_secret": format!("{INTENT}_secret_x"), "currency": "hkd",
        "created": NOW.as_seconds(), "last_payment_error": null, "latest_charge": null, "livemode": false,
        "metadata": {"bursar_payment": number(), "bursar_order": order().id.to_string()},
        "status": "requires_payment_method", "payment_method_types": ["card"],
    });
    change(&mut value);
    value
}

/// The same, with `status` and what belongs to it.
pub(super) fn intent_in(status: &str) -> Value {
    intent(|v| {
        v["status"] = json!(status);
        let paid = NOW.as_seconds() + 60;
        match status {
            "succeeded" => {
                v["amount_received"] = json!(1234);
                v["latest_charge"] = json!({"id": "ch_1", "created": paid, "balance_transaction": {"created": paid}});
            }
            "requires_capture" => {
                v["amount_capturable"] = json!(1234);
                v["capture_method"] = json!("manual");
                let card = json!({"last4": "4242", "capture_before": paid + 604_800});
                v["latest_charge"] = json!({"id": "ch_1", "created": paid, "payment_method_details": {"card": card}});
            }
            _ => {}
        }
    })
}

/// A refund as the channel shows it.
pub(super) fn refund(status: &str) -> Value {
    json!({
        "id": REFUND, "object": "refund", "amount": 500, "charge": "ch_1", "currency": "hkd", "created": NOW.as_seconds(),
        "metadata": {"bursar_leg": leg().number(), "bursar_payment": number()}, "payment_intent": INTENT,
        "reason": "requested_by_customer", "status": status,
    })
}

pub(super) fn ok(value: &Value) -> Canned {
    Canned::new(200, value.to_string()).with("Request-Id", "req_1").with("Stripe-Version", "2026-07-29.dahlia")
}

pub(super) fn list(data: &[Value]) -> Canned {
    ok(&json!({"object": "list", "data": data, "has_more": false, "url": "/v1/x"}))
}

pub(super) fn error(status: u16, kind: &str, code: &str) -> Canned {
    let mut error = json!({"type": kind, "message": format!("{code} in words")});
    if !code.is_empty() {
        error["code"] = json!(code);
    }
    Canned::new(status, json!({ "error": error }).to_string()).with("Request-Id", "req_2")
}

/// The members of a form, or of the query of an address.
pub(super) fn members(text: &str) -> BTreeMap<String, String> {
    let pairs: Vec<(String, String)> = url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
    let read: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(read.len(), pairs.len(), "a member stands twice: {text}");
    read
}

pub(super) fn body(seen: &Seen) -> BTreeMap<String, String> {
    members(std::str::from_utf8(&seen.body).unwrap())
}

pub(super) fn strings<const N: usize>(members: [(&str, &str); N]) -> BTreeMap<String, String> {
    members.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Method and path of each call that a peer has seen.
pub(super) fn trace(peer: &Peer) -> Vec<String> {
    let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
    peer.seen().iter().map(|s| format!("{} {}", s.method, path(&s.target))).collect()
}

/// The kind of trouble of an unknown outcome, and whether the call certainly had no effect.
pub(super) fn kind<T: std::fmt::Debug>(outcome: Outcome<T>) -> (WhyKind, bool) {
    match outcome {
        Outcome::Unknown(why) => (why.kind, why.not_sent),
        other => panic!("expected unknown, found {other:?}"),
    }
}

/// An outcome in a word.
pub(super) fn shown<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Done(value) => format!("{value:?}"),
        Outcome::Refused(refusal) => format!("{:?}", refusal.class),
        Outcome::Unknown(why) => why.kind.name().to_owned(),
    }
}
