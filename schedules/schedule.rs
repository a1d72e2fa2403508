//! A schedule: it knows cron expressions and time zones, and must never read a clock.

use std::str::FromStr;

use bursar_core::Timestamp;
use bursar_core::job::JobKind;
use jiff::tz::TimeZone;

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
pub enum ScheduleError {
    /// The expression cannot be read.
    #[error("schedule {name}: `{cron}` is not a cron expression: {why}")]
    Cron {
        /// The schedule.
        name: String,
        /// The expression.
        cron: String,
        /// The parser's reason.
        why: String,
    },
    /// The zone is unknown.
    #[error("schedule {name}: `{zone}` is not an IANA time zone, such as Asia/Shanghai")]
    Zone {
        /// The schedule.
        name: String,
        /// The zone.
        zone: String,
    },
    /// The expression never fires.
    #[error("schedule {name}: `{cron}` never fires")]
    Never {
        /// The schedule.
        name: String,
        /// The expression.
        cron: String,
    },
}

/// How many days ahead a next instant is looked for: five years reach every leap day.
const HORIZON_DAYS: i64 = 5 * 366;

impl Schedule {
    /// The first instant after `after` at which it is due. Local times that a change of clocks skips
    /// fire at the change; those that it repeats fire once, the first time.
    ///
    /// # Errors
    /// When the schedule is wrong.
    pub fn next(&self, after: Timestamp) -> Result<Timestamp, ScheduleError> {
        let never = || ScheduleError::Never { name: self.name.to_owned(), cron: self.cron.to_owned() };
        let cron = cron::Schedule::from_str(self.cron).map_err(|e| ScheduleError::Cron {
            name: self.name.to_owned(),
            cron: self.cron.to_owned(),
            why: e.to_string(),
        })?;
        let zone = TimeZone::get(self.zone)
            .map_err(|_| ScheduleError::Zone { name: self.name.to_owned(), zone: self.zone.to_owned() })?;
        let start = jiff::Timestamp::from_millisecond(after.as_millis()).map_err(|_| never())?;
        let mut day = start.to_zoned(zone.clone()).date();
        for _ in 0..HORIZON_DAYS {
            if matches(&cron, day)
                && let Some(found) = first_of_day(&cron, day, &zone, start)
            {
                return Ok(Timestamp::from_millis(found.as_millisecond()));
            }
            day = day.tomorrow().map_err(|_| never())?;
        }
        Err(never())
    }
}

fn matches(cron: &cron::Schedule, day: jiff::civil::Date) -> bool {
    use cron::TimeUnitSpec;
    let number = |n: i8| u32::try_from(n).unwrap_or(0);
    // cron counts days of the week from Sunday = 1.
    let weekday = number(day.weekday().to_sunday_one_offset());
    cron.days_of_month().includes(number(day.day()))
        && cron.months().includes(number(day.month()))
        && cron.days_of_week().includes(weekday)
        && cron.years().includes(u32::try_from(day.year()).unwrap_or(0))
}

fn first_of_day(
    cron: &cron::Schedule,
    day: jiff::civil::Date,
    zone: &TimeZone,
    after: jiff::Timestamp,
) -> Option<jiff::Timestamp> {
    use cron::TimeUnitSpec;
    let small = |n: u32| i8::try_from(n).unwrap_or(0);
    // Only hours that can still come today: the loop below then stops at the first hit.
    for hour in cron.hours().iter() {
        for minute in cron.minutes().iter() {
            for second in cron.seconds().iter() {
                let local = day.at(small(hour), small(minute), small(second), 0);
                let Ok(zoned) = zone.to_ambiguous_timestamp(local).compatible() else { continue };
                if zoned > after {
                    return Some(zoned);
                }
            }
        }
    }
    None
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
    fn a_repeated_hour_fires_once_and_a_skipped_one_at_the_change() {
        // Berlin 2026-10-25: 02:30 happens twice, at 00:30Z and 01:30Z.
        let first = next("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z").unwrap();
        assert_eq!(first, "2026-10-25T00:30:00.000Z");
        assert_eq!(next("0 30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z").unwrap(), "2026-10-26T01:30:00.000Z");
        // Berlin 2026-03-29: 02:30 does not exist.
        assert_eq!(next("0 30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z").unwrap(), "2026-03-29T01:30:00.000Z");
    }

    #[test]
    fn nonsense_is_named() {
        assert!(matches!(next("0 0 0 31 2 *", "UTC", "2026-01-01T00:00:00Z"), Err(ScheduleError::Never { .. })));
        assert!(matches!(next("0 0 0 * * *", "Mars/Base", "2026-01-01T00:00:00Z"), Err(ScheduleError::Zone { .. })));
        assert!(matches!(next("often", "UTC", "2026-01-01T00:00:00Z"), Err(ScheduleError::Cron { .. })));
    }
}
