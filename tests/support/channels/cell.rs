//! One case of one way to pay: a merchant of its own with an account at a channel of its own, in a house that all
//! cases share. It knows how orders are placed, paid and looked at, and must never know a case.

use std::sync::Arc;
use std::time::Duration;

use bursar::play::audit::{Audit, compare};
use bursar::play::cast::Actor;
use bursar_core::event::EventKind;
use bursar_core::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use bursar_core::job::JobKind;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::{ChannelAccount, Merchant, MerchantPolicy};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_sandbox::merchant::Till;
use bursar_sandbox::{BookEntry, Faults, PayMode, PayerMix, RefundBehaviour, RefundMix, Sandbox, SandboxConfig};
use bursar_store::JobFilter;
use bursar_store::directory::Entries;
use serde_json::{Value, json};

use super::relay::Relay;
use super::{Remote, Row};
use crate::{House, until};

/// What every order costs, in fen.
pub(super) const AMOUNT: i64 = 8_800;
/// Longest wait for what a case expects, in real time: only what is broken takes so long.
pub(super) const WITHIN: Duration = Duration::from_secs(45);

/// Who pays, and what goes wrong at the channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) payers: PayerMix,
    pub(super) faults: Faults,
}

/// A merchant, its channel and its house.
#[derive(Debug)]
pub(super) struct Cell {
    pub(super) row: Row,
    pub(super) remote: &'static dyn Remote,
    pub(super) house: Arc<House>,
    pub(super) relay: Relay,
    pub(super) sandbox: Sandbox,
    pub(super) actor: Actor,
}

impl Cell {
    pub(super) async fn open(house: Arc<House>, relay: Relay, row: Row, weather: Weather) -> Self {
        let super::Side::Remote(remote) = row.side;
        let (program, keys) = (&house.stage.program, &house.stage.keys[0]);
        let (store, chance, now) = (&program.store, program.chance.as_ref(), program.clock.now());
        let sandbox = bursar_sandbox::start(SandboxConfig {
            seed: house.stage.seed,
            faults: weather.faults,
            payers: weather.payers,
            refunds: RefundMix::all(RefundBehaviour::Success),
            fault_hold_ms: 200,
            ..SandboxConfig::new(program.clock.clone(), keys)
        });
        let sandbox = sandbox.await.expect("a sandbox");
        let merchant = Merchant {
            id: MerchantId::fresh(now, chance),
            name: row.name.to_owned(),
            policy: MerchantPolicy::default(),
            created_at: now,
        };
        let account = ChannelAccount {
            id: ChannelAccountId::fresh(now, chance),
            merchant: merchant.id,
            channel: row.channel(),
            settings: remote.settings(keys, &sandbox.base_url()),
            facts: None,
            created_at: now,
        };
        let url = format!("{}/notify/{}/{}", relay.url(), row.channel().name(), account.id);
        remote.opened(&sandbox, keys, &url);
        let (key, api_key) = bursar_gateway::mint_api_key(merchant.id, now, chance);
        store.put_merchant(&merchant).await.expect("a merchant");
        store.put_account(&account).await.expect("an account");
        store.put_api_key(&key).await.expect("an API key");
        let till = Till { account: account.id, channel: account.channel };
        let actor = Actor { merchant: merchant.id, name: merchant.name, tills: vec![till], api_key };
        Self { row, remote, house, relay, sandbox, actor }
    }

    /// The merchant's account on the channel.
    pub(super) fn account(&self) -> ChannelAccountId {
        self.actor.tills.first().expect("an account").account
    }

    /// Waits until the program knows the merchant: it reads what is new a few times a second only.
    pub(super) async fn until_known(&self) {
        let directory = &self.house.stage.program.desk.directory;
        until("the program knows the merchant", WITHIN, || async {
            let known = |e: &Entries| e.accounts.contains_key(&self.account());
            let entries = directory.entries_with(known).await.expect("the database");
            known(&entries).then_some(())
        })
        .await;
    }

    /// Places an order that lives for so many seconds of the clock.
    pub(super) async fn order(&self, life_s: u64) -> OrderId {
        let number = self.house.stage.program.chance.next_u64();
        let body = json!({
            "number": format!("n{number}"), "amount_minor": AMOUNT, "currency": "CNY", "description": "日常保洁 3 小时",
            "method": self.row.method.name(), "expires_in_seconds": life_s,
        });
        let (status, answer) = self.post("/v1/orders", &format!("k{number}"), &body).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an id").parse().expect("an order's id")
    }

    /// Asks for the order to be closed.
    pub(super) async fn ask_to_close(&self, order: OrderId) {
        let status = self.try_to_close(order).await;
        assert!([200, 202].contains(&status), "{status}");
    }

    /// Asks for the order to be closed; the status of the answer.
    pub(super) async fn try_to_close(&self, order: OrderId) -> u16 {
        let body = json!({ "reason": "the customer cancelled" });
        self.post(&format!("/v1/orders/{order}/close"), &format!("c-{order}"), &body).await.0
    }

    /// Asks for what is held to be taken; the status of the answer.
    pub(super) async fn ask_to_capture(&self, order: OrderId) -> u16 {
        let path = format!("/v1/orders/{order}/capture");
        self.post(&path, &format!("t-{order}"), &json!({ "by": "Li Na" })).await.0
    }

    /// Asks for so much of the order back; the status of the answer.
    pub(super) async fn ask_back(&self, order: OrderId, amount_minor: i64) -> u16 {
        let key = format!("r{}", self.house.stage.program.chance.next_u64());
        let body = json!({ "amount_minor": amount_minor, "reason": "the cleaner did not come" });
        self.post(&format!("/v1/orders/{order}/refunds"), &key, &body).await.0
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.house.post_as(&self.actor.api_key, path, key, body).await
    }

    /// Waits until the order is as `wanted`.
    pub(super) async fn until(&self, order: OrderId, what: &str, wanted: impl Fn(&Dossier) -> bool) -> Dossier {
        let found = until(what, WITHIN, || async {
            let dossier = self.house.dossier(order).await;
            wanted(&dossier).then_some(dossier)
        });
        found.await
    }

    /// Waits until the payer can pay, and lets his device meet the order.
    pub(super) async fn payable(&self, order: OrderId) -> Payment {
        let dossier = self.until(order, "the payer can pay", |d| code_of(d).is_some()).await;
        let payment = only(&dossier).clone();
        self.meet(&payment);
        payment
    }

    /// The payer's device opens what it was given; the number that the channel then shows.
    pub(super) fn meet(&self, payment: &Payment) {
        let code = payment.evidence.code().expect("a code");
        if let Some(door) = self.remote.door(code) {
            let opened = self.sandbox.open(&door).expect("the payer's device opens it");
            assert_eq!(opened.out_trade_no, payment.number());
            assert_eq!(opened.account, self.merchant());
        }
    }

    /// An order that is payable, and whose payer has met it.
    pub(super) async fn ready(&self, life_s: u64) -> (OrderId, Payment) {
        let order = self.order(life_s).await;
        let payment = self.payable(order).await;
        (order, payment)
    }

    /// An order that is paid.
    pub(super) async fn paid(&self) -> (OrderId, Dossier) {
        let (order, payment) = self.ready(3_600).await;
        self.pay(&payment, PayMode::Normal);
        let dossier = self.until_paid(order).await;
        (order, dossier)
    }

    /// The payer acts.
    pub(super) fn pay(&self, payment: &Payment, mode: PayMode) {
        self.try_to_pay(payment, mode).expect("the payer can do this");
    }

    /// The payer acts, if he can.
    pub(super) fn try_to_pay(&self, payment: &Payment, mode: PayMode) -> Result<(), &'static str> {
        self.sandbox.pay(self.merchant(), &payment.number(), mode)
    }

    /// The merchant's number at the channel.
    pub(super) fn merchant(&self) -> &str {
        self.remote.merchant(&self.house.stage.keys[0])
    }

    /// Waits until the payer's consent holds the amount.
    pub(super) async fn until_held(&self, order: OrderId) {
        self.until(order, "the amount is held", |d| only(d).state == PaymentState::Authorized).await;
    }

    /// Waits until the money is taken; where it is only held, the merchant says that it shall be.
    pub(super) async fn until_paid(&self, order: OrderId) -> Dossier {
        if self.row.method.holds() {
            self.until_held(order).await;
            assert_eq!(self.ask_to_capture(order).await, 202);
        }
        self.until(order, "the order is paid", |d| d.order.state == OrderState::Paid).await
    }

    /// Waits until nobody will ask about the payment for the next ten minutes of the clock.
    pub(super) async fn until_nobody_asks(&self, payment: PaymentId) {
        let program = &self.house.stage.program;
        let filter = JobFilter {
            kind: Some(JobKind::PollPayment),
            subject: Some(payment.uuid()),
            limit: 1,
            ..Default::default()
        };
        until("the polls are far apart", WITHIN, || async {
            let jobs = program.store.jobs(&filter).await.expect("the database");
            let far = program.clock.now().plus_ms(600_000);
            jobs.first().is_some_and(|job| job.owner.is_none() && job.due_at > far).then_some(())
        })
        .await;
    }

    /// Waits until the fault has been played so often.
    pub(super) async fn until_struck(&self, fault: &str, times: u64) {
        until(&format!("{times} times {fault}"), WITHIN, || async {
            (self.sandbox.counters().faults.get(fault).copied().unwrap_or(0) >= times).then_some(())
        })
        .await;
    }

    /// How the first proof of what the payer did came: whence, and whether a message brought it.
    pub(super) async fn heard(&self, order: OrderId) -> (Source, bool) {
        let timeline = self.house.timeline(order).await;
        let first =
            timeline.observations.into_iter().find(|o| matches!(o.claim, Claim::Paid(_) | Claim::Authorized(_)));
        first.map(|o| (o.source, o.notification.is_some())).expect("somebody saw that it is paid")
    }

    /// How often the merchant was told this of the order.
    pub(super) async fn told(&self, order: OrderId, kind: EventKind) -> usize {
        self.house.timeline(order).await.deliveries.iter().filter(|d| d.kind == kind).count()
    }

    /// What our books say that the channel holds for us, in fen.
    pub(super) async fn held_minor(&self) -> i64 {
        let balances = self.house.stage.program.store.balances().await.expect("the books");
        let ours = balances
            .into_iter()
            .find(|(kind, owner, _, _)| *kind == AccountKind::Clearing.code() && *owner == self.account().uuid());
        ours.map_or(0, |(_, _, _, minor)| minor)
    }

    /// The channel's only order.
    pub(super) fn entry(&self) -> BookEntry {
        let books = self.sandbox.books();
        assert_eq!(books.len(), 1, "{books:#?}");
        books.into_iter().next().expect("an order")
    }

    /// How our books compare with the channel's.
    pub(super) async fn audit(&self) -> Audit {
        let (books, refunds) = (self.sandbox.books(), self.sandbox.refunds());
        let store = self.house.stage.program.store.as_ref();
        compare(store, std::slice::from_ref(&self.actor), &books, &refunds).await.expect("the books")
    }

    /// The end of every case: all has ended, our books and the channel's agree, nothing was taken or given twice,
    /// and nobody is asked anything.
    pub(super) async fn agrees(&self) {
        let audit = self.audit().await;
        let right = audit.books_agree()
            && audit.all_ended()
            && (audit.channel_effects_doubled, audit.out_of_money, audit.parked) == (0, 0, 0);
        assert!(right, "{audit:#?}\n{:#?}\n{:#?}", self.sandbox.books(), self.sandbox.refunds());
    }
}

/// The only payment of an order.
pub(super) fn only(dossier: &Dossier) -> &Payment {
    assert_eq!(dossier.payments.len(), 1, "one payment per order");
    &dossier.payments[0]
}

fn code_of(dossier: &Dossier) -> Option<&bursar_core::observation::PayCode> {
    dossier.payments.first().filter(|p| p.state == PaymentState::AwaitingPayer)?.evidence.code()
}
