//! Differences that were found: it knows which are new, which are known and which are a question again, and must never
//! find one.

use bursar_core::id::BreakId;
use bursar_core::reconcile::{Break, BreakState};
use bursar_core::refund::BY_RULE;
use bursar_store::{Answer, Change};

use super::Work;
use crate::observe::JobError;

/// How often breaks are written anew that somebody else has moved meanwhile; then they wait for the next night.
const RACES: usize = 3;
/// Breaks of one commit.
const PAGE: usize = 200;

impl Work<'_> {
    /// Adds what was `found` to `change`: a new break, or what becomes of the one that is `known`. What this change
    /// has about it already stays.
    pub(super) fn put_break(&self, change: &mut Change, known: Option<&Break>, found: Break) {
        let books = &change.books;
        if books.new_breaks.iter().chain(&books.breaks).any(|b| b.id == found.id) {
            return;
        }
        match known {
            None => self.context.desk.add_break(change, found, &self.entries),
            Some(known) => {
                if let Some(next) = known.found_again(&found) {
                    self.context.desk.move_break(change, known, next, &self.entries);
                }
            }
        }
    }

    /// Ends a break that is so no more, unless it has ended.
    pub(super) fn heal(&self, change: &mut Change, found: &Break, why: &str) {
        if found.state.is_final() || change.books.breaks.iter().any(|b| b.id == found.id) {
            return;
        }
        let ended = found.ended(BreakState::Healed, BY_RULE, why, self.now());
        self.context.desk.move_break(change, found, ended, &self.entries);
    }

    /// Opens those of `found` that are not there yet, and those that had ended by themselves.
    pub(super) async fn open_breaks(&self, found: Vec<Break>) -> Result<(), JobError> {
        for found in found.chunks(PAGE) {
            let ids: Vec<BreakId> = found.iter().map(|b| b.id).collect();
            for _ in 0..RACES {
                let known = self.context.desk.gatherer.store().breaks_of(&ids).await?;
                let mut change = Change::default();
                for found in found {
                    let known = known.iter().find(|k| k.id == found.id);
                    self.put_break(&mut change, known, found.clone());
                }
                if change.books.is_empty() || self.context.desk.gatherer.commit(change).await? == Answer::Committed {
                    break;
                }
            }
        }
        Ok(())
    }
}
