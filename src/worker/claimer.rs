//! The claimer: it knows when to look for work and how much of it to take, and must never run any.
//! A database error never ends it: it goes on with back-off, however often.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bursar_core::job::Queue;
use bursar_core::{Chance, Clock};
use bursar_jobs::Running;
use bursar_store::{ClaimRequest, Claimed, Store};
use tokio::sync::mpsc::UnboundedSender;
use uuid::Uuid;

use crate::lease::Held;
use crate::metrics::WorkerMetrics;
use crate::slots::{Occupied, Slots};
use crate::wake::Wake;

/// Longest pause after database errors: an outage ends unnoticed for no longer than this.
const MAX_BACKOFF: Duration = Duration::from_secs(2);
const FIRST_BACKOFF: Duration = Duration::from_millis(50);

pub(crate) struct Claimer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) chance: Arc<dyn Chance>,
    pub(crate) owner: Uuid,
    pub(crate) lease_ms: i64,
    /// Looks for work at least this often.
    pub(crate) poll_interval: Duration,
    /// Gathers arrivals for so long before the next claim: fewer, larger batches.
    pub(crate) linger: Duration,
    pub(crate) slots: Slots,
    pub(crate) held: Held,
    pub(crate) wake: Wake,
    pub(crate) out: BTreeMap<Queue, UnboundedSender<Occupied>>,
    pub(crate) metrics: Arc<WorkerMetrics>,
}

impl Claimer {
    /// Claims for ever (until the task is aborted; what it holds then is released by the caller).
    pub(crate) async fn run(self) {
        let mut backoff = FIRST_BACKOFF;
        loop {
            let wait = match self.claim_once().await {
                Ok(0) => match self.idle_for().await {
                    Ok(wait) => wait,
                    Err(error) => self.failed(&error, &mut backoff),
                },
                Ok(_) => {
                    backoff = FIRST_BACKOFF;
                    tokio::time::sleep(self.linger).await;
                    continue;
                }
                Err(error) => self.failed(&error, &mut backoff),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake.rung() => tokio::time::sleep(self.linger).await,
            }
        }
    }

    fn failed(&self, error: &bursar_store::StoreError, backoff: &mut Duration) -> Duration {
        tracing::warn!(%error, "claiming failed; trying again");
        let wait = *backoff;
        *backoff = (*backoff * 2).min(MAX_BACKOFF);
        wait
    }

    /// Claims one batch; how many.
    async fn claim_once(&self) -> bursar_store::Result<usize> {
        let wanted = self.slots.free();
        if wanted.is_empty() {
            return Ok(0);
        }
        let now = self.clock.now();
        let request = ClaimRequest { owner: self.owner, wanted, now, lease_ms: self.lease_ms };
        let claimed = self.store.claim(&request).await?;
        let count = claimed.len();
        for job in claimed {
            self.hand_over(job);
        }
        Ok(count)
    }

    fn hand_over(&self, claimed: Claimed) {
        let queue = claimed.key.kind.queue();
        self.metrics.claimed(queue, self.clock.now().since_ms(claimed.due_at) / i64::from(self.clock.speed().max(1)));
        let (Some(permit), Some(out)) = (self.slots.take(queue), self.out.get(&queue)) else {
            // Cannot happen while this is the only claimer; the lease would simply run out.
            tracing::error!(job = %claimed.key, "claimed without a free slot");
            return;
        };
        self.held.claimed(claimed.key, claimed.fence);
        let job = Running { claimed, owner: self.owner };
        // A closed channel means that we are stopping: the caller releases what is held.
        let _ = out.send(Occupied { job, permit });
    }

    /// How long nothing can be due: until the next job, at most the polling interval, with jitter so
    /// that many processes do not ask in step.
    async fn idle_for(&self) -> bursar_store::Result<Duration> {
        let jitter = Duration::from_millis(
            self.chance.below(self.poll_interval.as_millis().try_into().unwrap_or(1_000) / 4 + 1),
        );
        let longest = self.poll_interval - self.poll_interval / 4 + jitter;
        let free: Vec<Queue> = self.slots.free().into_iter().map(|(q, _)| q).collect();
        if free.is_empty() {
            // A slot that becomes free rings the bell.
            return Ok(longest);
        }
        let next = self.store.next_due(&free).await?;
        let until_next = next.map(|due| self.clock.real(due.since_ms(self.clock.now())));
        Ok(until_next.map_or(longest, |d| d.clamp(Duration::from_millis(1), longest)))
    }
}
