//! Fires a schedule for what is due: opens its order and plans the next. Subject: schedule. Must never fire more than
//! one instant in a commit, and never one twice: whoever was faster has done it.

use bursar_core::id::ScheduleId;
use bursar_store::Settlement;
use bursar_store::desk::Run;
use bursar_store::desk::schedules::Ran;

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// Runs it.
///
/// # Errors
/// When our own side failed, or the template names an account that is there no more.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    let id = ScheduleId(job.claimed.key.subject);
    let run = Run { settle: job.settle(Settlement::Hold) };
    Ok(match context.desk.run_schedule(id, &run).await? {
        Ran::Settled => Outcome::Settled,
        Ran::Fenced => Outcome::Fenced,
        Ran::Wait(due_at) => Outcome::Again { due_at, step: 0, why: "due next".to_owned() },
        Ran::Rest => Outcome::Done,
    })
}
