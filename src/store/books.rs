//! Movements, bills, breaks and reconciliations in the store: it knows which rows are written together and which
//! questions are asked about them, and must never know when books agree ([`bursar_core::reconcile`] does).

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, ChannelAccountId, MerchantId, ReconciliationId};
use bursar_core::reconcile::{
    Bill, BillKind, BillLine, Break, BreakKind, BreakState, LegSide, Movement, MovementKind, PaymentSide,
    Reconciliation,
};
use uuid::Uuid;

use crate::Result;
use crate::dialect::Dialect;
use crate::read::books;

/// Rows about books in a [`crate::Change`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct BookRows {
    /// Movements to insert, not matched. One that is there stays as it is.
    pub movements: Vec<Movement>,
    /// Movements that a bill, or a statement, has told of.
    pub matched: Vec<(Uuid, MovementKind)>,
    /// Movements of which a bill takes back that it had told of them.
    pub unmatched: Vec<(Uuid, MovementKind)>,
    /// Movements that only a bill had told of, and that it takes back: they are deleted, unless something has matched
    /// them.
    pub dropped: Vec<(Uuid, MovementKind)>,
    /// Bills to insert (version 0 becomes 1). Guard: the account has no such issue of that day.
    pub new_bills: Vec<Bill>,
    /// Bills to update: how far they were taken in. Guard: the row still has `version`, which is counted up.
    pub bills: Vec<Bill>,
    /// Lines of bills to insert. One that is there stays as it is.
    pub new_lines: Vec<BillLineRow>,
    /// Lines that a later issue of their bill tells again: bill, ordinal and issue; or takes back: [`WITHDRAWN`].
    pub told_again: Vec<(BillId, u32, i32)>,
    /// Reconciliations to insert (version 0 becomes 1). One that is there stays as it is.
    pub new_runs: Vec<Reconciliation>,
    /// Reconciliations to update. Guard: the row still has `version`, which is counted up.
    pub runs: Vec<Reconciliation>,
    /// Breaks to insert (version 0 becomes 1). One that is there makes the change stale: somebody else has found it.
    pub new_breaks: Vec<Break>,
    /// Breaks to update. Guard: the row still has `version`, which is counted up.
    pub breaks: Vec<Break>,
}

impl BookRows {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there are rows that come with a request or a run, and not with a decision.
    pub(crate) fn carries_rows(&self) -> bool {
        !(self.new_bills.is_empty()
            && self.bills.is_empty()
            && self.new_lines.is_empty()
            && self.new_runs.is_empty()
            && self.runs.is_empty()
            && self.new_breaks.is_empty()
            && self.breaks.is_empty())
    }

    /// The ids of bills, reconciliations, breaks and movements of which something is written.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + '_ {
        let bills = self.new_bills.iter().chain(&self.bills).map(|b| b.id.uuid());
        let runs = self.new_runs.iter().chain(&self.runs).map(|r| r.id.uuid());
        let breaks = self.new_breaks.iter().chain(&self.breaks).map(|b| b.id.uuid());
        let moved = self.movements.iter().map(|m| m.subject);
        let marked = self.matched.iter().chain(&self.unmatched).chain(&self.dropped).map(|(subject, _)| *subject);
        bills.chain(runs).chain(breaks).chain(moved).chain(marked)
    }

    /// Ids and versions of what is updated.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (Uuid, i64)> + '_ {
        let bills = self.bills.iter().map(|b| (b.id.uuid(), b.version));
        let runs = self.runs.iter().map(|r| (r.id.uuid(), r.version));
        let breaks = self.breaks.iter().map(|b| (b.id.uuid(), b.version));
        bills.chain(runs).chain(breaks).chain(self.new_breaks.iter().map(|b| (b.id.uuid(), 0)))
    }
}

/// What became of a line of a bill.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LineVerdict {
    /// It agrees with our books.
    Agrees,
    /// It has mended them.
    Healed,
    /// It has opened a break.
    Broken,
    /// It tells nothing that is matched one by one.
    Told,
}

impl LineVerdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Agrees, Self::Healed, Self::Broken, Self::Told];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Agrees => 1,
            Self::Healed => 2,
            Self::Broken => 3,
            Self::Told => 4,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Healed => "healed",
            Self::Broken => "broken",
            Self::Told => "told",
        }
    }

    /// The verdict with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.code() == code)
    }
}

/// What stands in place of the last issue of a line that a later one did not tell again: it is told no more, for good.
/// Where a later issue has the same once more, that is another line.
pub const WITHDRAWN: i32 = i32::MAX;

/// A line of a bill as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillLineRow {
    /// Of which bill.
    pub bill: BillId,
    /// What it says. Its payment's number is not kept: the leg knows it.
    pub line: BillLine,
    /// What of ours it is about: the 128 bits of the id of a payment or a leg.
    pub subject: Option<Uuid>,
    /// What became of it.
    pub verdict: LineVerdict,
    /// The last issue of its bill that told it, or [`WITHDRAWN`].
    pub issue: i32,
}

impl BillLineRow {
    /// Whether a later issue of its bill has taken it back.
    pub const fn is_withdrawn(&self) -> bool {
        self.issue == WITHDRAWN
    }
}

/// A line that was told before, as far as another can be compared with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ToldLine {
    /// By which bill.
    pub bill: BillId,
    /// Which of that account's bills.
    pub bill_kind: BillKind,
    /// Of which day.
    pub day: Day,
    /// The line.
    pub row: BillLineRow,
}

/// Which breaks to list.
#[derive(Clone, Debug, Default)]
pub struct BreakFilter {
    /// Only this merchant's.
    pub merchant: Option<MerchantId>,
    /// Only this account's.
    pub account: Option<ChannelAccountId>,
    /// Only of this kind.
    pub kind: Option<BreakKind>,
    /// Only in this state.
    pub state: Option<BreakState>,
    /// Only those that have not ended.
    pub open: bool,
    /// Only of this day.
    pub day: Option<Day>,
    /// Only ids above this one (the cursor of the next page).
    pub after: Option<BreakId>,
    /// At most so many.
    pub limit: u32,
}

/// Which bills, or reconciliations, to list.
#[derive(Clone, Debug, Default)]
pub struct DayFilter {
    /// Only this merchant's.
    pub merchant: Option<MerchantId>,
    /// Only this account's.
    pub account: Option<ChannelAccountId>,
    /// From this day on.
    pub from: Option<Day>,
    /// Up to this day, included.
    pub until: Option<Day>,
    /// At most so many.
    pub limit: u32,
}

/// What is asked of a database about books. Nothing of it is ever deleted but the files of old bills, and payouts that
/// a bill took back.
#[async_trait]
pub trait Books: Send + Sync {
    /// The movements of these subjects (at most 5000), and whether each was matched.
    async fn movements_of(&self, subjects: &[Uuid]) -> Result<Vec<(Movement, bool)>>;
    /// Movements of an account that bills should tell of, on days from `from` to `until`, both included, that none
    /// has told of; by subject, those above `after`.
    async fn unmatched_movements(
        &self,
        account: ChannelAccountId,
        days: (Day, Day),
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Movement>>;
    /// Transfers by people of a merchant's refunds, on days from `from` to `until`, that no statement has shown.
    async fn unmatched_transfers(&self, merchant: MerchantId, days: (Day, Day), limit: u32) -> Result<Vec<Movement>>;
    /// What we believe of these payments (at most 5000); unknown ids are left out.
    async fn payment_sides(&self, ids: &[Uuid]) -> Result<Vec<PaymentSide>>;
    /// What we believe of these legs (at most 5000); unknown ids are left out.
    async fn leg_sides(&self, ids: &[Uuid]) -> Result<Vec<LegSide>>;

    /// Keeps a part of a bill's file. One that is there stays as it is.
    async fn put_bill_part(&self, bill: BillId, n: i32, bytes: Vec<u8>) -> Result<()>;
    /// A part of a bill's file.
    async fn bill_part(&self, bill: BillId, n: i32) -> Result<Option<Vec<u8>>>;
    /// One bill.
    async fn bill(&self, id: BillId) -> Result<Option<Bill>>;
    /// Bills that match, the latest day first, at most `filter.limit`.
    async fn bills(&self, filter: &DayFilter) -> Result<Vec<Bill>>;
    /// Lines of a bill with ordinals above `after`.
    async fn bill_lines(&self, bill: BillId, after: u32, limit: u32) -> Result<Vec<BillLineRow>>;
    /// Lines about these subjects (at most 5000), whatever bills of the account told them.
    async fn lines_about(&self, account: ChannelAccountId, subjects: &[Uuid]) -> Result<Vec<ToldLine>>;
    /// Lines about nothing of ours with these numbers of the channel (at most 5000).
    async fn lines_numbered(&self, account: ChannelAccountId, channel_ids: &[String]) -> Result<Vec<ToldLine>>;
    /// Captures about payments of ours with these numbers of the channel (at most 5000).
    async fn captures_numbered(&self, account: ChannelAccountId, channel_ids: &[String]) -> Result<Vec<ToldLine>>;
    /// Lines of earlier issues of this bill that it does not tell again.
    async fn lines_withdrawn(&self, bill: &Bill, limit: u32) -> Result<Vec<ToldLine>>;
    /// Payouts of an account on day `since` or later that no bank has shown yet, the earliest first.
    async fn open_payouts(&self, account: ChannelAccountId, since: Day, limit: u32) -> Result<Vec<Movement>>;

    /// One reconciliation.
    async fn reconciliation(&self, id: ReconciliationId) -> Result<Option<Reconciliation>>;
    /// Reconciliations that match, the latest day first, at most `filter.limit`.
    async fn reconciliations(&self, filter: &DayFilter) -> Result<Vec<Reconciliation>>;
    /// Reconciliations that were due before `before` and have no job (not even a parked one).
    async fn stuck_reconciliations(&self, before: Timestamp, limit: u32)
    -> Result<Vec<(ReconciliationId, MerchantId)>>;
    /// Reconciliations that are not done, by id.
    async fn reconciliations_under_way(&self, limit: u32) -> Result<Vec<Reconciliation>>;

    /// Breaks by id (at most 5000); unknown ids are left out.
    async fn breaks_of(&self, ids: &[BreakId]) -> Result<Vec<Break>>;
    /// Breaks that match, by id, at most `filter.limit`.
    async fn breaks(&self, filter: &BreakFilter) -> Result<Vec<Break>>;
    /// How many breaks there are, by kind and state.
    async fn break_counts(&self) -> Result<Vec<(BreakKind, BreakState, u64)>>;
}

#[async_trait]
impl<D: Dialect> Books for D {
    async fn movements_of(&self, subjects: &[Uuid]) -> Result<Vec<(Movement, bool)>> {
        books::movements_of(self, subjects).await
    }
    async fn unmatched_movements(
        &self,
        account: ChannelAccountId,
        days: (Day, Day),
        after: Option<Uuid>,
        limit: u32,
    ) -> Result<Vec<Movement>> {
        books::unmatched(self, account, days, after, limit).await
    }
    async fn unmatched_transfers(&self, merchant: MerchantId, days: (Day, Day), limit: u32) -> Result<Vec<Movement>> {
        books::unmatched_transfers(self, merchant, days, limit).await
    }
    async fn payment_sides(&self, ids: &[Uuid]) -> Result<Vec<PaymentSide>> {
        books::payment_sides(self, ids).await
    }
    async fn leg_sides(&self, ids: &[Uuid]) -> Result<Vec<LegSide>> {
        books::leg_sides(self, ids).await
    }
    async fn put_bill_part(&self, bill: BillId, n: i32, bytes: Vec<u8>) -> Result<()> {
        books::put_part(self, bill, n, bytes).await
    }
    async fn bill_part(&self, bill: BillId, n: i32) -> Result<Option<Vec<u8>>> {
        books::part(self, bill, n).await
    }
    async fn bill(&self, id: BillId) -> Result<Option<Bill>> {
        books::bill(self, id).await
    }
    async fn bills(&self, filter: &DayFilter) -> Result<Vec<Bill>> {
        books::bills(self, filter).await
    }
    async fn bill_lines(&self, bill: BillId, after: u32, limit: u32) -> Result<Vec<BillLineRow>> {
        books::bill_lines(self, bill, after, limit).await
    }
    async fn lines_about(&self, account: ChannelAccountId, subjects: &[Uuid]) -> Result<Vec<ToldLine>> {
        books::lines_about(self, account, subjects).await
    }
    async fn lines_numbered(&self, account: ChannelAccountId, channel_ids: &[String]) -> Result<Vec<ToldLine>> {
        books::lines_numbered(self, account, channel_ids).await
    }
    async fn captures_numbered(&self, account: ChannelAccountId, channel_ids: &[String]) -> Result<Vec<ToldLine>> {
        books::captures_numbered(self, account, channel_ids).await
    }
    async fn lines_withdrawn(&self, bill: &Bill, limit: u32) -> Result<Vec<ToldLine>> {
        books::lines_withdrawn(self, bill, limit).await
    }
    async fn open_payouts(&self, account: ChannelAccountId, since: Day, limit: u32) -> Result<Vec<Movement>> {
        books::open_payouts(self, account, since, limit).await
    }
    async fn reconciliation(&self, id: ReconciliationId) -> Result<Option<Reconciliation>> {
        books::reconciliation(self, id).await
    }
    async fn reconciliations(&self, filter: &DayFilter) -> Result<Vec<Reconciliation>> {
        books::reconciliations(self, filter).await
    }
    async fn stuck_reconciliations(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> Result<Vec<(ReconciliationId, MerchantId)>> {
        books::stuck(self, before, limit).await
    }
    async fn reconciliations_under_way(&self, limit: u32) -> Result<Vec<Reconciliation>> {
        books::under_way(self, limit).await
    }
    async fn breaks_of(&self, ids: &[BreakId]) -> Result<Vec<Break>> {
        books::breaks_of(self, ids).await
    }
    async fn breaks(&self, filter: &BreakFilter) -> Result<Vec<Break>> {
        books::breaks(self, filter).await
    }
    async fn break_counts(&self) -> Result<Vec<(BreakKind, BreakState, u64)>> {
        books::break_counts(self).await
    }
}
