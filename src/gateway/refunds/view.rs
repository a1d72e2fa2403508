//! How a refund looks to its merchant: it knows what is shown, and must never show a payee, sealed or not,
//! or another merchant's row.

use bursar_core::Timestamp;
use bursar_core::bank;
use bursar_core::id::{LegId, OrderId, PaymentId, RefundId};
use bursar_core::refund::{Leg, LegState, Refund, RefundCause, RefundState, Route};
use bursar_store::JobRow;
use serde::Serialize;
use utoipa::ToSchema;

use crate::explain::refund as explain;

/// A refund with its legs.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Refund)]
pub struct RefundView {
    /// Its id.
    #[schema(value_type = String, example = "rfd_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub id: RefundId,
    /// The order whose money goes back.
    #[schema(value_type = String)]
    pub order_id: OrderId,
    /// `prepared` (runs only if its order does not become whole), `awaiting_approval`, `running`, `parked`
    /// (a person must act), `succeeded`, `partially_succeeded`, `failed`, `rejected` or `voided`.
    #[schema(value_type = String, example = "running")]
    pub state: RefundState,
    /// `requested`, or what made it follow by itself: `late_money`, `duplicate` or `incomplete`.
    #[schema(value_type = String, example = "requested")]
    pub cause: RefundCause,
    /// Why; the payer reads it.
    pub reason: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// ISO 4217 code.
    pub currency: String,
    /// How much of it the payer has, in minor units.
    pub succeeded_minor: i64,
    /// Who asked for it; `bursar` for what follows by itself.
    pub requested_by: String,
    /// Whether a second person must agree, or had to.
    pub needs_approval: bool,
    /// Whether a bank account of the payer came with it, sealed for the channel.
    pub payee_given: bool,
    /// Who approved it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub approved_by: Option<String>,
    /// Who rejected it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rejected_by: Option<String>,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rejected_because: Option<String>,
    /// One sentence: what happens next and when, or that it is final.
    pub next: String,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Its ways, oldest first. One that failed is replaced by others.
    pub legs: Vec<LegView>,
}

/// One way by which a refund is fulfilled.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RefundLeg)]
pub struct LegView {
    /// Its id; without `rfl_` the number that the channel knows it by.
    #[schema(value_type = String, example = "rfl_01kaqv0x5sfj3te9v9v5vyr7b9")]
    pub id: LegId,
    /// The payment whose money goes back.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// `channel`, or `transfer`: a person transfers it by bank.
    #[schema(value_type = String, example = "channel")]
    pub route: Route,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// `reserved`, `sending`, `unknown`, `processing`, `waiting_funds`, `second_way`, `awaiting_transfer`,
    /// `succeeded`, `failed`, `not_possible`, `stranded`, `reversed`, `abandoned` or `held`.
    #[schema(value_type = String, example = "processing")]
    pub state: LegState,
    /// The leg that had failed and whose amount this one carries on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub replaces: Option<LegId>,
    /// The channel's own number of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub channel_refund_id: Option<String>,
    /// When the payer got it, by the channel's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub refunded_at: Option<Timestamp>,
    /// What the transfer must carry in its text, so that a statement of the bank confirms it. Of legs that a
    /// person transfers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "98TGWSSXGV")]
    pub transfer_reference: Option<String>,
    /// Who transferred it by bank.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub transferred_by: Option<String>,
    /// The bank's reference of the transfer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reference: Option<String>,
    /// What went wrong last, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// What happens next, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next: Option<String>,
    /// When.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, nullable = false)]
    pub next_at: Option<Timestamp>,
}

impl RefundView {
    /// `refund` with what `jobs` say about when something happens to its legs; without a leg's job its own
    /// due time tells.
    pub fn new(refund: &Refund, jobs: &[JobRow], now: Timestamp) -> Self {
        let rejected = refund.evidence.rejected.as_ref().filter(|_| refund.state == RefundState::Rejected);
        Self {
            id: refund.id,
            order_id: refund.order,
            state: refund.state,
            cause: refund.cause,
            reason: refund.reason.clone(),
            amount_minor: refund.amount.minor,
            currency: refund.amount.currency.code().to_owned(),
            succeeded_minor: refund.succeeded_minor(),
            requested_by: refund.requested_by.clone(),
            needs_approval: refund.needs_approval,
            payee_given: refund.payee.is_some(),
            approved_by: refund.evidence.approved.as_ref().map(|(_, by)| by.clone()),
            rejected_by: rejected.map(|(_, (by, _))| by.clone()),
            rejected_because: rejected.map(|(_, (_, reason))| reason.clone()),
            next: explain::sentence(refund, jobs, now),
            created_at: refund.created_at,
            legs: refund.legs.iter().map(|leg| LegView::new(refund, leg, jobs, now)).collect(),
        }
    }
}

impl LegView {
    fn new(refund: &Refund, leg: &Leg, jobs: &[JobRow], now: Timestamp) -> Self {
        let step = explain::step(refund, leg, jobs, now);
        let receipt = leg.evidence.succeeded.as_ref();
        let transferred = leg.evidence.transferred.as_ref();
        Self {
            id: leg.id,
            payment_id: leg.payment,
            route: leg.route,
            amount_minor: leg.amount.minor,
            state: leg.state,
            replaces: leg.replaces,
            channel_refund_id: leg.evidence.refund_id.clone(),
            refunded_at: receipt.map(|r| r.refunded_at).or(transferred.map(|(at, _)| *at)),
            transfer_reference: (leg.route == Route::Transfer).then(|| bank::reference(leg.id.uuid())),
            transferred_by: transferred.map(|(_, (by, _))| by.clone()),
            reference: transferred.map(|(_, (_, reference))| reference.clone()),
            why: explain::trouble(leg),
            next: step.as_ref().map(|s| s.text.clone()),
            next_at: step.and_then(|s| s.at),
        }
    }
}

/// A page of refunds.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RefundPage)]
pub struct RefundPage {
    /// Newest first.
    pub refunds: Vec<RefundView>,
    /// Send it as `cursor`, with the same filters, for the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}
