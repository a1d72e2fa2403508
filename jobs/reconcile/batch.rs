//! Taking a bill in, batch by batch: it knows what is written together, and must never decide what a line means.

use bursar_core::id::PaymentId;
use bursar_core::money::{Currency, Money};
use bursar_core::reconcile::{
    Bill, BillKind, BillLine, BillState, BreakState, Difference, EntryKind, Movement, MovementKind, Verdict,
    payout_subject, postings_of_bill,
};
use bursar_store::{Answer, BillLineRow, Change, LineVerdict};
use uuid::Uuid;

use super::Work;
use super::examine::{Fate, Looked, Page, Seen, examine};
use super::mend::Mended;
use crate::observe::JobError;

/// Lines per batch: one transaction, and a few reads by id.
pub(super) const BATCH: usize = 500;
/// Lines per run of the job: what is done is kept, and other days have their turn.
const SLICE: usize = 100_000;

/// The issue to take in next of `issues`, the latest first. What was passed over when a later one was taken in stays so.
fn next_issue(issues: Vec<Bill>) -> Option<Bill> {
    issues.into_iter().take_while(|bill| bill.state == BillState::Stored).last()
}

impl Work<'_> {
    /// Takes in what is left of the bills of this kind, the earliest issue first: each is compared with the one before
    /// it. `false` when there is more.
    pub(super) async fn take_in(&self, kind: BillKind) -> Result<bool, JobError> {
        while let Some(bill) = next_issue(self.issues(kind).await?) {
            if !self.take_bill(bill).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn take_bill(&self, mut bill: Bill) -> Result<bool, JobError> {
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
    async fn take_batch(&self, bill: &mut Bill, batch: Vec<BillLine>, read: usize) -> Result<bool, JobError> {
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
                self.note_payout(bill, line, change);
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

    /// Opens a break for a person, unless he is asked already or has answered.
    fn park(
        &self,
        bill: &Bill,
        seen: &Seen,
        found: &Difference,
        breaks: &std::collections::BTreeMap<bursar_core::id::BreakId, bursar_core::reconcile::Break>,
        change: &mut Change,
    ) -> LineVerdict {
        let opened = self.break_of(bill, seen, found, BreakState::Parked);
        self.put_break(change, breaks.get(&opened.id), opened);
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
        if let Some(found) = breaks.get(&id) {
            self.heal(change, found, &format!("the bill of {} tells of it", bill.day));
        }
    }

    /// A payout moves money on its way to the bank.
    fn note_payout(&self, bill: &Bill, line: &BillLine, change: &mut Change) {
        let Ok(currency) = line.currency.parse::<Currency>() else { return };
        if line.kind != EntryKind::Payout || line.amount_minor == 0 {
            return;
        }
        change.books.movements.push(Movement {
            subject: payout_subject(bill.id, line.ordinal),
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
    async fn end_bill(&self, mut bill: Bill) -> Result<bool, JobError> {
        if !self.withdraw(&mut bill).await? {
            return Ok(false);
        }
        let mut change = Change::default();
        let now = self.now();
        let postings = postings_of_bill(&bill, self.account.channel);
        change.postings.extend(postings.into_iter().map(|posting| (posting, now)));
        change.books.bills.push(Bill { state: BillState::Done, ..bill });
        Ok(self.context.desk.gatherer.commit(change).await? == Answer::Committed)
    }
}
