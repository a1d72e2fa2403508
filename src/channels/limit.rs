//! A rate limit in memory: it knows how long a call must wait for its turn, and must never know whose
//! call it is.

use std::sync::{Mutex, PoisonError};

use bursar_core::Clock;

use crate::outcome::{Why, WhyKind};

/// Longest wait for a turn, in milliseconds. A call that would wait longer gives its worker back.
pub const MAX_WAIT_MS: i64 = 2_000;
/// How much of the budget may be spent at once, in milliseconds of it.
const BURST_MS: i64 = 100;
/// How long to hold back after the channel said "too many" without saying for how long.
const DEFAULT_PAUSE_MS: i64 = 1_000;

/// A token bucket, kept as the instant at which it would be full again (GCRA): no timer, no task.
#[derive(Debug)]
pub struct Limit {
    interval_us: i64,
    full_at_us: Mutex<i64>,
}

impl Limit {
    /// A limit of `per_second` calls; 0 counts as 1.
    pub fn new(per_second: u32) -> Self {
        Self { interval_us: 1_000_000 / i64::from(per_second.max(1)), full_at_us: Mutex::new(i64::MIN) }
    }

    /// Takes the next turn: how many milliseconds to wait for it, or after how many to ask again when
    /// that is longer than [`MAX_WAIT_MS`].
    fn reserve(&self, now_ms: i64) -> Result<i64, i64> {
        let now_us = now_ms.saturating_mul(1_000);
        let mut full_at = self.full_at_us.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is ever promised further ahead than this; if it seems so, the clock went back.
        let farthest = (BURST_MS + MAX_WAIT_MS) * 1_000 + self.interval_us;
        if *full_at < now_us || *full_at > now_us.saturating_add(farthest) {
            *full_at = now_us;
        }
        let wait_us = (*full_at - now_us - BURST_MS * 1_000).max(0);
        if wait_us > MAX_WAIT_MS * 1_000 {
            return Err(wait_us / 1_000);
        }
        *full_at += self.interval_us;
        Ok((wait_us + 999) / 1_000)
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`WhyKind::RateLimited`], not sent, when the wait would be longer than [`MAX_WAIT_MS`].
    pub async fn acquire(&self, clock: &dyn Clock) -> Result<(), Why> {
        match self.reserve(clock.now().as_millis()) {
            Ok(0) => Ok(()),
            Ok(wait_ms) => {
                tokio::time::sleep(clock.real(wait_ms)).await;
                Ok(())
            }
            Err(retry_ms) => {
                Err(Why::not_sent(WhyKind::RateLimited, "our own rate limit is used up").retry_after(retry_ms))
            }
        }
    }

    /// Spends the whole budget for a while, because the channel said "too many": calls wait, and those
    /// that cannot wait are not sent.
    pub fn pause(&self, now_ms: i64, ms: Option<i64>) {
        let pause_ms = ms.unwrap_or(DEFAULT_PAUSE_MS).clamp(0, MAX_WAIT_MS);
        let until_us = now_ms.saturating_add(BURST_MS + pause_ms).saturating_mul(1_000);
        let mut full_at = self.full_at_us.lock().unwrap_or_else(PoisonError::into_inner);
        *full_at = (*full_at).max(until_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_turns_come_at_the_rate_then_calls_are_sent_away() {
        let limit = Limit::new(100);
        let waits: Vec<_> = (0..=10).map(|_| limit.reserve(0)).collect();
        assert_eq!(waits, [Ok(0); 11], "100 ms of budget and the turn that is due");
        assert_eq!(limit.reserve(0), Ok(10));
        assert_eq!(limit.reserve(0), Ok(20));
        let mut refused = None;
        for _ in 0..1_000 {
            if let Err(ms) = limit.reserve(0) {
                refused = Some(ms);
                break;
            }
        }
        assert!(refused.unwrap() > MAX_WAIT_MS);
        assert!(limit.reserve(1_000).is_ok(), "time gives turns back");
    }

    #[test]
    fn over_a_minute_no_more_than_the_rate_passes() {
        let limit = Limit::new(50);
        let mut passed = 0;
        for ms in 0..60_000 {
            passed += i64::from(limit.reserve(ms) == Ok(0));
            // Spend what had to wait as well: reservations are turns.
        }
        assert!(passed <= 50 * 60 + 6, "{passed}");
    }

    #[test]
    fn a_clock_that_goes_back_an_hour_does_not_block_for_an_hour() {
        let limit = Limit::new(1);
        assert_eq!(limit.reserve(3_600_000), Ok(0));
        assert_eq!(limit.reserve(0), Ok(0));
    }

    #[test]
    fn after_too_many_the_next_call_waits() {
        let limit = Limit::new(1_000);
        limit.pause(0, Some(500));
        assert_eq!(limit.reserve(0), Ok(500));
        limit.pause(0, Some(i64::MAX));
        assert!(limit.reserve(0).is_ok_and(|ms| ms <= MAX_WAIT_MS), "a pause is bounded");
    }
}
