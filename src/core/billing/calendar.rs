//! Days and hours of a place: it knows time zones and what may be done at night, and must never read a clock.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bank::Day;
use crate::clock::Timestamp;

/// An IANA time zone, by its name: `Asia/Shanghai`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// China has one.
    pub const DEFAULT: &'static str = "Asia/Shanghai";

    /// The zone's name.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The day on which `at` falls there.
    pub fn day_of(&self, at: Timestamp) -> Day {
        let date = self.zoned(at).date();
        Day::new(date.year(), date.month(), date.day()).unwrap_or_else(|| Day::in_beijing(at))
    }

    /// The time of day there.
    pub fn time_of(&self, at: Timestamp) -> LocalTime {
        let time = self.zoned(at).time();
        LocalTime(u16::try_from(time.hour()).unwrap_or(0) * 60 + u16::try_from(time.minute()).unwrap_or(0))
    }

    /// When it is `time` on `day` there. A time that a change of clocks skips is so much later; of one that it
    /// repeats the first is meant.
    pub fn instant(&self, day: Day, time: LocalTime) -> Timestamp {
        let exact = || {
            let date = Date::new(day.year(), day.month(), day.day()).ok()?;
            let (hour, minute) = (i8::try_from(time.0 / 60).ok()?, i8::try_from(time.0 % 60).ok()?);
            let local = date.to_datetime(Time::new(hour, minute, 0, 0).ok()?);
            self.0.to_ambiguous_timestamp(local).compatible().ok()
        };
        exact().map_or_else(|| day.begins_in_beijing(), |at| Timestamp::from_millis(at.as_millisecond()))
    }

    fn zoned(&self, at: Timestamp) -> jiff::Zoned {
        jiff::Timestamp::from_millisecond(at.as_millis()).unwrap_or_default().to_zoned(self.0.clone())
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::get(Self::DEFAULT).unwrap_or(TimeZone::UTC))
    }
}

impl FromStr for Zone {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = TimeZone::get(text).ok().filter(|zone| zone.iana_name().is_some());
        known.map(Self).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            format!("`{shown}` is not an IANA time zone, such as {}", Self::DEFAULT)
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A time of day, to the minute: `10:00`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocalTime(u16);

impl LocalTime {
    /// The time, when there is one.
    pub const fn new(hour: u16, minute: u16) -> Option<Self> {
        if hour < 24 && minute < 60 { Some(Self(hour * 60 + minute)) } else { None }
    }
}

impl FromStr for LocalTime {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let two = |t: &str| if t.len() == 2 { t.parse::<u16>().ok() } else { None };
        let time = text.split_once(':').and_then(|(hour, minute)| Self::new(two(hour)?, two(minute)?));
        time.ok_or_else(|| {
            format!("`{}` is not a time of day, such as 10:00", text.chars().take(16).collect::<String>())
        })
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

macro_rules! as_text {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

as_text! { Zone LocalTime }

/// The hours in which a payer may be charged: from, and until before. `from` is earlier than `until`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// From this time on.
    pub from: LocalTime,
    /// Before this time.
    pub until: LocalTime,
}

impl Default for Hours {
    /// From eight in the morning to ten in the evening: nobody is woken by his bank's message.
    fn default() -> Self {
        Self { from: LocalTime(8 * 60), until: LocalTime(22 * 60) }
    }
}

/// Minutes at either end of the allowed hours in which nothing is begun: the clocks of two machines differ by
/// minutes, and a call takes its time.
const MARGIN_MIN: u16 = 5;

impl Hours {
    /// Whether something may begin at `at`: it lies in them, and not at their very ends.
    pub fn allow(&self, zone: &Zone, at: Timestamp) -> bool {
        let time = zone.time_of(at);
        self.begin() <= time && time < LocalTime(self.until.0.saturating_sub(MARGIN_MIN))
    }

    /// Whether something can ever begin in them.
    pub fn leave_room(&self) -> bool {
        self.begin().0.saturating_add(MARGIN_MIN) < self.until.0
    }

    fn begin(&self) -> LocalTime {
        LocalTime(self.from.0.saturating_add(MARGIN_MIN))
    }

    /// The first instant from `at` on at which something may begin.
    pub fn first_from(&self, zone: &Zone, at: Timestamp) -> Timestamp {
        if self.allow(zone, at) {
            return at;
        }
        let day = zone.day_of(at);
        let days = [day, day.plus_days(1), day.plus_days(2)];
        let starts = days.map(|d| zone.instant(d, self.begin()));
        starts.into_iter().find(|start| *start >= at).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_time_is_meant_in_its_zone_also_where_clocks_change() {
        let noon = LocalTime::new(12, 0).unwrap();
        assert_eq!(zone("Asia/Shanghai").instant(day("2026-11-22"), noon), at("2026-11-22T04:00:00Z"));
        assert_eq!(zone("Europe/Berlin").instant(day("2026-07-01"), noon), at("2026-07-01T10:00:00Z"));
        assert_eq!(zone("Europe/Berlin").instant(day("2026-12-01"), noon), at("2026-12-01T11:00:00Z"));
        // Skipped: an hour later. Repeated: the first.
        let half_past_two: LocalTime = "02:30".parse().unwrap();
        assert_eq!(zone("Europe/Berlin").instant(day("2026-03-29"), half_past_two), at("2026-03-29T01:30:00Z"));
        assert_eq!(zone("Europe/Berlin").instant(day("2026-10-25"), half_past_two), at("2026-10-25T00:30:00Z"));
    }

    #[test]
    fn nobody_is_charged_at_night() {
        let (hours, zone) = (Hours::default(), zone("Asia/Shanghai"));
        for (asked, allowed) in [
            ("2026-11-22T13:54:59Z", "2026-11-22T13:54:59Z"),
            ("2026-11-22T13:55:00Z", "2026-11-23T00:05:00Z"),
            ("2026-11-23T00:04:59Z", "2026-11-23T00:05:00Z"),
            ("2026-11-23T00:05:00Z", "2026-11-23T00:05:00Z"),
        ] {
            assert_eq!(hours.first_from(&zone, at(asked)), at(allowed), "{asked}");
            assert_eq!(hours.allow(&zone, at(asked)), asked == allowed);
        }
    }

    #[test]
    fn nonsense_is_named() {
        assert!("Mars/Base".parse::<Zone>().unwrap_err().contains("Mars/Base"));
        assert!("".parse::<Zone>().is_err());
        for wrong in ["24:00", "10:60", "9:00", "10", "", "10:00:00"] {
            assert!(wrong.parse::<LocalTime>().is_err(), "{wrong}");
        }
        assert_eq!("09:05".parse::<LocalTime>().unwrap().to_string(), "09:05");
    }
}
