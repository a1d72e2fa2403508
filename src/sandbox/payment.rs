//! Payers at work: it knows what a payer's move does to an order of any channel and what follows from it
//! (timers, counts, news), and must never know a wire format.

use crate::books::State;
use crate::orders::{Closing, Happened, Order, OrderEvent, Orders};
use crate::payer::Move;
use crate::shared::Shared;
use crate::timers::{About, Due};
use crate::{PayMode, dice};

/// From what happened to the first attempt to notify, in milliseconds of the sandbox clock.
pub(crate) const NOTIFY_AFTER_MS: (i64, i64) = (100, 1_000);
/// Why an unknown order cannot be paid.
pub(crate) const NO_SUCH_ORDER: &str = "there is no such order";

impl Shared {
    /// A new order: its payer decides when to meet it and when to act.
    pub(crate) fn payer_arrives(&self, position: usize) {
        let orders = self.orders();
        let Some(order) = orders.list.get(position) else { return };
        let lifetime = (order.tab.created_at_ms, order.expires_at_ms);
        let first = self.payers.first_move(order.behaviour, lifetime, dice::draw(&[order.fate, 10]));
        match first {
            Some(Move::Pays(at_ms)) => self.timers.add(at_ms, Due::Pay(position)),
            Some(Move::Fails(at_ms)) => self.timers.add(at_ms, Due::Fail(position)),
            None => {}
        }
        if order.met_at_ms.is_none() {
            let draw = dice::draw(&[order.fate, 14]);
            if let Some(at_ms) = self.payers.meets_at(order.behaviour, lifetime, first, draw) {
                self.timers.add(at_ms, Due::Meet(position));
            }
        }
        if order.dies_at_ms != i64::MAX && self.front(order.channel).tells(order, Happened::Expired) {
            self.timers.add(order.dies_at_ms, Due::Expire(position));
        }
    }

    /// The payer's device meets the order: it scans the code or opens the page.
    pub(crate) fn payer_meets(&self, position: usize) {
        let now_ms = self.pace.now_ms();
        if let Some(order) = self.orders().at(position, now_ms).filter(|order| order.is_payable(now_ms)) {
            order.met_at_ms.get_or_insert(now_ms);
        }
    }

    /// The payer starts to pay: possible while the order is open and its last moment has not passed.
    pub(crate) fn payer_pays(&self, position: usize) {
        let now_ms = self.pace.now_ms();
        self.take_money(position, true, |order| order.is_payable(now_ms));
    }

    /// Money in flight surfaces, unless an operator has charged the order meanwhile.
    pub(crate) fn money_lands(&self, position: usize) {
        self.take_money(position, true, |order| order.tab.charges == 0);
    }

    /// The payer's money arrives between the merchant's last query and its close.
    pub(crate) fn money_beats_the_close(&self, position: usize) {
        self.take_money(position, true, |order| order.tab.state() == State::NotPay);
    }

    /// The payer's attempt fails; the payer comes back. `false` when nobody can try any more.
    pub(crate) fn payer_fails(&self, position: usize) -> bool {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let Some(order) = orders.at(position, now_ms).filter(|order| order.is_payable(now_ms)) else {
            return false;
        };
        order.met_at_ms.get_or_insert(now_ms);
        order.tab.failed_attempts += 1;
        let wait_ms = dice::within(dice::draw(&[order.fate, 11]), self.payers.again_ms);
        self.tally.change(|counters| counters.failed_attempts += 1);
        self.timers.add(now_ms.saturating_add(wait_ms), Due::Pay(position));
        self.tell(position, order, Happened::Failed);
        true
    }

    /// The end of an order's life: if it closed by itself, the merchant is told.
    pub(crate) fn order_expires(&self, position: usize) {
        let mut orders = self.orders();
        let Some(order) = orders.at(position, self.pace.now_ms()) else { return };
        let by_itself = order.tab.closed_at_ms == Some(order.dies_at_ms);
        // Of an order that it never knew, a channel tells nothing.
        if by_itself && order.met_at_ms.is_some() && order.tab.state() == State::Closed {
            self.tell(position, order, Happened::Expired);
        }
    }

    /// What follows from a close for the payer's money. `true`: the order is closed; `false`: it is paid.
    pub(crate) fn carry_out(&self, closing: Closing) -> bool {
        match closing {
            Closing::Closed => true,
            Closing::ClosedInFlight(position) => {
                self.money_in_flight(position);
                true
            }
            Closing::Paid => false,
            Closing::PaidJustNow(position) => {
                self.money_beats_the_close(position);
                false
            }
        }
    }

    /// The order was closed while money was under way.
    fn money_in_flight(&self, position: usize) {
        let fate = self.orders().list.get(position).map_or(0, |order| order.fate);
        let wait_ms = dice::within(dice::draw(&[fate, 12]), self.payers.landing_ms);
        self.timers.add(self.pace.now_ms().saturating_add(wait_ms), Due::Land(position));
    }

    /// The same for the order of that number: of `account`, else the oldest that has it.
    pub(crate) fn pay_number(&self, account: Option<&str>, number: &str, mode: PayMode) -> Result<(), &'static str> {
        let is_it = |order: &Order| order.number == number && account.is_none_or(|account| order.account == account);
        let position = self.orders().list.iter().position(is_it).ok_or(NO_SUCH_ORDER)?;
        self.pay_by_hand(position, mode)
    }

    /// An operator of the sandbox makes the payer pay.
    pub(crate) fn pay_by_hand(&self, position: usize, mode: PayMode) -> Result<(), &'static str> {
        let now_ms = self.pace.now_ms();
        let (done, why_not) = match mode {
            PayMode::Normal | PayMode::Silent => {
                let notify = mode == PayMode::Normal;
                let done = self.take_money(position, notify, |order| order.is_payable(now_ms));
                (done, "the order is paid, closed or past its last moment; `late` and `again` pay it all the same")
            }
            PayMode::Late => {
                let done = self.take_money(position, true, |order| order.tab.charges == 0);
                (done, "the order is paid; `again` charges it twice")
            }
            PayMode::Again => (self.take_money(position, true, |_| true), NO_SUCH_ORDER),
            PayMode::Fail => (self.payer_fails(position), "nobody can try to pay this order any more"),
        };
        done.then_some(()).ok_or(why_not)
    }

    /// Takes (or reserves) the money if that is lawful at this very moment: the check and the effect are
    /// under one lock, so that a close or another payment cannot come between them.
    fn take_money(&self, position: usize, notify: bool, lawful: impl Fn(&Order) -> bool) -> bool {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        if !orders.at(position, now_ms).is_some_and(|order| lawful(order)) {
            return false;
        }
        self.collect(&mut orders, position, notify)
    }

    /// Takes (or reserves) the money; whoever holds the lock has seen that it is lawful.
    pub(crate) fn collect(&self, orders: &mut Orders, position: usize, notify: bool) -> bool {
        let now_ms = self.pace.now_ms();
        let serial = orders.next_serial();
        let Some(order) = orders.list.get_mut(position) else { return false };
        order.met_at_ms.get_or_insert(now_ms);
        let transaction_id = self.front(order.channel).transaction_id(order, now_ms, serial);
        let happened = if order.holds {
            order.tab.authorize(now_ms, transaction_id.clone());
            Happened::Authorized
        } else {
            let late = order.tab.closed_at_ms.is_some();
            order.tab.take_money(now_ms, transaction_id.clone(), order.amount_minor);
            self.tally.change(|counters| {
                counters.payments += 1;
                counters.late_payments += u64::from(late);
            });
            Happened::Paid
        };
        self.front(order.channel).takes_note(self, position, order, happened);
        if notify {
            self.tell(position, order, happened);
        }
        orders.call(position, &transaction_id);
        true
    }

    /// The merchant is told what happened to the order, if its channel tells such things.
    pub(crate) fn tell(&self, position: usize, order: &mut Order, what: Happened) {
        if !self.front(order.channel).tells(order, what) {
            return;
        }
        let now_ms = self.pace.now_ms();
        let event = order.events.len();
        order.events.push(OrderEvent { what, at_ms: now_ms });
        let about = About::Order { order: position, event };
        // The first is drawn as if it were the only one: most orders have no second.
        let draw = match u64::try_from(event).unwrap_or(u64::MAX) {
            0 => dice::draw(&[order.fate, 13]),
            nth => dice::draw(&[order.fate, 13, nth]),
        };
        let due_ms = now_ms.saturating_add(dice::within(draw, NOTIFY_AFTER_MS));
        self.timers.add(due_ms, Due::Notify { about, attempt: 0 });
    }
}
