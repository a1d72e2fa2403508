//! Our end of apalis' extension point: a stream of claimed jobs, fed by a channel. It knows apalis'
//! `Backend` trait, and must never touch the database: so it never fails and always wakes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::RandomId;
use apalis_core::worker::context::WorkerContext;
use tokio::sync::mpsc::UnboundedReceiver;
use tower::layer::util::Identity;

use crate::slots::Occupied;

/// The stream. Clones share one channel, so that a restarted apalis worker goes on where the last one
/// stopped. The channel is unbounded because the claimer never claims more than there are free slots.
#[derive(Clone, Debug)]
pub struct ClaimedJobs(Arc<Mutex<UnboundedReceiver<Occupied>>>);

impl ClaimedJobs {
    /// The stream of what is sent into `receiver`'s channel; ends when all senders are gone.
    pub fn new(receiver: UnboundedReceiver<Occupied>) -> Self {
        Self(Arc::new(Mutex::new(receiver)))
    }
}

impl Backend for ClaimedJobs {
    type Task = Task<Occupied>;
    type Error = Infallible;

    fn poll_ready(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>, _: &WorkerContext) -> Poll<Option<Result<Self::Task, Infallible>>> {
        let mut receiver = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        receiver.poll_recv(cx).map(|job| job.map(|job| Ok(TaskBuilder::new(job).build())))
    }

    fn poll_close(&mut self, _: &mut Context<'_>, _: &WorkerContext) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl BackendConfig for ClaimedJobs {
    type Args = Occupied;
    type Id = RandomId;
    type Kind = Ephemeral;
    type Config = ();
    type Layer = Identity;

    fn config(&self) -> &() {
        &()
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> Identity {
        Identity::new()
    }
}
