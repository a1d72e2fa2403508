//! `job`: what is to be done, and acting on it.

use bursar_core::job::{JobKey, JobKind, Queue};
use bursar_store::{JobFilter, JobRow};
use clap::Subcommand;
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::compose;

#[derive(Subcommand, Debug)]
pub(crate) enum Job {
    /// Live jobs by due time.
    List {
        /// Only this kind, such as poll_payment.
        #[arg(long)]
        kind: Option<JobKind>,
        /// Only those that wait for a person.
        #[arg(long)]
        parked: bool,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Run a job now; unparks it.
    Retry {
        /// As `job list` prints it.
        job: JobKey,
    },
    /// Drop a job. The sweep gives an open payment a new one: to end a payment, close its order.
    Cancel {
        /// As `job list` prints it.
        job: JobKey,
        /// Really.
        #[arg(long)]
        yes: bool,
    },
    /// Stop a queue in all processes.
    Pause {
        /// money, poll, webhook, upkeep or books.
        queue: Queue,
    },
    /// Let a queue run again.
    Resume {
        /// money, poll, webhook, upkeep or books.
        queue: Queue,
    },
}

pub(crate) async fn run(globals: &Globals, verb: Job) -> Done {
    let program = compose::ready(&globals.config).await?;
    let store = &program.store;
    match verb {
        Job::List { kind, parked, limit } => {
            let filter = JobFilter { kind, subject: None, parked_only: parked, limit: limit.min(1_000) };
            show(globals, &store.jobs(&filter).await?)
        }
        Job::Retry { job } => {
            if !store.retry_job(job, program.clock.now()).await? {
                return Err(Failure::not_found(format!("there is no job {job}")));
            }
            store.notify(&[job.kind.queue()]).await?;
            say(globals, &format!("{job} runs now"))
        }
        Job::Cancel { job, yes: false } => Err(Failure::usage(format!("this drops {job}; say --yes"))),
        Job::Cancel { job, yes: true } => {
            if !store.cancel_job(job).await? {
                return Err(Failure::not_found(format!("there is no job {job}")));
            }
            say(globals, &format!("{job} dropped"))
        }
        Job::Pause { queue } => {
            store.pause_queue(queue, true).await?;
            say(globals, &format!("queue {} is paused; running jobs finish", queue.name()))
        }
        Job::Resume { queue } => {
            store.pause_queue(queue, false).await?;
            store.notify(&[queue]).await?;
            say(globals, &format!("queue {} runs", queue.name()))
        }
    }
}

fn say(globals: &Globals, text: &str) -> Done {
    if globals.json { output::json(&json!({ "done": text })) } else { output::line(text) }
}

fn show(globals: &Globals, jobs: &[JobRow]) -> Done {
    if globals.json {
        let rows = jobs.iter().map(|j| {
            json!({
                "job": j.key.to_string(), "merchant": j.merchant, "due_at": j.due_at, "step": j.step,
                "attempts": j.attempts, "running": j.owner.is_some(), "note": j.note, "question": j.question,
                "created_at": j.created_at,
            })
        });
        return output::json(&rows.collect());
    }
    let rows: Vec<_> = jobs
        .iter()
        .map(|j| {
            let state = if j.question.is_some() {
                "parked"
            } else if j.owner.is_some() {
                "running"
            } else {
                "waiting"
            };
            let note = j.question.as_ref().or(j.note.as_ref()).cloned().unwrap_or_default();
            vec![j.key.to_string(), state.to_owned(), j.due_at.to_string(), j.attempts.to_string(), note]
        })
        .collect();
    output::table(&["JOB", "STATE", "DUE", "ATTEMPTS", "NOTE"], &rows)
}
