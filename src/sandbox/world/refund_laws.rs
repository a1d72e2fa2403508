//! What must hold for the refunds of an order at the end of every history, by naive arithmetic over both
//! sides' books. It must never use the decision that it judges.

use std::collections::BTreeMap;

use bursar_core::decide::QuestionKind;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::AfterClose;
use bursar_core::observation::{Claim, Observation};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{
    Leg, LegEvidence, LegState, Refund, RefundCause, RefundEvidence, RefundState, Route,
};
use uuid::Uuid;

use super::cast;
use super::giving::{Giving, Stage};
use super::state::State;

/// Checks an order's refunds.
pub(super) fn check(state: &mut State, dossier: &Dossier) {
    for refund in &dossier.refunds {
        for leg in &refund.legs {
            agrees(state, refund, leg);
            ended(state, refund, leg);
            leg_replays(state, refund, leg);
            leg_ledger(state, dossier, refund, leg);
        }
        refund_replays(state, refund);
        nothing_of_it_is_lost(state, refund);
    }
    questions(state, dossier);
    no_more_than_was_paid(state, dossier);
    nothing_is_kept(state, dossier);
    late_money_account(state, dossier);
}

fn asked(state: &State, subject: Uuid, kind: QuestionKind) -> bool {
    state.tables.questions.contains_key(&(subject, kind))
}

fn overpaid(refund: &Refund) -> bool {
    succeeded(refund) > refund.amount.minor
}

fn succeeded(refund: &Refund) -> i64 {
    refund.legs.iter().filter(|l| l.state == LegState::Succeeded).map(|l| l.amount.minor).sum()
}

/// I1, I3: what the channel gave back under a number, and what we believe.
fn agrees(state: &mut State, refund: &Refund, leg: &Leg) {
    let row: Option<Giving> = state.books.givings.rows.get(&leg.number()).cloned();
    let payment = state.tables.payments.get(&leg.payment).map(Payment::number).unwrap_or_default();
    if let Some(row) = &row {
        if row.credited > row.came_back + 1 {
            state.violated("I3", format!("the payer got {} {} times", leg.id, row.credited - row.came_back));
        }
        if row.amount_minor != leg.amount.minor || row.payment != payment {
            let text = format!("{} is {} of {payment}; the channel has {row:?}", leg.id, leg.amount);
            state.violated("I1", text);
        }
        let capture = state.books.entries.get(&payment).and_then(|e| e.charges.first()).map_or(0, |c| c.amount_minor);
        let given = state.books.given_back(&payment);
        if given > capture && !row.crooked() {
            state.violated("I3", format!("the channel gave {given} of {payment} back, and took {capture}"));
        }
    }
    let transferred = leg.evidence.transferred.is_some();
    if leg.route == Route::Transfer {
        if transferred != state.transfers.contains_key(&leg.id) {
            state.violated("I1", format!("{}: was it transferred? {transferred} here", leg.id));
        }
        if row.is_some() {
            state.violated("I1", format!("{} goes by a person, and the channel has it", leg.id));
        }
        return;
    }
    let stage = row.as_ref().map(|r| r.stage);
    let crooked = row.as_ref().is_some_and(Giving::crooked) && row.as_ref().is_some_and(|r| r.was(Stage::Success));
    let fits = match leg.state {
        LegState::Succeeded => stage == Some(Stage::Success) && !crooked,
        LegState::Failed => stage == Some(Stage::Closed),
        LegState::Stranded => stage == Some(Stage::Abnormal),
        LegState::Reversed => stage == Some(Stage::Abnormal) && row.as_ref().is_some_and(|r| r.was(Stage::Success)),
        LegState::NotPossible | LegState::Abandoned => stage.is_none(),
        LegState::Held => crooked,
        // Not sent yet, and nobody will send it before a person agrees.
        LegState::Reserved => stage.is_none() && !refund.state.may_send(),
        _ => false,
    };
    if !fits {
        let text = format!("{} is {} ({}); at the channel {stage:?}", leg.id, leg.state.name(), refund.state.name());
        state.violated("I1", text);
    }
}

/// I4: after quiet no leg is under way.
fn ended(state: &mut State, refund: &Refund, leg: &Leg) {
    if leg.state.is_active() && refund.state.may_send() {
        state.violated("I4", format!("{} is {} after quiet", leg.id, leg.state.name()));
    }
    if let Some(due) = leg.due_at {
        state.violated("I4", format!("{} is {} and still due at {due}", leg.id, leg.state.name()));
    }
}

fn seen(state: &State, subject: Uuid) -> Vec<Observation> {
    let rows = state.tables.observations.iter().filter(|o| o.subject == subject);
    rows.map(|o| Observation::new(o.source, o.seen_at, o.claim.clone())).collect()
}

/// I5: the stored observations, in any order, give the stored evidence and state.
fn leg_replays(state: &mut State, refund: &Refund, leg: &Leg) {
    let mut seen = seen(state, leg.id.uuid());
    for _ in 0..2 {
        let evidence = seen.iter().fold(LegEvidence::default(), |e, o| e.join(leg.amount, o));
        if evidence != leg.evidence {
            state.violated("I5", format!("{}: stored {:?}, replayed {evidence:?}", leg.id, leg.evidence));
        }
        seen.reverse();
    }
    let means = leg.evidence.state(leg.route, refund.payee.is_some());
    if means != leg.state {
        let text = format!("{} is {}, its evidence means {}", leg.id, leg.state.name(), means.name());
        state.violated("I5", text);
    }
}

fn refund_replays(state: &mut State, refund: &Refund) {
    let mut seen = seen(state, refund.id.uuid());
    let asked = seen.iter().filter(|o| matches!(&o.claim, Claim::Refund(c) if c.name() == "refund_requested")).count();
    if asked != 1 {
        state.violated("I5", format!("{} was asked for {asked} times", refund.id));
    }
    for _ in 0..2 {
        let evidence = seen.iter().fold(RefundEvidence::default(), RefundEvidence::join);
        if evidence != refund.evidence {
            state.violated("I5", format!("{}: stored {:?}, replayed {evidence:?}", refund.id, refund.evidence));
        }
        seen.reverse();
    }
    if refund.state_of_parts() != refund.state {
        let means = refund.state_of_parts().name();
        state.violated("I5", format!("{} is {}, its parts mean {means}", refund.id, refund.state.name()));
    }
}

/// Where the amount of a leg lies, by its state alone.
fn leg_ledger(state: &mut State, dossier: &Dossier, refund: &Refund, leg: &Leg) {
    use AccountKind::{Clearing, Earnings, LateMoney, PaidOutside, RefundsPayable, Suspense};
    let mut balances: BTreeMap<(AccountKind, Uuid), i64> = BTreeMap::new();
    for row in state.tables.postings.iter().filter(|p| p.posting.subject == leg.id.uuid()) {
        let posting = &row.posting;
        *balances.entry((posting.debit.kind, posting.debit.owner)).or_default() += posting.amount.minor;
        *balances.entry((posting.credit.kind, posting.credit.owner)).or_default() -= posting.amount.minor;
    }
    balances.retain(|_, balance| *balance != 0);
    let prepared = matches!(refund.state, RefundState::Prepared | RefundState::Voided);
    let source = if refund.late { LateMoney } else { Earnings };
    let lies: &[(AccountKind, i64)] = match leg.state {
        _ if prepared => &[],
        LegState::Failed | LegState::NotPossible | LegState::Reversed | LegState::Abandoned => &[],
        LegState::Stranded => &[(Suspense, 1), (Clearing, -1)],
        LegState::Unknown | LegState::Held => &[(source, 1), (RefundsPayable, -1), (Suspense, 1), (Clearing, -1)],
        LegState::Succeeded if leg.route == Route::Transfer => &[(source, 1), (PaidOutside, -1)],
        LegState::Succeeded => &[(source, 1), (Clearing, -1)],
        _ => &[(source, 1), (RefundsPayable, -1)],
    };
    let account = dossier.payment(leg.payment).map(|p| p.account.uuid()).unwrap_or_default();
    let owner = |kind| if matches!(kind, Clearing | Suspense) { account } else { refund.merchant.uuid() };
    let expected: BTreeMap<_, _> =
        lies.iter().map(|(kind, sign)| ((*kind, owner(*kind)), sign * leg.amount.minor)).collect();
    if balances != expected {
        let text = format!("{} is {}: {balances:?}, expected {expected:?}", leg.id, leg.state.name());
        state.violated("I6", text);
    }
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
    let stands = |p: &&Payment| !p.state.ended_unpaid();
    let expected: i64 = if dossier.order.state == OrderState::Closed {
        let standing: i64 = dossier.payments.iter().filter(stands).map(|p| p.amount.minor).sum();
        let back = dossier.legs().filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor);
        back.sum::<i64>() - standing
    } else {
        0
    };
    if balance != expected {
        let text = format!("{} is {}: late money {balance}, expected {expected}", dossier.order.id, dossier.order.state.name());
        state.violated("I6", text);
    }
}

/// Every refund is with the payer, waits for a person who was asked, or was given up by a person.
fn nothing_of_it_is_lost(state: &mut State, refund: &Refund) {
    let by_a_person = |l: &Leg| l.evidence.abandoned.as_ref().is_some_and(|(_, (by, _))| by != "bursar");
    let given_up: i64 =
        refund.legs.iter().filter(|l| l.state == LegState::Abandoned && by_a_person(l)).map(|l| l.amount.minor).sum();
    let waits: i64 = refund
        .legs
        .iter()
        .filter(|l| matches!(l.state, LegState::AwaitingTransfer | LegState::Held | LegState::Reserved))
        .map(|l| l.amount.minor)
        .sum();
    let all = succeeded(refund) + waits + given_up;
    let never = matches!(refund.state, RefundState::Rejected | RefundState::Voided);
    if overpaid(refund) || never {
        return;
    }
    if all != refund.amount.minor {
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
    if lost && given_up == 0 {
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
        let asks = matches!(cast::policy_of(dossier.order.merchant).after_close, AfterClose::Park { .. });
        let late = dossier.order.state == OrderState::Closed && payment.state == PaymentState::Captured;
        let untouched = payment.evidence.late_answer.is_none() && payment.returned_minor < payment.amount.minor;
        if asks && late && untouched {
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
            state.violated("parked", format!("{} waits for a person ({}), and nobody is asked", bare(*id), kind.name()));
        }
    }
    for refund in &dossier.refunds {
        let asked = open.iter().any(|(id, kind)| {
            *kind == QuestionKind::Overpaid && (refund.id.uuid() == *id || refund.legs.iter().any(|l| l.id.uuid() == *id))
        });
        if asked != overpaid(refund) {
            let text = format!("{}: overpaid {}, asked {asked}", refund.id, overpaid(refund));
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
    let paid: i64 = entries.flat_map(|e| &e.charges).map(|c| c.amount_minor).sum();
    let by_channel: i64 = dossier.payments.iter().map(|p| state.books.given_back(&p.number())).sum();
    let by_hand: i64 = dossier.legs().filter_map(|l| state.transfers.get(&l.id)).sum();
    let person = dossier.refunds.iter().flat_map(|r| &r.legs).any(|l| {
        asked(state, l.id.uuid(), QuestionKind::Overpaid) || asked(state, l.id.uuid(), QuestionKind::IntegrityHold)
    });
    if by_channel + by_hand > paid && !person {
        let text = format!("{}: the payer paid {paid}, got {by_channel} and {by_hand} by hand", dossier.order.id);
        state.violated("I3", text);
    }
}

/// I11: a closed order keeps nothing, and a paid one what it costs.
fn nothing_is_kept(state: &mut State, dossier: &Dossier) {
    let order = &dossier.order;
    let captured: i64 = dossier
        .payments
        .iter()
        .filter(|p| p.state == PaymentState::Captured)
        .map(|p| p.amount.minor)
        .sum();
    let held = dossier.payments.iter().any(|p| p.state == PaymentState::IntegrityHold);
    let given_up = dossier
        .legs()
        .any(|l| l.state == LegState::Abandoned && l.evidence.abandoned.as_ref().is_some_and(|(_, (by, _))| by != "bursar"));
    let over = dossier.refunds.iter().any(overpaid);
    if held || over {
        return;
    }
    match order.state {
        OrderState::Closed => {
            let spoken_for: i64 =
                dossier.legs().filter(|l| l.state.takes_from_payment()).map(|l| l.amount.minor).sum();
            let waits = dossier.payments.iter().any(|p| asked(state, p.id.uuid(), QuestionKind::LateMoney));
            if spoken_for < captured && !given_up && !waits {
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
            let back: i64 = by_rule.map(|r| r.amount.minor).sum();
            if captured - back != order.amount.minor {
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
