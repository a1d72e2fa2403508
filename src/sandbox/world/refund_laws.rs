//! What must hold for each leg of a refund at the end of every history: both sides' books, replay, ledger. It
//! must never use the decision that it judges.

use std::collections::BTreeMap;

use bursar_core::ledger::AccountKind;
use bursar_core::observation::{Claim, Observation};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::Payment;
use bursar_core::refund::{Leg, LegEvidence, LegState, Refund, RefundEvidence, RefundState, Route};
use uuid::Uuid;

use super::giving::{Giving, Stage};
use super::money_laws;
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
    }
    money_laws::check(state, dossier);
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
        let crooked = state.books.givings.rows.values().any(|r| r.payment == payment && r.crooked());
        let capture = state.books.entries.get(&payment).and_then(|e| e.charges.first()).map_or(0, |c| c.amount_minor);
        let given = state.books.given_back(&payment);
        if given > capture && !crooked {
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
        LegState::Reversed => {
            matches!(stage, Some(Stage::Abnormal | Stage::Closed))
                && row.as_ref().is_some_and(|r| r.was(Stage::Success))
        }
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
    let source = if dossier.order.state == OrderState::Closed { LateMoney } else { Earnings };
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
