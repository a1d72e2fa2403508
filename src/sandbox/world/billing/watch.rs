//! Notes when Bursar wrote what, at every commit: it knows rows, and must never judge them.

use bursar_core::agreement::AgreementState;
use bursar_core::billing::PlanState;
use bursar_core::observation::{Claim, Subject};
use bursar_core::payment::PaymentState;
use bursar_store::Change;

use crate::world::state::State;

/// Notes what was written.
pub(crate) fn committed(state: &mut State, change: &Change) {
    let now = state.now;
    let ledger = &mut state.billing;
    for (subject, seen) in &change.observations {
        if let (Subject::Payment(id), Claim::Sending) = (subject, &seen.claim) {
            ledger.sending_ms.insert(id.bare(), now);
        }
    }
    for order in &change.new_orders {
        if let Some(key) = order.installment {
            ledger.opened.entry((key.plan, key.seq)).or_default().push(order.id);
        }
    }
    for fire in &change.schedules.fires {
        let number = change.new_orders.iter().find(|o| o.id == fire.order).map(|o| o.number.clone());
        if let Some(number) = number {
            *ledger.fires.entry((fire.schedule, number)).or_default() += 1;
        }
    }
    for payment in &change.payments {
        if payment.state == PaymentState::Captured {
            ledger.captured_ms.entry(payment.order).or_insert(now);
        }
    }
    for agreement in &change.billing.agreements {
        if matches!(agreement.state, AgreementState::Ended | AgreementState::Ending) {
            ledger.ended_seen_ms.entry(agreement.id).or_insert(now);
        }
    }
    for plan in &change.billing.plans {
        let pauses = ledger.pauses.entry(plan.id).or_default();
        let still = pauses.last_mut().filter(|(_, until)| *until == i64::MAX);
        match (still, plan.state) {
            (None, PlanState::Paused) => pauses.push((now, i64::MAX)),
            (Some(pause), state) if state != PlanState::Paused => pause.1 = now,
            _ => {}
        }
        if plan.state.is_final() {
            ledger.over_ms.entry(plan.id).or_insert(now);
        }
    }
    for question in &change.questions {
        ledger.asked.insert((question.subject, question.kind));
    }
    if let Some(key) = &change.idempotency {
        ledger.done.entry(key.key.clone()).or_insert(now);
    }
}
