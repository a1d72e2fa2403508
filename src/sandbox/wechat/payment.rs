//! Payers at work: it knows what a payer's move does to an order and what follows from it (timers,
//! counts), and must never know the wire format.

use crate::books::State;
use crate::payer::Move;
use crate::shared::Shared;
use crate::timers::{About, Due};
use crate::wechat::orders::Order;
use crate::{PayMode, dice};

/// From taking the money to the first attempt to notify, in milliseconds of the sandbox clock.
pub(crate) const NOTIFY_AFTER_MS: (i64, i64) = (100, 1_000);

impl Shared {
    /// A new order: its payer decides when to act.
    pub(crate) fn payer_arrives(&self, position: usize) {
        let first = self.orders().list.get(position).and_then(|order| {
            let lifetime = (order.tab.created_at_ms, order.expires_at_ms);
            self.payers.first_move(order.behaviour, lifetime, dice::draw(&[order.fate, 10]))
        });
        match first {
            Some(Move::Pays(at_ms)) => self.timers.add(at_ms, Due::Pay(position)),
            Some(Move::Fails(at_ms)) => self.timers.add(at_ms, Due::Fail(position)),
            None => {}
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
        order.tab.failed_attempts += 1;
        let wait_ms = dice::within(dice::draw(&[order.fate, 11]), self.payers.again_ms);
        self.tally.change(|counters| counters.failed_attempts += 1);
        self.timers.add(now_ms.saturating_add(wait_ms), Due::Pay(position));
        true
    }

    /// The order was closed while money was under way.
    pub(crate) fn money_in_flight(&self, position: usize) {
        let fate = self.orders().list.get(position).map_or(0, |order| order.fate);
        let wait_ms = dice::within(dice::draw(&[fate, 12]), self.payers.landing_ms);
        self.timers.add(self.pace.now_ms().saturating_add(wait_ms), Due::Land(position));
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
            PayMode::Again => (self.take_money(position, true, |_| true), "there is no such order"),
            PayMode::Fail => (self.payer_fails(position), "nobody can try to pay this order any more"),
        };
        done.then_some(()).ok_or(why_not)
    }

    /// Takes the money if that is lawful at this very moment: the check and the effect are under one
    /// lock, so that a close or another payment cannot come between them.
    fn take_money(&self, position: usize, notify: bool, lawful: impl Fn(&Order) -> bool) -> bool {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        if !orders.at(position, now_ms).is_some_and(|order| lawful(order)) {
            return false;
        }
        orders.charge(position, now_ms);
        let Some(order) = orders.list.get(position) else { return false };
        let late = order.tab.closed_at_ms.is_some();
        self.tally.change(|counters| {
            counters.payments += 1;
            counters.late_payments += u64::from(late);
        });
        if notify {
            let wait_ms = dice::within(dice::draw(&[order.fate, 13]), NOTIFY_AFTER_MS);
            let about = About::Payment(position);
            self.timers.add(now_ms.saturating_add(wait_ms), Due::Notify { about, attempt: 0 });
        }
        true
    }
}

impl Order {
    fn is_payable(&self, now_ms: i64) -> bool {
        self.tab.state() == State::NotPay && now_ms < self.expires_at_ms
    }
}
