//! The store of one simulated process: every call is a step through a seam of the world. It knows which
//! calls jobs, desk and directory make; the others say that the world has them not.

use std::collections::BTreeSet;

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::id::{ApiKeyId, DeliveryId, LegId, MerchantId, NotificationId, OrderId, PaymentId, RefundId};
use bursar_core::job::{JobKey, Queue};
use bursar_core::merchant::{ApiKey, ChannelAccount, Endpoint, Merchant};
use bursar_core::order::Dossier;
use bursar_core::refund::Refund;
use bursar_store::{
    Answer, BookLine, Change, ClaimRequest, Claimed, Counts, DeliveryRow, Hints, IdempotencyRow, JobFilter, JobRow,
    Notification, OrderFilter, ParkedRow, RefundFilter, RefundLine, Result, Retention, Store, StoreError, Timeline,
};
use uuid::Uuid;

use super::agenda::Pid;
use super::planted::Planted;
use super::state::{State, World};

/// A process' way to the world's database.
#[derive(Debug)]
pub(crate) struct Memory {
    pub world: World,
    pub pid: Pid,
}

/// Says that the world has no such rows.
pub(crate) fn has_not<T>(what: &str) -> Result<T> {
    Err(StoreError::Misuse(format!("the simulated database has no {what}")))
}

pub(crate) fn some(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A dossier as a program with a planted bug of billing would read it.
fn as_read(state: &State, dossier: Dossier) -> Dossier {
    match state.billing.planted {
        Some(planted) => planted.dossier_as_read(dossier),
        None => dossier,
    }
}

/// The dossiers of these payments or legs, each once.
fn dossiers(state: &mut State, subjects: &[Uuid]) -> Vec<Dossier> {
    let orders: BTreeSet<OrderId> = subjects.iter().filter_map(|id| state.tables.order_of(*id)).collect();
    orders.into_iter().filter_map(|o| state.tables.dossier(o)).map(|d| as_read(state, d)).collect()
}

#[async_trait]
impl Store for Memory {
    async fn commit(&self, changes: &[Change]) -> Result<Vec<Answer>> {
        if changes.iter().any(|c| c.statement.is_some() || !c.new_lines.is_empty() || !c.lines.is_empty()) {
            return has_not("statements");
        }
        if changes.iter().any(|c| !c.cash.is_empty()) {
            return has_not("drawers");
        }
        for change in changes {
            change.billing.check(&change.new_deliveries)?;
        }
        let settles_upkeep = |c: &Change| c.settle.as_ref().is_some_and(|s| s.key.kind.queue() == Queue::Upkeep);
        let seam = if changes.iter().all(settles_upkeep) { "upkeep: commit" } else { "commit" };
        self.world.database(self.pid, seam, |s| s.commit(self.pid, changes)).await
    }

    async fn dossier(&self, order: OrderId) -> Result<Option<Dossier>> {
        let read = |s: &mut State| s.tables.dossier(order).map(|d| as_read(s, Planted::as_read(s.planted, d)));
        self.world.database(self.pid, "read an order", read).await
    }

    async fn dossiers_of(&self, payments: &[PaymentId]) -> Result<Vec<Dossier>> {
        let ids: Vec<Uuid> = payments.iter().map(|p| p.uuid()).collect();
        self.world.database(self.pid, "read payments", |s| dossiers(s, &ids)).await
    }

    async fn dossiers_of_legs(&self, legs: &[LegId]) -> Result<Vec<Dossier>> {
        let ids: Vec<Uuid> = legs.iter().map(|l| l.uuid()).collect();
        self.world.database(self.pid, "read legs", |s| dossiers(s, &ids)).await
    }

    async fn order_of_refund(&self, refund: RefundId) -> Result<Option<OrderId>> {
        self.world.database(self.pid, "read a refund", |s| s.tables.refunds.get(&refund).map(|r| r.order)).await
    }

    async fn refunds(&self, filter: &RefundFilter) -> Result<Vec<Refund>> {
        let wanted = |r: &&Refund| {
            filter.merchant.is_none_or(|m| m == r.merchant)
                && filter.order.is_none_or(|o| o == r.order)
                && filter.state.is_none_or(|s| s == r.state)
                && filter.before.is_none_or(|id| r.id < id)
        };
        let found = |s: &mut State| {
            let ids = s.tables.refunds.values().rev().filter(wanted).map(|r| r.id).take(some(filter.limit));
            ids.filter_map(|id| s.tables.refund(id)).collect()
        };
        self.world.database(self.pid, "read refunds", found).await
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
                if matches!(s.planted, Some(Planted::NoSweep | Planted::DropJob | Planted::DeadlineForgotten)) {
                    return Vec::new();
                }
                s.tables.stuck(before).into_iter().take(some(limit)).collect()
            })
            .await
    }

    async fn stuck_orders(&self, before: Timestamp, limit: u32) -> Result<Vec<OrderId>> {
        self.world
            .database(self.pid, "upkeep: look for stuck orders", |s| {
                if matches!(s.planted, Some(Planted::NoSweep | Planted::ExpiryForgotten)) {
                    return Vec::new();
                }
                s.tables.stuck_orders(before).into_iter().take(some(limit)).collect()
            })
            .await
    }

    async fn stuck_legs(&self, before: Timestamp, limit: u32) -> Result<Vec<LegId>> {
        self.world
            .database(self.pid, "upkeep: look for stuck legs", |s| {
                if matches!(s.planted, Some(Planted::NoSweep | Planted::DropRefundJob)) {
                    return Vec::new();
                }
                s.tables.stuck_legs(before).into_iter().take(some(limit)).collect()
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

    /// Nobody chooses in a history.
    async fn last_methods(&self, _: MerchantId, _: &str) -> Result<Vec<(Method, Timestamp)>> {
        Ok(Vec::new())
    }

    async fn parked(&self, _: Option<MerchantId>, _: u32) -> Result<Vec<ParkedRow>> {
        has_not("lists of questions")
    }

    async fn book_lines(&self, _: Option<PaymentId>, _: u32) -> Result<Vec<BookLine>> {
        has_not("book lines")
    }

    async fn refund_lines(&self, after: Option<LegId>, limit: u32) -> Result<Vec<RefundLine>> {
        let asked = |s: &State, id: LegId| s.tables.questions.keys().any(|(subject, _)| *subject == id.uuid());
        let found = |s: &mut State| {
            let legs = s.tables.legs.values().filter(|l| after.is_none_or(|id| l.id > id));
            let line = |l: &bursar_core::refund::Leg| RefundLine {
                leg: l.id,
                payment: l.payment,
                route: l.route,
                state: l.state,
                amount_minor: l.amount.minor,
                refund_id: l.evidence.refund_id.clone(),
                parked: asked(s, l.id),
            };
            legs.take(some(limit)).map(line).collect()
        };
        self.world.database(self.pid, "read refund lines", found).await
    }

    async fn balances(&self) -> Result<Vec<(i16, Uuid, String, i64)>> {
        has_not("balances")
    }

    async fn counts(&self) -> Result<Counts> {
        has_not("counts")
    }

    async fn notification(&self, id: NotificationId) -> Result<Option<Notification>> {
        let found = |s: &mut State| s.tables.notifications.get(&id).cloned().map(|n| Planted::as_stored(s, n));
        self.world.database(self.pid, "read a notification", found).await
    }

    async fn notifications(&self, ids: &[NotificationId]) -> Result<Vec<Notification>> {
        let found = |s: &mut State| {
            let rows = ids.iter().filter_map(|id| s.tables.notifications.get(id)).cloned();
            rows.map(|n| Planted::as_stored(s, n)).collect()
        };
        self.world.database(self.pid, "read notifications", found).await
    }

    async fn idempotency(&self, merchant: MerchantId, key: &str) -> Result<Option<IdempotencyRow>> {
        let key = (merchant, key.to_owned());
        self.world.database(self.pid, "read a key", |s| s.tables.idempotency.get(&key).cloned()).await
    }

    async fn deliveries(&self, ids: &[Uuid]) -> Result<Vec<DeliveryRow>> {
        let found =
            |s: &mut State| ids.iter().filter_map(|id| s.tables.deliveries.get(&DeliveryId(*id))).cloned().collect();
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
