//! Deletes what is older than its retention. Subject: nil. Must never touch orders, payments,
//! observations or postings: the books are kept.

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let limit = context.settings.prune_limit;
    let deleted = context.desk.gatherer.store().prune(&context.retention(), limit).await?;
    // A full batch means that there is more: go on soon, but let others have their turn.
    let due_at = if deleted >= u64::from(limit) {
        context.now().plus_ms(bursar_core::clock::SECOND_MS)
    } else {
        context.settings.housekeeping.next(job.claimed.key.kind, context.now())
    };
    Ok(Outcome::Again { due_at, step: 0, why: format!("{deleted} rows deleted by the last run") })
}
