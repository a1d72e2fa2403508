//! Leases: which jobs this process holds, and how they are kept. It knows keys and fences, and must
//! never settle a job.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bursar_core::job::JobKey;
use bursar_store::Store;
use tokio::task::AbortHandle;
use uuid::Uuid;

use crate::metrics::WorkerMetrics;

/// Jobs that this process has claimed and not settled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held(Arc<Mutex<HashMap<JobKey, Hold>>>);

#[derive(Debug)]
struct Hold {
    fence: i64,
    run: Option<AbortHandle>,
}

impl Held {
    fn map(&self) -> std::sync::MutexGuard<'_, HashMap<JobKey, Hold>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job was claimed. When an earlier claim of ours still runs, its lease ended unnoticed (renewing
    /// failed for that long): that run is stopped, as for any lost lease.
    pub(crate) fn claimed(&self, key: JobKey, fence: i64) {
        let before = self.map().insert(key, Hold { fence, run: None });
        if let Some(run) = before.and_then(|hold| hold.run) {
            run.abort();
        }
    }

    /// Stops all handlers: what they hold is given back afterwards.
    pub(crate) fn stop_all(&self) {
        for run in self.map().values().filter_map(|hold| hold.run.as_ref()) {
            run.abort();
        }
    }

    /// Its handler runs.
    pub(crate) fn runs(&self, key: JobKey, fence: i64, run: AbortHandle) {
        if let Some(hold) = self.map().get_mut(&key).filter(|h| h.fence == fence) {
            hold.run = Some(run);
        }
    }

    /// It was settled, or is not ours any more.
    pub(crate) fn gone(&self, key: JobKey, fence: i64) {
        let mut map = self.map();
        if map.get(&key).is_some_and(|h| h.fence == fence) {
            map.remove(&key);
        }
    }

    /// What is held now.
    pub(crate) fn list(&self) -> Vec<(JobKey, i64)> {
        self.map().iter().map(|(k, h)| (*k, h.fence)).collect()
    }

    /// Stops the handlers of what was held before the renewal and is not kept: somebody else may run it
    /// now. Its writes would be fenced anyway; stopping saves calls to the channel.
    fn drop_lost(&self, before: &[(JobKey, i64)], kept: &[JobKey]) -> u64 {
        let mut lost = 0;
        for (key, fence) in before.iter().filter(|(k, _)| !kept.contains(k)) {
            let mut map = self.map();
            // A job that settled during the renewal is not held any more: nothing is lost.
            if map.get(key).is_some_and(|h| h.fence == *fence) {
                if let Some(run) = map.remove(key).and_then(|h| h.run) {
                    run.abort();
                }
                lost += 1;
                // Cancelled by somebody (a payment that was paid needs no poll), or the lease ended.
                tracing::info!(job = %key, fence, "a job is not ours any more");
            }
        }
        lost
    }
}

/// Renews all leases every `every`, for ever.
pub(crate) async fn keep(
    held: Held,
    store: Arc<dyn Store>,
    owner: Uuid,
    lease_ms: i64,
    every: std::time::Duration,
    metrics: Arc<WorkerMetrics>,
) {
    loop {
        tokio::time::sleep(every).await;
        let before = held.list();
        if before.is_empty() {
            continue;
        }
        match store.renew(owner, &before, lease_ms).await {
            Ok(kept) => metrics.leases_lost(held.drop_lost(&before, &kept)),
            Err(error) => tracing::warn!(%error, "leases could not be renewed; trying again"),
        }
    }
}
