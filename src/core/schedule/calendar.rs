//! Cron expressions in time zones: it knows which instants are due and how many were, and must never iterate over
//! more of them than somebody asked for.
//!
//! Local times that a change of clocks skips fire at the change (once, however many they are); those that it
//! repeats fire once, the first time. So later local times never come before earlier ones.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp as Instant};

use super::cron::Cron;
use crate::clock::{DAY_MS, SECOND_MS, Timestamp};

/// Most local times that one instant's search passes over: those of a repeated day, in seconds.
const MOST_REPEATED: u32 = 100_000;

/// Why there is no calendar.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CalendarError {
    /// The expression cannot be read.
    #[error("{0}")]
    Cron(String),
    /// The zone is unknown.
    #[error("`{0}` is not an IANA time zone, such as Asia/Shanghai")]
    Zone(String),
    /// No instant after the one in question, for eight years.
    #[error("`{0}` never fires")]
    Never(String),
}

/// When something is due.
#[derive(Clone, Debug)]
pub struct Calendar {
    cron: Cron,
    zone: TimeZone,
}

impl Calendar {
    /// `cron`, read in the time zone of that IANA name.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn new(cron: &str, zone: &str) -> Result<Self, CalendarError> {
        let cron = cron.parse().map_err(CalendarError::Cron)?;
        Ok(Self { cron, zone: Self::zone(zone)? })
    }

    /// The time zone of that IANA name.
    ///
    /// # Errors
    /// [`CalendarError::Zone`].
    pub fn zone(name: &str) -> Result<TimeZone, CalendarError> {
        let known = TimeZone::get(name).ok().filter(|zone| zone.iana_name().is_some());
        known.ok_or_else(|| CalendarError::Zone(name.chars().take(48).collect()))
    }

    /// The expression.
    pub const fn cron(&self) -> &Cron {
        &self.cron
    }

    /// The zone's name, as the tz database writes it.
    pub fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The first instant after `after`; `None` when there is none for eight years.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let start = Instant::from_millisecond(after.as_millis()).ok()?;
        // An earlier local time never comes after `after`.
        let mut from = self.zone.to_datetime(start);
        if from.subsec_nanosecond() > 0 {
            from = from.checked_add(SignedDuration::from_secs(1)).ok()?.with().subsec_nanosecond(0).build().ok()?;
        }
        for _ in 0..MOST_REPEATED {
            let local = self.cron.local(from)?;
            let found = self.instant(local)?;
            if found > start {
                return Some(Timestamp::from_millis(found.as_millisecond()));
            }
            from = local.checked_add(SignedDuration::from_secs(1)).ok()?;
        }
        None
    }

    /// The next instants after `after`, at most `count`.
    pub fn upcoming(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        std::iter::successors(self.next(after), |at| self.next(*at)).take(count).collect()
    }

    /// All instants after `after` up to and including `until`, at most `count`.
    pub fn between(&self, after: Timestamp, until: Timestamp, count: usize) -> Vec<Timestamp> {
        let all = std::iter::successors(self.next(after), |at| self.next(*at));
        all.take_while(|at| *at <= until).take(count).collect()
    }

    /// How many instants come after `after` up to and including `until`. Whole days without a change of clocks
    /// are counted, not iterated.
    pub fn count(&self, after: Timestamp, until: Timestamp) -> u64 {
        let (Some(first), Some(last)) = (self.day_of(after), self.day_of(until)) else { return 0 };
        if until <= after {
            return 0;
        }
        let one_by_one = |after, until| {
            let all = std::iter::successors(self.next(after), |at| self.next(*at));
            u64::try_from(all.take_while(|at| *at <= until).count()).unwrap_or(u64::MAX)
        };
        // The instant before a day begins, so that its first is after it.
        let before = |day: Date| self.begin(day).map(|at| at.plus_ms(-1));
        let Some(mut edge) = first.tomorrow().ok().and_then(before).filter(|edge| *edge < until) else {
            return one_by_one(after, until);
        };
        let mut sum = one_by_one(after, edge.max(after));
        edge = edge.max(after);
        let mut day = first;
        while let Ok(next) = day.tomorrow() {
            day = next;
            if day >= last {
                break;
            }
            let Some(end) = day.tomorrow().ok().and_then(before) else { break };
            let even = end.since_ms(edge) == DAY_MS && self.is_plain(day);
            let of_day = match even {
                true if self.cron.names(day) => self.cron.times_a_day(),
                true => 0,
                false => one_by_one(edge, end),
            };
            sum = sum.saturating_add(of_day);
            edge = end.max(edge);
        }
        sum.saturating_add(one_by_one(edge, until))
    }

    /// The last instants after `after` up to and including `until`, at most `count`, in their order; and how many
    /// earlier ones there are.
    pub fn latest(&self, after: Timestamp, until: Timestamp, count: usize) -> (Vec<Timestamp>, u64) {
        let wanted = u64::try_from(count).unwrap_or(u64::MAX);
        let all = self.count(after, until);
        if all <= wanted {
            return (self.between(after, until, count), 0);
        }
        // The latest second after which there are still as many as wanted.
        let (mut low, mut high) = (after.as_millis().div_euclid(SECOND_MS), until.as_millis().div_euclid(SECOND_MS));
        while high.saturating_sub(low) > 1 {
            let middle = low.midpoint(high);
            let left = self.count(Timestamp::from_millis(middle.saturating_mul(SECOND_MS)), until);
            if left >= wanted { low = middle } else { high = middle }
        }
        let start = Timestamp::from_millis(low.saturating_mul(SECOND_MS)).max(after);
        let found = self.between(start, until, count);
        (found, all.saturating_sub(wanted))
    }

    /// The day of an instant in the zone.
    fn day_of(&self, at: Timestamp) -> Option<Date> {
        Instant::from_millisecond(at.as_millis()).ok().map(|at| self.zone.to_datetime(at).date())
    }

    /// When a day's local midnight is.
    fn begin(&self, day: Date) -> Option<Timestamp> {
        self.instant(day.to_datetime(jiff::civil::Time::midnight()))
            .map(|at| Timestamp::from_millis(at.as_millisecond()))
    }

    /// Whether neither midnight of a day is touched by a change of clocks.
    fn is_plain(&self, day: Date) -> bool {
        let midnight = |day: Date| self.zone.to_ambiguous_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
        !midnight(day).is_ambiguous() && day.tomorrow().is_ok_and(|next| !midnight(next).is_ambiguous())
    }

    /// When a local time is: the first time that it is, or the change of clocks that skips it.
    fn instant(&self, local: DateTime) -> Option<Instant> {
        match self.zone.to_ambiguous_timestamp(local).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
            AmbiguousOffset::Gap { before, after } => {
                let (sooner, later) = (after.to_timestamp(local).ok()?, before.to_timestamp(local).ok()?);
                let change = self.zone.following(sooner).next().map(|t| t.timestamp());
                change.filter(|at| *at <= later).or(Some(later))
            }
        }
    }
}
