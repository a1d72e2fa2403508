//! Slots: how many jobs of a queue run at once in this process. It knows counts, and must never know
//! what occupies a slot.

use std::collections::BTreeMap;
use std::sync::Arc;

use bursar_core::job::Queue;
use bursar_jobs::Running;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Free slots by queue.
#[derive(Clone, Debug)]
pub(crate) struct Slots(Arc<BTreeMap<Queue, (Arc<Semaphore>, u32)>>);

/// A claimed job with its slot, which is free again when this is dropped.
#[derive(Debug)]
pub struct Occupied {
    pub(crate) job: Running,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl Slots {
    /// `sizes` slots.
    pub(crate) fn new(sizes: &BTreeMap<Queue, u32>) -> Self {
        let slots = sizes.iter().map(|(q, n)| (*q, (Arc::new(Semaphore::new(usize::try_from(*n).unwrap_or(1))), *n)));
        Self(Arc::new(slots.collect()))
    }

    /// How many jobs of each queue may be claimed now; queues without a free slot are left out.
    pub(crate) fn free(&self) -> Vec<(Queue, u32)> {
        let free = |s: &Semaphore| u32::try_from(s.available_permits()).unwrap_or(0);
        self.0.iter().map(|(q, (s, _))| (*q, free(s))).filter(|(_, n)| *n > 0).collect()
    }

    /// Takes a slot of `queue`. `None` when all are taken (the claimer never asks for more than is free).
    pub(crate) fn take(&self, queue: Queue) -> Option<OwnedSemaphorePermit> {
        self.0.get(&queue).and_then(|(s, _)| s.clone().try_acquire_owned().ok())
    }

    /// How many jobs run now, by queue.
    pub(crate) fn running(&self) -> Vec<(Queue, u32)> {
        let used = |s: &Semaphore, n: u32| n.saturating_sub(u32::try_from(s.available_permits()).unwrap_or(0));
        self.0.iter().map(|(q, (s, n))| (*q, used(s, *n))).collect()
    }
}
