//! The schedules of housekeeping: a file per schedule. They know when a recurring job is due, and must never know how
//! it runs.
//!
//! Each schedule has a name, a cron expression, a time zone and the kind of job that it makes due. Merchants' own
//! schedules are rows ([`bursar_core::schedule`]) that the job `fire_schedule` fires.

mod plan_reconciliations;
mod prove_day;
mod prune;
mod schedule;
mod self_test;
mod sweep_stuck;

use bursar_core::Timestamp;
use bursar_core::job::JobKind;

pub use schedule::{Schedule, ScheduleError};

/// All schedules of housekeeping.
pub const ALL: [&Schedule; 5] = [
    &sweep_stuck::SCHEDULE,
    &prune::SCHEDULE,
    &plan_reconciliations::SCHEDULE,
    &prove_day::SCHEDULE,
    &self_test::SCHEDULE,
];

/// The next instant after `after` at which `kind` is due; a minute later when no schedule names it.
pub fn next(kind: JobKind, after: Timestamp) -> Timestamp {
    let found = ALL.into_iter().find(|s| s.job == kind).and_then(|s| s.next(after).ok());
    found.unwrap_or_else(|| after.plus_ms(bursar_core::clock::MINUTE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schedule_fires_and_moves_on() {
        for schedule in ALL {
            let start = Timestamp::from_millis(1_800_000_000_123);
            let first = schedule.next(start).unwrap();
            let second = schedule.next(first).unwrap();
            assert!(start < first && first < second, "{}", schedule.name);
        }
    }
}
