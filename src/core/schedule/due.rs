//! What is due: it knows which instants of a schedule are fired and which are skipped, and must never know who
//! fires them.

use super::calendar::Calendar;
use super::row::{CatchUp, FireKind, Schedule};
use super::{CATCH_UP_MAX, GRACE_MS};
use crate::clock::Timestamp;

/// What a schedule owes at some instant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fires {
    /// Instants to fire, the oldest first, at most [`CATCH_UP_MAX`].
    pub to_fire: Vec<Timestamp>,
    /// How many older ones are skipped.
    pub skipped: u64,
    /// The first instant after the present one; `None` when there is none any more.
    pub next_due_at: Option<Timestamp>,
}

/// What `schedule` owes at `now`. Nothing, when it is not active.
pub fn due(schedule: &Schedule, calendar: &Calendar, now: Timestamp) -> Fires {
    let Some(first) = schedule.next_due_at else {
        return Fires { to_fire: Vec::new(), skipped: 0, next_due_at: None };
    };
    if first > now {
        return Fires { to_fire: Vec::new(), skipped: 0, next_due_at: Some(first) };
    }
    let after = first.plus_ms(-1);
    let size = |count: u32| usize::try_from(count.min(CATCH_UP_MAX)).unwrap_or(0);
    let (to_fire, skipped) = match schedule.catch_up {
        CatchUp::All { at_most } => calendar.latest(after, now, size(at_most)),
        CatchUp::Once => calendar.latest(after, now, 1),
        CatchUp::Skip => {
            let late = now.plus_ms(-GRACE_MS).plus_ms(-1).max(after);
            (calendar.between(late, now, size(CATCH_UP_MAX)), calendar.count(after, late))
        }
    };
    Fires { to_fire, skipped, next_due_at: calendar.next(now) }
}

/// What is to be done next for a schedule. One step is one commit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Nothing, ever, by itself.
    Rest,
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Fire, and go on.
    Fire {
        /// For which instant.
        due_at: Timestamp,
        /// Whether it was missed.
        kind: FireKind,
        /// How many older ones were skipped.
        skipped: u64,
        /// What is due then.
        next_due_at: Option<Timestamp>,
    },
    /// Only go on.
    Skip {
        /// How many were skipped.
        skipped: u64,
        /// What is due then.
        next_due_at: Option<Timestamp>,
    },
}

/// The next step of `schedule` at `now`.
pub fn step(schedule: &Schedule, calendar: &Calendar, now: Timestamp) -> Step {
    let Some(first) = schedule.next_due_at else { return Step::Rest };
    if first > now {
        return Step::Wait(first);
    }
    let Fires { to_fire, skipped, next_due_at } = due(schedule, calendar, now);
    let mut rest = to_fire.into_iter();
    match rest.next() {
        None => Step::Skip { skipped, next_due_at },
        Some(due_at) => {
            let late = now.since_ms(due_at) > GRACE_MS;
            let kind = if late { FireKind::CatchUp } else { FireKind::Regular };
            Step::Fire { due_at, kind, skipped, next_due_at: rest.next().or(next_due_at) }
        }
    }
}
