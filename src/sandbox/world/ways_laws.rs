//! What must hold for money that is held, disputed, or came by hand: both sides' books, by naive arithmetic. It
//! must never use the decision that it judges.

use std::collections::BTreeMap;

use bursar_core::id::OrderId;
use bursar_core::ledger::AccountKind;
use bursar_core::order::Dossier;
use bursar_core::payment::{Payment, PaymentState};
use uuid::Uuid;

use super::hands::Line;
use super::state::State;

/// Minor units that a payment brought, by what we believe, whatever became of it.
pub(super) fn brought(payment: &Payment) -> i64 {
    let evidence = &payment.evidence;
    if evidence.paid.is_some() {
        return payment.amount.minor;
    }
    let kept = evidence.received.iter().filter(|(line, _)| !evidence.taken_back.contains_key(*line));
    kept.map(|(_, piece)| piece.amount_minor).sum()
}

/// Minor units that are with us.
pub(super) fn kept(payment: &Payment) -> i64 {
    let has = matches!(payment.state, PaymentState::Captured | PaymentState::CaptureReversed);
    if has { brought(payment) } else { 0 }
}

/// Minor units of complaints that ended so; `None`: that are open.
pub(super) fn disputed(payment: &Payment, won: Option<bool>) -> i64 {
    payment.evidence.disputes.values().filter(|d| d.won == won).map(|d| d.amount_minor).sum()
}

/// Minor units that are disputed or lost.
pub(super) fn away(payment: &Payment) -> i64 {
    disputed(payment, None) + disputed(payment, Some(false))
}

/// Where a payment's money lies, by its state alone.
pub(super) fn lies(payment: &Payment) -> BTreeMap<(AccountKind, Uuid), i64> {
    use AccountKind::{Clearing, Disputed, Receivable, Suspense};
    let (whole, came) = (payment.amount.minor, brought(payment));
    let rows = match payment.state {
        PaymentState::Captured => vec![(Clearing, came - away(payment)), (Disputed, disputed(payment, None))],
        PaymentState::Unknown | PaymentState::IntegrityHold => vec![(Suspense, whole)],
        PaymentState::Declined | PaymentState::Closed => vec![],
        _ => vec![(Receivable, whole - came), (Clearing, came)],
    };
    let owner = |kind| if kind == Receivable { payment.merchant.uuid() } else { payment.account.uuid() };
    rows.into_iter().filter(|(_, minor)| *minor != 0).map(|(kind, minor)| ((kind, owner(kind)), minor)).collect()
}

/// Whether an order waits for money of which nobody can be asked: that is no trouble.
pub(super) fn waits_by_hand(state: &State, order: OrderId) -> bool {
    let Some(dossier) = state.tables.dossier(order) else { return false };
    !dossier.order.state.is_final() && dossier.payments.iter().any(awaited_by_hand)
}

/// Whether an order that is past its time rests all the same: its money comes by hand, or a person must look.
pub(super) fn rests_overdue(state: &State, order: OrderId) -> bool {
    let reversed = |p: &Payment| p.state == PaymentState::CaptureReversed;
    let dossier = state.tables.dossier(order);
    waits_by_hand(state, order) || dossier.is_some_and(|d| d.payments.iter().any(reversed))
}

/// Whether a payment waits for money by hand.
pub(super) fn awaited_by_hand(payment: &Payment) -> bool {
    let evidence = &payment.evidence;
    !payment.method.channel().can_be_asked()
        && !payment.state.is_final()
        && evidence.accepted.is_some()
        && evidence.close_requested.is_none()
}

/// Checks a payment.
pub(super) fn check(state: &mut State, payment: &Payment) {
    if !payment.method.channel().can_be_asked() {
        lines_agree(state, payment);
    }
    holds(state, payment);
    complaints_agree(state, payment);
}

/// I1: every line that came for a payment is on our books, once, and so is every one that was taken back.
fn lines_agree(state: &mut State, payment: &Payment) {
    let number = payment.number();
    let lines: Vec<Line> = state.books.lines.values().filter(|l| l.payment == number).cloned().collect();
    let came: BTreeMap<String, i64> = lines.iter().map(|l| (l.id.clone(), l.amount_minor)).collect();
    let ours: BTreeMap<String, i64> =
        payment.evidence.received.iter().map(|(line, piece)| (line.clone(), piece.amount_minor)).collect();
    if came != ours {
        state.violated("I1", format!("{}: {came:?} came, and {ours:?} is on the books", payment.id));
    }
    let back: Vec<String> = lines.iter().filter(|l| l.back).map(|l| l.id.clone()).collect();
    let ours: Vec<String> = payment.evidence.taken_back.keys().cloned().collect();
    if back != ours {
        state.violated("I1", format!("{}: {back:?} went back, and {ours:?} is on the books", payment.id));
    }
    let net: i64 = lines.iter().filter(|l| !l.back).map(|l| l.amount_minor).sum();
    let gross: i64 = lines.iter().map(|l| l.amount_minor).sum();
    let ended = payment.evidence.close_accepted_at.is_some();
    let fits = match payment.state {
        PaymentState::Captured => net >= payment.amount.minor || (net > 0 && ended),
        PaymentState::CaptureReversed => net < payment.amount.minor && gross >= payment.amount.minor,
        PaymentState::IntegrityHold => false,
        PaymentState::Declined | PaymentState::Closed => net == 0,
        _ => net < payment.amount.minor,
    };
    if !fits {
        let text = format!("{} of {} is {}; {net} came", payment.id, payment.amount, payment.state.name());
        state.violated("I1", text);
    }
}

/// A hold is taken at most once, and only when that was asked for; one that is not wanted is let go.
fn holds(state: &mut State, payment: &Payment) {
    if !payment.method.holds() {
        return;
    }
    let Some(entry) = state.books.entries.get(&payment.number()) else { return };
    let (taken, held, lied) = (entry.charges.len(), entry.is_held(), entry.lied);
    if taken > 1 {
        state.violated("hold", format!("{} was taken {taken} times", payment.id));
    }
    if taken > 0 && payment.evidence.capture_requested.is_none() {
        state.violated("hold", format!("{} was taken, and nobody had asked for that", payment.id));
    }
    if held && payment.state.is_final() && !lied {
        state.violated("hold", format!("{} is {}, and is still held at the channel", payment.id, payment.state.name()));
    }
}

/// I1: complaints stand as at the channel.
fn complaints_agree(state: &mut State, payment: &Payment) {
    type Rows = BTreeMap<String, (i64, Option<bool>)>;
    let entry = state.books.entries.get(&payment.number());
    let theirs: Rows =
        entry.into_iter().flat_map(|e| &e.complaints).map(|c| (c.id.clone(), (c.amount_minor, c.won))).collect();
    let ours: Rows = payment.evidence.disputes.iter().map(|(id, d)| (id.clone(), (d.amount_minor, d.won))).collect();
    if theirs != ours {
        state.violated("I1", format!("{}: disputes {theirs:?}; on our books {ours:?}", payment.id));
    }
}

/// What is set aside to be given back is there: what the bank took back, and what a payer disputes, is not.
pub(super) fn nothing_set_aside_that_is_gone(state: &mut State, dossier: &Dossier) {
    for payment in &dossier.payments {
        let legs = || dossier.legs().filter(|l| l.payment == payment.id && l.state.takes_from_payment());
        let resting: i64 =
            legs().filter(|l| !l.state.is_active() && l.state.waits_for_a_person()).map(|l| l.amount.minor).sum();
        let taken: i64 = legs().map(|l| l.amount.minor).sum();
        let there = kept(payment) - away(payment);
        if payment.state != PaymentState::IntegrityHold && resting > 0 && taken > there {
            let text = format!("{}: {taken} given back or set aside, {resting} of it resting, of {there}", payment.id);
            state.violated("set aside", text);
        }
    }
}
