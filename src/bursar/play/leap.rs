//! Leaps over the hours in which nothing is due: it knows jobs and instants, and must never know what is played.

use bursar_core::clock::MINUTE_MS;
use bursar_core::job::Queue;
use bursar_core::{Clock, Timestamp};
use bursar_store::{JobFilter, Store};

use crate::clock::LeapingClock;

/// What is due so soon (clock milliseconds) is waited for: meanwhile the other side of a channel acts, too.
const SOON_MS: i64 = MINUTE_MS;
/// Most jobs that are looked at.
const MOST: u32 = 100_000;

/// Leaps to the next job, at most just beyond `last`, if nothing is under way or due soon. Never over an instant at
/// which something is due; only housekeeping is done once for all that it has missed.
///
/// # Errors
/// When the database cannot be read.
pub async fn leap(store: &dyn Store, clock: &LeapingClock, last: Timestamp) -> anyhow::Result<()> {
    let soon = clock.now().plus_ms(SOON_MS);
    let jobs = store.jobs(&JobFilter { limit: MOST, ..JobFilter::default() }).await?;
    if jobs.iter().any(|job| job.owner.is_some()) {
        return Ok(());
    }
    let due = jobs.iter().filter(|job| job.key.kind.queue() != Queue::Upkeep && job.question.is_none());
    match due.map(|job| job.due_at).min() {
        Some(next) if next <= soon => {}
        Some(next) => clock.leap_to(next.min(last.plus_ms(1))),
        None => clock.leap_to(last.plus_ms(1)),
    }
    Ok(())
}
