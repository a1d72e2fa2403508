//! What must hold for an order's money as a whole at the end of every history, by naive arithmetic: nothing
//! lost, nothing kept, nothing twice, and every question with its cause. It must never use the decision that
//! it judges.

use bursar_core::decide::QuestionKind;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::AfterClose;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{Leg, LegState, Refund, RefundCause, RefundState};
use uuid::Uuid;

use super::cast;
use super::state::State;
use super::ways_laws::{away, disputed, kept, lies, nothing_set_aside_that_is_gone};

/// Checks an order's money.
pub(super) fn check(state: &mut State, dossier: &Dossier) {
    for refund in &dossier.refunds {
        nothing_of_it_is_lost(state, dossier, refund);
    }
    questions(state, dossier);
    no_more_than_was_paid(state, dossier);
    nothing_is_kept(state, dossier);
    late_money_account(state, dossier);
    nothing_set_aside_that_is_gone(state, dossier);
}

fn asked(state: &State, subject: Uuid, kind: QuestionKind) -> bool {
    state.tables.questions.contains_key(&(subject, kind))
}

/// Whether the payer got more than the refund, or more than one of its payments had taken.
fn overpaid(dossier: &Dossier, refund: &Refund) -> bool {
    let arrived = |l: &&Leg| l.state == LegState::Succeeded;
    let too_much = |leg: &Leg| {
        let same = dossier.legs().filter(arrived).filter(|l| l.payment == leg.payment);
        let back: i64 = same.map(|l| l.amount.minor).sum();
        let held = |p: &Payment| p.state == PaymentState::IntegrityHold;
        let brought = |p: &Payment| if held(p) { p.amount.minor } else { kept(p) };
        dossier.payment(leg.payment).is_none_or(|p| back + disputed(p, Some(false)) > brought(p))
    };
    succeeded(refund) > refund.amount.minor
        || no_duplicate(dossier, refund)
        || refund.legs.iter().filter(arrived).any(too_much)
}

/// Whether it gave back as a duplicate what was none, because the bank took some of the money back.
fn no_duplicate(dossier: &Dossier, refund: &Refund) -> bool {
    let took_back = dossier.payments.iter().any(|p| !p.evidence.taken_back.is_empty());
    let is_duplicate = |r: &&Refund| r.cause == RefundCause::Duplicate;
    let given: i64 = dossier.refunds.iter().filter(is_duplicate).map(succeeded).sum();
    let captured: i64 = dossier.payments.iter().filter(|p| p.state == PaymentState::Captured).map(kept).sum();
    let reversed: i64 = dossier.payments.iter().filter(|p| p.state == PaymentState::CaptureReversed).map(kept).sum();
    let excess = (captured + reversed - dossier.order.amount.minor).max(0);
    let open = dossier.order.state != OrderState::Closed;
    open && took_back && is_duplicate(&refund) && succeeded(refund) > 0 && given > excess
}

fn succeeded(refund: &Refund) -> i64 {
    refund.legs.iter().filter(|l| l.state == LegState::Succeeded).map(|l| l.amount.minor).sum()
}

/// Money of payers is on its account for late money exactly while its order is closed and it is not on its
/// way back.
fn late_money_account(state: &mut State, dossier: &Dossier) {
    let subjects: Vec<Uuid> =
        dossier.payments.iter().map(|p| p.id.uuid()).chain(dossier.legs().map(|l| l.id.uuid())).collect();
    let mut balance = 0;
    for row in state.tables.postings.iter().filter(|p| subjects.contains(&p.posting.subject)) {
        let of = |kind| i64::from(kind == AccountKind::LateMoney) * row.posting.amount.minor;
        balance += of(row.posting.debit.kind) - of(row.posting.credit.kind);
    }
    let expected: i64 = if dossier.order.state == OrderState::Closed {
        let standing: i64 = dossier.payments.iter().flat_map(|p| lies(p).into_values()).sum();
        let back = dossier.legs().filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor);
        back.sum::<i64>() - standing
    } else {
        0
    };
    if balance != expected {
        let text = format!(
            "{} is {}: late money {balance}, expected {expected}",
            dossier.order.id,
            dossier.order.state.name()
        );
        state.violated("I6", text);
    }
}

fn by_a_person(leg: &Leg) -> bool {
    leg.state == LegState::Abandoned && leg.evidence.abandoned.as_ref().is_some_and(|(_, (by, _))| by != "bursar")
}

/// Every refund is with the payer, waits for a person who was asked, or was given up by a person.
fn nothing_of_it_is_lost(state: &mut State, dossier: &Dossier, refund: &Refund) {
    let given_up: i64 = refund.legs.iter().filter(|l| by_a_person(l)).map(|l| l.amount.minor).sum();
    let waits: i64 = refund
        .legs
        .iter()
        .filter(|l| matches!(l.state, LegState::AwaitingTransfer | LegState::Held | LegState::Reserved))
        .map(|l| l.amount.minor)
        .sum();
    let never = matches!(refund.state, RefundState::Rejected | RefundState::Voided);
    // Who has got too much by another refund gets nothing more before a person has looked.
    if never || dossier.refunds.iter().any(|r| overpaid(dossier, r)) {
        return;
    }
    // Nor can more go back than its payments took, when another refund has had it.
    let spent = |id| {
        let taken = dossier.legs().filter(|l| l.payment == id && l.state.takes_from_payment());
        let taken: i64 = taken.map(|l| l.amount.minor).sum();
        dossier.payment(id).is_some_and(|p| taken + away(p) >= kept(p))
    };
    // What its payer disputes, and what the bank took back, cannot go back.
    let gone = |l: &Leg| dossier.payment(l.payment).is_some_and(|p| away(p) > 0 || !p.evidence.taken_back.is_empty());
    let spent = refund.legs.iter().all(|l| spent(l.payment)) || refund.legs.iter().any(gone);
    let there = succeeded(refund) + waits;
    if there > refund.amount.minor || (there + given_up < refund.amount.minor && !spent) {
        let text = format!(
            "{} of {} is {}: {} arrived, {waits} wait, {given_up} given up",
            refund.id,
            refund.amount,
            refund.state.name(),
            succeeded(refund)
        );
        state.violated("refund", text);
    }
    let lost = matches!(refund.state, RefundState::Failed | RefundState::PartiallySucceeded);
    if lost && given_up == 0 && !spent {
        state.violated("refund", format!("{} is {} and nobody gave it up", refund.id, refund.state.name()));
    }
}

/// Every question that is open has its cause, and every cause its question.
fn questions(state: &mut State, dossier: &Dossier) {
    let mut causes: Vec<(Uuid, QuestionKind)> = Vec::new();
    for payment in &dossier.payments {
        let id = payment.id.uuid();
        if payment.state == PaymentState::IntegrityHold {
            causes.push((id, QuestionKind::IntegrityHold));
        }
        if payment.state == PaymentState::CaptureReversed {
            causes.push((id, QuestionKind::CaptureReversed));
        }
        if disputed(payment, None) > 0 {
            causes.push((id, QuestionKind::Dispute));
        }
        let asks = matches!(cast::policy_of(dossier.order.merchant).after_close, AfterClose::Park { .. });
        let late = dossier.order.state == OrderState::Closed && payment.state == PaymentState::Captured;
        let untouched =
            payment.evidence.late_answer.is_none() && payment.returned_minor + away(payment) < kept(payment);
        let given_up = dossier.legs().any(|l| l.payment == payment.id && by_a_person(l));
        if asks && late && untouched && !given_up {
            causes.push((id, QuestionKind::LateMoney));
        }
    }
    for refund in &dossier.refunds {
        for leg in &refund.legs {
            match leg.state {
                LegState::AwaitingTransfer if refund.state.may_send() => {
                    causes.push((leg.id.uuid(), QuestionKind::TransferDue));
                }
                LegState::Held => causes.push((leg.id.uuid(), QuestionKind::IntegrityHold)),
                LegState::WaitingFunds => causes.push((leg.id.uuid(), QuestionKind::NoFunds)),
                _ => {}
            }
        }
    }
    let subjects: Vec<Uuid> = dossier
        .payments
        .iter()
        .map(|p| p.id.uuid())
        .chain(dossier.refunds.iter().flat_map(|r| r.legs.iter().map(|l| l.id.uuid()).chain([r.id.uuid()])))
        .collect();
    let open: Vec<(Uuid, QuestionKind)> =
        state.tables.questions.keys().filter(|(id, _)| subjects.contains(id)).copied().collect();
    for (id, kind) in &causes {
        if !open.contains(&(*id, *kind)) {
            state
                .violated("parked", format!("{} waits for a person ({}), and nobody is asked", bare(*id), kind.name()));
        }
    }
    for refund in &dossier.refunds {
        let asked = open.iter().any(|(id, kind)| {
            *kind == QuestionKind::Overpaid
                && (refund.id.uuid() == *id || refund.legs.iter().any(|l| l.id.uuid() == *id))
        });
        let overpaid = overpaid(dossier, refund);
        if asked != overpaid {
            let text = format!("{}: overpaid {overpaid}, asked {asked}", refund.id);
            state.violated("parked", text);
        }
    }
    for (id, kind) in open.iter().filter(|q| q.1 != QuestionKind::Overpaid && !causes.contains(q)) {
        state.violated("parked", format!("{}: a person is asked ({}) for nothing", bare(*id), kind.name()));
    }
}

fn bare(id: Uuid) -> String {
    bursar_core::id::to_text(id)
}

/// I3: no payer gets more than he paid, unless a person was asked about it.
fn no_more_than_was_paid(state: &mut State, dossier: &Dossier) {
    let entries = dossier.payments.iter().filter_map(|p| state.books.entries.get(&p.number()));
    let paid: i64 = entries.map(|e| e.charges.iter().map(|c| c.amount_minor).sum::<i64>() - e.lost_minor()).sum();
    let numbers: Vec<String> = dossier.payments.iter().map(Payment::number).collect();
    let lines = state.books.lines.values().filter(|l| !l.back && numbers.contains(&l.payment));
    let paid = paid + lines.map(|l| l.amount_minor).sum::<i64>();
    let by_channel: i64 = dossier.payments.iter().map(|p| state.books.given_back(&p.number())).sum();
    let by_hand: i64 = dossier.legs().filter_map(|l| state.transfers.get(&l.id)).sum();
    let person = dossier.refunds.iter().flat_map(|r| &r.legs).any(|l| {
        asked(state, l.id.uuid(), QuestionKind::Overpaid) || asked(state, l.id.uuid(), QuestionKind::IntegrityHold)
    });
    let person = person || dossier.payments.iter().any(|p| asked(state, p.id.uuid(), QuestionKind::CaptureReversed));
    if by_channel + by_hand > paid && !person {
        let text = format!("{}: the payer paid {paid}, got {by_channel} and {by_hand} by hand", dossier.order.id);
        state.violated("I3", text);
    }
}

/// I11: a closed order keeps nothing, and a paid one what it costs.
fn nothing_is_kept(state: &mut State, dossier: &Dossier) {
    let order = &dossier.order;
    let captured: i64 = dossier.payments.iter().filter(|p| p.state == PaymentState::Captured).map(kept).sum();
    let person = |p: &Payment| matches!(p.state, PaymentState::IntegrityHold | PaymentState::CaptureReversed);
    let held = dossier.payments.iter().any(person);
    let gone: i64 = dossier.payments.iter().map(away).sum();
    let given_up = dossier.legs().any(by_a_person);
    let over = dossier.refunds.iter().any(|r| overpaid(dossier, r));
    if held || over {
        return;
    }
    match order.state {
        OrderState::Closed => {
            let spoken_for: i64 = dossier.legs().filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor).sum();
            let waits = dossier.payments.iter().any(|p| asked(state, p.id.uuid(), QuestionKind::LateMoney));
            if spoken_for + gone < captured && !given_up && !waits {
                let text = format!("{} is closed, holds {captured} and gives back {spoken_for}", order.id);
                state.violated("I11", text);
            }
            if dossier.refunds.iter().any(|r| r.state == RefundState::Prepared) {
                state.violated("I11", format!("{} is closed, and a refund is only prepared", order.id));
            }
        }
        OrderState::Paid => {
            let by_rule = dossier.refunds.iter().filter(|r| {
                r.cause != RefundCause::Requested && !matches!(r.state, RefundState::Voided | RefundState::Rejected)
            });
            let takes =
                |r: &Refund| r.legs.iter().filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor).sum();
            let back: i64 = by_rule.map(|r| r.amount.minor.min(takes(r))).sum();
            // What was asked for while the order was closed went back of money that was not the order's yet.
            let asked = dossier.refunds.iter().filter(|r| r.cause == RefundCause::Requested && r.late);
            let asked = asked.flat_map(|r| &r.legs).filter(|l| l.state.takes_from_payment());
            let back = back + asked.map(|l| l.amount.minor).sum::<i64>();
            // What a person gave up to give back is the order's, or the merchant's. What is disputed stays.
            let given_up: i64 = dossier.legs().filter(|l| by_a_person(l)).map(|l| l.amount.minor).sum();
            let over = captured - back - order.amount.minor;
            if over < 0 || over > given_up + gone {
                let text = format!("{} is paid with {captured} less {back}, and costs {}", order.id, order.amount);
                state.violated("I11", text);
            }
            if dossier.refunds.iter().any(|r| r.state == RefundState::Prepared) {
                state.violated("I11", format!("{} is paid, and a refund is still prepared", order.id));
            }
        }
        _ => {}
    }
}
