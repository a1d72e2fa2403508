//! What moved and no bill tells of: it knows how long bills may still tell of it and when a channel is asked, and must
//! never ask one itself.

use std::collections::BTreeSet;

use bursar_core::bank::Day;
use bursar_core::id::BreakId;
use bursar_core::money::Money;
use bursar_core::reconcile::{
    BillKind, BreakKind, BreakState, BreakSubject, EntryKind, EntryStatus, Movement, MovementKind, RunState,
};
use bursar_store::{Change, DayFilter, ToldLine};
use uuid::Uuid;

use super::Work;
use crate::observe::JobError;

/// Bills of so many later days may still tell of a movement.
const BUFFER_DAYS: i64 = 3;
/// Movements that no bill has told of are looked at for so long: whoever was asked about one knows of it.
const LOOK_BACK_DAYS: i64 = 30;
/// Movements of one page.
const PAGE: u32 = 500;
/// Most movements of one day that become breaks: more mean that the bill is not whole, which is one question.
const MOST_MISSING: usize = 10_000;
/// Most calls of the channel in one run of the job: what was answered is kept, and other days have their turn.
const MOST_ASKED: usize = 100;
/// Most reconciliations of an account around one day.
const MOST_RUNS: u32 = 100;

impl Work<'_> {
    /// What moved on this day and its bill does not tell: the neighbouring days may still have it.
    pub(super) async fn look_for_todays(&self) -> Result<(), JobError> {
        let day = self.run.day;
        let (mut after, mut seen) = (None, 0);
        while seen < MOST_MISSING {
            let store = self.context.desk.gatherer.store();
            let page = store.unmatched_movements(self.account.id, (day, day), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.subject);
            seen += page.len();
            let breaks = self.nowhere_told(page).await?;
            let breaks = breaks.iter().map(|m| {
                let text = format!(
                    "{} of {} is not in the bill of {day}; the bills of the next days may have it.",
                    m.kind.name(),
                    name_of(m)
                );
                self.break_without_line(
                    BreakKind::CrossDay,
                    BreakState::Open,
                    subject_of(m),
                    (less(m), number_of(m)),
                    text,
                )
            });
            self.open_breaks(breaks.collect()).await?;
        }
        tracing::error!(account = %self.account.id, %day, "more than {MOST_MISSING} movements are not in the bill");
        Ok(())
    }

    /// Those that no bill has to tell of any more, or never had, are left out, and what was open about them ends: a
    /// bill that is made when a refund has come back tells that nothing moved, and one that is made while it is under
    /// way tells just that, once.
    async fn nowhere_told(&self, page: Vec<Movement>) -> Result<Vec<Movement>, JobError> {
        let refunds: Vec<Uuid> = page.iter().filter(|m| m.kind == MovementKind::Refund).map(|m| m.subject).collect();
        if refunds.is_empty() {
            return Ok(page);
        }
        let store = self.context.desk.gatherer.store();
        let known = store.movements_of(&refunds).await?;
        let returned: BTreeSet<Uuid> =
            known.iter().filter(|(m, _)| m.kind == MovementKind::RefundReturned).map(|(m, _)| m.subject).collect();
        let told = store.lines_about(self.account.id, &refunds).await?;
        let ids: Vec<BreakId> = refunds.iter().map(|leg| BreakKind::CrossDay.id_of(*leg)).collect();
        let breaks = store.breaks_of(&ids).await?;
        let (mut change, mut rest) = (Change::default(), Vec::new());
        for movement in page {
            let refund = movement.kind == MovementKind::Refund;
            let open = breaks.iter().find(|b| refund && b.id == BreakKind::CrossDay.id_of(movement.subject));
            let under_way = told.iter().find(|t| refund && tells_under_way(t, &movement));
            if let Some(line) = under_way {
                change.books.matched.push((movement.subject, movement.kind));
                if let Some(open) = open.filter(|b| b.kind == BreakKind::CrossDay) {
                    self.heal(&mut change, open, &format!("the bill of {} tells that it was under way", line.day));
                }
            } else if refund && returned.contains(&movement.subject) {
                if let Some(open) = open {
                    self.heal(&mut change, open, "it has come back");
                }
            } else {
                rest.push(movement);
            }
        }
        if !change.books.is_empty() {
            self.context.desk.gatherer.commit(change).await?;
        }
        Ok(rest)
    }

    /// What no bill has told of in all the days in which one could have: the channel is asked, and then a person.
    /// `false` when there is more to ask.
    pub(super) async fn look_for_older(&self) -> Result<bool, JobError> {
        let today = self.run.day;
        let from = today.plus_days(-LOOK_BACK_DAYS);
        let done = self.days_done((from, today.plus_days(BUFFER_DAYS))).await?;
        let (mut after, mut asked, mut answered) = (None, 0, false);
        loop {
            let store = self.context.desk.gatherer.store();
            let mut page = store.unmatched_movements(self.account.id, (from, today), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(true) };
            after = Some(last.subject);
            page.retain(|m| is_ripe(m.day, &done));
            let page = self.nowhere_told(page).await?;
            let ids: Vec<BreakId> = page.iter().map(|m| BreakKind::CrossDay.id_of(m.subject)).collect();
            let known = if ids.is_empty() { Vec::new() } else { store.breaks_of(&ids).await? };
            for movement in &page {
                let id = BreakKind::CrossDay.id_of(movement.subject);
                let open = known.iter().find(|b| b.id == id);
                // A person is asked already, or has answered.
                if open.is_some_and(|b| !matches!(b.state, BreakState::Open | BreakState::Healed)) {
                    continue;
                }
                if asked == MOST_ASKED {
                    // A channel that answers nothing is asked again in the next night.
                    return Ok(!answered);
                }
                asked += 1;
                let until = today.max(movement.day.plus_days(BUFFER_DAYS));
                answered |= self.ask_the_channel(movement, open, until).await?;
            }
        }
    }

    /// The days of the account whose bills were all looked at; this one's are.
    async fn days_done(&self, (from, until): (Day, Day)) -> Result<BTreeSet<Day>, JobError> {
        let filter = DayFilter {
            account: Some(self.account.id),
            from: Some(from),
            until: Some(until),
            limit: MOST_RUNS,
            ..DayFilter::default()
        };
        let runs = self.context.desk.gatherer.store().reconciliations(&filter).await?;
        let done = runs.iter().filter(|run| run.state == RunState::Done).map(|run| run.day);
        Ok(done.chain([self.run.day]).collect())
    }
}

/// Whether every bill that could tell of a movement of `day` was looked at.
fn is_ripe(day: Day, done: &BTreeSet<Day>) -> bool {
    (0..=BUFFER_DAYS).all(|later| done.contains(&day.plus_days(later)))
}

/// Whether the line tells that this refund is under way.
fn tells_under_way(told: &ToldLine, refund: &Movement) -> bool {
    let (line, went) = (&told.row.line, less(refund));
    let under_way = (line.kind, line.status) == (EntryKind::Refund, EntryStatus::Pending);
    told.row.subject == Some(refund.subject)
        && told.bill_kind == BillKind::Trade
        && !told.row.is_withdrawn()
        && under_way
        && line.amount_minor == went.minor
        && line.currency == went.currency.code()
}

/// What of ours a movement is about.
pub(super) const fn subject_of(movement: &Movement) -> (BreakSubject, Uuid) {
    match movement.kind {
        MovementKind::Capture => (BreakSubject::Payment, movement.subject),
        MovementKind::Refund => (BreakSubject::Leg, movement.subject),
        _ => (BreakSubject::Line, movement.subject),
    }
}

/// The channel has that much less than we, or more where it went back.
pub(super) fn less(movement: &Movement) -> Money {
    Money::new(movement.amount.minor.saturating_neg(), movement.amount.currency)
}

/// Our number of a movement as the channel gets it.
pub(super) fn number_of(movement: &Movement) -> String {
    bursar_core::id::to_text(movement.subject)
}

pub(super) fn name_of(movement: &Movement) -> String {
    match movement.kind {
        MovementKind::Capture => bursar_core::id::PaymentId(movement.subject).to_string(),
        MovementKind::Refund => bursar_core::id::LegId(movement.subject).to_string(),
        _ => number_of(movement),
    }
}
