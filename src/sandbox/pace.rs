//! The clock helper: it knows instants of the sandbox clock and how they are written in Beijing, and
//! must never read any other clock.

use std::sync::Arc;
use std::time::Duration;

use bursar_core::clock::Clock;
use jiff::tz::{Offset, TimeZone};

/// No nap is longer than this in real time: a clock may be set forward by hand (tests, clock
/// campaigns) and whoever waits must notice.
const LONGEST_NAP: Duration = Duration::from_millis(20);

/// The sandbox clock.
#[derive(Clone, Debug)]
pub(crate) struct Pace(pub(crate) Arc<dyn Clock>);

impl Pace {
    /// Now, in milliseconds since the Unix epoch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.0.now().as_millis()
    }

    /// Now, in whole seconds since the Unix epoch.
    pub(crate) fn now_seconds(&self) -> i64 {
        self.now_ms().div_euclid(1_000)
    }

    /// The real time to sleep before looking again for what is due at `due_ms`.
    pub(crate) fn nap_until(&self, due_ms: i64) -> Duration {
        // A millisecond at least: tokio's timer is no finer, and a zero nap would spin.
        self.0.real(due_ms.saturating_sub(self.now_ms())).clamp(Duration::from_millis(1), LONGEST_NAP)
    }
}

/// `ms` since the epoch as WeChat writes times: RFC 3339, whole seconds, `+08:00`.
pub(crate) fn beijing(ms: i64) -> String {
    beijing_as(ms, "%Y-%m-%dT%H:%M:%S%:z")
}

/// `ms` since the epoch as digits `yyyymmddHHMMSS` in Beijing.
pub(crate) fn beijing_digits(ms: i64) -> String {
    beijing_as(ms, "%Y%m%d%H%M%S")
}

fn beijing_as(ms: i64, format: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    let zone = TimeZone::fixed(Offset::constant(8));
    instant.to_zoned(zone).strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_the_offset_of_beijing() {
        assert_eq!(beijing(0), "1970-01-01T08:00:00+08:00");
        assert_eq!(beijing_digits(1_528_425_296_000), "20180608103456");
    }
}
