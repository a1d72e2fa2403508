//! A cell at a channel that is called: its sandbox, its payers' devices and the way of its messages. It must never
//! know a case.

use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar::play::audit::{Audit, ByHand, compare};
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::job::JobKind;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_sandbox::{BookEntry, Faults, PayMode, PayerMix, RefundBehaviour, RefundMix, Sandbox, SandboxConfig};
use bursar_store::JobFilter;

use super::cell::{Cell, WITHIN, only};
use super::relay::Relay;
use super::{Remote, Row};
use crate::{House, until};

/// Who pays, and what goes wrong at the channel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) payers: PayerMix,
    pub(super) faults: Faults,
}

/// A cell and its channel.
#[derive(Debug)]
pub(super) struct AtChannel {
    cell: Cell,
    pub(super) remote: &'static dyn Remote,
    pub(super) relay: Relay,
    pub(super) sandbox: Sandbox,
}

impl Deref for AtChannel {
    type Target = Cell;
    fn deref(&self) -> &Cell {
        &self.cell
    }
}

impl AtChannel {
    pub(super) async fn open(
        house: Arc<House>,
        relay: Relay,
        row: Row,
        remote: &'static dyn Remote,
        weather: Weather,
    ) -> Self {
        let keys = house.stage.keys[0].clone();
        let sandbox = bursar_sandbox::start(SandboxConfig {
            seed: house.stage.seed,
            faults: weather.faults,
            payers: weather.payers,
            refunds: RefundMix::all(RefundBehaviour::Success),
            fault_hold_ms: 200,
            ..SandboxConfig::new(house.stage.program.clock.clone(), &keys)
        });
        let sandbox = sandbox.await.expect("a sandbox");
        let cell = Cell::open(house, row, remote.settings(&keys, &sandbox.base_url())).await;
        let url = format!("{}/notify/{}/{}", relay.url(), row.channel().name(), cell.account());
        remote.opened(&sandbox, &keys, &url);
        Self { cell, remote, relay, sandbox }
    }

    /// Waits until the payer can pay, and lets his device meet the order.
    pub(super) async fn payable(&self, order: OrderId) -> Payment {
        let payment = self.until_payable(order).await;
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

    /// An order that is to end, and whose payer has met it. Where it ends by itself its life is short: as short as
    /// this machine can offer it.
    pub(super) async fn ready_to_end(&self) -> (OrderId, Payment) {
        for life_s in self.lives_s() {
            let order = self.order(life_s).await;
            let offered = |d: &Dossier| d.order.state.is_final() || only(d).evidence.code().is_some();
            let dossier = self.until(order, "it is offered", offered).await;
            let payment = only(&dossier);
            // A moment is left to do something in.
            let in_time = self.house.stage.program.clock.now().plus_ms(100_000) < dossier.order.expires_at;
            if payment.state == PaymentState::AwaitingPayer && in_time {
                self.meet(payment);
                return (order, payment.clone());
            }
        }
        panic!("no order is offered to its payer in time");
    }

    /// An order that is to end, of which a call met the fault so often.
    pub(super) async fn struck(&self, fault: &str, times: u64) -> OrderId {
        for life_s in self.lives_s() {
            let order = self.order(life_s).await;
            let met = || self.sandbox.counters().faults.get(fault).copied().unwrap_or(0) >= times;
            self.until(order, "its calls meet the fault", |d| d.order.state.is_final() || met()).await;
            if met() {
                return order;
            }
        }
        panic!("no order is sent in time");
    }

    fn lives_s(&self) -> [u64; 3] {
        [1, 4, 16].map(|times| self.remote.ending_s() * times)
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

    /// The channel's books, one entry for each number. Where what is held is taken by an order of its own (Alipay),
    /// that one stands for both from then on.
    pub(super) fn books(&self) -> Vec<BookEntry> {
        let mut books: Vec<BookEntry> = Vec::new();
        for mut entry in self.sandbox.books() {
            if let Some(at) = books.iter().position(|before| before.out_trade_no == entry.out_trade_no) {
                // Who tried in vain had not been asked for the money itself yet.
                entry.failed_attempts += books.remove(at).failed_attempts;
            }
            books.push(entry);
        }
        books
    }

    /// The channel's order of a payment.
    pub(super) fn entry_of(&self, payment: &Payment) -> BookEntry {
        let number = payment.number();
        self.books().into_iter().find(|entry| entry.out_trade_no == number).expect("an order")
    }

    /// The channel's only order.
    pub(super) fn entry(&self) -> BookEntry {
        let books = self.books();
        assert_eq!(books.len(), 1, "{books:#?}");
        books.into_iter().next().expect("an order")
    }

    /// How our books compare with the channel's.
    pub(super) async fn audit(&self) -> Audit {
        let (books, refunds) = (self.sandbox.books(), self.sandbox.refunds());
        let store = self.house.stage.program.store.as_ref();
        compare(store, std::slice::from_ref(&self.actor), &books, &refunds, &ByHand::default())
            .await
            .expect("the books")
    }

    /// The end of every case: all has ended, our books and the channel's agree, nothing was taken or given twice,
    /// and nobody is asked anything.
    pub(super) async fn agrees(&self) {
        let deadline = Instant::now() + WITHIN;
        loop {
            let audit = self.audit().await;
            let twice = (audit.channel_effects_doubled, audit.out_of_money);
            assert_eq!(twice, (0, 0), "{audit:#?}\n{:#?}", self.sandbox.books());
            if audit.books_agree() && audit.all_ended() && audit.parked == 0 {
                return;
            }
            let late = Instant::now() > deadline;
            assert!(!late, "{audit:#?}\n{:#?}\n{:#?}", self.sandbox.books(), self.sandbox.refunds());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
