//! Fetches the bills of a day and matches them with our books. Subject: reconciliation. Must never decide whether two
//! sides agree (the core does), nor use a bill that was not read once to its end.
//!
//! It goes on where it was stopped: each batch of lines is written with how far the bill was taken in, and what
//! follows from a line is guarded by itself, so that doing it twice does it once.

mod asked;
mod batch;
mod bills;
mod by_hand;
mod cash_day;
mod day;
mod deposits;
mod examine;
mod file;
mod found;
mod import;
mod mend;
mod nowhere;
mod payouts;
mod preview;
mod withdraw;

use std::sync::Arc;

use bursar_channels::Channel;
use bursar_core::Timestamp;
use bursar_core::clock::{HOUR_MS, MINUTE_MS};
use bursar_core::id::ReconciliationId;
use bursar_core::merchant::ChannelAccount;
use bursar_core::reconcile::{Reconciliation, RunState};
use bursar_store::directory::Entries;
use bursar_store::{Answer, Change};

pub use import::import;
pub use preview::{Preview, preview};

use crate::JobContext;
use crate::observe::{JobError, Outcome, Running};

/// How long a bill that is not made yet is waited for before it is asked for again.
const NOT_READY_MS: i64 = 10 * MINUTE_MS;
/// The same for one that cannot be used: a person has to look, and the channel may mend it.
const WRONG_MS: i64 = HOUR_MS;
/// The same where the channel gave no answer: a quarter of the time since the reconciliation began, within these. A
/// short silence costs minutes, and a channel that is away for days is not called each minute.
const NO_ANSWER_MS: (i64, i64) = (MINUTE_MS, HOUR_MS);

/// What a step came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// It goes on then.
    Again {
        /// When.
        due_at: Timestamp,
        /// What is waited for, in words.
        why: String,
    },
    /// The day is done.
    Done,
}

/// Runs it.
///
/// # Errors
/// When our own side failed.
pub async fn run(context: &JobContext, job: &Running) -> Result<Outcome, JobError> {
    Ok(match step(context, ReconciliationId(job.claimed.key.subject)).await? {
        Step::Again { due_at, why } => Outcome::Again { due_at, step: 0, why },
        Step::Done => Outcome::Done,
    })
}

/// One account's day, while it is worked on.
pub(crate) struct Work<'a> {
    pub context: &'a JobContext,
    pub entries: Arc<Entries>,
    pub account: Arc<ChannelAccount>,
    pub channel: Arc<dyn Channel>,
    pub run: Reconciliation,
}

/// Does what can be done now: a slice of a bill, or all that is left. Also for those who do not wait for a worker.
///
/// # Errors
/// When our own side failed.
pub async fn step(context: &JobContext, id: ReconciliationId) -> Result<Step, JobError> {
    let Some(run) = context.desk.gatherer.store().reconciliation(id).await? else { return Ok(Step::Done) };
    if run.state == RunState::Done {
        return Ok(Step::Done);
    }
    let (channel, _) = context.channel(run.account).await?;
    let account = run.account;
    let entries = context.desk.directory.entries_with(|e| e.accounts.contains_key(&account)).await?;
    let Some(account) = entries.accounts.get(&account).cloned() else { return Ok(Step::Done) };
    Work { context, entries, account, channel, run }.go_on().await
}

impl Work<'_> {
    fn now(&self) -> Timestamp {
        self.context.now()
    }

    async fn go_on(mut self) -> Result<Step, JobError> {
        if self.run.state != RunState::Matching {
            for kind in self.account.channel.bills() {
                if let Some(wait) = self.fetch(*kind).await? {
                    return self.wait(wait).await;
                }
            }
            let begun = Reconciliation { state: RunState::Matching, note: None, ..self.run.clone() };
            if !self.save(begun).await? {
                return Ok(self.soon("somebody else works on it"));
            }
        }
        for kind in self.account.channel.bills() {
            if !self.take_in(*kind).await? {
                return Ok(self.soon("there are more lines"));
            }
        }
        if self.close_day().await? { Ok(Step::Done) } else { Ok(self.soon("there is more to look at")) }
    }

    fn soon(&self, why: &str) -> Step {
        Step::Again { due_at: self.now(), why: why.to_owned() }
    }

    /// Writes the run; `false` when somebody else was faster.
    async fn save(&mut self, next: Reconciliation) -> Result<bool, JobError> {
        let mut change = Change::default();
        change.books.runs.push(next.clone());
        let answer = self.context.desk.gatherer.commit(change).await?;
        if answer == Answer::Committed {
            self.run = Reconciliation { version: next.version + 1, ..next };
        }
        Ok(answer == Answer::Committed)
    }

    /// Writes down what is waited for. A bill that is late is an alarm, however good the reason.
    async fn wait(&mut self, wait: bills::Wait) -> Result<Step, JobError> {
        let now = self.now();
        let (ms, failed) = match wait.cause {
            bills::Cause::NotReady => (NOT_READY_MS, false),
            bills::Cause::NoAnswer(asked_for_ms) => {
                let (shortest, longest) = NO_ANSWER_MS;
                let patience = (now.since_ms(self.run.started_at) / 4).clamp(shortest, longest);
                (patience.max(asked_for_ms.unwrap_or(0)), false)
            }
            bills::Cause::Wrong => (WRONG_MS, true),
        };
        let due_at = now.plus_ms(ms);
        let (account, day) = (self.account.id, self.run.day);
        if failed {
            tracing::error!(%account, %day, why = wait.why, "a bill cannot be used: a person has to look");
        } else if now >= self.account.channel.bill_late_at(day) {
            tracing::error!(%account, %day, why = wait.why, "the reconciliation of a day is late");
        }
        let state = if failed { RunState::Failed } else { RunState::Waiting };
        let next = Reconciliation { state, note: Some(wait.why.clone()), due_at: Some(due_at), ..self.run.clone() };
        self.save(next).await?;
        Ok(Step::Again { due_at, why: wait.why })
    }
}
