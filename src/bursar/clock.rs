//! The clocks of the running program. The only place that reads the system's time.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fast_clock_starts_at_its_origin_and_runs_ahead() {
        let now = SystemClock::real_ms();
        let fast = SystemClock::fast(1_000, now - 10);
        assert!(fast.now().as_millis() >= now - 10 + 10_000);
        assert!((SystemClock::real().now().as_millis() - now).abs() < 60_000);
    }
}
