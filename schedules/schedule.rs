//! A schedule of housekeeping: it knows its expression and zone, and must never read a clock.

use bursar_core::Timestamp;
use bursar_core::job::JobKind;
use bursar_core::schedule::{Calendar, CalendarError};

/// When a recurring job is due.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Its name.
    pub name: &'static str,
    /// Seconds, minutes, hours, days of month, months, days of week.
    pub cron: &'static str,
    /// An IANA time zone, in which the expression is read.
    pub zone: &'static str,
    /// What it makes due.
    pub job: JobKind,
}

/// Why a schedule has no next instant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("schedule {name}: {why}")]
pub struct ScheduleError {
    /// The schedule.
    pub name: String,
    /// What is wrong with it.
    pub why: CalendarError,
}

impl Schedule {
    /// The first instant after `after` at which it is due (see [`Calendar::next`]).
    ///
    /// # Errors
    /// When the schedule is wrong.
    pub fn next(&self, after: Timestamp) -> Result<Timestamp, ScheduleError> {
        let wrong = |why| ScheduleError { name: self.name.to_owned(), why };
        let calendar = Calendar::new(self.cron, self.zone).map_err(wrong)?;
        calendar.next(after).ok_or_else(|| wrong(CalendarError::Never(self.cron.to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(cron: &'static str, zone: &'static str, after: &str) -> Result<String, ScheduleError> {
        let schedule = Schedule { name: "test", cron, zone, job: JobKind::Prune };
        schedule.next(Timestamp::parse_rfc3339(after).unwrap()).map(|t| t.to_string())
    }

    #[test]
    fn local_times_are_read_in_the_schedules_zone() {
        let found = next("0 30 9 * * *", "Asia/Shanghai", "2026-11-22T00:00:00Z");
        assert_eq!(found.unwrap(), "2026-11-22T01:30:00.000Z");
    }

    #[test]
    fn nonsense_is_named() {
        let why = |cron, zone| next(cron, zone, "2026-01-01T00:00:00Z").unwrap_err();
        assert_eq!(why("0 0 0 31 2 *", "UTC").to_string(), "schedule test: `0 0 0 31 2 *` never fires");
        assert!(matches!(why("0 0 0 * * *", "Mars/Base").why, CalendarError::Zone(_)));
        assert!(matches!(why("often", "UTC").why, CalendarError::Cron(_)));
    }
}
