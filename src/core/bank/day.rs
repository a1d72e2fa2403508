//! Calendar days without a time zone, as banks write them: it knows the calendar, and must never read a clock.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::{DAY_MS, HOUR_MS, Timestamp};

/// How far Beijing is ahead of UTC. China has had no summer time since 1991.
const BEIJING_MS: i64 = 8 * HOUR_MS;

/// A calendar day. Written as `2026-11-22`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(Date);

impl Day {
    /// The day, when there is one of these numbers in the years 1 to 9999.
    pub fn new(year: i16, month: i8, day: i8) -> Option<Self> {
        (year > 0).then(|| Date::new(year, month, day).ok().map(Self)).flatten()
    }

    /// The day; one beyond the end of its month becomes the last of the month, and the second member is true.
    /// Banks that count every month as thirty days write a February 30 on interest. Nothing beyond 31.
    pub fn clamped(year: i16, month: i8, day: i8) -> Option<(Self, bool)> {
        if let Some(exact) = Self::new(year, month, day) {
            return Some((exact, false));
        }
        let last = Self::new(year, month, 1)?.0.last_of_month();
        (last.day() < day && day <= 31).then_some((Self(last), true))
    }

    /// The day that comes so many days after 1970-01-01; stays at the ends of the calendar.
    pub fn from_number(days: i64) -> Self {
        Self(Date::constant(1970, 1, 1)).plus_days(days)
    }

    /// How many days it comes after 1970-01-01.
    pub fn number(self) -> i64 {
        self.days_since(Self(Date::constant(1970, 1, 1)))
    }

    /// The day on which `at` falls in Beijing.
    pub fn in_beijing(at: Timestamp) -> Self {
        Self::from_number(at.as_millis().saturating_add(BEIJING_MS).div_euclid(DAY_MS))
    }

    /// When the day begins in Beijing.
    pub fn begins_in_beijing(self) -> Timestamp {
        Timestamp::from_millis(self.number().saturating_mul(DAY_MS).saturating_sub(BEIJING_MS))
    }

    /// So many days later (negative: earlier); stays at the ends of the calendar.
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let span = jiff::SignedDuration::from_hours(days.clamp(-4_000_000, 4_000_000) * 24);
        Self(self.0.saturating_add(span))
    }

    /// The day of its month, from 1.
    pub fn day(self) -> i8 {
        self.0.day()
    }

    /// The same day so many months later; where that month is shorter, its last day. Counted from this day each time,
    /// the 31st comes back after a short month.
    #[must_use]
    pub fn plus_months(self, months: i64) -> Self {
        let span = i32::try_from(months).ok().map(|n| jiff::Span::new().try_months(n));
        Self(span.and_then(Result::ok).map_or(self.0, |span| self.0.saturating_add(span)))
    }

    /// Days from `earlier` to this day (negative when it is later).
    pub fn days_since(self, earlier: Self) -> i64 {
        self.0.duration_since(earlier.0).as_hours() / 24
    }

    /// The year.
    pub fn year(self) -> i16 {
        self.0.year()
    }

    /// The month, 1 to 12.
    pub fn month(self) -> i8 {
        self.0.month()
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0.year(), self.0.month(), self.0.day())
    }
}

impl fmt::Debug for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Day {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let shown: String = text.chars().take(32).collect();
            format!("`{shown}` is not a day such as 2026-11-22")
        };
        let shape = |(i, c): (usize, char)| if i == 4 || i == 7 { c == '-' } else { c.is_ascii_digit() };
        if text.len() != 10 || !text.chars().enumerate().all(shape) {
            return Err(wrong());
        }
        let number = |range: std::ops::Range<usize>| text.get(range).and_then(|t| t.parse::<i16>().ok());
        let part = |range| number(range).and_then(|n| i8::try_from(n).ok());
        let day = number(0..4).zip(part(5..7)).zip(part(8..10)).and_then(|((y, m), d)| Self::new(y, m, d));
        day.ok_or_else(wrong)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_beyond_its_month_becomes_the_last_and_says_so() {
        assert_eq!(Day::clamped(2026, 2, 30), Some((day("2026-02-28"), true)));
        assert_eq!(Day::clamped(2024, 2, 30), Some((day("2024-02-29"), true)));
        assert_eq!(Day::clamped(2026, 4, 31), Some((day("2026-04-30"), true)));
        assert_eq!(Day::clamped(2026, 4, 30), Some((day("2026-04-30"), false)));
        for (month, d) in [(13, 1), (0, 1), (2, 32), (2, 0), (2, -1)] {
            assert_eq!(Day::clamped(2026, month, d), None, "{month}-{d}");
        }
    }

    #[test]
    fn only_whole_iso_days_are_read() {
        for bad in ["", "2026-2-03", "2026-02-30", "20260203", "2026-02-03 ", "２026-02-0", "+026-02-03", "0000-01-01"]
        {
            assert!(bad.parse::<Day>().is_err(), "{bad}");
        }
        assert_eq!(day("2026-02-28").to_string(), "2026-02-28");
    }

    #[test]
    fn the_day_of_beijing_begins_eight_hours_before_that_of_utc() {
        let begin = Timestamp::parse_rfc3339("2026-11-22T00:00:00+08:00").unwrap();
        assert_eq!(day("2026-11-22").begins_in_beijing(), begin);
        assert_eq!(Day::in_beijing(begin), day("2026-11-22"));
        assert_eq!(Day::in_beijing(begin.plus_ms(-1)), day("2026-11-21"));
        assert_eq!(day("1969-12-31").plus_days(2), day("1970-01-02"));
        assert_eq!(day("2026-03-01").days_since(day("2026-02-28")), 1);
        assert_eq!(day("9999-12-31").plus_days(i64::MAX), day("9999-12-31"));
    }

    proptest! {
        #[test]
        fn days_are_counted_there_and_back(n in -700_000_i64..2_900_000) {
            let start = day("1970-01-01");
            let moved = start.plus_days(n);
            prop_assert_eq!(moved.days_since(start), n);
            prop_assert_eq!(Day::in_beijing(moved.begins_in_beijing()), moved);
            prop_assert_eq!(moved.to_string().parse::<Day>().unwrap(), moved);
        }
    }
}
