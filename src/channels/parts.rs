//! What every adapter of a remote channel is made of: it knows the client, the clock and the counters, and
//! must never know a channel's dialect.

use std::sync::Arc;

use bursar_core::{Chance, Clock, Timestamp};

use crate::breaker::Breaker;
use crate::counters::{Counters, Verb, outcome_name};
use crate::outcome::Outcome;

/// Characters of a nonce: 160 bits, in a length that every channel takes.
const NONCE_CHARS: usize = 32;

/// What every adapter is made of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    pub(crate) http: reqwest::Client,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) breaker: Arc<Breaker>,
    pub(crate) counters: Arc<Counters>,
}

impl Parts {
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A fresh nonce: 32 letters and digits.
    pub(crate) fn nonce(&self) -> String {
        nonce(&*self.chance)
    }

    /// Counts and logs an outcome, inside the span of its call.
    pub(crate) fn ended<T>(&self, verb: Verb, outcome: Outcome<T>) -> Outcome<T> {
        self.counters.count(verb, outcome_name(&outcome));
        match &outcome {
            Outcome::Done(_) => tracing::debug!("done"),
            Outcome::Refused(refusal) => tracing::info!(%refusal, "refused"),
            Outcome::Unknown(why) => tracing::warn!(%why, not_sent = why.not_sent, "unknown"),
        }
        outcome
    }
}

/// A fresh nonce: 32 letters and digits.
pub(crate) fn nonce(chance: &dyn Chance) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bytes = [0_u8; NONCE_CHARS];
    chance.fill(&mut bytes);
    bytes.iter().filter_map(|b| ALPHABET.get(usize::from(b % 32))).map(|c| char::from(*c)).collect()
}

/// Whether `ms` have passed since `then`; a clock that went back counts as passed.
pub(crate) fn passed(then: Option<Timestamp>, now: Timestamp, ms: i64) -> bool {
    then.is_none_or(|then| !(0..ms).contains(&now.since_ms(then)))
}

#[cfg(test)]
mod tests {
    use bursar_core::chance::SeededChance;

    use super::*;

    #[test]
    fn a_nonce_is_thirty_two_letters_and_digits_and_never_the_same() {
        let chance = SeededChance::new(1);
        let (a, b) = (nonce(&chance), nonce(&chance));
        assert!(a.len() == 32 && a.bytes().all(|c| c.is_ascii_alphanumeric()), "{a}");
        assert_ne!(a, b);
    }

    #[test]
    fn a_clock_that_went_back_counts_as_time_that_passed() {
        let at = Timestamp::from_millis;
        assert!(passed(None, at(0), 10));
        assert!(!passed(Some(at(0)), at(9), 10));
        assert!(passed(Some(at(0)), at(10), 10) && passed(Some(at(1)), at(0), 10));
    }
}
