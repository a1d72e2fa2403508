//! Backfills: it knows which instants of the past a range has, and must never take a range whose size nobody meant.

use super::row::{Schedule, ScheduleState, Unschedulable};
use super::{BACKFILL_MAX, OLDEST_MS};
use crate::clock::Timestamp;

impl Schedule {
    /// The instants from `from` to `until`, both included, for which it can be fired after the fact: at most
    /// [`BACKFILL_MAX`], none ahead of `now`, whether they were fired or not.
    ///
    /// # Errors
    /// Why there is no such range; when it has too many instants, how many.
    pub fn backfill(&self, from: Timestamp, until: Timestamp, now: Timestamp) -> Result<Vec<Timestamp>, Unschedulable> {
        if self.state == ScheduleState::Removed {
            return Err(Unschedulable::Removed);
        }
        if until < from {
            return Err(Unschedulable::Backwards { from, until });
        }
        if until > now {
            return Err(Unschedulable::Ahead(until));
        }
        if now.since_ms(from) > OLDEST_MS {
            return Err(Unschedulable::TooOld(from));
        }
        let (calendar, after) = (self.calendar()?, from.plus_ms(-1));
        let count = calendar.count(after, until);
        if count > BACKFILL_MAX {
            return Err(Unschedulable::TooMany { count });
        }
        Ok(calendar.between(after, until, usize::try_from(BACKFILL_MAX).unwrap_or(0)))
    }
}
