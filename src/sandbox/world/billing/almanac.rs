//! The calendar counted by hand: it knows how long months are and what a clock on a wall shows, and must never use the
//! calendar of the core, which it judges.

use std::fmt;

use bursar_core::Timestamp;

/// A day as three numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Ymd {
    pub year: i64,
    pub month: i64,
    pub day: i64,
}

impl fmt::Display for Ymd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

const fn is_leap(year: i64) -> bool {
    (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
}

/// Days of a month.
pub(super) const fn length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Ymd {
    pub const fn new(year: i64, month: i64, day: i64) -> Self {
        Self { year, month, day }
    }

    /// The same day so many months later, or the last of a shorter month.
    pub fn months_later(self, months: i64) -> Self {
        let count = self.year * 12 + (self.month - 1) + months;
        let (year, month) = (count.div_euclid(12), count.rem_euclid(12) + 1);
        Self { year, month, day: self.day.min(length(year, month)) }
    }

    /// Days since the first of January 2000, counted year by year and month by month.
    pub fn ordinal(self) -> i64 {
        let mut days = 0;
        for year in 2000..self.year {
            days += if is_leap(year) { 366 } else { 365 };
        }
        for month in 1..self.month {
            days += length(self.year, month);
        }
        days + self.day - 1
    }

    /// The day after.
    pub const fn next(self) -> Self {
        if self.day < length(self.year, self.month) {
            return Self { day: self.day + 1, ..self };
        }
        if self.month < 12 {
            Self { year: self.year, month: self.month + 1, day: 1 }
        } else {
            Self { year: self.year + 1, month: 1, day: 1 }
        }
    }

    /// From 0 for Monday.
    pub fn weekday(self) -> i64 {
        // The first of January 2000 was a Saturday.
        (self.ordinal() + 5).rem_euclid(7)
    }
}

/// What calendar and clock on a wall of `zone` show: the day, and minutes since midnight.
pub(super) fn on_the_wall(zone: &str, at_ms: i64) -> (Ymd, i64) {
    let instant = jiff::Timestamp::from_millisecond(at_ms).unwrap_or_default();
    let local = instant.in_tz(zone).map(|z| z.datetime()).unwrap_or_default();
    let day = Ymd::new(local.year().into(), local.month().into(), local.day().into());
    (day, i64::from(local.hour()) * 60 + i64::from(local.minute()))
}

/// When a wall clock of `zone` shows `minute` of `day`: one that a change of clocks skips is at the change, one that
/// it repeats is the first.
pub(super) fn at_the_wall(zone: &str, day: Ymd, minute: i64) -> Option<i64> {
    let number = |n: i64| i8::try_from(n).ok();
    let date = jiff::civil::Date::new(i16::try_from(day.year).ok()?, number(day.month)?, number(day.day)?).ok()?;
    let time = jiff::civil::Time::new(number(minute / 60)?, number(minute % 60)?, 0, 0).ok()?;
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let local = date.to_datetime(time);
    let ambiguous = zone.to_ambiguous_timestamp(local);
    let at = match ambiguous.offset() {
        jiff::tz::AmbiguousOffset::Gap { .. } => {
            // The change itself: the first instant after a moment that is surely before it.
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next()?.timestamp()
        }
        _ => ambiguous.earlier().ok()?,
    };
    Some(at.as_millisecond())
}

/// The day and hour on which the world's time begins, for people.
pub(super) fn shown(at_ms: i64) -> String {
    Timestamp::from_millis(at_ms).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_end_where_they_end() {
        let last = Ymd::new(2027, 12, 31);
        let days: Vec<String> = (0..4).map(|n| last.months_later(n).to_string()).collect();
        assert_eq!(days, ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]);
        assert_eq!(Ymd::new(2028, 2, 28).next(), Ymd::new(2028, 2, 29));
        assert_eq!(Ymd::new(2026, 12, 31).next(), Ymd::new(2027, 1, 1));
        assert_eq!(Ymd::new(2028, 3, 1).ordinal() - Ymd::new(2028, 2, 1).ordinal(), 29);
        // A Sunday.
        assert_eq!(Ymd::new(2026, 11, 22).weekday(), 6);
    }

    #[test]
    fn walls_show_what_the_zone_says() {
        let at = Timestamp::parse_rfc3339("2026-07-01T10:30:00Z").unwrap().as_millis();
        assert_eq!(on_the_wall("Europe/Berlin", at), (Ymd::new(2026, 7, 1), 12 * 60 + 30));
        assert_eq!(at_the_wall("Europe/Berlin", Ymd::new(2026, 7, 1), 12 * 60 + 30), Some(at));
        let change = Timestamp::parse_rfc3339("2026-03-29T01:00:00Z").unwrap().as_millis();
        assert_eq!(at_the_wall("Europe/Berlin", Ymd::new(2026, 3, 29), 150), Some(change));
    }
}
