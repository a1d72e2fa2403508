//! Breaks and what our books say beside them, as the API shows them: it knows names of members, and must never show
//! more of a payment than its state and its amount.

mod bills;
mod days;

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, ChannelAccountId, LegId, PaymentId};
use bursar_core::reconcile::{Break, BreakSubject, LegSide, PaymentSide, Proposal, Resolution};
use serde::Serialize;
use utoipa::ToSchema;

pub use bills::{BillLinePage, BillLineView, BillList, BillSumsView, BillView};
pub use days::{ReconciliationList, ReconciliationView};

/// What a person has proposed, while a second one must agree.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreakProposal)]
pub struct ProposalView {
    /// `accept` or `write_off`.
    #[schema(value_type = String, example = "write_off")]
    pub how: Resolution,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<&Proposal> for ProposalView {
    fn from(proposal: &Proposal) -> Self {
        let Proposal { how, by, reason, at } = proposal.clone();
        Self { how, by, reason, at }
    }
}

/// A difference between a channel's books and ours.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Break)]
pub struct BreakView {
    /// Its id (`brk_…`): the same however often it is found.
    #[schema(value_type = String)]
    pub id: BreakId,
    /// On which account (`acc_…`).
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// What kind: `missing_at_channel`, `missing_here`, `status_channel_paid`, `status_we_paid`, `amount`,
    /// `currency`, `fee`, `duplicate_line`, `refund_missing_here`, `refund_missing_there`, `cross_day` or
    /// `settlement`.
    #[schema(example = "missing_here")]
    pub kind: &'static str,
    /// `open`, `healing` and `healed` without a person; `parked`: a person has to answer; then `resolved` or
    /// `written_off`.
    #[schema(example = "parked")]
    pub state: &'static str,
    /// The channel's business day on which it was found.
    #[schema(value_type = String, format = Date)]
    pub day: Day,
    /// Minor units by which the channel has more than we; negative: less.
    pub amount_minor: i64,
    /// In which currency.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What of ours it is about: `payment`, `leg`, `line` (that is nobody's) or `day` (its sums).
    #[schema(example = "payment")]
    pub subject: &'static str,
    /// The payment (`pay_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment_id: Option<PaymentId>,
    /// The leg of a refund (`rfl_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub leg_id: Option<LegId>,
    /// The number to look for: ours as the channel wrote it, or the channel's.
    pub number: String,
    /// What is asked, or what was found, in words.
    pub question: String,
    /// The bill whose line told it (`bil_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub bill_id: Option<BillId>,
    /// Which of its lines, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ordinal: Option<u32>,
    /// How it shall end, while a second person must agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub proposal: Option<ProposalView>,
    /// How it ended, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_why: Option<String>,
    /// Who ended it: people, or `bursar`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ended_by: Option<String>,
    /// When it was found.
    #[schema(value_type = String, format = DateTime)]
    pub opened_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub changed_at: Timestamp,
}

impl From<&Break> for BreakView {
    fn from(found: &Break) -> Self {
        let (mut payment_id, mut leg_id) = (None, None);
        let subject = match found.subject_kind {
            BreakSubject::Payment => {
                payment_id = Some(PaymentId(found.subject));
                "payment"
            }
            BreakSubject::Leg => {
                leg_id = Some(LegId(found.subject));
                "leg"
            }
            BreakSubject::Line => "line",
            BreakSubject::Day => "day",
        };
        let (ended_why, ended_by) = found.ended.clone().unzip();
        Self {
            id: found.id,
            account_id: found.account,
            kind: found.kind.name(),
            state: found.state.name(),
            day: found.day,
            amount_minor: found.amount_minor,
            currency: found.currency.code().to_owned(),
            subject,
            payment_id,
            leg_id,
            number: found.number.clone(),
            question: found.text.clone(),
            bill_id: found.line.map(|(bill, _)| BillId(bill)),
            ordinal: found.line.map(|(_, ordinal)| ordinal),
            proposal: found.proposal.as_ref().map(ProposalView::from),
            ended_why,
            ended_by,
            opened_at: found.opened_at,
            changed_at: found.changed_at,
        }
    }
}

/// A page of breaks.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreakPage)]
pub struct BreakPage {
    /// By id.
    pub breaks: Vec<BreakView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}

/// What our books say of the payment or the leg that a break is about.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreakOurs)]
pub struct OursView {
    /// The payment (`pay_…`).
    #[schema(value_type = String)]
    pub payment_id: PaymentId,
    /// The leg of its refund (`rfl_…`), when it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub leg_id: Option<LegId>,
    /// Where the payment, or the leg, stands.
    #[schema(example = "captured")]
    pub state: &'static str,
    /// What is to be taken, or goes back, in minor units.
    pub amount_minor: i64,
    /// In which currency.
    #[schema(example = "CNY")]
    pub currency: String,
}

impl From<&PaymentSide> for OursView {
    fn from(side: &PaymentSide) -> Self {
        Self {
            payment_id: side.id,
            leg_id: None,
            state: side.state.name(),
            amount_minor: side.amount.minor,
            currency: side.amount.currency.code().to_owned(),
        }
    }
}

impl From<&LegSide> for OursView {
    fn from(side: &LegSide) -> Self {
        Self {
            payment_id: side.payment,
            leg_id: Some(side.id),
            state: side.state.name(),
            amount_minor: side.amount.minor,
            currency: side.amount.currency.code().to_owned(),
        }
    }
}

/// A break, with both sides.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BreakWithSides)]
pub struct BreakDetail {
    /// The break.
    #[serde(rename = "break")]
    pub found: BreakView,
    /// The line of the channel's bill that told it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub line: Option<BillLineView>,
    /// What our books have.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ours: Option<OursView>,
}
