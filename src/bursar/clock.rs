//! The clocks of the running program. The only place that reads the system's time.

use std::sync::atomic::{AtomicI64, Ordering};

use bursar_core::{Clock, Timestamp};

/// The system's clock, or one that runs faster from an origin on (for demonstrations).
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    speed: u32,
    origin_ms: i64,
}

impl SystemClock {
    /// Real time.
    pub const fn real() -> Self {
        Self { speed: 1, origin_ms: 0 }
    }

    /// Shows real time at `origin_ms` (real milliseconds since 1970) and runs `speed` times faster from
    /// there on. Processes with the same origin and speed agree.
    pub const fn fast(speed: u32, origin_ms: i64) -> Self {
        Self { speed, origin_ms }
    }

    /// Real milliseconds since 1970.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn real_ms() -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.ok().and_then(|d| i64::try_from(d.as_millis()).ok()).unwrap_or(0)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let real = Self::real_ms();
        let elapsed = real.saturating_sub(self.origin_ms);
        Timestamp::from_millis(self.origin_ms.saturating_add(elapsed.saturating_mul(i64::from(self.speed))))
    }

    fn speed(&self) -> u32 {
        self.speed
    }
}

/// A fast clock that can be set forward, for plays that leap over the hours in which nothing happens. It knows how far
/// it was set, and must never know why.
#[derive(Debug)]
pub struct LeapingClock {
    base: SystemClock,
    ahead_ms: AtomicI64,
}

impl LeapingClock {
    /// Shows real time at this moment, and runs `speed` times faster from here on.
    pub fn starting(speed: u32) -> Self {
        Self { base: SystemClock::fast(speed, SystemClock::real_ms()), ahead_ms: AtomicI64::new(0) }
    }

    /// Shows `start` now, and runs `speed` times faster than real time from there on.
    pub fn from(start: Timestamp, speed: u32) -> Self {
        let real_ms = SystemClock::real_ms();
        let ahead_ms = AtomicI64::new(start.as_millis().saturating_sub(real_ms));
        Self { base: SystemClock::fast(speed, real_ms), ahead_ms }
    }

    /// Shows `at` now, unless it is later already.
    pub fn leap_to(&self, at: Timestamp) {
        self.ahead_ms.fetch_add(at.since_ms(self.now()).max(0), Ordering::SeqCst);
    }
}

impl Clock for LeapingClock {
    fn now(&self) -> Timestamp {
        self.base.now().plus_ms(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn speed(&self) -> u32 {
        self.base.speed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_goes_forward_and_never_back() {
        let start = Timestamp::from_millis(1_000_000);
        let clock = LeapingClock::from(start, 1);
        clock.leap_to(start.plus_ms(500_000));
        let then = clock.now();
        assert!(then >= start.plus_ms(500_000) && then < start.plus_ms(600_000), "{then}");
        clock.leap_to(start);
        assert!(clock.now() >= then);
    }

    #[test]
    fn a_fast_clock_starts_at_its_origin_and_runs_ahead() {
        let now = SystemClock::real_ms();
        let fast = SystemClock::fast(1_000, now - 10);
        assert!(fast.now().as_millis() >= now - 10 + 10_000);
        assert!((SystemClock::real().now().as_millis() - now).abs() < 60_000);
    }
}
