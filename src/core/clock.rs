//! Instants as numbers and the face of a clock: it knows how time is written, and must never read a
//! real clock (the running program passes one in).

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One second in milliseconds.
pub const SECOND_MS: i64 = 1_000;
/// One minute in milliseconds.
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
/// One hour in milliseconds.
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
/// One day of 24 hours in milliseconds (a duration, not a calendar day).
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_millis(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND_MS)
    }

    /// This instant moved by `ms` milliseconds (negative: earlier); saturates at the ends of `i64`.
    #[must_use]
    pub const fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to this instant (negative when it is later).
    pub const fn since_ms(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Reads RFC 3339 with any offset (`2026-11-22T09:00:00+08:00`).
    ///
    /// # Errors
    /// A sentence naming the text when it is not RFC 3339 with an offset.
    pub fn parse_rfc3339(text: &str) -> Result<Self, String> {
        text.parse::<jiff::Timestamp>()
            .map(|t| Self(t.as_millisecond()))
            .map_err(|_| format!("`{text}` is not an RFC 3339 time with an offset, such as 2026-11-22T09:00:00+08:00"))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{}ms", self.0),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Self::parse_rfc3339(&text).map_err(serde::de::Error::custom)
    }
}

/// Where the program gets its time from. Everything but leases (which live on the database's clock)
/// uses the one clock that is passed in, so that a simulation or a fast demonstration can own time.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current instant.
    fn now(&self) -> Timestamp;

    /// How many clock milliseconds pass in one real millisecond; 1 outside demonstrations.
    fn speed(&self) -> u32 {
        1
    }

    /// The real time to sleep so that `clock_ms` pass on this clock (never negative).
    fn real(&self, clock_ms: i64) -> Duration {
        let micros = u64::try_from(clock_ms.max(0)).unwrap_or(0).saturating_mul(1_000);
        Duration::from_micros(micros / u64::from(self.speed().max(1)))
    }
}

/// A clock that stands still until it is told to move: for tests and simulations.
#[derive(Debug, Default)]
pub struct ManualClock(std::sync::atomic::AtomicI64);

impl ManualClock {
    /// A clock that shows `start`.
    pub fn at(start: Timestamp) -> Self {
        Self(std::sync::atomic::AtomicI64::new(start.as_millis()))
    }

    /// Moves the clock by `ms` (negative: backwards).
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, std::sync::atomic::Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(std::sync::atomic::Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_and_keep_milliseconds() {
        let t = Timestamp::parse_rfc3339("2026-11-22T09:00:00.250+08:00").unwrap();
        assert_eq!(t.to_string(), "2026-11-22T01:00:00.250Z");
        assert_eq!(Timestamp::parse_rfc3339(&t.to_string()).unwrap(), t);
    }

    #[test]
    fn a_time_without_an_offset_is_refused() {
        assert!(Timestamp::parse_rfc3339("2026-11-22T09:00:00").is_err());
    }

    #[test]
    fn a_fast_clock_sleeps_less() {
        #[derive(Debug)]
        struct Fast;
        impl Clock for Fast {
            fn now(&self) -> Timestamp {
                Timestamp::default()
            }
            fn speed(&self) -> u32 {
                60
            }
        }
        assert_eq!(Fast.real(MINUTE_MS), Duration::from_secs(1));
        assert_eq!(Fast.real(-5), Duration::ZERO);
    }
}
