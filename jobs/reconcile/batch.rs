//! Taking a bill in, batch by batch: it knows what is written together, and must never decide what a line means.

use bursar_core::id::PaymentId;
use bursar_core::money::{Currency, Money};
use bursar_core::reconcile::{
    Bill, BillKind, BillState, BreakState, Difference, EntryKind, Movement, MovementKind, Verdict, postings_of_bill,
};
use bursar_store::{Answer, BillLineRow, Change, LineVerdict, ToldLine, WITHDRAWN};
use uuid::Uuid;

use super::Work;
use super::examine::{Fate, Looked, Page, Seen, examine};
use super::mend::Mended;
use crate::observe::JobError;

/// Lines per batch: one transaction, and a few reads by id.
pub(super) const BATCH: usize = 500;
/// Lines per run of the job: what is done is kept, and other days have their turn.
const SLICE: usize = 100_000;
/// Most withdrawn lines of one commit.
const WITHDRAWN_PAGE: u32 = 200;

impl Work<'_> {
    /// Takes in what is left of the latest bill of this kind; `false` when there is more.
    pub(super) async fn take_in(&mut self, kind: BillKind) -> Result<bool, JobError> {
        let Some(mut bill) = self.issues(kind).await?.into_iter().next().filter(|b| b.state == BillState::Stored)
        else {
            return Ok(true);
        };
        let broken = |error| JobError::Configuration(format!("a bill that was read before: {error}"));
        let count = bill.sums.lines;
        let mut slice = 0;
        loop {
            let done = u64::try_from(bill.taken).unwrap_or(0);
            // What went back is looked at when all that came is known, in whatever order the bill tells it.
            let (second, mut skip) = if done < count { (false, done) } else { (true, done - count) };
            let (_file, mut lines) = self.lines_of(&bill).await?;
            loop {
                let (mut batch, mut read) = (Vec::with_capacity(BATCH), 0);
                while batch.len() < BATCH && read < SLICE {
                    match lines.next().map_err(broken)? {
                        Some(_) if skip > 0 => skip -= 1,
                        Some(line) => {
                            read += 1;
                            if (line.kind == EntryKind::Refund) == second {
                                batch.push(line);
                            }
                        }
                        None => break,
                    }
                }
                if read == 0 {
                    break;
                }
                slice += read;
                if !self.take_batch(&mut bill, batch, read).await? {
                    return Ok(false);
                }
                if slice >= SLICE {
                    return Ok(false);
                }
            }
            if second {
                return self.end_bill(bill).await;
            }
        }
    }

    pub(super) fn page(&self, bill: &Bill) -> Page {
        Page {
            bill: bill.id,
            account: self.account.id,
            kind: bill.kind,
            day: bill.day,
            issue: bill.issue,
            fees: self.channel.fees(),
        }
    }

    /// Takes a batch in, for which so many lines were read; `false` when somebody else is at it.
    async fn take_batch(
        &mut self,
        bill: &mut Bill,
        batch: Vec<bursar_core::reconcile::BillLine>,
        read: usize,
    ) -> Result<bool, JobError> {
        let count = i64::try_from(read).unwrap_or(0);
        let store = self.context.desk.gatherer.store().clone();
        let Looked { seen, breaks } = examine(store.as_ref(), &self.page(bill), batch).await?;
        let mut change = Change::default();
        let mut next = Bill { taken: bill.taken.saturating_add(count), ..bill.clone() };
        for seen in &seen {
            let Some(verdict) = self.follow(bill, seen, &breaks, &mut change).await? else { continue };
            if seen.line.currency == bill.currency.code() {
                next.news = next.news.with(&seen.line);
            }
            let known = seen.subject().or(match &seen.fate {
                Fate::Judged(Verdict::Recovers { payment, .. }) => Some(payment.uuid()),
                Fate::Judged(Verdict::RecoversRefund { leg: Some(leg), .. }) => Some(leg.uuid()),
                _ => None,
            });
            change.books.new_lines.push(BillLineRow {
                bill: bill.id,
                line: seen.line.clone(),
                subject: known.filter(|_| bill.kind == BillKind::Trade),
                verdict,
                issue: bill.issue,
            });
        }
        change.books.bills.push(next.clone());
        let committed = self.context.desk.gatherer.commit(change).await? == Answer::Committed;
        if committed {
            *bill = Bill { version: next.version + 1, ..next };
        }
        Ok(committed)
    }

    /// Does what follows from a line, or adds it to `change`. `None`: the line is no new one.
    async fn follow(
        &self,
        bill: &Bill,
        seen: &Seen,
        breaks: &std::collections::BTreeMap<bursar_core::id::BreakId, bursar_core::reconcile::Break>,
        change: &mut Change,
    ) -> Result<Option<LineVerdict>, JobError> {
        let line = &seen.line;
        let mut verdict = match &seen.fate {
            Fate::Taken => return Ok(None),
            Fate::ToldAgain(told) => {
                change.books.told_again.push((told.bill, told.row.line.ordinal, bill.issue));
                return Ok(None);
            }
            Fate::Twice(found) => self.park(bill, seen, found, breaks, change),
            Fate::Judged(Verdict::Agrees) => LineVerdict::Agrees,
            Fate::Judged(Verdict::Told) => {
                self.note_payout(bill, seen, change);
                LineVerdict::Told
            }
            Fate::Judged(Verdict::Differs(found)) => self.park(bill, seen, found, breaks, change),
            Fate::Judged(mending) => match self.mend(bill, seen, mending, breaks).await? {
                Mended::Healed => LineVerdict::Healed,
                Mended::Parked => LineVerdict::Broken,
                Mended::Impossible(found) => self.park(bill, seen, &found, breaks, change),
            },
        };
        // The bill tells of it, whatever it says: it is not missing there.
        if let (Some(subject), Fate::Judged(_), BillKind::Trade) = (seen.subject(), &seen.fate, bill.kind) {
            let kind = match line.kind {
                EntryKind::Capture => Some(MovementKind::Capture),
                EntryKind::Refund => Some(MovementKind::Refund),
                EntryKind::Fee | EntryKind::Payout | EntryKind::Dispute | EntryKind::Other => None,
            };
            let done = line.status == bursar_core::reconcile::EntryStatus::Done;
            change.books.matched.extend(kind.filter(|_| done).map(|kind| (subject, kind)));
            if done {
                self.clear_missing(bill, seen.about, breaks, change);
            }
        }
        if let Some(found) = &seen.fee {
            verdict = verdict.max(self.park(bill, seen, found, breaks, change));
        }
        Ok(Some(verdict))
    }

    /// Opens a break for a person, unless it is there.
    fn park(
        &self,
        bill: &Bill,
        seen: &Seen,
        found: &Difference,
        breaks: &std::collections::BTreeMap<bursar_core::id::BreakId, bursar_core::reconcile::Break>,
        change: &mut Change,
    ) -> LineVerdict {
        let opened = self.break_of(bill, seen, found, BreakState::Parked);
        let again = change.books.new_breaks.iter().any(|b| b.id == opened.id);
        if !breaks.contains_key(&opened.id) && !again {
            self.context.desk.add_break(change, opened, &self.entries);
        }
        LineVerdict::Broken
    }

    /// A break that waited for the bill of a neighbouring day is cleared by it.
    fn clear_missing(
        &self,
        bill: &Bill,
        about: Uuid,
        breaks: &std::collections::BTreeMap<bursar_core::id::BreakId, bursar_core::reconcile::Break>,
        change: &mut Change,
    ) {
        let id = bursar_core::reconcile::BreakKind::CrossDay.id_of(about);
        let Some(found) = breaks.get(&id).filter(|b| !b.state.is_final()) else { return };
        let why = format!("the bill of {} tells of it", bill.day);
        let ended = found.ended(BreakState::Healed, bursar_core::refund::BY_RULE, &why, self.now());
        if change.books.breaks.iter().all(|b| b.id != id) {
            self.context.desk.move_break(change, found, ended, &self.entries);
        }
    }

    /// A payout moves money on its way to the bank.
    fn note_payout(&self, bill: &Bill, seen: &Seen, change: &mut Change) {
        let line = &seen.line;
        let Ok(currency) = line.currency.parse::<Currency>() else { return };
        if line.kind != EntryKind::Payout || line.amount_minor == 0 {
            return;
        }
        change.books.movements.push(Movement {
            subject: seen.about,
            kind: MovementKind::Payout,
            payment: PaymentId(Uuid::nil()),
            account: self.account.id,
            merchant: self.account.merchant,
            amount: Money::new(line.amount_minor.saturating_neg(), currency),
            at: line.at,
            day: bill.day,
        });
    }

    /// The last of a bill: what an earlier issue told and this one does not is taken back, and what the channel kept
    /// and paid out is booked. `false` when somebody else is at it, or there is more.
    async fn end_bill(&mut self, mut bill: Bill) -> Result<bool, JobError> {
        let store = self.context.desk.gatherer.store().clone();
        if bill.issue > 1 {
            let withdrawn = store.lines_withdrawn(&bill, WITHDRAWN_PAGE).await?;
            if !withdrawn.is_empty() {
                return self.withdraw(&mut bill, &withdrawn).await.map(|_| false);
            }
        }
        let mut change = Change::default();
        let now = self.now();
        let postings = postings_of_bill(&bill, self.account.channel);
        change.postings.extend(postings.into_iter().map(|posting| (posting, now)));
        change.books.bills.push(Bill { state: BillState::Done, ..bill });
        Ok(self.context.desk.gatherer.commit(change).await? == Answer::Committed)
    }

    /// Lines that the channel does not tell any more count no longer; a person is asked about each that was ours.
    async fn withdraw(&mut self, bill: &mut Bill, withdrawn: &[ToldLine]) -> Result<(), JobError> {
        let mut change = Change::default();
        let mut next = bill.clone();
        let subjects: Vec<Uuid> = withdrawn.iter().filter_map(|told| told.row.subject).collect();
        let others = self.context.desk.gatherer.store().lines_about(self.account.id, &subjects).await?;
        for told in withdrawn {
            let still = |t: &&ToldLine| {
                let same = t.row.subject == told.row.subject && t.row.line.kind == told.row.line.kind;
                same && !t.row.is_withdrawn() && (t.day != bill.day || t.row.issue == bill.issue)
            };
            let line = &told.row.line;
            next.news = next.news.without(line);
            change.books.told_again.push((told.bill, line.ordinal, WITHDRAWN));
            let kind = match line.kind {
                EntryKind::Capture => MovementKind::Capture,
                EntryKind::Refund => MovementKind::Refund,
                EntryKind::Fee | EntryKind::Payout | EntryKind::Dispute | EntryKind::Other => continue,
            };
            // The end of the day finds it unmatched, and opens what there is to open.
            let gone = told.row.subject.filter(|_| !others.iter().any(|t| still(&t)));
            change.books.unmatched.extend(gone.map(|subject| (subject, kind)));
        }
        change.books.bills.push(next);
        self.context.desk.gatherer.commit(change).await?;
        Ok(())
    }
}
