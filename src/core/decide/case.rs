//! A decision in the making: it knows the dossier before and what has been changed so far, and must never
//! know why something follows (see [`super::rules`]).

use super::{Decision, Effect, Policy};
use crate::clock::Timestamp;
use crate::id::{LegId, OrderId, PaymentId, RefundId};
use crate::money::Money;
use crate::observation::{Claim, Observation, Source, Subject};
use crate::order::{Dossier, OrderState};
use crate::payment::Payment;
use crate::refund::{Refund, RefundCause, RefundClaim, RefundEvidence, RefundState, Share};

/// A refund to be added.
pub struct Wish {
    pub id: RefundId,
    pub cause: RefundCause,
    pub reason: String,
    pub by: String,
    pub source: Source,
    pub payee: Option<String>,
    pub shares: Vec<Share>,
}

/// See the file's head.
pub struct Case<'a> {
    pub before: &'a Dossier,
    pub next: Dossier,
    pub policy: &'a Policy<'a>,
    pub now: Timestamp,
    pub notes: Vec<(Subject, Observation)>,
    pub effects: Vec<Effect>,
}

impl<'a> Case<'a> {
    pub fn new(before: &'a Dossier, policy: &'a Policy<'a>, now: Timestamp) -> Self {
        Self { before, next: before.clone(), policy, now, notes: Vec::new(), effects: Vec::new() }
    }

    /// Lets follow what follows, and compares before and after.
    pub fn close(mut self) -> Decision {
        self.follow_rules();
        self.draw_consequences()
    }

    /// Whether the observation told anything new. The only thing that is said about an order as a whole is
    /// that it shall end.
    pub fn observe_order(&mut self, id: OrderId, observation: &Observation) -> bool {
        let Claim::CloseRequested { reason } = &observation.claim else { return false };
        let order = &mut self.next.order;
        let open = matches!(order.state, OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid);
        if order.id != id || !open {
            return false;
        }
        order.state = OrderState::Closing;
        order.close_reason = Some(reason.clone());
        self.notes.push((Subject::Order(id), observation.clone()));
        true
    }

    /// Whether the observation told anything new.
    pub fn observe_payment(&mut self, id: PaymentId, observation: &Observation) -> bool {
        let captured = self.next.captured_minor();
        let Some(payment) = self.next.payments.iter_mut().find(|p| p.id == id) else { return false };
        if !payment.may_take(&observation.claim) {
            return false;
        }
        if let Claim::CaptureRequested { minor: Some(minor), .. } = observation.claim {
            if minor <= 0 || minor > payment.amount.minor {
                return false;
            }
            // What the service came to is what is owed from now on. Of two that hold the same only one can be owed: the
            // order is for no less than what is here and what is being taken.
            let (owed, less) = (self.next.order.amount.minor, payment.amount.minor - minor);
            payment.amount.minor = minor;
            let least = owed.min(captured.saturating_add(minor));
            self.next.order.amount.minor = owed.saturating_sub(less).max(least);
        }
        let facts = self.policy.facts_of(payment);
        let evidence = payment.evidence.clone().join(payment.amount, observation);
        let state = evidence.state(payment.amount, facts);
        let same = state == payment.state;
        // "Still unpaid" is said at every poll: only the first time is news.
        let unpaid_again = observation.claim == Claim::Unpaid && payment.evidence.unpaid_at.is_some();
        if same && (evidence == payment.evidence || unpaid_again) {
            return false;
        }
        payment.evidence = evidence;
        payment.state = state;
        self.notes.push((Subject::Payment(id), observation.clone()));
        true
    }

    /// Whether the observation told anything new.
    pub fn observe_refund(&mut self, id: RefundId, observation: &Observation) -> bool {
        let Some(refund) = self.next.refunds.iter_mut().find(|r| r.id == id) else { return false };
        if !refund.may_take(&observation.claim) {
            return false;
        }
        let evidence = refund.evidence.clone().join(observation);
        if evidence == refund.evidence {
            return false;
        }
        refund.evidence = evidence;
        self.notes.push((Subject::Refund(id), observation.clone()));
        true
    }

    /// Whether the observation told anything new.
    pub fn observe_leg(&mut self, id: LegId, observation: &Observation) -> bool {
        let Some(refund) = self.next.refunds.iter_mut().find(|r| r.legs.iter().any(|l| l.id == id)) else {
            return false;
        };
        let (second_way, may_send) = (refund.second_way(), refund.state.may_send());
        let Some(leg) = refund.legs.iter_mut().find(|l| l.id == id) else { return false };
        if !leg.may_take(&observation.claim, may_send) {
            return false;
        }
        let evidence = leg.evidence.clone().join(leg.amount, observation);
        let state = evidence.state(leg.route, second_way);
        if state == leg.state && evidence == leg.evidence {
            return false;
        }
        leg.evidence = evidence;
        leg.state = state;
        self.notes.push((Subject::Leg(id), observation.clone()));
        true
    }

    /// What follows by rule is written down like any observation, so that a history replays.
    pub fn rule(&self, claim: Claim) -> Observation {
        Observation::new(Source::Rule, self.now, claim)
    }

    pub fn add_payment(&mut self, payment: Payment) {
        let started = Payment { due_at: Some(self.now), ..payment };
        self.next.payments.push(started);
    }

    /// Adds a refund with a leg for each share.
    pub fn add_refund(&mut self, wish: Wish) {
        let order = &self.next.order;
        let minor = wish.shares.iter().map(|s| s.amount_minor).fold(0, i64::saturating_add);
        let limit = self.policy.merchant.approval_above_minor;
        let mut refund = Refund {
            id: wish.id,
            order: order.id,
            merchant: order.merchant,
            amount: Money::new(minor, order.amount.currency),
            cause: wish.cause,
            reason: wish.reason.clone(),
            requested_by: wish.by.clone(),
            needs_approval: wish.cause == RefundCause::Requested && limit.is_some_and(|limit| minor > limit),
            late: match wish.cause {
                RefundCause::LateMoney | RefundCause::Incomplete => true,
                RefundCause::Requested | RefundCause::Duplicate => order.state == OrderState::Closed,
            },
            payee: wish.payee,
            state: RefundState::Running,
            evidence: RefundEvidence::default(),
            legs: Vec::new(),
            version: 0,
            created_at: self.now,
        };
        for share in &wish.shares {
            refund.add_leg(share, None, self.now);
        }
        refund.state = refund.state_of_parts();
        let requested = RefundClaim::Requested { by: wish.by, reason: wish.reason };
        let observation = Observation::new(wish.source, self.now, Claim::Refund(requested));
        self.notes.push((Subject::Refund(refund.id), observation));
        self.next.refunds.push(refund);
    }
}
