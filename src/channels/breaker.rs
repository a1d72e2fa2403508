//! A breaker: it knows how many failures came in a row, and must never know what failed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bursar_core::Timestamp;

/// Opens after so many failures in a row, and lets one probe through after a while.
#[derive(Debug)]
pub struct Breaker {
    failures_to_open: u32,
    open_ms: i64,
    inner: Mutex<Inner>,
}

#[derive(Clone, Copy, Debug)]
enum Inner {
    Closed { failures: u32 },
    Open { since: Timestamp },
    Probing,
}

/// What a breaker does at the moment, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BreakerState {
    /// Calls pass.
    Closed,
    /// One call is trying whether the other side is back.
    HalfOpen,
    /// No call passes.
    Open,
}

impl BreakerState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The stable name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }
}

impl Breaker {
    /// A closed breaker.
    pub fn new(failures_to_open: u32, open_ms: i64) -> Self {
        let inner = Mutex::new(Inner::Closed { failures: 0 });
        Self { failures_to_open: failures_to_open.max(1), open_ms, inner }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call pass.
    ///
    /// # Errors
    /// When the next probe may pass, in milliseconds from now.
    pub fn admit(&self, now: Timestamp) -> Result<Admission<'_>, i64> {
        let mut inner = self.lock();
        let is_probe = match *inner {
            Inner::Closed { .. } => false,
            Inner::Probing => return Err(self.open_ms),
            Inner::Open { since } => {
                // A clock that went back must not hold the breaker open.
                let left_ms = self.open_ms - now.since_ms(since);
                if (1..=self.open_ms).contains(&left_ms) {
                    return Err(left_ms);
                }
                *inner = Inner::Probing;
                true
            }
        };
        Ok(Admission { breaker: self, is_probe, answered: false })
    }

    /// What it does at the moment.
    pub fn state(&self) -> BreakerState {
        match *self.lock() {
            Inner::Closed { .. } => BreakerState::Closed,
            Inner::Open { .. } => BreakerState::Open,
            Inner::Probing => BreakerState::HalfOpen,
        }
    }
}

/// A call that was let through. Dropping it without a word says nothing about the other side.
#[derive(Debug)]
pub struct Admission<'a> {
    breaker: &'a Breaker,
    is_probe: bool,
    answered: bool,
}

impl Admission<'_> {
    /// The other side is alive.
    pub fn succeeded(mut self) {
        self.answered = true;
        *self.breaker.lock() = Inner::Closed { failures: 0 };
    }

    /// The other side seems dead.
    pub fn failed(mut self, now: Timestamp) {
        self.answered = true;
        let mut inner = self.breaker.lock();
        match *inner {
            Inner::Closed { failures } if failures + 1 < self.breaker.failures_to_open => {
                *inner = Inner::Closed { failures: failures + 1 };
            }
            Inner::Closed { .. } => *inner = Inner::Open { since: now },
            Inner::Probing if self.is_probe => *inner = Inner::Open { since: now },
            // Stragglers from before it opened.
            Inner::Open { .. } | Inner::Probing => {}
        }
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.is_probe && !self.answered {
            // The probe was given up before it was answered: the next caller may probe at once.
            *self.breaker.lock() = Inner::Open { since: Timestamp::from_millis(i64::MIN) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn opened() -> Breaker {
        let breaker = Breaker::new(3, 1_000);
        for _ in 0..3 {
            breaker.admit(at(0)).unwrap().failed(at(0));
        }
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let breaker = Breaker::new(3, 1_000);
        for _ in 0..10 {
            breaker.admit(at(0)).unwrap().failed(at(0));
            breaker.admit(at(0)).unwrap().failed(at(0));
            breaker.admit(at(0)).unwrap().succeeded();
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert_eq!(opened().state(), BreakerState::Open);
        assert_eq!(opened().admit(at(400)).unwrap_err(), 600);
    }

    #[test]
    fn one_probe_passes_and_decides() {
        let breaker = opened();
        let probe = breaker.admit(at(1_000)).unwrap();
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        assert!(breaker.admit(at(1_000)).is_err(), "only one probe");
        probe.failed(at(1_100));
        assert_eq!(breaker.admit(at(1_200)).unwrap_err(), 900);
        breaker.admit(at(2_100)).unwrap().succeeded();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_probe_that_is_given_up_does_not_block_the_next() {
        let breaker = opened();
        drop(breaker.admit(at(1_000)).unwrap());
        assert!(breaker.admit(at(1_000)).is_ok());
    }

    #[test]
    fn a_clock_that_goes_back_does_not_hold_it_open() {
        let breaker = Breaker::new(1, 1_000);
        breaker.admit(at(3_600_000)).unwrap().failed(at(3_600_000));
        assert!(breaker.admit(at(0)).is_ok());
    }
}
