//! What follows within an order when one of its parts has changed: it knows the rules between payments
//! and refunds, and must never add jobs or postings (see [`super::consequences`]).

use super::case::{Case, Wish, add_leg};
use crate::merchant::AfterClose;
use crate::observation::{Claim, Source};
use crate::order::OrderState;
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, RefundCause, RefundClaim, RefundState, Route, Share, earliest_call, reroute};

/// Who asks for what follows by itself.
pub const BY_RULE: &str = "bursar";
/// Rules follow each other a few times at most; the bound only keeps a mistake of ours from going on for
/// ever.
const MAX_ROUNDS: usize = 16;

impl Case<'_> {
    /// Applies the rules until nothing follows any more.
    pub fn follow_rules(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let mut changed = self.derive_order();
            changed |= self.close_what_must_not_be_paid();
            changed |= self.settle_prepared();
            changed |= self.give_back();
            changed |= self.drop_the_needless();
            changed |= self.find_other_ways();
            changed |= self.derive_refunds();
            if !changed {
                break;
            }
        }
        for index in 0..self.next.payments.len() {
            let returned = self.next.payments.get(index).map(|p| self.next.returned_minor(p.id));
            if let (Some(payment), Some(returned)) = (self.next.payments.get_mut(index), returned) {
                payment.returned_minor = returned;
            }
        }
    }

    fn derive_order(&mut self) -> bool {
        let state = self.next.order_state(self.policy.merchant);
        let order = &mut self.next.order;
        let changed = state != order.state;
        order.state = state;
        if state == OrderState::Paid {
            order.close_reason = None;
        } else if order.close_reason.is_none() && matches!(state, OrderState::Closing | OrderState::Closed) {
            order.close_reason = self.next.payments.iter().find_map(close_reason);
        }
        changed
    }

    /// Nothing stays payable that nobody wants to be paid any more.
    fn close_what_must_not_be_paid(&mut self) -> bool {
        let order = &self.next.order;
        let reason = match order.state {
            OrderState::Paid => "its order is paid".to_owned(),
            OrderState::Closed => "its order is closed".to_owned(),
            OrderState::Closing => order.close_reason.clone().unwrap_or_else(|| "its order is being closed".to_owned()),
            _ if !order.part_payment && self.possible_minor() < order.amount.minor => {
                "the order cannot become whole any more".to_owned()
            }
            _ => return false,
        };
        let open: Vec<_> = self
            .next
            .payments
            .iter()
            .filter(|p| !p.state.is_final() && p.evidence.close_requested.is_none())
            .map(|p| p.id)
            .collect();
        for id in &open {
            let observation = self.rule(Claim::CloseRequested { reason: reason.clone() });
            self.observe_payment(*id, &observation);
        }
        !open.is_empty()
    }

    /// Minor units that are captured, or may still be.
    fn possible_minor(&self) -> i64 {
        let possible = self.next.payments.iter().filter(|p| !p.state.ended_unpaid());
        possible.map(|p| p.amount.minor).fold(0, i64::saturating_add)
    }

    /// Before another part of an all-or-nothing order is taken, giving the first one back is written down;
    /// it runs when the order closes, and lapses when it is paid.
    fn settle_prepared(&mut self) -> bool {
        let order = &self.next.order;
        let claim = match order.state {
            OrderState::PartiallyPaid | OrderState::Closing if !order.part_payment => return self.prepare(),
            OrderState::Paid => RefundClaim::Voided { reason: "the order is paid".to_owned() },
            OrderState::Closed => {
                let why = order.close_reason.as_deref().unwrap_or("unpaid");
                RefundClaim::Activated { reason: format!("the order is closed: {why}") }
            }
            _ => return false,
        };
        let prepared: Vec<_> =
            self.next.refunds.iter().filter(|r| r.state == RefundState::Prepared).map(|r| r.id).collect();
        for id in &prepared {
            let observation = self.rule(Claim::Refund(claim.clone()));
            self.observe_refund(*id, &observation);
            if matches!(claim, RefundClaim::Voided { .. }) {
                self.abandon_legs_of(*id, "the order is paid", |_| true);
            }
        }
        !prepared.is_empty()
    }

    fn prepare(&mut self) -> bool {
        let captured = self.captured_with_something_left();
        let mut changed = false;
        for payment in captured {
            changed |= self.give_back_by_rule(&payment, RefundCause::Incomplete, payment.amount.minor);
        }
        changed
    }

    fn captured_with_something_left(&self) -> Vec<Payment> {
        let captured = self.next.payments.iter().filter(|p| p.state == PaymentState::Captured);
        captured.filter(|p| self.next.returned_minor(p.id) < p.amount.minor).cloned().collect()
    }

    /// Money that an order cannot keep goes back: what came for a closed order, and what came twice.
    fn give_back(&mut self) -> bool {
        match self.next.order.state {
            OrderState::Closed => self.give_late_money_back(),
            OrderState::Paid => self.give_excess_back(),
            _ => false,
        }
    }

    fn give_late_money_back(&mut self) -> bool {
        let mut changed = false;
        for payment in self.captured_with_something_left() {
            let waits = matches!(self.policy.merchant.after_close, AfterClose::Park { .. });
            if waits && payment.evidence.late_answer.is_none() {
                continue;
            }
            let left = payment.amount.minor - self.next.returned_minor(payment.id);
            changed |= self.give_back_by_rule(&payment, RefundCause::LateMoney, left);
        }
        changed
    }

    /// The order had its money: what a payment captured now brings beyond it goes back.
    fn give_excess_back(&mut self) -> bool {
        let mut changed = false;
        for payment in self.captured_with_something_left() {
            let was_captured = self.before.payment(payment.id).is_some_and(|p| p.state == PaymentState::Captured);
            let back = self.next.refunds.iter().filter(|r| r.cause == RefundCause::Duplicate).flat_map(|r| &r.legs);
            let back = back.filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor).fold(0, i64::saturating_add);
            let excess = self.next.captured_minor() - back - self.next.order.amount.minor;
            let left = payment.amount.minor - self.next.returned_minor(payment.id);
            if !was_captured && excess > 0 {
                changed |= self.give_back_by_rule(&payment, RefundCause::Duplicate, excess.min(left));
            }
        }
        changed
    }

    /// Adds the one refund of `payment` that `cause` makes by itself, unless it was added before.
    fn give_back_by_rule(&mut self, payment: &Payment, cause: RefundCause, minor: i64) -> bool {
        let id = cause.refund_of(payment.id);
        if minor <= 0 || self.next.refund(id).is_some() {
            return false;
        }
        let limits = self.policy.facts_of(payment).refund;
        let earliest = earliest_call(&self.next, payment, None, limits, self.now);
        let share = Share { payment: payment.id, amount_minor: minor, route: Route::Channel, earliest };
        let reason = match cause {
            RefundCause::Requested => "as asked for",
            RefundCause::LateMoney => "the payment came after its order was closed",
            RefundCause::Duplicate => "the order had been paid already",
            RefundCause::Incomplete => "the other part of the order was not paid",
        };
        self.add_refund(Wish {
            id,
            cause,
            reason: reason.to_owned(),
            by: BY_RULE.to_owned(),
            source: Source::Rule,
            payee: None,
            shares: vec![share],
        });
        true
    }

    /// Legs that are not sent yet are dropped when their refund was refused, or when the payer already has
    /// the money by another way.
    fn drop_the_needless(&mut self) -> bool {
        let mut changed = false;
        let refunds: Vec<_> = self.next.refunds.iter().map(|r| (r.id, r.state_of_parts(), fulfilled(r))).collect();
        for (id, state, fulfilled) in refunds {
            if state == RefundState::Rejected {
                changed |= self.abandon_legs_of(id, "the refund was refused", |_| true);
            } else if fulfilled {
                changed |= self.abandon_legs_of(id, "the payer has the money by another way", |_| true);
            }
        }
        changed
    }

    fn abandon_legs_of(&mut self, id: crate::id::RefundId, reason: &str, which: impl Fn(&Leg) -> bool) -> bool {
        let legs: Vec<_> = self.next.refund(id).map_or_else(Vec::new, |r| {
            r.legs.iter().filter(|l| l.can_be_dropped() && which(l)).map(|l| l.id).collect()
        });
        for leg in &legs {
            let claim = RefundClaim::Abandoned { by: BY_RULE.to_owned(), reason: reason.to_owned() };
            let observation = self.rule(Claim::Refund(claim));
            self.observe_leg(*leg, &observation);
        }
        !legs.is_empty()
    }

    /// A leg that did not reach the payer is carried on by others, in the end by a person.
    fn find_other_ways(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.next.refunds.len() {
            while let Some((shares, failed)) = self.next.refunds.get(index).and_then(|r| self.other_ways(r)) {
                let Some(refund) = self.next.refunds.get_mut(index) else { break };
                for share in &shares {
                    add_leg(refund, share, Some(failed), self.now);
                }
                changed = true;
            }
        }
        changed
    }

    fn other_ways(&self, refund: &Refund) -> Option<(Vec<Share>, crate::id::LegId)> {
        if !refund.state_of_parts().may_send() {
            return None;
        }
        let covered: i64 = refund.legs.iter().filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor).sum();
        if covered >= refund.amount.minor {
            return None;
        }
        let carried_on = |l: &&Leg| l.state != LegState::Abandoned;
        let replaced = |leg: &Leg| refund.legs.iter().filter(carried_on).any(|l| l.replaces == Some(leg.id));
        let failed = refund.legs.iter().find(|l| l.state.failed_route() && !replaced(l))?;
        let limits = |payment: &Payment| self.policy.facts_of(payment).refund;
        Some((reroute(&self.next, refund, failed, limits, self.now), failed.id))
    }

    fn derive_refunds(&mut self) -> bool {
        let mut changed = false;
        for refund in &mut self.next.refunds {
            let state = refund.state_of_parts();
            changed |= state != refund.state;
            refund.state = state;
        }
        changed
    }
}

fn fulfilled(refund: &Refund) -> bool {
    refund.succeeded_minor() >= refund.amount.minor
}

fn close_reason(payment: &Payment) -> Option<String> {
    let evidence = &payment.evidence;
    if let Some((_, reason)) = &evidence.close_requested {
        return Some(reason.clone());
    }
    if let Some((_, reason)) = &evidence.refused {
        return Some(format!("declined: {reason}"));
    }
    evidence.closed_at.map(|_| "closed at the channel".to_owned())
}
