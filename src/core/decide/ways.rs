//! By which legs the money of a refund goes: it knows when one is needless and when another must be found, and
//! must never know why a refund is wanted.

use super::case::Case;
use crate::id::LegId;
use crate::money::Money;
use crate::observation::Claim;
use crate::payment::Payment;
use crate::refund::{BY_RULE, Leg, LegState, Refund, RefundCause, RefundClaim, RefundState, Share, reroute};

impl Case<'_> {
    /// Legs of which no call is under way are dropped when their refund will not be, or when the payer has,
    /// or may yet get, the money by another way.
    pub fn drop_the_needless(&mut self) -> bool {
        let mut needless = Vec::new();
        for refund in &self.next.refunds {
            let (mut excess, reason) = match refund.state_of_parts() {
                RefundState::Rejected => (i64::MAX, "the refund was refused"),
                RefundState::Voided => (i64::MAX, "what it was prepared for did not come to pass"),
                _ => (refund.taken_minor() - refund.amount.minor, "the payer gets the money by another way"),
            };
            for leg in refund.legs.iter().rev() {
                let claim = dropped(leg, reason).filter(|_| excess > 0);
                if let Some(claim) = claim {
                    excess -= leg.amount.minor;
                    needless.push((leg.id, self.rule(Claim::Refund(claim))));
                }
            }
        }
        needless.iter().fold(false, |changed, (leg, observation)| changed | self.observe_leg(*leg, observation))
    }

    /// Legs at rest whose money is not there any more are dropped, the newest first: the bank took it back, or its
    /// payer disputes it.
    pub fn drop_what_is_gone(&mut self) -> bool {
        let mut gone = Vec::new();
        for payment in &self.next.payments {
            let mut excess = self.next.returned_minor(payment.id).saturating_sub(payment.free_minor());
            for leg in self.next.refunds.iter().rev().flat_map(|r| r.legs.iter().rev()) {
                if excess > 0 && leg.payment == payment.id && leg.rests() {
                    let claim = dropped(leg, "its money is not there any more");
                    excess = excess.saturating_sub(leg.amount.minor);
                    gone.extend(claim.map(|claim| (leg.id, self.rule(Claim::Refund(claim)))));
                }
            }
        }
        // What was paid too much is not, when the bank took some of it back.
        let left = self.next.duplicates_left_minor(|l| l.state.takes_from_payment()).unwrap_or(0);
        let mut excess = left.saturating_neg();
        let duplicates = self.next.refunds.iter().rev().filter(|r| r.cause == RefundCause::Duplicate);
        for leg in duplicates.flat_map(|r| r.legs.iter().rev()) {
            if excess > 0 && leg.rests() && gone.iter().all(|(id, _)| *id != leg.id) {
                let claim = dropped(leg, "no more was paid than the order asks for, after the bank took some back");
                excess = excess.saturating_sub(leg.amount.minor);
                gone.extend(claim.map(|claim| (leg.id, self.rule(Claim::Refund(claim)))));
            }
        }
        gone.iter().fold(false, |changed, (leg, observation)| changed | self.observe_leg(*leg, observation))
    }

    /// Money of a refund that no leg carries (any more) goes other ways, in the end by a person.
    pub fn find_other_ways(&mut self) -> bool {
        let mut changed = false;
        for index in 0..self.next.refunds.len() {
            while let Some((shares, failed)) = self.next.refunds.get(index).and_then(|r| self.other_ways(r)) {
                let Some(refund) = self.next.refunds.get_mut(index) else { break };
                for share in &shares {
                    refund.add_leg(share, Some(failed), self.now);
                }
                changed = true;
            }
        }
        changed
    }

    fn other_ways(&self, refund: &Refund) -> Option<(Vec<Share>, LegId)> {
        let bound = self.next.duplicates_left_minor(|l| l.state.takes_from_payment());
        let bound = bound.filter(|_| refund.cause == RefundCause::Duplicate).unwrap_or(i64::MAX);
        let missing = refund.missing_minor().min(bound);
        if !refund.state_of_parts().may_send() || missing <= 0 {
            return None;
        }
        let replaced = |leg: &Leg| refund.legs.iter().any(|l| l.replaces == Some(leg.id) && !l.needless());
        let ended = || refund.legs.iter().filter(|l| l.state.failed_route() || l.needless());
        let failed = ended().find(|l| l.state.failed_route() && !replaced(l)).or_else(|| ended().next_back())?;
        let amount = Money::new(missing.min(failed.amount.minor), refund.amount.currency);
        let limits = |payment: &Payment| self.policy.facts_of(payment).refund;
        let shares = reroute(&self.next, refund, &Leg { amount, ..failed.clone() }, limits, self.now);
        (!shares.is_empty()).then_some((shares, failed.id))
    }
}

/// How `leg` is dropped, when it still can be.
fn dropped(leg: &Leg, reason: &str) -> Option<RefundClaim> {
    let reason = reason.to_owned();
    if leg.rests() {
        return Some(RefundClaim::Abandoned { by: BY_RULE.to_owned(), reason });
    }
    let untried = leg.state == LegState::SecondWay && leg.evidence.second_sent_at.is_none();
    untried.then_some(RefundClaim::SecondFailed { reason })
}
