//! The store of one simulated process: every call is a step through a seam of the world. It knows which
//! calls jobs, desk and directory make; the others say that the world has them not.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::id::{ApiKeyId, DeliveryId, MerchantId, NotificationId, OrderId, PaymentId};
use bursar_core::job::{JobKey, Queue};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};
use bursar_core::order::Dossier;
use bursar_store::{
    Answer, BookLine, Change, ClaimRequest, Claimed, Counts, DeliveryRow, Hints, IdempotencyRow, JobFilter, JobRow,
    Notification, OrderFilter, ParkedRow, Result, Retention, Store, StoreError, Timeline,
};
use uuid::Uuid;

use super::agenda::Pid;
use super::planted::Planted;
use super::state::World;

/// A process' way to the world's database.
#[derive(Debug)]
pub(crate) struct Memory {
    pub world: World,
    pub pid: Pid,
}

fn has_not<T>(what: &str) -> Result<T> {
    Err(StoreError::Misuse(format!("the simulated database has no {what}")))
}

fn some(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

#[async_trait]
impl Store for Memory {
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Answer>> {
        let settles_upkeep = |c: &Change| c.settle.as_ref().is_some_and(|s| s.key.kind.queue() == Queue::Upkeep);
        let seam = if changes.iter().all(settles_upkeep) { "upkeep: commit" } else { "commit" };
        self.world.database(self.pid, seam, |s| s.commit(self.pid, changes)).await
    }

    async fn dossier(&self, order: OrderId) -> Result<Option<Dossier>> {
        self.world.database(self.pid, "read an order", |s| s.tables.dossier(order)).await
    }

    async fn dossiers_of(&self, payments: &[PaymentId]) -> Result<Vec<Dossier>> {
        let read = |ids: &[PaymentId]| {
            let mut ids = ids.to_vec();
            ids.sort_unstable();
            ids
        };
        let ids = read(payments);
        self.world
            .database(self.pid, "read payments", |s| {
                let orders: std::collections::BTreeSet<OrderId> =
                    ids.iter().filter_map(|p| s.tables.payments.get(p)).map(|p| p.order).collect();
                orders.into_iter().filter_map(|o| s.tables.dossier(o)).collect()
            })
            .await
    }

    async fn order_by_number(&self, merchant: MerchantId, number: &str) -> Result<Option<OrderId>> {
        let key = (merchant, number.to_owned());
        self.world.database(self.pid, "read a number", |s| s.tables.numbers.get(&key).copied()).await
    }

    async fn orders(&self, _: &OrderFilter) -> Result<Vec<Dossier>> {
        has_not("lists of orders")
    }

    async fn timeline(&self, _: OrderId) -> Result<Option<Timeline>> {
        has_not("timelines")
    }

    async fn stuck(&self, before: Timestamp, limit: u32) -> Result<Vec<PaymentId>> {
        self.world
            .database(self.pid, "upkeep: look for stuck payments", |s| {
                if matches!(s.planted, Some(Planted::NoSweep | Planted::DropJob)) {
                    return Vec::new();
                }
                s.tables.stuck(before).into_iter().take(some(limit)).collect()
            })
            .await
    }

    async fn stuck_deliveries(&self, before: Timestamp, limit: u32) -> Result<Vec<(DeliveryId, MerchantId)>> {
        self.world
            .database(self.pid, "upkeep: look for stuck deliveries", |s| {
                if s.planted == Some(Planted::NoSweep) {
                    return Vec::new();
                }
                s.tables.stuck_deliveries(before).into_iter().take(some(limit)).collect()
            })
            .await
    }

    async fn parked(&self, _: Option<MerchantId>, _: u32) -> Result<Vec<ParkedRow>> {
        has_not("lists of questions")
    }

    async fn book_lines(&self, _: Option<PaymentId>, _: u32) -> Result<Vec<BookLine>> {
        has_not("book lines")
    }

    async fn balances(&self) -> Result<Vec<(i16, Uuid, String, i64)>> {
        has_not("balances")
    }

    async fn counts(&self) -> Result<Counts> {
        has_not("counts")
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        let found = |s: &mut super::state::State| s.tables.notifications.get(&id).cloned();
        self.world.database(self.pid, "read a notification", found).await
    }

    async fn notifications(&self, ids: &[NotificationId]) -> Result<Vec<Notification>> {
        let found =
            |s: &mut super::state::State| ids.iter().filter_map(|id| s.tables.notifications.get(id)).cloned().collect();
        self.world.database(self.pid, "read notifications", found).await
    }

    async fn idempotency(&self, merchant: MerchantId, key: &str) -> Result<Option<IdempotencyRow>> {
        let key = (merchant, key.to_owned());
        self.world.database(self.pid, "read a key", |s| s.tables.idempotency.get(&key).cloned()).await
    }

    async fn deliveries(&self, ids: &[Uuid]) -> Result<Vec<DeliveryRow>> {
        let found = |s: &mut super::state::State| {
            ids.iter().filter_map(|id| s.tables.deliveries.get(&DeliveryId(*id))).cloned().collect()
        };
        self.world.database(self.pid, "read deliveries", found).await
    }

    async fn put_merchant(&self, merchant: &Merchant) -> Result<()> {
        self.world.lock().tables.merchants.insert(merchant.id, merchant.clone());
        Ok(())
    }

    // Merchants, accounts and endpoints do not change during a history, and the directory reads them by a
    // real clock of its own: these reads are no seams.
    async fn merchants(&self) -> Result<Vec<Merchant>> {
        Ok(self.world.lock().tables.merchants.values().cloned().collect())
    }

    async fn put_account(&self, account: &ChannelAccount) -> Result<()> {
        self.world.lock().tables.accounts.insert(account.id, account.clone());
        Ok(())
    }

    async fn accounts(&self) -> Result<Vec<ChannelAccount>> {
        Ok(self.world.lock().tables.accounts.values().cloned().collect())
    }

    async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<()> {
        self.world.lock().tables.endpoints.insert(endpoint.id, endpoint.clone());
        Ok(())
    }

    async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        Ok(self.world.lock().tables.endpoints.values().cloned().collect())
    }

    async fn put_api_key(&self, _: &ApiKey) -> Result<()> {
        has_not("API keys")
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>> {
        Ok(Vec::new())
    }

    async fn api_key(&self, _: ApiKeyId) -> Result<Option<ApiKey>> {
        Ok(None)
    }

    async fn claim(&self, request: &ClaimRequest) -> Result<Vec<Claimed>> {
        self.world.database(self.pid, "claim", |s| s.tables.claim(request, s.now)).await
    }

    async fn renew(&self, owner: Uuid, held: &[(JobKey, i64)], lease_ms: i64) -> Result<Vec<JobKey>> {
        self.world.database(self.pid, "renew", |s| s.tables.renew(owner, held, s.now + lease_ms)).await
    }

    async fn release(&self, owner: Uuid, held: &[(JobKey, i64)]) -> Result<u64> {
        self.world.database(self.pid, "release", |s| s.tables.release(owner, held)).await
    }

    async fn next_due(&self, _: &[Queue]) -> Result<Option<Timestamp>> {
        Ok(self.world.lock().tables.next_claim_ms(0, &[]).map(Timestamp::from_millis))
    }

    async fn jobs(&self, _: &JobFilter) -> Result<Vec<JobRow>> {
        has_not("lists of jobs")
    }

    async fn retry_job(&self, key: JobKey, due_at: Timestamp) -> Result<bool> {
        let mut state = self.world.lock();
        let Some(job) = state.tables.jobs.get_mut(&key) else { return Ok(false) };
        (job.due_at, job.attempts, job.question) = (due_at, 0, None);
        Ok(true)
    }

    async fn cancel_job(&self, key: JobKey) -> Result<bool> {
        Ok(self.world.lock().tables.jobs.remove(&key).is_some())
    }

    async fn pause_queue(&self, queue: Queue, paused: bool) -> Result<()> {
        let mut state = self.world.lock();
        if paused {
            state.tables.paused.insert(queue)
        } else {
            state.tables.paused.remove(&queue)
        };
        Ok(())
    }

    async fn paused_queues(&self) -> Result<Vec<Queue>> {
        Ok(self.world.lock().tables.paused.iter().copied().collect())
    }

    /// A history is shorter than every retention.
    async fn prune(&self, _: &Retention, _: u32) -> Result<u64> {
        self.world.database(self.pid, "upkeep: prune", |_| 0).await
    }

    async fn ping(&self) -> Result<()> {
        Ok(())
    }

    async fn migrate(&self) -> Result<()> {
        Ok(())
    }

    async fn schema_is_current(&self) -> Result<bool> {
        Ok(true)
    }

    async fn notify(&self, _: &[Queue]) -> Result<()> {
        Ok(())
    }

    async fn listen(&self) -> Result<Option<Box<dyn Hints>>> {
        Ok(None)
    }

    fn dialect(&self) -> &'static str {
        "memory"
    }

    async fn close(&self) {}
}
