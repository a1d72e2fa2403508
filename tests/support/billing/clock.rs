//! A fast clock that can leap: it knows how far it was set forward, and must never know why.

use std::sync::atomic::{AtomicI64, Ordering};

use bursar::clock::SystemClock;
use bursar_core::{Clock, Timestamp};

/// Runs faster than real time from an instant on, and can be set forward.
#[derive(Debug)]
pub(super) struct Leaping {
    base: SystemClock,
    ahead_ms: AtomicI64,
}

impl Leaping {
    /// Shows `start` now.
    pub(super) fn from(start: Timestamp, speed: u32) -> Self {
        let real_ms = SystemClock::real_ms();
        let ahead_ms = AtomicI64::new(start.as_millis() - real_ms);
        Self { base: SystemClock::fast(speed, real_ms), ahead_ms }
    }

    /// Shows `at` now, unless it is later already.
    pub(super) fn leap_to(&self, at: Timestamp) {
        self.ahead_ms.fetch_add(at.since_ms(self.now()).max(0), Ordering::SeqCst);
    }
}

impl Clock for Leaping {
    fn now(&self) -> Timestamp {
        self.base.now().plus_ms(self.ahead_ms.load(Ordering::SeqCst))
    }

    fn speed(&self) -> u32 {
        self.base.speed()
    }
}
