//! Making an object exactly once: it knows how long idempotency keys last and what a repeated answer is worth, and must
//! never know what is made.
//!
//! The number is the key, so that a repetition gives the same object. But the channel forgets keys after a day, and
//! until then it repeats even an answer of trouble. So a call that is answered with old trouble looks for the object,
//! and only then tries again under the next key.

use bursar_core::Timestamp;
use bursar_core::clock::HOUR_MS;
use serde::de::DeserializeOwned;

use super::Stripe;
use super::call::{Answered, Call, Trouble, object};
use super::errors::{ApiError, Meaning};
use super::form::Form;
use crate::outcome::{Why, WhyKind};
use crate::parts::passed;

/// How long the channel certainly knows an idempotency key, in milliseconds: it says 24 hours at least, and our
/// clock and the time on the way take some of that.
const KEYS_KEPT_MS: i64 = 20 * HOUR_MS;
/// Most keys for one object, each after old trouble under the one before.
pub(super) const MAX_KEYS: usize = 4;

/// Whether a key that was first used at `since` may be forgotten by `now`.
pub(super) fn may_be_forgotten(since: Timestamp, now: Timestamp) -> bool {
    passed(Some(since), now, KEYS_KEPT_MS)
}

/// How it ended.
pub(super) enum Made<T> {
    /// The object, now or before.
    Object(T),
    /// The channel's error, when nothing of this number was found.
    Error(ApiError),
    /// Nothing is known.
    Unknown(Why),
}

impl Stripe {
    /// Posts `form` under at most `most` keys that begin with `number`; `find` looks for the object by what is written
    /// on it.
    pub(super) async fn make<T, F>(
        &self,
        path: &str,
        form: &Form,
        number: &str,
        most: usize,
        find: impl Fn() -> F,
    ) -> Made<T>
    where
        T: DeserializeOwned,
        F: Future<Output = Result<Option<T>, Trouble>>,
    {
        let mut last = Why::not_sent(WhyKind::Unreadable, "there is no key");
        for nth in 1..=most {
            let key = if nth == 1 { number.to_owned() } else { format!("{number}-{nth}") };
            let error = match self.call(Call::post(path, form).once(key)).await {
                Err(why) => return Made::Unknown(why),
                Ok(Answered::Success { answer, .. }) => {
                    return object(&answer).map_or_else(Made::Unknown, Made::Object);
                }
                Ok(Answered::Error(error)) => error,
            };
            let in_use = error.meaning == Some(Meaning::InUse);
            let old_trouble = error.replayed && error.status >= 500;
            if !in_use && !old_trouble {
                return Made::Error(error);
            }
            match find().await {
                Ok(Some(found)) => return Made::Object(found),
                Ok(None) if in_use => return Made::Error(error),
                Ok(None) => last = error.why(WhyKind::ServerError),
                Err(trouble) => return Made::Unknown(Why { not_sent: false, ..trouble.why() }),
            }
        }
        Made::Unknown(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_counts_as_forgotten_well_before_a_day_is_over() {
        let at = Timestamp::from_millis;
        assert!(!may_be_forgotten(at(0), at(20 * HOUR_MS - 1)));
        assert!(may_be_forgotten(at(0), at(20 * HOUR_MS)));
    }
}
