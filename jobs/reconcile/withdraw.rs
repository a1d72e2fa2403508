//! What a later issue of a bill does not tell any more: it knows what follows from that, and must never take a line in.

use std::collections::BTreeSet;

use bursar_core::id::{BillId, BreakId};
use bursar_core::reconcile::{Bill, BillLine, Break, BreakKind, EntryKind, EntryStatus, MovementKind, payout_subject};
use bursar_store::{Answer, Change, ToldLine, WITHDRAWN};
use uuid::Uuid;

use super::Work;
use super::examine::{about_of, told_about};
use crate::observe::JobError;

/// Most withdrawn lines of one commit.
const PAGE: u32 = 200;
/// Pages of one run of the job: other days have their turn.
const PAGES: usize = 100;
/// Kinds of breaks, one of each family, that lines open.
const OPENED: [BreakKind; 5] = [
    BreakKind::MissingHere,
    BreakKind::Amount,
    BreakKind::Fee,
    BreakKind::DuplicateLine,
    BreakKind::RefundMissingThere,
];

/// Where a line stands.
fn place(told: &ToldLine) -> (BillId, u32) {
    (told.bill, told.row.line.ordinal)
}

impl Work<'_> {
    /// Takes back what an earlier issue told and `bill` does not. `false` when there is more, or somebody else is at
    /// it.
    pub(super) async fn withdraw(&self, bill: &mut Bill) -> Result<bool, JobError> {
        if bill.issue <= 1 {
            return Ok(true);
        }
        for _ in 0..PAGES {
            let withdrawn = self.context.desk.gatherer.store().lines_withdrawn(bill, PAGE).await?;
            if withdrawn.is_empty() {
                return Ok(true);
            }
            if !self.take_back(bill, &withdrawn).await? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    /// Lines that the channel does not tell any more count no longer, and what they alone had opened ends.
    async fn take_back(&self, bill: &mut Bill, withdrawn: &[ToldLine]) -> Result<bool, JobError> {
        let store = self.context.desk.gatherer.store();
        let page = self.page(bill);
        let lines: Vec<BillLine> = withdrawn.iter().map(|told| told.row.line.clone()).collect();
        let told_by = told_about(store.as_ref(), &page, &lines, |_| false).await?;
        let going: BTreeSet<_> = withdrawn.iter().map(place).collect();
        let opened = |told: &ToldLine| opened_by(about_of(&page, &told.row.line), told);
        let breaks = store.breaks_of(&withdrawn.iter().flat_map(opened).collect::<Vec<_>>()).await?;
        let mut change = Change::default();
        let mut next = bill.clone();
        for told in withdrawn {
            let line = &told.row.line;
            if line.currency == bill.currency.code() {
                next.news = next.news.without(line);
            }
            change.books.told_again.push((told.bill, line.ordinal, WITHDRAWN));
            // Other lines about the same that are told still.
            let about = about_of(&page, line);
            let others = told_by.get(&(line.kind, about)).map_or(&[][..], Vec::as_slice);
            let lives = |t: &&ToldLine| {
                let told = t.day != bill.day || t.row.issue == bill.issue;
                told && !t.row.is_withdrawn() && !going.contains(&place(t))
            };
            let still: Vec<&ToldLine> = others.iter().filter(lives).collect();
            let ids = opened_by(about, told);
            for found in breaks.iter().filter(|b| ids.contains(&b.id) && is_gone(b, told, &still)) {
                let why = format!(
                    "line {} of the {} bill of {} is not in its issue {} any more",
                    line.ordinal, bill.kind, bill.day, bill.issue
                );
                self.heal(&mut change, found, &why);
            }
            let kind = match line.kind {
                EntryKind::Capture => MovementKind::Capture,
                EntryKind::Refund => MovementKind::Refund,
                EntryKind::Payout => {
                    change.books.dropped.push((payout_subject(told.bill, line.ordinal), MovementKind::Payout));
                    continue;
                }
                EntryKind::Fee | EntryKind::Dispute | EntryKind::Other => continue,
            };
            // The end of the day finds it unmatched, and opens what there is to open.
            let gone = told.row.subject.filter(|_| still.is_empty());
            change.books.unmatched.extend(gone.map(|subject| (subject, kind)));
        }
        change.books.bills.push(next.clone());
        let committed = self.context.desk.gatherer.commit(change).await? == Answer::Committed;
        if committed {
            *bill = Bill { version: next.version + 1, ..next };
        }
        Ok(committed)
    }
}

/// The ids of breaks that a line about `about` may have opened.
fn opened_by(about: Uuid, told: &ToldLine) -> Vec<BreakId> {
    let line = &told.row.line;
    if line.kind == EntryKind::Payout {
        return vec![BreakKind::Settlement.id_of(payout_subject(told.bill, line.ordinal))];
    }
    OPENED.iter().map(|kind| kind.id_of(about)).collect()
}

/// Whether a break ends with the line: nothing that is told still keeps it.
fn is_gone(found: &Break, told: &ToldLine, still: &[&ToldLine]) -> bool {
    let done = still.iter().filter(|t| t.row.line.status == EntryStatus::Done).count();
    match found.kind {
        BreakKind::DuplicateLine => done < 2,
        // Where the payout of a line that is told no more is does not matter.
        BreakKind::Settlement => true,
        _ => found.line == Some((told.bill.uuid(), told.row.line.ordinal)),
    }
}
