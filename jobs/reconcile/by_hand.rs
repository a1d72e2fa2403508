//! Days of banks, which have no bills: it knows what statements leave open, and must never decide whose a line is.

use std::collections::BTreeSet;

use bursar_core::Money;
use bursar_core::bank::{Direction, LineRow, LineState};
use bursar_core::id::{BreakId, LegId};
use bursar_core::reconcile::{Break, BreakKind, BreakState, BreakSubject, MovementKind};
use bursar_core::refund::BY_RULE;
use bursar_store::{BreakFilter, Change, LineFilter};

use super::Work;
use crate::observe::JobError;

/// What a person does next is waited for so many days: cash is handed in, brought to the bank, and shown by it.
pub(super) const PATIENCE_DAYS: i64 = 3;
/// Transfers by people that no statement shows are looked for so long; the question about one stays longer.
const LOOK_BACK_DAYS: i64 = 30;
/// Rows of one page.
pub(super) const PAGE: u32 = 500;
/// Lines of one refund that are looked at.
const LINES_OF_LEG: u32 = 10;

impl Work<'_> {
    /// Deposits of cash, lines that are nobody's, and transfers that no line shows.
    pub(super) async fn close_bank_day(&self) -> Result<(), JobError> {
        let lines = self.take_deposits(self.lines_of_nobody().await?).await?;
        let mut open: Vec<Break> = lines.iter().map(|row| self.question_about(row)).collect();
        open.extend(self.transfers_not_shown().await?);
        self.keep_open(open).await
    }

    /// Lines booked until this day that nothing names.
    async fn lines_of_nobody(&self) -> Result<Vec<LineRow>, JobError> {
        let mut all = Vec::new();
        let mut after = None;
        loop {
            let filter = LineFilter { account: self.account.id, state: Some(LineState::Suspense), after, limit: PAGE };
            let page = self.context.desk.gatherer.store().lines(&filter).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(last.id);
            all.extend(page.into_iter().filter(|row| row.line.booked_on <= self.run.day));
        }
    }

    fn question_about(&self, row: &LineRow) -> Break {
        let amount = row.line.amount;
        let (kind, minor) = match row.line.direction {
            Direction::Credit => (BreakKind::MissingHere, amount.minor),
            Direction::Debit => (BreakKind::RefundMissingHere, amount.minor.saturating_neg()),
        };
        let why = row.why.as_deref().unwrap_or("nothing names whose it is");
        let text = format!("{} of {amount} on {} is nobody's: {why}. Whose is it?", row.id, row.line.booked_on);
        let number = row.line.bank_reference.clone().unwrap_or_else(|| row.id.to_string());
        let (about, amount) = ((BreakSubject::Line, row.id.uuid()), Money::new(minor, amount.currency));
        self.break_without_line(kind, BreakState::Parked, about, (amount, number), text)
    }

    /// Refunds that a person says to have transferred, and that no statement shows in time. Where none is imported,
    /// nothing is known.
    async fn transfers_not_shown(&self) -> Result<Vec<Break>, JobError> {
        let store = self.context.desk.gatherer.store();
        if store.statements(self.account.id, None, 1).await?.is_empty() {
            return Ok(Vec::new());
        }
        let today = self.run.day;
        let (mut open, mut change) = (Vec::new(), Change::default());
        // Day by day: what waits for long must not hide what is new.
        for back in (0..=LOOK_BACK_DAYS).rev() {
            let day = today.plus_days(-back);
            for movement in store.unmatched_transfers(self.account.merchant, (day, day), PAGE).await? {
                let leg = LegId(movement.subject);
                if self.is_shown(leg).await? {
                    change.books.matched.push((movement.subject, MovementKind::Transfer));
                } else if back >= PATIENCE_DAYS {
                    let amount = Money::new(movement.amount.minor.saturating_neg(), movement.amount.currency);
                    let text = format!(
                        "{leg} of {amount} was transferred on {day}, a person says; no statement shows it until \
                         {today}. Was it?"
                    );
                    let about = (BreakSubject::Leg, leg.uuid());
                    let kind = BreakKind::RefundMissingThere;
                    let found = self.break_without_line(kind, BreakState::Parked, about, (amount, leg.bare()), text);
                    open.push(found);
                }
            }
        }
        if !change.books.matched.is_empty() {
            self.context.desk.gatherer.commit(change).await?;
        }
        Ok(open)
    }

    /// Whether a statement shows the transfer of a leg, even if the bank took it back; what was given out of a drawer
    /// no statement has to show.
    async fn is_shown(&self, leg: LegId) -> Result<bool, JobError> {
        let dossier = self.context.desk.gatherer.dossier_of_leg(leg).await?;
        let paid_out = |(_, l): (_, &bursar_core::refund::Leg)| l.evidence.paid_out.is_some();
        if dossier.as_ref().and_then(|d| d.leg(leg)).is_some_and(paid_out) {
            return Ok(true);
        }
        let lines = self.context.desk.gatherer.store().lines_of(leg.uuid(), LINES_OF_LEG).await?;
        Ok(lines.iter().any(|l| matches!(l.state, LineState::Settled | LineState::Reversed)))
    }

    /// Opens what is new of `open`, and ends those breaks of the account that are so no more. A day that is looked at
    /// once more knows nothing of the breaks of later ones.
    pub(super) async fn keep_open(&self, open: Vec<Break>) -> Result<(), JobError> {
        let still: BTreeSet<BreakId> = open.iter().map(|b| b.id).collect();
        self.open_breaks(open).await?;
        let mut after = None;
        loop {
            let filter = BreakFilter {
                account: Some(self.account.id),
                open: true,
                after,
                limit: PAGE,
                ..BreakFilter::default()
            };
            let page = self.context.desk.gatherer.store().breaks(&filter).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.id);
            let mut change = Change::default();
            for found in page.iter().filter(|b| b.day <= self.run.day && !still.contains(&b.id)) {
                // It is no more among those that are looked for when it is old, and still no statement shows it.
                let transfer = found.kind == BreakKind::RefundMissingThere;
                if transfer && !self.is_shown(LegId(found.subject)).await? {
                    continue;
                }
                let why = format!("it was so no more on {}", self.run.day);
                let ended = found.ended(BreakState::Healed, BY_RULE, &why, self.now());
                self.context.desk.move_break(&mut change, found, ended, &self.entries);
            }
            if !change.books.breaks.is_empty() {
                self.context.desk.gatherer.commit(change).await?;
            }
        }
    }
}
