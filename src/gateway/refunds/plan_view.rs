//! How the plan of a refund looks to its merchant: it knows what a preview tells, and must never write
//! anything.

use bursar_core::Timestamp;
use bursar_core::id::PaymentId;
use bursar_core::refund::Route;
use serde::Serialize;
use utoipa::ToSchema;

use super::impossible;
use super::plan::Planned;

/// How a refund would be carried out now.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RefundPlan)]
pub struct PlanView {
    /// Whether it can be.
    pub possible: bool,
    /// How much in all, in minor units.
    pub amount_minor: i64,
    /// Whether a second person must agree.
    pub needs_approval: bool,
    /// From which payments, by which ways.
    pub shares: Vec<ShareView>,
    /// Why it cannot be: the `type` of the problem that asking for it would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "/problems/refund-too-much")]
    pub problem: Option<String>,
    /// Why it cannot be, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub why: Option<String>,
    /// Where the order stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order_state: Option<&'static str>,
    /// The payment in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment_id: Option<PaymentId>,
    /// Minor units asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub asked_minor: Option<i64>,
    /// Minor units captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub captured_minor: Option<i64>,
    /// Minor units given back or set aside for refunds under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub given_back_minor: Option<i64>,
    /// Minor units left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub left_minor: Option<i64>,
    /// What the named shares add up to, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub sum_minor: Option<i64>,
}

/// One leg to be.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = RefundShare)]
pub struct ShareView {
    /// The payment whose money would go back.
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// `channel`, or `transfer`: a person would have to transfer it by bank.
    #[schema(value_type = String, example = "channel")]
    pub route: Route,
    /// Not before this instant: channels want time between the refunds of one payment.
    #[schema(value_type = String, format = DateTime)]
    pub earliest: Timestamp,
}

impl From<&Planned> for PlanView {
    fn from(planned: &Planned) -> Self {
        let problem = planned.shares.as_ref().err().map(impossible::problem);
        let facts = problem.as_ref().and_then(|p| p.facts.as_deref().cloned()).unwrap_or_default();
        let shares = planned.shares.as_deref().unwrap_or_default().iter().map(|share| ShareView {
            payment_id: share.payment,
            amount_minor: share.amount_minor,
            route: share.route,
            earliest: share.earliest,
        });
        Self {
            possible: problem.is_none(),
            amount_minor: planned.amount_minor(),
            needs_approval: planned.needs_approval,
            shares: shares.collect(),
            problem: problem.as_ref().map(|p| p.kind.uri()),
            why: problem.map(|p| p.detail),
            order_state: facts.order_state,
            payment_id: facts.payment_id,
            asked_minor: facts.asked_minor,
            captured_minor: facts.captured_minor,
            given_back_minor: facts.given_back_minor,
            left_minor: facts.left_minor,
            sum_minor: facts.sum_minor,
        }
    }
}
