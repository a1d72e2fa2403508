//! What merchants are told of plans and agreements: it knows bodies, and must never know how they are delivered.

use serde_json::{Value, json};

use super::{Installment, Plan, PlanFile};
use crate::agreement::Agreement;
use crate::clock::Timestamp;
use crate::event::EventKind;

/// Something that a plan's merchant is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlanEvent {
    /// What happened.
    pub kind: EventKind,
    /// To which installment.
    pub seq: Option<u32>,
    /// Counts the events of the plan from 1, without gaps.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
}

/// The body of an event of a plan.
pub fn plan_body(event: PlanEvent, file: &PlanFile) -> Value {
    let installment = event.seq.and_then(|seq| file.installment(seq));
    json!({
        "type": event.kind.name(),
        "timestamp": event.at,
        "sequence": event.sequence,
        "data": {
            "plan": plan_view(&file.plan),
            "installment": installment.map(|i| installment_view(&file.plan, i)),
        },
    })
}

fn plan_view(plan: &Plan) -> Value {
    json!({
        "id": plan.id, "number": plan.number, "payer": plan.payer, "state": plan.state.name(), "reason": plan.reason,
        "agreement": plan.agreement,
    })
}

fn installment_view(plan: &Plan, installment: &Installment) -> Value {
    json!({
        "seq": installment.seq,
        "due_on": installment.due_on,
        "amount_minor": installment.minor,
        "currency": plan.currency.code(),
        "state": installment.state.name(),
        "order": installment.order,
        "order_number": installment.order.map(|_| plan.order_number(installment.seq)),
        "tries": installment.tries,
        "next_try_at": installment.next_at,
        "decline": installment.decline.as_ref().map(|d| json!({ "class": d.class.name(), "reason": d.reason })),
    })
}

/// Where an agreement stands, as an event: `sequence` counts the agreement's events.
pub fn agreement_kind(agreement: &Agreement) -> EventKind {
    use crate::agreement::AgreementState;
    match agreement.state {
        AgreementState::New | AgreementState::Signing => EventKind::AgreementOffered,
        AgreementState::Active => EventKind::AgreementSigned,
        AgreementState::Ending | AgreementState::Ended => EventKind::AgreementEnded,
        AgreementState::Declined => EventKind::AgreementDeclined,
    }
}

/// The body of an agreement's event.
pub fn agreement_body(agreement: &Agreement, at: Timestamp) -> Value {
    let evidence = &agreement.evidence;
    let why = evidence.ended.as_ref().or(evidence.refused.as_ref()).map(|(_, why)| why);
    json!({
        "type": agreement_kind(agreement).name(),
        "timestamp": at,
        "sequence": agreement.event_count,
        "data": { "agreement": {
            "id": agreement.id, "payer": agreement.payer, "method": agreement.method.name(),
            "state": agreement.state.name(), "reason": why,
            "signed_at": evidence.signed.as_ref().map(|s| s.signed_at),
            "ends_at": evidence.signed.as_ref().and_then(|s| s.ends_at),
            "code": evidence.offered.as_ref().map(|(_, code)| code),
        } },
    })
}
