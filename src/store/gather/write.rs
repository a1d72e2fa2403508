//! The writer task: it knows batches and their answers, and must never look into a change beyond the
//! jobs that it adds.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use bursar_core::Timestamp;
use bursar_core::job::Queue;
use tokio::sync::{mpsc, oneshot};

use super::{OnJobs, Settings};
use crate::{Answer, Change, Result, Settlement, Store};

/// What callers send.
pub enum Request {
    /// Write this and answer.
    Commit(Box<Change>, oneshot::Sender<Result<Answer>>),
    /// Take nothing more, write the rest, and answer.
    Stop(oneshot::Sender<()>),
}

/// Changes and who waits for them, side by side.
#[derive(Default)]
struct Batch {
    changes: Vec<Change>,
    replies: Vec<oneshot::Sender<Result<Answer>>>,
}

/// Writes batches until nobody can send any more.
pub async fn run(
    store: Arc<dyn Store>,
    mut incoming: mpsc::Receiver<Request>,
    settings: Settings,
    on_jobs: Arc<RwLock<Option<OnJobs>>>,
    hints: mpsc::Sender<Queue>,
) {
    let max_batch = settings.max_batch.max(1);
    let mut stops = Vec::new();
    let mut company = false;
    let mut requests = Vec::new();
    while incoming.recv_many(&mut requests, max_batch).await > 0 {
        if company && requests.len() < max_batch && settings.linger_ms > 0 {
            tokio::time::sleep(Duration::from_millis(settings.linger_ms)).await;
            while requests.len() < max_batch {
                let Ok(more) = incoming.try_recv() else { break };
                requests.push(more);
            }
        }
        let mut batch = Batch::default();
        for request in requests.drain(..) {
            match request {
                Request::Commit(change, reply) => {
                    batch.changes.push(*change);
                    batch.replies.push(reply);
                }
                Request::Stop(reply) => {
                    incoming.close();
                    stops.push(reply);
                }
            }
        }
        company = batch.changes.len() > 1;
        let due = write(store.as_ref(), batch, settings.clock.as_ref().map(|c| c.now())).await;
        wake(due, &on_jobs, &hints);
    }
    for stop in stops {
        // Whoever asked may have gone away.
        let _gone = stop.send(());
    }
}

fn wake(due: BTreeSet<Queue>, on_jobs: &RwLock<Option<OnJobs>>, hints: &mpsc::Sender<Queue>) {
    if due.is_empty() {
        return;
    }
    let queues: Vec<Queue> = due.into_iter().collect();
    let hook = on_jobs.read().unwrap_or_else(PoisonError::into_inner).clone();
    if let Some(hook) = hook {
        hook(&queues);
    }
    for queue in queues {
        // Full: hints are under way anyway.
        let _full = hints.try_send(queue);
    }
}

/// Writes one batch and answers its callers; returns the queues that have due jobs now. An error that is
/// not the database's state but the fault of some change halves the batch until that change is alone.
async fn write(store: &dyn Store, batch: Batch, now: Option<Timestamp>) -> BTreeSet<Queue> {
    let mut due = BTreeSet::new();
    let mut waiting = vec![batch];
    while let Some(mut batch) = waiting.pop() {
        if batch.changes.is_empty() {
            continue;
        }
        match store.commit(&batch.changes).await {
            Ok(answers) => {
                for (change, answer) in batch.changes.iter().zip(&answers) {
                    if *answer == Answer::Committed {
                        due.extend(due_queues(change, now));
                    }
                }
                for (reply, answer) in batch.replies.into_iter().zip(answers) {
                    // A caller that went away needs no answer.
                    let _gone = reply.send(Ok(answer));
                }
            }
            Err(error) if !error.is_transient() && batch.changes.len() > 1 => {
                let half = batch.changes.len() / 2;
                let rest = Batch { changes: batch.changes.split_off(half), replies: batch.replies.split_off(half) };
                waiting.push(rest);
                waiting.push(batch);
            }
            Err(error) => {
                tracing::warn!(%error, changes = batch.changes.len(), "a batch was not written");
                for reply in batch.replies {
                    let _gone = reply.send(Err(error.clone()));
                }
            }
        }
    }
    due
}

/// Queues in which `change` made jobs due by `now` (any time, without a clock).
fn due_queues(change: &Change, now: Option<Timestamp>) -> impl Iterator<Item = Queue> + '_ {
    let is_due = move |at: Timestamp| now.is_none_or(|now| at <= now);
    let added = change.jobs.iter().filter(move |j| is_due(j.due_at)).map(|j| j.key.kind.queue());
    let again = change.settle.iter().filter_map(move |s| match &s.how {
        Settlement::Again { due_at, .. } | Settlement::Failed { due_at, .. } if is_due(*due_at) => {
            Some(s.key.kind.queue())
        }
        _ => None,
    });
    added.chain(again)
}
