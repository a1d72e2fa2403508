//! Days of banks and of cash, which have no bills: it knows what statements and hand-ins leave open, and must never
//! decide whose a line is.

use std::collections::BTreeSet;

use bursar_core::Money;
use bursar_core::bank::{Direction, LineState};
use bursar_core::cash::HandInState;
use bursar_core::id::{BreakId, LegId};
use bursar_core::reconcile::{Break, BreakKind, BreakState, BreakSubject, EntryKind, MovementKind, about_stranger};
use bursar_store::{BreakFilter, Change, HandInFilter, LineFilter};

use super::Work;
use crate::observe::JobError;

/// What a person does next is waited for so many days: cash is handed in, brought to the bank, and shown by it.
const PATIENCE_DAYS: i64 = 3;
/// Transfers by people that no statement shows are looked at for so long.
const LOOK_BACK_DAYS: i64 = 30;
/// Rows of one page.
const PAGE: u32 = 500;

impl Work<'_> {
    /// Lines that are nobody's, and transfers that no line shows.
    pub(super) async fn close_bank_day(&self) -> Result<(), JobError> {
        let mut open = self.lines_of_nobody().await?;
        open.extend(self.transfers_not_shown().await?);
        self.keep_open(open).await
    }

    async fn lines_of_nobody(&self) -> Result<Vec<Break>, JobError> {
        let mut open = Vec::new();
        let mut after = None;
        loop {
            let filter = LineFilter { account: self.account.id, state: Some(LineState::Suspense), after, limit: PAGE };
            let page = self.context.desk.gatherer.store().lines(&filter).await?;
            let Some(last) = page.last() else { return Ok(open) };
            after = Some(last.id);
            for row in page.iter().filter(|row| row.line.booked_on <= self.run.day) {
                let amount = row.line.amount;
                let (kind, minor) = match row.line.direction {
                    Direction::Credit => (BreakKind::MissingHere, amount.minor),
                    Direction::Debit => (BreakKind::RefundMissingHere, amount.minor.saturating_neg()),
                };
                let why = row.why.as_deref().unwrap_or("nothing names whose it is");
                let text = format!("{} of {amount} on {} is nobody's: {why}. Whose is it?", row.id, row.line.booked_on);
                let number = row.line.bank_reference.clone().unwrap_or_else(|| row.id.to_string());
                let (about, amount) = ((BreakSubject::Line, row.id.uuid()), Money::new(minor, amount.currency));
                open.push(self.break_without_line(kind, BreakState::Parked, about, (amount, number), text));
            }
        }
    }

    /// Refunds that a person says to have transferred, and that no statement shows in time. Where none is imported,
    /// nothing is known.
    async fn transfers_not_shown(&self) -> Result<Vec<Break>, JobError> {
        let store = self.context.desk.gatherer.store();
        if store.statements(self.account.id, None, 1).await?.is_empty() {
            return Ok(Vec::new());
        }
        let day = self.run.day;
        let days = (day.plus_days(-LOOK_BACK_DAYS), day);
        let (mut open, mut change) = (Vec::new(), Change::default());
        for movement in store.unmatched_transfers(self.account.merchant, days, PAGE).await? {
            let leg = LegId(movement.subject);
            let Some(dossier) = self.context.desk.gatherer.dossier_of_leg(leg).await? else { continue };
            let by_hand = dossier.leg(leg).is_some_and(|(_, l)| l.evidence.paid_out.is_some());
            let lines = store.lines_of(leg.uuid(), 10).await?;
            if by_hand || lines.iter().any(|l| l.state == LineState::Settled) {
                change.books.matched.push((movement.subject, MovementKind::Transfer));
            } else if movement.day.plus_days(PATIENCE_DAYS) <= day {
                let amount = Money::new(movement.amount.minor.saturating_neg(), movement.amount.currency);
                let text = format!(
                    "{leg} of {amount} was transferred on {}, a person says; no statement shows it until {day}. Was it?",
                    movement.day
                );
                let about = (BreakSubject::Leg, leg.uuid());
                let kind = BreakKind::RefundMissingThere;
                let found = self.break_without_line(kind, BreakState::Parked, about, (amount, leg.bare()), text);
                open.push(found);
            }
        }
        if !change.books.matched.is_empty() {
            self.context.desk.gatherer.commit(change).await?;
        }
        Ok(open)
    }

    /// Cash that was not handed in, was counted otherwise, or was not brought to the bank.
    pub(super) async fn close_cash_day(&self) -> Result<(), JobError> {
        let store = self.context.desk.gatherer.store();
        let (day, channel) = (self.run.day, self.account.channel);
        let (_, ends) = channel.day_bounds(day);
        let patient = ends.plus_ms(-PATIENCE_DAYS * bursar_core::clock::DAY_MS);
        let mut open = Vec::new();
        for drawer in store.drawers(self.account.id).await? {
            let Some(oldest) = drawer.oldest_at.filter(|at| *at < patient && drawer.confirmed_minor > 0) else {
                continue;
            };
            let amount = Money::new(drawer.confirmed_minor, drawer.currency);
            let text = format!(
                "{} has {amount} that was collected since {oldest} and not handed in. Where is it?",
                drawer.worker
            );
            // A later delay of the same collector is another one.
            let what = format!("{} {oldest}", drawer.worker);
            let about = about_stranger(self.account.id, EntryKind::Capture, &what, 0);
            let less = Money::new(amount.minor.saturating_neg(), amount.currency);
            let (about, kind) = ((BreakSubject::Line, about), BreakKind::MissingAtChannel);
            open.push(self.break_without_line(kind, BreakState::Parked, about, (less, drawer.worker), text));
        }
        let filter = HandInFilter { account: self.account.id, state: None, before: None, limit: PAGE };
        for hand_in in store.hand_ins(&filter).await?.into_iter().filter(|h| h.received_at < ends) {
            let about = (BreakSubject::Line, hand_in.id.uuid());
            let number = hand_in.bag.clone().unwrap_or_else(|| hand_in.id.to_string());
            let money = |minor| Money::new(minor, hand_in.currency);
            if hand_in.state == HandInState::Counted && hand_in.variance_minor != 0 {
                let text = format!(
                    "{} of {} was counted as {} instead of {}. Is that right?",
                    hand_in.id,
                    hand_in.worker,
                    money(hand_in.counted_minor),
                    money(hand_in.expected_minor)
                );
                let (kind, amount) = (BreakKind::Amount, money(hand_in.variance_minor));
                open.push(self.break_without_line(kind, BreakState::Parked, about, (amount, number), text));
            } else if hand_in.state == HandInState::Approved && hand_in.received_at < patient {
                let counted = money(hand_in.counted_minor);
                let text = format!("{} of {counted} was not brought to the bank. Where is it?", hand_in.id);
                let (kind, amount) = (BreakKind::Settlement, money(hand_in.counted_minor.saturating_neg()));
                open.push(self.break_without_line(kind, BreakState::Parked, about, (amount, number), text));
            }
        }
        self.keep_open(open).await
    }

    /// Opens what is new of `open`, and ends those breaks of the account that are so no more.
    async fn keep_open(&self, open: Vec<Break>) -> Result<(), JobError> {
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
            for found in page.iter().filter(|b| !still.contains(&b.id)) {
                let why = format!("it was so no more on {}", self.run.day);
                let ended = found.ended(BreakState::Healed, bursar_core::refund::BY_RULE, &why, self.now());
                self.context.desk.move_break(&mut change, found, ended, &self.entries);
            }
            if !change.books.breaks.is_empty() {
                self.context.desk.gatherer.commit(change).await?;
            }
        }
    }
}
