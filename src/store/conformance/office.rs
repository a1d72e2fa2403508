//! A desk to test with, and short words for what happens at it: it knows how to bring an order to where a
//! story begins, and must never assert what the story is about.

use std::collections::HashMap;
use std::sync::Arc;

use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::ManualClock;
use bursar_core::decide::RefundRequest;
use bursar_core::id::{ChannelAccountId, LegId, MerchantId, OrderId, PaymentId, RefundId};
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::observation::{Claim, Observation, Source, Subject};
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_core::plan::Plans;
use bursar_core::refund::{Allocation, Impossible, RefundClaim, RefundReceipt};
use bursar_core::{Currency, Money};

use super::world::*;
use crate::desk::{Desk, Granted, Taken};
use crate::{Answer, Change, Directory, Gatherer, Settlement, Store};

pub struct Office {
    pub desk: Desk,
    pub merchant: MerchantId,
    pub account: ChannelAccountId,
}

fn plans() -> Plans {
    let plan = |text: &str| text.parse().unwrap();
    Plans {
        poll: plan("5s then 3m"),
        unknown: plan("2s then 1h"),
        close: plan("5s then 1m"),
        watch: plan("5m 1h 24h"),
        refund: plan("10s then 1h"),
        refund_funds: plan("10m then 1h"),
        webhook: plan("0ms 5s then 12h until 3d"),
        failure: plan("1s then 1m"),
    }
}

/// A wish for `minor` units.
pub fn request(minor: i64) -> RefundRequest {
    RefundRequest {
        id: RefundId(uuid()),
        amount_minor: Some(minor),
        allocation: Allocation::Reverse,
        reason: "阿姨没有来".to_owned(),
        by: "lin".to_owned(),
        payee: None,
    }
}

impl Office {
    /// An office of a new merchant with `policy`.
    pub async fn open(store: &Arc<dyn Store>, policy: MerchantPolicy) -> Self {
        let office = Self::of(store, merchant(), ChannelAccountId(uuid()));
        let (merchant, name) = (office.merchant, "家政".to_owned());
        store.put_merchant(&Merchant { id: merchant, name, policy, created_at: NOW }).await.unwrap();
        let account = ChannelAccount {
            id: office.account,
            merchant,
            channel: ChannelKind::Wechat,
            settings: serde_json::json!({}),
            facts: None,
            created_at: NOW,
        };
        store.put_account(&account).await.unwrap();
        office
    }

    /// An office of a merchant that is there.
    pub fn of(store: &Arc<dyn Store>, merchant: MerchantId, account: ChannelAccountId) -> Self {
        let desk = Desk {
            gatherer: Gatherer::start(store.clone()),
            directory: Directory::new(store.clone()),
            plans: Arc::new(plans()),
            clock: Arc::new(ManualClock::at(NOW)),
            chance: Arc::new(SeededChance::new(u64::from_le_bytes(*uuid().as_bytes().last_chunk().unwrap()))),
        };
        Self { desk, merchant, account }
    }

    /// The same office, as another process with its own `store` has it.
    pub fn also(&self, store: &Arc<dyn Store>) -> Self {
        Self::of(store, self.merchant, self.account)
    }

    pub fn store(&self) -> &Arc<dyn Store> {
        self.desk.gatherer.store()
    }

    /// A new order, to be paid in `parts`.
    pub async fn order(&self, parts: &[i64], part_payment: bool) -> Dossier {
        let amount = Money::new(parts.iter().sum(), Currency::CNY);
        let order = Order { amount, part_payment, ..order(self.merchant, &uuid().to_string()) };
        let payments = parts.iter().map(|minor| self.payment(&order, *minor)).collect();
        let (answer, dossier) = self.desk.open(order, payments, |_, _| {}).await.unwrap();
        assert_eq!(answer, Answer::Committed);
        dossier
    }

    pub fn payment(&self, order: &Order, minor: i64) -> Payment {
        Payment {
            account: self.account,
            method: Method::WechatNative,
            amount: Money::new(minor, Currency::CNY),
            due_at: None,
            ..payment(order)
        }
    }

    /// An order of which all `parts` are captured.
    pub async fn paid(&self, parts: &[i64]) -> Dossier {
        let mut dossier = self.order(parts, false).await;
        for index in 0..parts.len() {
            let part = dossier.payments[index].clone();
            dossier = self.say(part.id, Source::Query, 10, Claim::Paid(receipt(&part))).await;
        }
        dossier
    }

    /// Takes in a claim about a part, seen `at_ms` after [`NOW`].
    pub async fn say(&self, subject: impl Into<Subject>, source: Source, at_ms: i64, claim: Claim) -> Dossier {
        let observation = Observation::new(source, NOW.plus_ms(at_ms), claim);
        match self.desk.observe(subject, &observation, None, None, |_| Settlement::Hold).await.unwrap() {
            Taken::Written(dossier) => *dossier,
            other => panic!("{other:?}"),
        }
    }

    pub async fn say_refund(&self, subject: impl Into<Subject>, at_ms: i64, claim: RefundClaim) -> Dossier {
        self.say(subject, Source::Refund, at_ms, Claim::Refund(claim)).await
    }

    /// The channel says that the payer has the money of `leg`.
    pub async fn succeed(&self, leg: LegId) -> Dossier {
        let dossier = self.desk.dossier_of(leg.into()).await.unwrap().unwrap();
        let receipt = refund_receipt(&dossier, leg);
        self.say_refund(leg, 50, RefundClaim::Succeeded(receipt)).await
    }

    pub async fn refund(&self, order: OrderId, request: &RefundRequest) -> Result<Dossier, Impossible> {
        self.refund_with(order, request, |_| {}).await.map(|d| d.unwrap())
    }

    /// `None`: the idempotency key that `complete` added was taken before.
    pub async fn refund_with(
        &self,
        order: OrderId,
        request: &RefundRequest,
        complete: impl Fn(&mut Change) + Send + Sync,
    ) -> Result<Option<Dossier>, Impossible> {
        match self.desk.refund(order, request, |_, change| complete(change)).await.unwrap() {
            Granted::Written(dossier) => Ok(Some(*dossier)),
            Granted::Duplicate => Ok(None),
            Granted::Refused(why) => Err(why),
            Granted::NoSuchOrder => panic!("no such order"),
        }
    }

    /// The order as it is stored, which must be the `expected` one.
    pub async fn stored(&self, expected: &Dossier) -> Dossier {
        let stored = self.store().dossier(expected.order.id).await.unwrap().unwrap();
        // Those of one moment have no order among each other.
        let mut expected = expected.clone();
        expected.refunds.sort_by_key(|r| (r.created_at, r.id));
        assert_eq!(stored, expected);
        stored
    }

    /// Debits less credits of this office's accounts, without those that are zero.
    pub async fn balances(&self) -> HashMap<AccountKind, i64> {
        let all = self.store().balances().await.unwrap();
        assert_eq!(all.iter().map(|b| b.3).sum::<i64>(), 0, "{all:?}");
        let ours = all.iter().filter(|b| [self.merchant.uuid(), self.account.uuid()].contains(&b.1) && b.3 != 0);
        ours.map(|b| (AccountKind::from_code(b.0).unwrap(), b.3)).collect()
    }

    /// The kinds of the jobs that `subject` has.
    pub async fn jobs(&self, subject: impl Into<Subject>) -> Vec<bursar_core::job::JobKind> {
        let filter = crate::JobFilter { subject: Some(subject.into().uuid()), limit: 9, ..Default::default() };
        self.store().jobs(&filter).await.unwrap().iter().map(|j| j.key.kind).collect()
    }
}

pub fn refund_receipt(dossier: &Dossier, leg: LegId) -> RefundReceipt {
    let (_, leg) = dossier.leg(leg).unwrap();
    RefundReceipt {
        refund_id: format!("5030{}", leg.number()),
        amount_minor: leg.amount.minor,
        currency: "CNY".to_owned(),
        refunded_at: NOW,
    }
}

/// The one payment of an order.
pub fn only(dossier: &Dossier) -> PaymentId {
    assert_eq!(dossier.payments.len(), 1);
    dossier.payments[0].id
}
