//! What must hold for refunds at every single commit: it knows both sides' books, and must never change
//! either.

use bursar_core::Timestamp;
use bursar_core::decide::owed_refund_job;
use bursar_core::id::{OrderId, PaymentId};
use bursar_core::observation::{Claim, Subject};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_core::refund::{Leg, LegState, Refund, RefundCause, RefundClaim, RefundState, Route};
use bursar_store::Change;

use super::giving::Stage;
use super::monitor::Before;
use super::state::State;
use super::ways_laws;

/// Looks at what was written.
pub(super) fn committed(state: &mut State, before: &Before, change: &Change) {
    for (subject, observation) in &change.observations {
        let Claim::Refund(claim) = &observation.claim else { continue };
        match subject {
            Subject::Leg(id) => {
                let old = before.legs.iter().find(|l| l.id == *id);
                let new = change.legs.iter().chain(&change.new_legs).find(|l| l.id == *id);
                if let Some(new) = new {
                    cover_leg(state, old.map_or(LegState::Reserved, |l| l.state), claim, new);
                    believed_too_much(state, claim, new);
                }
            }
            Subject::Refund(id) => {
                let new = change.refunds.iter().chain(&change.new_refunds).find(|r| r.id == *id);
                if let (Some(refund), RefundClaim::Approved { by }) = (new, claim)
                    && by.trim().eq_ignore_ascii_case(refund.requested_by.trim())
                {
                    let text = format!("{} was approved by who asked for it", refund.id);
                    state.violated("four eyes", text);
                }
            }
            Subject::Payment(_) | Subject::Order(_) | Subject::Agreement(_) | Subject::Plan(_) => {}
        }
    }
    for refund in change.refunds.iter().chain(&change.new_refunds) {
        let old = before.refunds.iter().find(|r| r.id == refund.id).map(|r| r.state);
        if old != Some(refund.state) {
            *state.coverage.refunds.entry((old, refund.state)).or_default() += 1;
        }
        if old.is_none() {
            *state.coverage.causes.entry(refund.cause.name()).or_default() += 1;
        }
    }
    for leg in &change.new_legs {
        nothing_disputed(state, leg);
    }
    for leg in change.legs.iter().chain(&change.new_legs) {
        owes_a_job(state, leg);
    }
}

fn cover_leg(state: &mut State, from: LegState, claim: &RefundClaim, new: &Leg) {
    let label = match claim {
        RefundClaim::Succeeded(_) if new.state == LegState::Held => "succeeded, but not as expected",
        claim => claim.name().strip_prefix("refund_").unwrap_or_else(|| claim.name()),
    };
    if from != new.state {
        *state.coverage.legs.entry((from, label, new.state)).or_default() += 1;
    }
}

/// What we believe of a channel must have happened there before.
fn believed_too_much(state: &mut State, claim: &RefundClaim, leg: &Leg) {
    let number = leg.number();
    let row = state.books.givings.rows.get(&number);
    let was = |stage| row.is_some_and(|r| r.was(stage));
    let wrong = match claim {
        RefundClaim::Refused { .. } => {
            let refused = state.books.givings.refused.contains(&number);
            (!refused).then_some(("principle 3", "refused here; the channel never refused it"))
        }
        RefundClaim::Succeeded(receipt) if super::troubles::NEVER_MADE.contains(&receipt.refund_id.as_str()) => {
            Some(("I9", "believed by a message that nobody sent"))
        }
        RefundClaim::Succeeded(_) if !was(Stage::Success) => Some(("I1", "believed before the payer had it")),
        RefundClaim::Closed { .. } if !was(Stage::Closed) => Some(("I1", "given up here; not at the channel")),
        RefundClaim::Abnormal { .. } if !was(Stage::Abnormal) => Some(("I1", "sent back here; not at the channel")),
        RefundClaim::Reversed { .. } if !(was(Stage::Success) && (was(Stage::Abnormal) || was(Stage::Closed))) => {
            Some(("I1", "reversed here; not at the channel"))
        }
        RefundClaim::SecondAccepted if row.is_none_or(|r| r.second_ways == 0) => {
            Some(("I1", "on the second way here; not at the channel"))
        }
        RefundClaim::Transferred { .. } if !state.transfers.contains_key(&leg.id) => {
            Some(("I1", "transferred here; nobody did"))
        }
        _ => None,
    };
    if let Some((law, text)) = wrong {
        state.violated(law, format!("{} is {text}", leg.id));
    }
}

/// Disputed money is never set aside to be given back.
fn nothing_disputed(state: &mut State, leg: &Leg) {
    let order = state.tables.payments.get(&leg.payment).map(|p| p.order);
    let Some(dossier) = order.and_then(|id| state.tables.dossier(id)) else { return };
    let Some(payment) = dossier.payment(leg.payment) else { return };
    let away = ways_laws::away(payment);
    let theirs: i64 = state.books.entries.get(&payment.number()).map_or(0, |e| {
        let stands = e.complaints.iter().filter(|c| c.won != Some(true));
        stands.filter(|c| payment.evidence.disputes.contains_key(&c.id)).map(|c| c.amount_minor).sum()
    });
    let (returned, away) = (returned(&dossier, payment.id), away.max(theirs));
    if away > 0 && returned + away > ways_laws::kept(payment) && !revived(&dossier, payment.id) {
        let text = format!("{}: {returned} given back or set aside while {away} is disputed", payment.id);
        state.violated("disputed money", text);
    }
}

/// I4: no active leg without its job, none without a time.
pub(super) fn owes_a_job(state: &mut State, leg: &Leg) {
    let Some(refund) = state.tables.refunds.get(&leg.refund) else { return };
    let (merchant, sendable) = (refund.merchant, refund.state.may_send());
    if leg.state.is_active() && sendable && leg.due_at.is_none() {
        state.violated("I4", format!("{} is {} and nothing is due", leg.id, leg.state.name()));
    }
    let Some(owed) = owed_refund_job(leg, merchant, Timestamp::default()) else { return };
    if state.robbed.contains(&leg.id.uuid()) || state.tables.jobs.contains_key(&owed.key) {
        return;
    }
    let jobs: Vec<_> = state.tables.jobs.keys().filter(|k| k.subject == leg.id.uuid()).collect();
    let text = format!("{} is {} without {}; it has {jobs:?}", leg.id, leg.state.name(), owed.key.kind.name());
    state.violated("I4", text);
}

/// What holds for a whole order after every commit.
pub(super) fn order(state: &mut State, id: OrderId) {
    let Some(dossier) = state.tables.dossier(id) else { return };
    for payment in &dossier.payments {
        let returned = returned(&dossier, payment.id);
        if returned != payment.returned_minor {
            let text = format!("{} says {} returned; its legs say {returned}", payment.id, payment.returned_minor);
            state.violated("I3", text);
        }
        let came: i64 = payment.evidence.received.values().map(|p| p.amount_minor).sum();
        if returned > came.max(payment.amount.minor) && !revived(&dossier, payment.id) {
            let text = format!("{}: {returned} given back or set aside of {}", payment.id, payment.amount);
            state.violated("I3", text);
        }
    }
    prepared_in_time(state, &dossier);
    for refund in &dossier.refunds {
        sent_only_with_leave(state, refund);
    }
}

/// What legs gave back or set aside, by naive arithmetic.
fn returned(dossier: &Dossier, payment: PaymentId) -> i64 {
    use LegState::{Abandoned, Failed, NotPossible, Reversed, Stranded};
    let gone = [Abandoned, Failed, NotPossible, Reversed, Stranded];
    let legs = dossier.refunds.iter().flat_map(|r| &r.legs);
    legs.filter(|l| l.payment == payment && !gone.contains(&l.state)).map(|l| l.amount.minor).sum()
}

/// Whether money of the payment arrived by a way that had been given up: then two ways may hold it until a
/// person or the channel ends one.
fn revived(dossier: &Dossier, payment: PaymentId) -> bool {
    let came_back = |l: &Leg| {
        let e = &l.evidence;
        let given_up = e.abnormal_at.is_some() || e.closed.is_some() || e.refused.is_some() || e.abandoned.is_some();
        given_up && matches!(l.state, LegState::Succeeded | LegState::Held)
    };
    dossier.refunds.iter().flat_map(|r| &r.legs).any(|l| l.payment == payment && came_back(l))
}

/// An all-or-nothing order that holds a part of its money has written down how it goes back.
fn prepared_in_time(state: &mut State, dossier: &Dossier) {
    let order = &dossier.order;
    if order.part_payment || order.state != OrderState::PartiallyPaid {
        return;
    }
    for payment in dossier.payments.iter().filter(|p| p.state == PaymentState::Captured) {
        let spoken_for = dossier
            .refunds
            .iter()
            .any(|r| r.cause == RefundCause::Incomplete && r.legs.iter().any(|l| l.payment == payment.id));
        // What came twice went back whole before the bank took the other one.
        let nothing_left = super::ways_laws::kept(payment) <= returned(dossier, payment.id);
        if !spoken_for && !nothing_left {
            let text = format!("{} is captured, its order is not whole, and no way back is prepared", payment.id);
            state.violated("compensation", text);
        }
    }
}

/// Nothing leaves before a second person agreed, or before an order is certain not to become whole.
fn sent_only_with_leave(state: &mut State, refund: &Refund) {
    let sent = refund.legs.iter().any(|l| l.evidence.sent_at.is_some() || l.evidence.transferred.is_some());
    if !sent {
        return;
    }
    let limit = super::cast::policy_of(refund.merchant).approval_above_minor;
    let needs = refund.cause == RefundCause::Requested && limit.is_some_and(|limit| refund.amount.minor > limit);
    if needs && refund.evidence.approved.is_none() {
        state.violated("four eyes", format!("{} was sent without a second person", refund.id));
    }
    if refund.state == RefundState::Prepared {
        state.violated("compensation", format!("{} was sent while it was only prepared", refund.id));
    }
    if refund.state == RefundState::Voided && refund.legs.iter().any(|l| l.route == Route::Channel) {
        state.violated("compensation", format!("{} was sent although its order is paid", refund.id));
    }
}
