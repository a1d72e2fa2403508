//! The innermost service: it knows every way in which a run can end, and must never let one pass
//! unsettled. apalis sees only `Ok`.

use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use bursar_core::clock::Timestamp;
use bursar_core::job::JobKey;
use bursar_jobs::{JobContext, JobError, Outcome, Running};
use bursar_store::{Answer, Change, Settlement};

use crate::lease::Held;
use crate::metrics::{Ending, WorkerMetrics};
use crate::slots::Occupied;
use crate::wake::Wake;

/// Longest wait between two tries to write a settlement while the database is away.
const MAX_SETTLE_WAIT: Duration = Duration::from_secs(2);

/// What handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Runner {
    pub(crate) context: JobContext,
    pub(crate) held: Held,
    pub(crate) wake: Wake,
    pub(crate) metrics: Arc<WorkerMetrics>,
}

impl Runner {
    /// Runs one claimed job to its settlement, whatever happens.
    pub(crate) async fn handle(self, occupied: Occupied) {
        let Occupied { job, permit } = occupied;
        let (key, fence) = (job.claimed.key, job.claimed.fence);
        let started = std::time::Instant::now();
        let ending = self.attempt(&job).await;
        let settled = self.settle(&job, &ending).await;
        self.held.gone(key, fence);
        drop(permit);
        // A full queue waits for this slot.
        self.wake.ring();
        self.metrics.finished(key.kind, settled, started.elapsed());
    }

    /// Runs the handler on a task of its own, so that a panic ends only that task.
    async fn attempt(&self, job: &Running) -> Attempt {
        let key = job.claimed.key;
        let (context, running) = (self.context.clone(), job.clone());
        let limit = Duration::from_millis(u64::try_from(key.kind.run_limit_ms()).unwrap_or(60_000));
        let span = tracing::info_span!("job", job = %key, fence = job.claimed.fence);
        let work = async move { tokio::time::timeout(limit, bursar_jobs::run(&context, &running)).await };
        let task = tokio::spawn(tracing::Instrument::instrument(work, span));
        self.held.runs(key, job.claimed.fence, task.abort_handle());
        match task.await {
            Ok(Ok(Ok(outcome))) => Attempt::Ended(outcome),
            Ok(Ok(Err(error))) => Attempt::Error(error),
            Ok(Err(_)) => Attempt::TimedOut,
            Err(join) if join.is_panic() => Attempt::Panicked(panic_text(join.into_panic().as_ref())),
            Err(_) => Attempt::LeaseLost,
        }
    }

    /// Writes how the run ended, trying again while the database is away. Gives up only when the lease
    /// is gone: then the job is somebody else's already.
    async fn settle(&self, job: &Running, attempt: &Attempt) -> Ending {
        let Some((how, ending)) = self.settlement(job, attempt) else {
            return match attempt {
                Attempt::Ended(Outcome::Settled) => Ending::Done,
                _ => Ending::Fenced,
            };
        };
        let change = Change { settle: Some(job.settle(how)), may_be_lost: true, ..Change::default() };
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(MAX_SETTLE_WAIT)
            .with_jitter()
            .without_max_times()
            .build();
        loop {
            match self.context.desk.gatherer.commit(change.clone()).await {
                Ok(Answer::Committed) => return ending,
                Ok(Answer::Fenced | Answer::Stale | Answer::Duplicate) => return Ending::Fenced,
                Err(error) if error.is_transient() => {
                    tracing::warn!(job = %job.claimed.key, %error, "could not settle; trying again");
                    tokio::time::sleep(waits.next().unwrap_or(MAX_SETTLE_WAIT)).await;
                }
                Err(error) => {
                    tracing::error!(job = %job.claimed.key, %error, "could not settle; its lease will run out");
                    return Ending::Failed;
                }
            }
        }
    }

    /// What to write; `None` when there is nothing to write (any more).
    fn settlement(&self, job: &Running, attempt: &Attempt) -> Option<(Settlement, Ending)> {
        match attempt {
            Attempt::Ended(Outcome::Settled | Outcome::Fenced) | Attempt::LeaseLost => None,
            Attempt::Ended(Outcome::Done) => Some((Settlement::Done, Ending::Done)),
            Attempt::Ended(Outcome::Again { due_at, step, why }) => {
                Some((Settlement::Again { due_at: *due_at, step: *step, why: why.clone() }, Ending::Again))
            }
            Attempt::Ended(Outcome::Park { question }) => {
                Some((Settlement::Park { question: question.clone() }, Ending::Parked))
            }
            // The database was away: that is nobody's fault, and burns no attempt.
            Attempt::Error(JobError::Store(error)) if error.is_transient() => {
                let how =
                    Settlement::Again { due_at: self.retry_at(job), step: job.claimed.step, why: error.to_string() };
                Some((how, Ending::Again))
            }
            Attempt::Error(error) => Some(self.failed(job, error.to_string())),
            Attempt::TimedOut => Some(self.failed(job, "took longer than its limit".to_owned())),
            Attempt::Panicked(text) => Some(self.failed(job, format!("panicked: {text}"))),
        }
    }

    fn failed(&self, job: &Running, error: String) -> (Settlement, Ending) {
        log_failure(job.claimed.key, job.claimed.failures, &error);
        (Settlement::Failed { due_at: self.retry_at(job), error }, Ending::Failed)
    }

    fn retry_at(&self, job: &Running) -> Timestamp {
        let delay_ms = self.context.desk.plans.failure.delay_or_last_ms(job.claimed.failures);
        self.context.now().plus_ms(delay_ms)
    }
}

/// How the handler ended.
#[derive(Debug)]
enum Attempt {
    Ended(Outcome),
    Error(JobError),
    TimedOut,
    Panicked(String),
    LeaseLost,
}

fn log_failure(key: JobKey, failures: i32, error: &str) {
    tracing::error!(job = %key, failures, error, "run ended badly");
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "(no message)".to_owned())
}
