//! What is kept under idempotency keys: it knows for how long, and what a second request with a key is told; it must
//! never know what a request does.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How long an answer is kept, in milliseconds of the sandbox clock. Source: "at least 24 hours"; a sandbox that keeps
/// no longer shows who relies on more.
pub(crate) const KEPT_MS: i64 = 24 * 3_600_000;
/// Longest key. Source: the documents.
pub(crate) const LONGEST: usize = 255;

/// An answer that is given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// The id of the request that it was given to first.
    pub(crate) request_id: String,
}

#[derive(Debug)]
struct Entry {
    /// What was asked.
    asked: String,
    at_ms: i64,
    /// `None` while the first request is under way.
    answer: Option<Kept>,
}

/// All keys of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Keys(Mutex<HashMap<String, Entry>>);

/// What a request with a key meets.
#[derive(Debug)]
pub(crate) enum Met<'a> {
    /// It is the first.
    First(Turn<'a>),
    /// It was answered before.
    Answered(Kept),
    /// The first is under way.
    UnderWay,
    /// The first asked for something else.
    Other,
}

/// The first request with a key. Dropped without an answer, it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    keys: &'a Keys,
    key: String,
}

impl Keys {
    pub(crate) fn meet(&self, account: &str, key: &str, asked: String, now_ms: i64) -> Met<'_> {
        let key = format!("{account}\n{key}");
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = entries.get(&key).filter(|known| now_ms.saturating_sub(known.at_ms) < KEPT_MS) {
            return match &known.answer {
                _ if known.asked != asked => Met::Other,
                Some(answer) => Met::Answered(answer.clone()),
                None => Met::UnderWay,
            };
        }
        entries.insert(key.clone(), Entry { asked, at_ms: now_ms, answer: None });
        Met::First(Turn { keys: self, key })
    }
}

impl Turn<'_> {
    /// Keeps the answer.
    pub(crate) fn keep(self, answer: Kept) {
        let mut entries = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = entries.get_mut(&self.key) {
            entry.answer = Some(answer);
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut entries = self.keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.get(&self.key).is_some_and(|entry| entry.answer.is_none()) {
            entries.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(status: u16) -> Kept {
        Kept { status, body: b"x".to_vec(), request_id: "req_1".to_owned() }
    }

    #[test]
    fn the_first_answer_is_given_again_for_a_day_to_the_same_question_only() {
        let keys = Keys::default();
        let Met::First(turn) = keys.meet("a", "k", "q".into(), 0) else { panic!() };
        assert!(matches!(keys.meet("a", "k", "q".into(), 1), Met::UnderWay));
        turn.keep(kept(500));
        assert!(matches!(keys.meet("a", "k", "q".into(), KEPT_MS - 1), Met::Answered(answer) if answer == kept(500)));
        assert!(matches!(keys.meet("a", "k", "other".into(), 2), Met::Other));
        assert!(matches!(keys.meet("b", "k", "q".into(), 2), Met::First(_)), "another account's keys are its own");
        assert!(matches!(keys.meet("a", "k", "other".into(), KEPT_MS), Met::First(_)));
    }

    #[test]
    fn a_request_that_was_not_carried_out_leaves_nothing_behind() {
        let keys = Keys::default();
        drop(keys.meet("a", "k", "q".into(), 0));
        assert!(matches!(keys.meet("a", "k", "other".into(), 0), Met::First(_)));
    }
}
