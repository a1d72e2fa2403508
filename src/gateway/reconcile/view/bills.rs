//! Bills and their lines as the API shows them: it knows names of members, and must never show a file.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{BillId, ChannelAccountId, LegId, PaymentId};
use bursar_core::reconcile::{Bill, BillSums, EntryKind, EntryStatus};
use bursar_store::BillLineRow;
use serde::Serialize;
use utoipa::ToSchema;

/// What the lines of a bill come to, in minor units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BillSums)]
pub struct BillSumsView {
    /// Lines of data.
    pub lines: u64,
    /// Taken from payers.
    pub captured_minor: i64,
    /// Given back to payers: done, or under way.
    pub refunded_minor: i64,
    /// Kept by the channel.
    pub fee_minor: i64,
    /// Paid out to the merchant's bank account.
    pub payout_minor: i64,
    /// Anything else that came to the account; negative when more left it.
    pub other_minor: i64,
}

impl From<BillSums> for BillSumsView {
    fn from(sums: BillSums) -> Self {
        let BillSums { lines, captured_minor, refunded_minor, fee_minor, payout_minor, other_minor } = sums;
        Self { lines, captured_minor, refunded_minor, fee_minor, payout_minor, other_minor }
    }
}

/// One issue of a channel's bill of a day.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Bill)]
pub struct BillView {
    /// Its id (`bil_…`).
    #[schema(value_type = String)]
    pub id: BillId,
    /// Of which account (`acc_…`).
    #[schema(value_type = String)]
    pub account_id: ChannelAccountId,
    /// `trade`: what was taken and given back. `funds`: what moved on the account at the channel.
    #[schema(example = "trade")]
    pub kind: &'static str,
    /// Of which of the channel's business days.
    #[schema(value_type = String, format = Date)]
    pub day: Day,
    /// 1, and one more for each file with other content that the channel issued for the same day.
    pub issue: i32,
    /// `stored`: its lines are being taken in. `done`: all were.
    #[schema(example = "done")]
    pub state: &'static str,
    /// How many lines were taken in.
    pub lines_taken: i64,
    /// What its lines come to.
    pub sums: BillSumsView,
    /// In which currency.
    #[schema(example = "CNY")]
    pub currency: String,
    /// The name of the file.
    pub file_name: String,
    /// Its bytes.
    pub file_bytes: i64,
    /// SHA-256 of the file, in hexadecimal digits.
    pub file_sha256: String,
    /// Who brought it: `channel`, or a person.
    #[schema(example = "channel")]
    pub source: String,
    /// When it came.
    #[schema(value_type = String, format = DateTime)]
    pub fetched_at: Timestamp,
}

impl From<&Bill> for BillView {
    fn from(bill: &Bill) -> Self {
        Self {
            id: bill.id,
            account_id: bill.account,
            kind: bill.kind.name(),
            day: bill.day,
            issue: bill.issue,
            state: bill.state.name(),
            lines_taken: bill.taken,
            sums: bill.sums.into(),
            currency: bill.currency.code().to_owned(),
            file_name: bill.name.clone(),
            file_bytes: bill.bytes,
            file_sha256: bill.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            source: bill.source.clone(),
            fetched_at: bill.fetched_at,
        }
    }
}

/// Bills.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BillList)]
pub struct BillList {
    /// The latest day first.
    pub bills: Vec<BillView>,
    /// `false`: there are more. Narrow `from` and `until`.
    pub complete: bool,
}

/// One line of a bill.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BillLine)]
pub struct BillLineView {
    /// Which line of data, from 1.
    pub ordinal: u32,
    /// `capture`, `refund`, `fee`, `payout`, `dispute` or `other`.
    #[schema(example = "capture")]
    pub kind: &'static str,
    /// `done`, `pending`, or `failed`: it did not move after all.
    #[schema(value_type = String, example = "done")]
    pub status: EntryStatus,
    /// Our number as the channel wrote it; empty where the line has none.
    pub number: String,
    /// The channel's own number.
    pub channel_id: String,
    /// Minor units that moved.
    pub amount_minor: i64,
    /// As the channel wrote it.
    #[schema(example = "CNY")]
    pub currency: String,
    /// Minor units that the channel kept of it; negative when it gave back what it had kept.
    pub fee_minor: i64,
    /// When it moved, by the channel's clock.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The merchant's number of the order, where the channel tells it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub order_number: Option<String>,
    /// The payment of ours that it is about (`pay_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub payment_id: Option<PaymentId>,
    /// The leg of a refund of ours that it is about (`rfl_…`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    pub leg_id: Option<LegId>,
    /// `agrees`, `healed` (it has mended our books), `broken` (see its break), or `told` (nothing that is matched one
    /// by one).
    #[schema(example = "agrees")]
    pub verdict: &'static str,
    /// The last issue of its bill that told it; not there when a later one took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub issue: Option<i32>,
}

impl From<&BillLineRow> for BillLineView {
    fn from(row: &BillLineRow) -> Self {
        let line = &row.line;
        let (payment_id, leg_id) = match line.kind {
            EntryKind::Capture => (row.subject.map(PaymentId), None),
            EntryKind::Refund => (None, row.subject.map(LegId)),
            EntryKind::Fee | EntryKind::Payout | EntryKind::Dispute | EntryKind::Other => (None, None),
        };
        Self {
            ordinal: line.ordinal,
            kind: line.kind.name(),
            status: line.status,
            number: line.number.clone(),
            channel_id: line.channel_id.clone(),
            amount_minor: line.amount_minor,
            currency: line.currency.clone(),
            fee_minor: line.fee_minor,
            at: line.at,
            order_number: line.order_number.clone(),
            payment_id,
            leg_id,
            verdict: row.verdict.name(),
            issue: Some(row.issue).filter(|_| !row.is_withdrawn()),
        }
    }
}

/// A page of lines.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = BillLinePage)]
pub struct BillLinePage {
    /// As they stand in the file.
    pub lines: Vec<BillLineView>,
    /// Leads to the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
}
