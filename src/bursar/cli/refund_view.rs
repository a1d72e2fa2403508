//! Refunds as people see them: it knows tables and JSON, and must never show where a payer wants his money.

use bursar_core::refund::{Leg, LegState, Refund};
use serde_json::{Value, json};

use super::{Done, output};

/// A refund with its legs as JSON.
pub(super) fn to_json(refund: &Refund) -> Value {
    json!({
        "id": refund.id, "order": refund.order, "merchant": refund.merchant, "state": refund.state,
        "cause": refund.cause, "reason": refund.reason, "amount_minor": refund.amount.minor,
        "currency": refund.amount.currency, "succeeded_minor": refund.succeeded_minor(),
        "requested_by": refund.requested_by, "needs_approval": refund.needs_approval,
        "approved_by": refund.evidence.approved.as_ref().map(|(_, by)| by),
        "rejected_by": refund.evidence.rejected.as_ref().map(|(_, (by, _))| by),
        "created_at": refund.created_at, "legs": refund.legs.iter().map(leg_to_json).collect::<Vec<_>>(),
    })
}

fn leg_to_json(leg: &Leg) -> Value {
    let receipt = leg.evidence.succeeded.as_ref();
    json!({
        "id": leg.id, "payment": leg.payment, "route": leg.route, "amount_minor": leg.amount.minor,
        "state": leg.state, "replaces": leg.replaces, "due_at": leg.due_at, "why": why(leg),
        "refund_id": receipt.map(|r| r.refund_id.clone()).or_else(|| leg.evidence.refund_id.clone()),
        "refunded_at": receipt.map(|r| r.refunded_at),
    })
}

/// What went wrong last, or how it was done; `None` when nothing is to be said.
fn why(leg: &Leg) -> Option<String> {
    let evidence = &leg.evidence;
    let words = |said: &Option<(bursar_core::Timestamp, String)>| said.as_ref().map(|(_, words)| words.clone());
    match leg.state {
        LegState::WaitingFunds => words(&evidence.no_funds),
        LegState::NotPossible => words(&evidence.refused),
        LegState::Failed => words(&evidence.closed),
        LegState::Stranded => {
            words(&evidence.second_failed).or_else(|| Some("the payer's bank sent it back".to_owned()))
        }
        LegState::SecondWay => Some("the payer's bank sent it back; it goes to the account that he named".to_owned()),
        LegState::Reversed => words(&evidence.reversed),
        LegState::Abandoned => evidence.abandoned.as_ref().map(|(_, (by, reason))| format!("{reason}, said by {by}")),
        LegState::Held => evidence.mismatch.clone(),
        LegState::Succeeded => {
            let transferred = evidence.transferred.as_ref().map(|(_, (by, at_bank))| format!("{at_bank}, by {by}"));
            let paid_out = evidence.paid_out.as_ref().map(|(_, (by, worker, _))| format!("cash of {worker}, by {by}"));
            transferred.or(paid_out)
        }
        LegState::AwaitingTransfer => Some("a person must transfer it, or pay it out".to_owned()),
        LegState::Reserved | LegState::Sending | LegState::Unknown | LegState::Processing => None,
    }
}

/// Refunds, each with its legs below it.
pub(super) fn table(refunds: &[Refund]) -> Done {
    let mut rows = Vec::new();
    for refund in refunds {
        rows.push(vec![
            refund.id.to_string(),
            refund.amount.to_string(),
            refund.state.name().to_owned(),
            refund.cause.name().to_owned(),
            format!("{} ({})", refund.reason, refund.requested_by),
        ]);
        for leg in &refund.legs {
            let due = leg.due_at.filter(|_| leg.state.is_active()).map(|at| format!("due {at}"));
            let notes: Vec<String> = [Some(leg.payment.to_string()), why(leg), due].into_iter().flatten().collect();
            rows.push(vec![
                format!("  {}", leg.id),
                leg.amount.to_string(),
                leg.state.name().to_owned(),
                leg.route.name().to_owned(),
                notes.join(", "),
            ]);
        }
    }
    output::table(&["REFUND, LEGS", "AMOUNT", "STATE", "CAUSE, WAY", ""], &rows)
}
