//! Tests each night that reconciliation still finds what it must. Subject: nil. Must never touch the books that it
//! stands beside: its merchant lives in a database of his own that is gone when the test is over, so that no report,
//! list, metric or certificate ever meets him, and nobody is asked or told.
//!
//! A break of each kind is seeded into four days, and the very code that reconciles real accounts runs over them. What
//! it finds is compared with what was seeded, one by one: what is missing, and what is there too much, is an alarm.

mod channel;
mod seeds;
mod shadow;

use std::collections::BTreeSet;

use bursar_core::bank::Day;
use bursar_core::job::SELF_TEST_FAILED;
use bursar_core::reconcile::{Break, BreakKind, BreakState};

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// A break by its kind, where it stands, and the number that people look for.
pub(crate) type Found = BTreeSet<(BreakKind, BreakState, String)>;

/// Runs it.
///
/// # Errors
/// When the test itself could not be run.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let now = context.now();
    let day = Day::in_beijing(now);
    let why = match test(context, day, |_| true).await? {
        Ok(count) => format!("found all {count} that were seeded on {day}"),
        Err(words) => {
            tracing::error!(%day, words, "reconciliation does not find what it must");
            format!("{SELF_TEST_FAILED} on {day}: {words}")
        }
    };
    let due_at = context.settings.housekeeping.next(job.claimed.key.kind, now);
    Ok(Outcome::Again { due_at, step: 0, why })
}

/// Seeds `day` and reconciles it; how many breaks were found of as many, or what is wrong in words. Of what is found,
/// only what `sees` says counts: whoever tests this test makes it blind.
///
/// # Errors
/// When the test itself could not be run.
pub async fn test(
    context: &JobContext,
    day: Day,
    sees: impl Fn(&Break) -> bool + Send + Sync,
) -> Result<Result<usize, String>, JobError> {
    let seen = shadow::reconcile(context, day, &sees).await?;
    Ok(differences(&seen).map_or(Ok(seen.seeded.len()), Err))
}

/// What was seeded, what was found, and whether the books of the shadow agree.
pub(crate) struct Seen {
    pub seeded: Found,
    pub found: Found,
    pub unbalanced_minor: i64,
}

/// What is wrong, in words; `None` when nothing is.
fn differences(result: &Seen) -> Option<String> {
    let words = |these: &Found, others: &Found| -> Vec<String> {
        let only = these.difference(others);
        only.map(|(kind, state, number)| format!("{kind} {} {number}", state.name())).collect()
    };
    let (missing, extra) = (words(&result.seeded, &result.found), words(&result.found, &result.seeded));
    let mut all = Vec::new();
    if !missing.is_empty() {
        all.push(format!("not found: {}", missing.join(", ")));
    }
    if !extra.is_empty() {
        all.push(format!("found, but not seeded: {}", extra.join(", ")));
    }
    if result.unbalanced_minor != 0 {
        all.push(format!("the ledger is out of balance by {} minor units", result.unbalanced_minor));
    }
    (!all.is_empty()).then(|| all.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that is seeded and found, of which a blind reconciliation does not see those of `kind`.
    fn blind(kind: Option<BreakKind>) -> Seen {
        let number = |k: BreakKind| (k, BreakState::Parked, format!("{k}-1"));
        let seeded: Found = BreakKind::ALL.into_iter().map(number).collect();
        let found = seeded.iter().filter(|(k, ..)| Some(*k) != kind).cloned().collect();
        Seen { seeded, found, unbalanced_minor: 0 }
    }

    #[test]
    fn whichever_kind_is_not_found_any_more_is_named() {
        assert_eq!(differences(&blind(None)), None);
        for kind in BreakKind::ALL {
            assert_eq!(differences(&blind(Some(kind))), Some(format!("not found: {kind} parked {kind}-1")));
        }
    }

    #[test]
    fn what_was_not_seeded_and_books_that_do_not_balance_are_named() {
        let mut seen = blind(None);
        seen.found.insert((BreakKind::Fee, BreakState::Healed, "x".to_owned()));
        seen.unbalanced_minor = 5;
        let words = differences(&seen).unwrap();
        assert_eq!(words, "found, but not seeded: fee healed x; the ledger is out of balance by 5 minor units");
    }
}
