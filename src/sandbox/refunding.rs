//! The banks at work: it knows what happens to a refund after it was accepted and what follows from it
//! (timers, counts, news), and must never know a wire format.

use crate::dice;
use crate::payment::NOTIFY_AFTER_MS;
use crate::refund::Outcome;
use crate::refund_books::RefundState;
use crate::refunds::{Refund, RefundEvent};
use crate::shared::Shared;
use crate::timers::{About, Due};

impl Shared {
    /// A refund was accepted, or sent to a bank card: its result comes by itself.
    pub(crate) fn refund_under_way(&self, position: usize) {
        let orders = self.orders();
        let Some(refund) = orders.refunds.list.get(position) else { return };
        let wait_ms = self.refunds.result_after_ms(refund.behaviour, refund.fate, refund.tab.applications);
        self.refund_moves_in(wait_ms, position, refund);
    }

    /// The `turn`-th thing happens to a refund. The turn and the state are looked at under the lock that
    /// the effect is under, so that a timer that fires twice moves no money twice.
    pub(crate) fn refund_moves(&self, position: usize, turn: usize) {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let found = orders.refunds.list.get_mut(position);
        let Some(refund) = found.filter(|refund| refund.events.len() == turn) else { return };
        let applications = refund.tab.applications;
        match (refund.tab.state, refund.behaviour.outcome(applications)) {
            (RefundState::Processing, Outcome::Success) => {
                let doubled_before = refund.tab.is_doubled();
                refund.tab.give_back(now_ms);
                let doubled = refund.tab.is_doubled() && !doubled_before;
                self.tally.change(|counters| {
                    counters.refund_effects += 1;
                    counters.refunds_doubled += u64::from(doubled);
                });
            }
            (RefundState::Processing, Outcome::Abnormal) => refund.tab.bounce(),
            (RefundState::Processing, Outcome::Closed) => refund.tab.close(),
            (RefundState::Success, _) => {
                refund.tab.bounce();
                self.tally.change(|counters| counters.refund_reversals += 1);
            }
            (RefundState::Abnormal | RefundState::Closed, _) => return,
        }
        let state = refund.tab.state;
        refund.events.push(RefundEvent { state, at_ms: now_ms });
        self.tell_of_refund(now_ms, position, refund);
        if state == RefundState::Success && refund.behaviour.comes_back(applications) {
            self.refund_moves_in(self.refunds.reversed_after_ms(refund.fate), position, refund);
        }
    }

    fn refund_moves_in(&self, wait_ms: i64, position: usize, refund: &Refund) {
        let due_ms = self.pace.now_ms().saturating_add(wait_ms);
        self.timers.add(due_ms, Due::Refund { refund: position, turn: refund.events.len() });
    }

    /// The merchant is told of the last event, if its channel tells it.
    fn tell_of_refund(&self, now_ms: i64, position: usize, refund: &Refund) {
        if refund.by_hand || !self.front(refund.channel).tells_refund(refund) {
            return;
        }
        let event = refund.events.len().saturating_sub(1);
        let nth = u64::try_from(event).unwrap_or(u64::MAX);
        let wait_ms = dice::within(dice::draw(&[refund.fate, 6, nth]), NOTIFY_AFTER_MS);
        let about = About::Refund { refund: position, event };
        self.timers.add(now_ms.saturating_add(wait_ms), Due::Notify { about, attempt: 0 });
    }
}
