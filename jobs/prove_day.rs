//! Makes the certificates of the days that have ended: that ledger and payment tables agree, and what there was.
//! Subject: nil. Must never change what it certifies.

use bursar_core::bank::Day;
use bursar_store::proof::certificate::make;

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// Runs it. Days that were missed are caught up with, in their order.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let now = context.now();
    let yesterday = Day::in_beijing(now).plus_days(-1);
    let made = make(context.desk.gatherer.store().as_ref(), yesterday, now).await?;
    for certificate in made.iter().map(|m| &m.certificate) {
        let (day, proof) = (certificate.day, &certificate.proof);
        if !proof.holds {
            let unbalanced = proof.unbalanced.join(", ");
            tracing::error!(%day, different = proof.different, unbalanced, "the ledger does not agree with the payments");
        }
    }
    let why = match (made.first(), made.last()) {
        (Some(first), Some(last)) => format!("certified {} to {}", first.row.day, last.row.day),
        _ => "nothing to certify".to_owned(),
    };
    let due_at = context.settings.housekeeping.next(job.claimed.key.kind, now);
    Ok(Outcome::Again { due_at, step: 0, why })
}
