//! What merchants are told: it knows the events and their bodies, and must never know how they are
//! delivered.

use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::id::RefundId;
use crate::order::Dossier;
use crate::refund::RefundState;

/// A merchant event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub enum EventKind {
    /// The whole amount was captured.
    #[serde(rename = "order.paid")]
    OrderPaid,
    /// The order ended unpaid.
    #[serde(rename = "order.closed")]
    OrderClosed,
    /// Money came after the order was closed.
    #[serde(rename = "order.late_money")]
    OrderLateMoney,
    /// A refund runs.
    #[serde(rename = "refund.created")]
    RefundCreated,
    /// The payer has all of a refund.
    #[serde(rename = "refund.succeeded")]
    RefundSucceeded,
    /// A refund ended and the payer has nothing or not all of it; or it came back.
    #[serde(rename = "refund.failed")]
    RefundFailed,
    /// A refund waits for a person.
    #[serde(rename = "refund.parked")]
    RefundParked,
    /// The payer's way did not work; he may choose another.
    #[serde(rename = "order.choose_again")]
    OrderChooseAgain,
    /// The payer has agreed: the amount is held for us and waits to be taken.
    #[serde(rename = "payment.authorized")]
    PaymentAuthorized,
    /// Money that had come was taken back by the bank.
    #[serde(rename = "payment.reversed")]
    PaymentReversed,
    /// The payer complained to his bank.
    #[serde(rename = "dispute.opened")]
    DisputeOpened,
    /// A complaint ended.
    #[serde(rename = "dispute.closed")]
    DisputeClosed,
    /// The payer has signed an agreement.
    #[serde(rename = "agreement.signed")]
    AgreementSigned,
    /// An agreement that was signed has ended.
    #[serde(rename = "agreement.ended")]
    AgreementEnded,
    /// An agreement was not signed, and will not be.
    #[serde(rename = "agreement.declined")]
    AgreementDeclined,
    /// The payer can sign an agreement.
    #[serde(rename = "agreement.offered")]
    AgreementOffered,
    /// Installments of a plan fall due from now on.
    #[serde(rename = "plan.activated")]
    PlanActivated,
    /// Nothing of a plan falls due until somebody resumes it.
    #[serde(rename = "plan.paused")]
    PlanPaused,
    /// A plan goes on.
    #[serde(rename = "plan.resumed")]
    PlanResumed,
    /// What a plan asks for has changed.
    #[serde(rename = "plan.changed")]
    PlanChanged,
    /// All of a plan was paid.
    #[serde(rename = "plan.completed")]
    PlanCompleted,
    /// All of a plan was paid before its time.
    #[serde(rename = "plan.settled_early")]
    PlanSettledEarly,
    /// A plan has ended, and something of it was written off.
    #[serde(rename = "plan.defaulted")]
    PlanDefaulted,
    /// A plan was ended before its time.
    #[serde(rename = "plan.cancelled")]
    PlanCancelled,
    /// An installment has an order: it is charged, or can be paid.
    #[serde(rename = "installment.due")]
    InstallmentDue,
    /// An installment was paid.
    #[serde(rename = "installment.paid")]
    InstallmentPaid,
    /// A charge was declined, and is tried again.
    #[serde(rename = "installment.retrying")]
    InstallmentRetrying,
    /// An installment is not charged again by itself; the payer can pay it by hand.
    #[serde(rename = "installment.overdue")]
    InstallmentOverdue,
    /// An installment ended unpaid.
    #[serde(rename = "installment.written_off")]
    InstallmentWrittenOff,
    /// A channel's books and ours differ, and a person is asked.
    #[serde(rename = "break.parked")]
    BreakParked,
    /// A difference that a person was asked about has ended.
    #[serde(rename = "break.ended")]
    BreakEnded,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 31] = [
        Self::OrderPaid,
        Self::OrderClosed,
        Self::OrderLateMoney,
        Self::RefundCreated,
        Self::RefundSucceeded,
        Self::RefundFailed,
        Self::RefundParked,
        Self::OrderChooseAgain,
        Self::PaymentAuthorized,
        Self::PaymentReversed,
        Self::DisputeOpened,
        Self::DisputeClosed,
        Self::AgreementSigned,
        Self::AgreementEnded,
        Self::AgreementDeclined,
        Self::AgreementOffered,
        Self::PlanActivated,
        Self::PlanPaused,
        Self::PlanResumed,
        Self::PlanChanged,
        Self::PlanCompleted,
        Self::PlanSettledEarly,
        Self::PlanDefaulted,
        Self::PlanCancelled,
        Self::InstallmentDue,
        Self::InstallmentPaid,
        Self::InstallmentRetrying,
        Self::InstallmentOverdue,
        Self::InstallmentWrittenOff,
        Self::BreakParked,
        Self::BreakEnded,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::OrderPaid => 1,
            Self::OrderClosed => 2,
            Self::OrderLateMoney => 3,
            Self::RefundCreated => 4,
            Self::RefundSucceeded => 5,
            Self::RefundFailed => 6,
            Self::RefundParked => 7,
            Self::OrderChooseAgain => 8,
            Self::PaymentAuthorized => 9,
            Self::PaymentReversed => 10,
            Self::DisputeOpened => 11,
            Self::DisputeClosed => 12,
            Self::AgreementSigned => 13,
            Self::AgreementEnded => 14,
            Self::AgreementDeclined => 15,
            Self::AgreementOffered => 16,
            Self::PlanActivated => 17,
            Self::PlanPaused => 18,
            Self::PlanResumed => 19,
            Self::PlanChanged => 20,
            Self::PlanCompleted => 21,
            Self::PlanSettledEarly => 22,
            Self::PlanDefaulted => 23,
            Self::PlanCancelled => 24,
            Self::InstallmentDue => 25,
            Self::InstallmentPaid => 26,
            Self::InstallmentRetrying => 27,
            Self::InstallmentOverdue => 28,
            Self::InstallmentWrittenOff => 29,
            Self::BreakParked => 30,
            Self::BreakEnded => 31,
        }
    }

    /// The stable name in bodies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OrderPaid => "order.paid",
            Self::OrderClosed => "order.closed",
            Self::OrderLateMoney => "order.late_money",
            Self::RefundCreated => "refund.created",
            Self::RefundSucceeded => "refund.succeeded",
            Self::RefundFailed => "refund.failed",
            Self::RefundParked => "refund.parked",
            Self::OrderChooseAgain => "order.choose_again",
            Self::PaymentAuthorized => "payment.authorized",
            Self::PaymentReversed => "payment.reversed",
            Self::DisputeOpened => "dispute.opened",
            Self::DisputeClosed => "dispute.closed",
            Self::AgreementSigned => "agreement.signed",
            Self::AgreementEnded => "agreement.ended",
            Self::AgreementDeclined => "agreement.declined",
            Self::AgreementOffered => "agreement.offered",
            Self::PlanActivated => "plan.activated",
            Self::PlanPaused => "plan.paused",
            Self::PlanResumed => "plan.resumed",
            Self::PlanChanged => "plan.changed",
            Self::PlanCompleted => "plan.completed",
            Self::PlanSettledEarly => "plan.settled_early",
            Self::PlanDefaulted => "plan.defaulted",
            Self::PlanCancelled => "plan.cancelled",
            Self::InstallmentDue => "installment.due",
            Self::InstallmentPaid => "installment.paid",
            Self::InstallmentRetrying => "installment.retrying",
            Self::InstallmentOverdue => "installment.overdue",
            Self::InstallmentWrittenOff => "installment.written_off",
            Self::BreakParked => "break.parked",
            Self::BreakEnded => "break.ended",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

/// Something that the merchant must be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The refund that it happened to.
    pub refund: Option<RefundId>,
    /// 1, 2, 3 … per order, without gaps.
    pub sequence: i64,
    /// When we learned of it.
    pub at: Timestamp,
}

/// The body of a webhook: the same bytes on every attempt, for every endpoint. Follows the shape of
/// [Standard Webhooks](https://www.standardwebhooks.com) (`type`, `timestamp`, `data`).
pub fn body(event: Event, dossier: &Dossier) -> Value {
    let order = &dossier.order;
    let payments: Vec<Value> = dossier
        .payments
        .iter()
        .map(|p| {
            let mut value = json!({
                "id": p.id, "method": p.method, "state": p.state, "amount_minor": p.amount.minor,
                "returned_minor": p.returned_minor,
            });
            if let (Some(transaction_id), Some(map)) = (p.evidence.transaction_id(), value.as_object_mut()) {
                map.insert("transaction_id".into(), json!(transaction_id));
                map.insert("paid_at".into(), json!(p.evidence.paid_at()));
                map.insert("taken_minor".into(), json!(p.taken_minor()));
            }
            if let (false, Some(map)) = (p.evidence.disputes.is_empty(), value.as_object_mut()) {
                let disputes: Vec<_> = p.evidence.disputes.values().collect();
                map.insert("disputes".into(), json!(disputes));
            }
            value
        })
        .collect();
    json!({
        "type": event.kind.name(),
        "timestamp": event.at,
        "sequence": event.sequence,
        "data": {
            "order_id": order.id, "number": order.number, "state": order.state,
            "amount_minor": order.amount.minor, "currency": order.amount.currency,
            "close_reason": order.close_reason, "disputed": dossier.is_disputed(), "payments": payments,
            "refund_id": event.refund, "refunded_minor": dossier.refunded_minor(), "refunds": refunds(dossier),
        },
    })
}

/// The refunds of an order, without those that were only prepared.
fn refunds(dossier: &Dossier) -> Vec<Value> {
    let shown = dossier.refunds.iter().filter(|r| !matches!(r.state, RefundState::Prepared | RefundState::Voided));
    shown
        .map(|r| {
            json!({
                "id": r.id, "state": r.state, "cause": r.cause, "reason": r.reason,
                "amount_minor": r.amount.minor, "succeeded_minor": r.succeeded_minor(),
            })
        })
        .collect()
}
