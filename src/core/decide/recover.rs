//! What our books have lost, or never had, and a bill proves: it knows how a payment or a refund is taken on whose
//! money has moved already, and must never call a channel for it.

use uuid::Uuid;

use super::case::{Case, Wish};
use super::{Decision, Policy};
use crate::clock::Timestamp;
use crate::id::{LegId, RefundId};
use crate::observation::{Claim, Observation, Source, Subject};
use crate::order::Dossier;
use crate::payment::Payment;
use crate::refund::{RefundCause, RefundClaim, RefundReceipt, Route, Share};

/// Takes `payment` on that an order is missing: nothing is due for it, and `seen` tells what became of it. All that
/// follows from money follows: an order that is paid twice gives the second back.
pub fn recover_payment(
    dossier: &Dossier,
    payment: Payment,
    seen: &Observation,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Decision {
    let mut case = Case::new(dossier, policy, now);
    let id = payment.id;
    case.next.payments.push(Payment { due_at: None, ..payment });
    // It was called for, or it would not be paid.
    case.observe_payment(id, &Observation::new(Source::Rule, now, Claim::Sending));
    case.observe_payment(id, seen);
    case.close()
}

/// The id of the refund that a recovered leg belongs to.
pub const fn refund_of_recovered(leg: LegId) -> RefundId {
    RefundId(Uuid::from_u128(leg.uuid().as_u128() ^ 1))
}

/// Takes a refund of `payment` on that was made without our books: its leg is `leg`, and `receipt` tells that it has
/// reached its payer. `None`: the payment is not of this order, or has no such money.
pub fn recover_refund(
    dossier: &Dossier,
    (leg, payment): (LegId, &Payment),
    receipt: &RefundReceipt,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Option<Decision> {
    let left = payment.free_minor().saturating_sub(dossier.returned_minor(payment.id));
    let known = dossier.leg(leg).is_some() || dossier.payment(payment.id).is_none();
    if known || receipt.amount_minor <= 0 || receipt.amount_minor > left {
        return None;
    }
    let mut case = Case::new(dossier, policy, now);
    let id = refund_of_recovered(leg);
    case.add_refund(Wish {
        id,
        cause: RefundCause::Requested,
        reason: "found in the channel's bill".to_owned(),
        by: crate::refund::BY_RULE.to_owned(),
        source: Source::Statement,
        payee: None,
        shares: vec![Share {
            payment: payment.id,
            route: Route::Channel,
            amount_minor: receipt.amount_minor,
            earliest: now,
        }],
    });
    // Nobody need agree to what has happened.
    for refund in case.next.refunds.iter_mut().filter(|r| r.id == id) {
        refund.needs_approval = false;
        refund.state = refund.state_of_parts();
    }
    let claim = Claim::Refund(RefundClaim::Succeeded(receipt.clone()));
    case.observe_leg(leg, &Observation::new(Source::Statement, now, claim));
    let decision = case.close();
    let booked = |d: &Decision| d.notes.iter().any(|(subject, _)| *subject == Subject::Leg(leg));
    booked(&decision).then_some(decision)
}

#[cfg(test)]
#[path = "recover_tests.rs"]
mod tests;
