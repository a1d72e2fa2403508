//! Beginning a day by a person's wish: it knows how one that is done is begun again, and must never fetch a bill.

use bursar_core::bank::Day;
use bursar_core::id::ReconciliationId;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{Reconciliation, RunFigures, RunState};
use bursar_store::{Answer, Change};

use crate::JobContext;
use crate::observe::JobError;
use crate::plan_reconciliations::beginning;

/// What became of the wish.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begun {
    /// It runs, or will.
    Runs(ReconciliationId),
    /// The day is not over for the channel: there is no bill yet.
    TooEarly,
}

/// Begins the reconciliation of `account` for `day`, or begins one that is done again: its bills are fetched once
/// more, and only what differs is looked at. With `job`, a worker does it; otherwise the caller, by
/// [`super::step`].
///
/// # Errors
/// When our own side failed.
pub async fn begin(context: &JobContext, account: &ChannelAccount, day: Day, job: bool) -> Result<Begun, JobError> {
    let now = context.now();
    if account.channel.day_bounds(day).1 > now {
        return Ok(Begun::TooEarly);
    }
    let id = Reconciliation::id_of(account.id, day);
    let jobs = || {
        let job = job.then(|| NewJob::new(JobKey::new(JobKind::Reconcile, id.uuid()), account.merchant, now));
        job.into_iter().collect::<Vec<_>>()
    };
    loop {
        let mut change = Change { jobs: jobs(), ..Change::default() };
        match context.desk.gatherer.store().reconciliation(id).await? {
            None => change.books.new_runs.push(beginning(account, day, now)),
            Some(run) if matches!(run.state, RunState::Done | RunState::Failed | RunState::Waiting) => {
                change.books.runs.push(Reconciliation {
                    state: RunState::Waiting,
                    figures: RunFigures::default(),
                    due_at: Some(now),
                    note: None,
                    ..run
                });
            }
            // It is under way.
            Some(_) => {}
        }
        if context.desk.gatherer.commit(change).await? == Answer::Committed {
            return Ok(Begun::Runs(id));
        }
    }
}
