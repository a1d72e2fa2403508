//! What follows within an order when one of its parts has changed: it knows the rules between payments
//! and refunds, and must never add jobs or postings (see [`super::consequences`]).

use super::case::{Case, Wish};
use crate::merchant::AfterClose;
use crate::observation::{Claim, Source};
use crate::order::OrderState;
use crate::payment::{Payment, PaymentState};
use crate::refund::{BY_RULE, RefundCause, RefundClaim, RefundState, first_route, left_of, share_by};

/// Rules follow each other a few times at most; the bound only keeps a mistake of ours from going on for
/// ever.
const MAX_ROUNDS: usize = 16;

impl Case<'_> {
    /// Applies the rules until nothing follows any more.
    pub fn follow_rules(&mut self) {
        for _ in 0..MAX_ROUNDS {
            let mut changed = self.derive_order();
            changed |= self.end_declined_debits();
            changed |= self.close_what_must_not_be_paid();
            changed |= self.settle_prepared();
            changed |= self.drop_the_needless();
            changed |= self.drop_what_is_gone();
            // Before money without a refund is looked for: that of a failed leg has one.
            changed |= self.find_other_ways();
            changed |= self.give_back();
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

    /// What the channel declined is not left open at the channel: the next try has a number of its own.
    fn end_declined_debits(&mut self) -> bool {
        let open = |p: &&Payment| !p.state.is_final() && p.evidence.close_requested.is_none();
        let declined = self.next.payments.iter().filter(open).filter_map(|p| {
            let (_, decline) = p.evidence.declined.as_ref()?;
            Some((p.id, format!("declined: {}", decline.reason)))
        });
        let declined: Vec<_> = declined.collect();
        for (id, reason) in &declined {
            let observation = self.rule(Claim::CloseRequested { reason: reason.clone() });
            self.observe_payment(*id, &observation);
        }
        !declined.is_empty()
    }

    /// Nothing stays payable that nobody wants to be paid any more.
    fn close_what_must_not_be_paid(&mut self) -> bool {
        let order = &self.next.order;
        let reason = match order.state {
            OrderState::Paid => "its order is paid".to_owned(),
            OrderState::Closed => "its order is closed".to_owned(),
            OrderState::Closing => order.close_reason.clone().unwrap_or_else(|| "its order is being closed".to_owned()),
            _ if !order.part_payment && !order.may_be_tried_again() && self.possible_minor() < order.amount.minor => {
                "the order cannot become whole any more".to_owned()
            }
            _ => return false,
        };
        let closing = matches!(order.state, OrderState::Closing | OrderState::Closed);
        let open: Vec<_> = self
            .next
            .payments
            .iter()
            // What the bank took back is waited for no longer; what is left of it goes back.
            .filter(|p| !p.state.is_final() || (closing && p.state == PaymentState::CaptureReversed))
            .filter(|p| p.evidence.close_requested.is_none())
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
        possible
            .map(|p| if p.state == PaymentState::Captured { p.taken_minor() } else { p.amount.minor })
            .fold(0, i64::saturating_add)
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
        }
        !prepared.is_empty()
    }

    fn prepare(&mut self) -> bool {
        let captured = self.captured_with_something_left();
        captured
            .iter()
            .fold(false, |changed, (p, left)| changed | self.give_back_by_rule(p, RefundCause::Incomplete, *left))
    }

    /// Captured payments, and how much of each is neither given back nor set aside.
    fn captured_with_something_left(&self) -> Vec<(Payment, i64)> {
        let left = |p: &Payment| left_of(&self.next, p);
        self.next.payments.iter().map(|p| (p.clone(), left(p))).filter(|(_, left)| *left > 0).collect()
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
        let late: Vec<_> = self.next.payments.iter().filter(|p| !self.must_be_asked(p)).cloned().collect();
        late.iter().fold(false, |changed, p| {
            changed | self.give_back_by_rule(p, RefundCause::LateMoney, self.unowned_minor(p))
        })
    }

    /// Whether a person is asked about the payment's money before it goes back.
    pub fn must_be_asked(&self, payment: &Payment) -> bool {
        matches!(self.policy.merchant.after_close, AfterClose::Park { .. })
            && payment.evidence.late_answer.is_none()
            && self.unowned_minor(payment) > 0
    }

    /// Minor units of the payment that came for a closed order and of which nobody has disposed.
    fn unowned_minor(&self, payment: &Payment) -> i64 {
        if self.next.order.state != OrderState::Closed || payment.state != PaymentState::Captured {
            return 0;
        }
        // What a person gave up to give back by rule stays.
        let by_rule = self.next.refunds.iter().filter(|r| r.cause != RefundCause::Requested);
        let given_up = by_rule.flat_map(|r| &r.legs).filter(|l| l.payment == payment.id && l.given_up());
        let settled = given_up.map(|l| l.amount.minor).fold(self.next.returned_minor(payment.id), i64::saturating_add);
        payment.free_minor().saturating_sub(settled).max(0)
    }

    /// The order has its money: what its payments brought beyond it goes back, first of what came last.
    fn give_excess_back(&mut self) -> bool {
        let back = self.next.refunds.iter().map(|r| match r.cause {
            RefundCause::Requested if r.late => r.taken_minor(),
            RefundCause::Incomplete if r.state_of_parts() == RefundState::Voided => 0,
            RefundCause::Requested => 0,
            // What could not be set aside, because the bank took it back or its payer disputes it, did not go back.
            RefundCause::LateMoney | RefundCause::Duplicate | RefundCause::Incomplete => r.cared_for_minor(),
        });
        let back = back.fold(0, i64::saturating_add);
        let mut excess = self.next.captured_minor().saturating_sub(self.next.order.amount.minor).saturating_sub(back);
        if excess <= 0 {
            return false;
        }
        let kept = |p: &Payment| p.evidence.late_answer.as_ref().is_some_and(|(_, (keep, _))| *keep);
        let was_captured = |p: &Payment| self.before.payment(p.id).is_some_and(|b| b.state == PaymentState::Captured);
        let mut sources = self.captured_with_something_left();
        sources.sort_by_key(|(p, _)| (kept(p), was_captured(p), std::cmp::Reverse((p.evidence.paid_at(), p.id))));
        let mut changed = false;
        for (payment, left) in sources {
            let minor = excess.min(left);
            excess -= minor;
            changed |= self.give_back_by_rule(&payment, RefundCause::Duplicate, minor);
        }
        changed
    }

    /// Adds a refund of `payment` that `cause` makes by itself.
    fn give_back_by_rule(&mut self, payment: &Payment, cause: RefundCause, minor: i64) -> bool {
        let mut ids = (0..=u8::MAX).map(|earlier| cause.later_refund_of(payment.id, earlier));
        let Some(id) = ids.find(|id| self.next.refund(*id).is_none()).filter(|_| minor > 0) else { return false };
        let limits = self.policy.facts_of(payment).refund;
        let share = share_by(first_route(payment), &self.next, (payment, minor), limits, self.now);
        let reason = match cause {
            RefundCause::Requested => "as asked for",
            RefundCause::LateMoney => "the payment came after its order was closed",
            RefundCause::Duplicate => "more was paid than the order asks for",
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
