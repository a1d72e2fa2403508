//! The cases of money that people bring: told by lines of statements and by collections. Each knows what must come
//! out, and must never know which channel it is.

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use bursar_core::event::EventKind;
use bursar_core::id::OrderId;
use bursar_core::observation::{Claim, PayCode, Source};
use bursar_core::order::{Dossier, OrderState, RefundOverlay};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{LegState, RefundCause, RefundState, Route};
use bursar_store::JobFilter;

use super::cell::{AMOUNT, Cell, only};
use super::{Case, Row, Teller};
use crate::House;

const LIFE_S: u64 = 6 * 3_600;

/// A cell whose money is told of by people.
#[derive(Debug)]
pub(super) struct ByHand {
    cell: Cell,
    teller: &'static dyn Teller,
}

impl Deref for ByHand {
    type Target = Cell;
    fn deref(&self) -> &Cell {
        &self.cell
    }
}

/// Plays a case to its end.
pub(super) async fn play(case: Case, at: &ByHand) {
    match case {
        Case::Create => create(at).await,
        Case::Pay => pay(at).await,
        Case::Notify => notify(at).await,
        Case::Close => close(at).await,
        Case::Expire => expire(at).await,
        Case::Race => race(at).await,
        Case::RefundWhole => refund_whole(at).await,
        Case::RefundParts => refund_parts(at).await,
        Case::ForgedNotices => forged(at).await,
        Case::Duplicate => duplicate(at).await,
        Case::Late => late(at).await,
        Case::Pieces => pieces(at).await,
        Case::Unknown => unclear(at).await,
        Case::Fail
        | Case::Query
        | Case::LostCreate
        | Case::LostRefund
        | Case::ForgedAnswers
        | Case::LateUnheard
        | Case::Void
        | Case::Installments
        | Case::CaptureLess
        | Case::LostCapture => unreachable!("{case:?} does not exist where nobody is called"),
    }
}

impl ByHand {
    pub(super) async fn open(house: Arc<House>, row: Row, teller: &'static dyn Teller) -> Self {
        Self { cell: Cell::open(house, row, teller.settings()).await, teller }
    }

    async fn ready(&self) -> (OrderId, Payment) {
        let order = self.order(LIFE_S).await;
        (order, self.until_payable(order).await)
    }

    /// An order that is payable and does not live long: as long as this machine needs to offer it.
    async fn soon_overdue(&self) -> (OrderId, Payment) {
        for life_s in [120, 600, 3_000] {
            let order = self.order(life_s).await;
            let offered = |d: &Dossier| d.order.state == OrderState::Closed || only(d).evidence.code().is_some();
            let dossier = self.until(order, "it is offered", offered).await;
            if only(&dossier).state == PaymentState::AwaitingPayer {
                return (order, only(&dossier).clone());
            }
        }
        panic!("no order is offered to its payer in time");
    }

    async fn came(&self, payment: &Payment, minor: i64, telling: &str) {
        assert_eq!(self.teller.came(self, payment, minor, telling).await, 200);
    }

    async fn until_paid(&self, order: OrderId) -> Dossier {
        self.until(order, "the order is paid", |d| d.order.state == OrderState::Paid).await
    }

    async fn paid(&self) -> (OrderId, Payment) {
        let (order, payment) = self.ready().await;
        self.came(&payment, AMOUNT, "one").await;
        self.until_paid(order).await;
        (order, payment)
    }

    /// People give back whatever waits for it.
    async fn give_back(&self, order: OrderId) -> Dossier {
        let waits = |d: &Dossier| d.legs().any(|l| (l.route, l.state) == (Route::Transfer, LegState::AwaitingTransfer));
        let dossier = self.until(order, "a refund waits for people", waits).await;
        for refund in &dossier.refunds {
            for leg in refund.legs.iter().filter(|l| l.state == LegState::AwaitingTransfer) {
                assert_eq!(self.teller.gave_back(self, refund.id, leg).await, 200);
            }
        }
        let done = |d: &Dossier| d.refunds.iter().all(|r| r.state == RefundState::Succeeded);
        self.until(order, "the refunds are confirmed", done).await
    }

    /// The end of every case: the order has ended, the ledger balances, and nobody is asked anything.
    async fn rests(&self, order: OrderId) {
        let dossier = self.house.dossier(order).await;
        assert!(dossier.order.state.is_final() && dossier.refunds.iter().all(|r| r.state.is_final()), "{dossier:#?}");
        let store = &self.house.stage.program.store;
        let asked = store.parked(Some(self.actor.merchant), 10).await.expect("the questions");
        assert!(asked.is_empty(), "{asked:?}");
        let mut sums = HashMap::<String, i64>::new();
        for (_, _, currency, minor) in store.balances().await.expect("the books") {
            *sums.entry(currency).or_default() += minor;
        }
        assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    }
}

async fn create(at: &ByHand) {
    let (order, payment) = at.ready().await;
    match payment.evidence.code() {
        Some(PayCode::Transfer { fields }) => assert!(fields.contains_key("reference"), "{fields:?}"),
        Some(PayCode::Cash { code }) => assert_eq!(code.len(), 6),
        other => panic!("{other:?}"),
    }
    assert_eq!((payment.state, at.held_minor().await), (PaymentState::AwaitingPayer, 0));
    at.ask_to_close(order).await;
    at.until_closed(order).await;
    at.rests(order).await;
}

async fn pay(at: &ByHand) {
    let (order, payment) = at.paid().await;
    let dossier = at.house.dossier(order).await;
    let pieces: Vec<_> = only(&dossier).evidence.received.values().collect();
    assert_eq!(pieces.iter().map(|p| (p.amount_minor, p.currency.as_str())).collect::<Vec<_>>(), [(AMOUNT, "CNY")]);
    assert!(pieces[0].at >= payment.created_at, "money does not come before it is asked for");
    assert_eq!((dossier.captured_minor(), at.held_minor().await), (AMOUNT, AMOUNT));
    assert_eq!(at.told(order, EventKind::OrderPaid).await, 1);
    at.rests(order).await;
}

/// Whoever tells of the money brings it in: nothing else asks, or waits to ask.
async fn notify(at: &ByHand) {
    let (order, payment) = at.ready().await;
    let filter = JobFilter { subject: Some(payment.id.uuid()), limit: 10, ..JobFilter::default() };
    let jobs = at.house.stage.program.store.jobs(&filter).await.expect("the jobs");
    assert!(jobs.iter().all(|job| job.owner.is_some()), "who waits has no job: {jobs:?}");
    at.came(&payment, AMOUNT, "one").await;
    at.until_paid(order).await;
    let timeline = at.house.timeline(order).await;
    let brought: Vec<_> = timeline.observations.iter().filter(|o| matches!(o.claim, Claim::Received(_))).collect();
    assert_eq!(brought.len(), 1, "{brought:?}");
    assert!(matches!(brought[0].source, Source::Statement | Source::Collection), "{:?}", brought[0].source);
    at.rests(order).await;
}

async fn close(at: &ByHand) {
    let (order, _) = at.ready().await;
    at.ask_to_close(order).await;
    let closed = at.until_closed(order).await;
    assert!(only(&closed).state.ended_unpaid(), "{:?}", only(&closed).state);
    assert_eq!((at.told(order, EventKind::OrderClosed).await, at.held_minor().await), (1, 0));
    at.rests(order).await;
}

/// Money may be on its way for days: what is overdue is shown so, and stays payable.
async fn expire(at: &ByHand) {
    let (order, payment) = at.soon_overdue().await;
    let clock = at.house.stage.program.clock.clone();
    at.until(order, "the order is overdue", |d| d.is_overdue(clock.now())).await;
    // The job of the order's end has run by now, or it never does anything.
    at.until(order, "a minute more", |d| clock.now() > d.order.expires_at.plus_ms(60_000)).await;
    let overdue = at.house.dossier(order).await;
    assert_eq!((overdue.order.state, only(&overdue).state), (OrderState::Paying, PaymentState::AwaitingPayer));
    at.came(&payment, AMOUNT, "one").await;
    at.until_paid(order).await;
    let told = (at.told(order, EventKind::OrderPaid).await, at.told(order, EventKind::OrderClosed).await);
    assert_eq!((told, at.held_minor().await), ((1, 0), AMOUNT));
    at.rests(order).await;
}

async fn race(at: &ByHand) {
    let (order, payment) = at.ready().await;
    tokio::join!(at.came(&payment, AMOUNT, "one"), at.ask_to_close_unless_paid(order));
    let known = |d: &Dossier| d.order.state.is_final() && d.captured_minor() == AMOUNT;
    let ended = at.until(order, "the order has ended and its money is known", known).await;
    if ended.order.state == OrderState::Closed {
        let back = at.give_back(order).await;
        assert_eq!((back.refunded_minor(), back.order.late_money), (AMOUNT, true));
    } else {
        assert_eq!((at.told(order, EventKind::OrderPaid).await, at.held_minor().await), (1, AMOUNT));
    }
    at.rests(order).await;
}

async fn refund_whole(at: &ByHand) {
    let (order, _) = at.paid().await;
    assert_eq!(at.ask_back(order, AMOUNT + 1).await, 422, "more than was paid");
    assert_eq!(at.ask_back(order, AMOUNT).await, 202);
    assert_eq!(at.ask_back(order, 1).await, 422, "more than is left");
    let done = at.give_back(order).await;
    assert_eq!((done.refunded_minor(), done.overlay()), (AMOUNT, RefundOverlay::Refunded));
    assert_eq!(at.told(order, EventKind::RefundSucceeded).await, 1);
    at.rests(order).await;
}

async fn refund_parts(at: &ByHand) {
    let (order, _) = at.paid().await;
    let (one, other) = (3_001, AMOUNT - 3_001);
    assert_eq!(at.ask_back(order, one).await, 202);
    assert_eq!(at.ask_back(order, other + 1).await, 422, "more than is left");
    assert_eq!(at.give_back(order).await.refunded_minor(), one);
    assert_eq!(at.ask_back(order, other).await, 202);
    let done = at.give_back(order).await;
    assert_eq!((done.refunded_minor(), done.overlay()), (AMOUNT, RefundOverlay::Refunded));
    assert_eq!(at.told(order, EventKind::RefundSucceeded).await, 2);
    at.rests(order).await;
}

async fn forged(at: &ByHand) {
    let (order, payment) = at.ready().await;
    let refused = at.teller.forged(at, &payment).await;
    assert!(refused.len() >= 3 && refused.iter().all(|status| (400..500).contains(status)), "{refused:?}");
    let dossier = at.house.dossier(order).await;
    assert_eq!((only(&dossier).state, at.held_minor().await), (PaymentState::AwaitingPayer, 0));
    at.came(&payment, AMOUNT, "one").await;
    at.until_paid(order).await;
    assert_eq!(at.held_minor().await, AMOUNT);
    at.rests(order).await;
}

async fn duplicate(at: &ByHand) {
    let (order, payment) = at.ready().await;
    let tell = || at.came(&payment, AMOUNT, "one");
    tokio::join!(tell(), tell(), tell());
    at.until_paid(order).await;
    assert_eq!(at.teller.came_again(at, &payment, AMOUNT, "one").await, 200);
    assert_eq!(at.ask_back(order, AMOUNT).await, 202);
    let done = at.give_back(order).await;
    let (refund, leg) = (&done.refunds[0], &done.refunds[0].legs[0]);
    assert_eq!(at.teller.gave_back(at, refund.id, leg).await, 200, "said twice");
    assert_eq!(at.teller.came_again(at, &payment, AMOUNT, "one").await, 200, "and the old story once more");
    let after = at.house.dossier(order).await;
    assert_eq!((after.captured_minor(), after.refunded_minor(), after.refunds.len()), (AMOUNT, AMOUNT, 1));
    let told = (at.told(order, EventKind::OrderPaid).await, at.told(order, EventKind::RefundSucceeded).await);
    assert_eq!(told, (1, 1));
    at.rests(order).await;
}

async fn late(at: &ByHand) {
    let (order, payment) = at.ready().await;
    at.ask_to_close(order).await;
    at.until_closed(order).await;
    at.came(&payment, AMOUNT, "one").await;
    let back = at.give_back(order).await;
    assert_eq!((back.order.state, back.order.late_money), (OrderState::Closed, true));
    assert_eq!(
        back.refunds.iter().map(|r| (r.cause, r.amount.minor)).collect::<Vec<_>>(),
        [(RefundCause::LateMoney, AMOUNT)]
    );
    let told = (at.told(order, EventKind::OrderLateMoney).await, at.told(order, EventKind::OrderPaid).await);
    assert_eq!((told, back.refunded_minor()), ((1, 0), AMOUNT));
    at.rests(order).await;
}

async fn pieces(at: &ByHand) {
    let (order, payment) = at.ready().await;
    at.came(&payment, 4_000, "one").await;
    at.until(order, "the first piece", |d| only(d).evidence.received_minor() == 4_000).await;
    let waiting = at.house.dossier(order).await;
    assert!(!only(&waiting).state.is_final() && waiting.order.state != OrderState::Paid, "{:?}", waiting.order.state);
    at.came(&payment, AMOUNT - 4_000 + 1_200, "two").await;
    let paid = at.until_paid(order).await;
    assert_eq!(paid.captured_minor(), AMOUNT + 1_200);
    let back = at.give_back(order).await;
    assert_eq!(
        back.refunds.iter().map(|r| (r.cause, r.amount.minor)).collect::<Vec<_>>(),
        [(RefundCause::Duplicate, 1_200)]
    );
    assert_eq!((back.refunded_minor(), at.told(order, EventKind::OrderPaid).await), (1_200, 1));
    at.rests(order).await;
}

async fn unclear(at: &ByHand) {
    let (order, payment) = at.ready().await;
    at.teller.unclear(at, &payment, AMOUNT).await;
    let dossier = at.house.dossier(order).await;
    assert_eq!((only(&dossier).state, at.held_minor().await), (PaymentState::AwaitingPayer, 0));
    at.teller.cleared(at, &payment).await;
    at.until_paid(order).await;
    assert_eq!((at.held_minor().await, at.told(order, EventKind::OrderPaid).await), (AMOUNT, 1));
    at.rests(order).await;
}
