//! Days of cash: it knows what drawers and hand-ins leave open, and must never decide where the money is.

use bursar_core::Money;
use bursar_core::cash::{Drawer, HandIn, HandInState};
use bursar_core::clock::{DAY_MS, Timestamp};
use bursar_core::reconcile::{Break, BreakKind, BreakState, BreakSubject, EntryKind, about_stranger};
use bursar_store::HandInFilter;

use super::Work;
use super::by_hand::{PAGE, PATIENCE_DAYS};
use crate::observe::JobError;

impl Work<'_> {
    /// Cash that was not handed in, was counted otherwise, or was not brought to the bank.
    pub(super) async fn close_cash_day(&self) -> Result<(), JobError> {
        let (_, ends) = self.account.channel.day_bounds(self.run.day);
        let patient = ends.plus_ms(PATIENCE_DAYS.saturating_mul(-DAY_MS));
        let drawers = self.context.desk.gatherer.store().drawers(self.account.id).await?;
        let mut open: Vec<Break> = drawers.iter().filter_map(|drawer| self.not_handed_in(drawer, patient)).collect();
        for row in self.hand_ins(HandInState::Counted, ends).await? {
            open.extend(self.counted_otherwise(&row));
        }
        for row in self.hand_ins(HandInState::Approved, patient).await? {
            open.push(self.not_banked(&row));
        }
        self.keep_open(open).await
    }

    /// Hand-ins in `state` that were received before `until`.
    async fn hand_ins(&self, state: HandInState, until: Timestamp) -> Result<Vec<HandIn>, JobError> {
        let (mut all, mut before) = (Vec::new(), None);
        loop {
            let filter = HandInFilter { account: self.account.id, state: Some(state), before, limit: PAGE };
            let page = self.context.desk.gatherer.store().hand_ins(&filter).await?;
            let Some(last) = page.last() else { return Ok(all) };
            before = Some((last.received_at, last.id));
            all.extend(page.into_iter().filter(|row| row.received_at < until));
        }
    }

    fn not_handed_in(&self, drawer: &Drawer, patient: Timestamp) -> Option<Break> {
        let oldest = drawer.oldest_at.filter(|at| *at < patient && drawer.sum_minor() > 0)?;
        let amount = Money::new(drawer.sum_minor(), drawer.currency);
        let worker = &drawer.worker;
        let text = format!("{worker} has {amount} that was collected since {oldest} and not handed in. Where is it?");
        // A later delay of the same collector is another one.
        let what = format!("{worker} {} {oldest}", drawer.currency.code());
        let about = about_stranger(self.account.id, EntryKind::Capture, &what, 0);
        let less = Money::new(amount.minor.saturating_neg(), amount.currency);
        let (about, kind) = ((BreakSubject::Line, about), BreakKind::MissingAtChannel);
        Some(self.break_without_line(kind, BreakState::Parked, about, (less, worker.clone()), text))
    }

    fn counted_otherwise(&self, row: &HandIn) -> Option<Break> {
        let money = |minor| Money::new(minor, row.currency);
        if row.variance_minor == 0 {
            return None;
        }
        let (counted, expected) = (money(row.counted_minor), money(row.expected_minor));
        let text =
            format!("{} of {} was counted as {counted} instead of {expected}. Is that right?", row.id, row.worker);
        let about = (BreakSubject::Line, row.id.uuid());
        let amount = (money(row.variance_minor), number_of(row));
        Some(self.break_without_line(BreakKind::Amount, BreakState::Parked, about, amount, text))
    }

    fn not_banked(&self, row: &HandIn) -> Break {
        let counted = Money::new(row.counted_minor, row.currency);
        let text = format!("{} of {counted} was not brought to the bank. Where is it?", row.id);
        let about = (BreakSubject::Line, row.id.uuid());
        let less = Money::new(row.counted_minor.saturating_neg(), row.currency);
        self.break_without_line(BreakKind::Settlement, BreakState::Parked, about, (less, number_of(row)), text)
    }
}

/// By what people know a hand-in.
fn number_of(row: &HandIn) -> String {
    row.bag.clone().unwrap_or_else(|| row.id.to_string())
}
