//! Jobs of the database in memory: it knows claims, leases and what is stuck, as the real stores do, and must
//! never know a rule about money.

use std::collections::BTreeMap;

use bursar_core::Timestamp;
use bursar_core::id::{DeliveryId, LegId, MerchantId, OrderId, PaymentId, ScheduleId};
use bursar_core::job::{JobKey, JobKind, Queue};
use bursar_core::order::Order;
use bursar_core::payment::Payment;
use bursar_core::refund::Leg;
use bursar_store::{ClaimRequest, Claimed, DeliveryRow};
use uuid::Uuid;

use super::tables::{Job, Tables};

impl Tables {
    fn is_free(job: &Job, db_ms: i64) -> bool {
        job.owner.is_none() || job.leased_until <= db_ms
    }

    /// Claims due jobs, the earliest first, merchants in turn.
    pub fn claim(&mut self, request: &ClaimRequest, db_ms: i64) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        for (queue, amount) in &request.wanted {
            let mut hands: BTreeMap<MerchantId, Vec<(Timestamp, JobKey)>> = BTreeMap::new();
            if !self.paused.contains(queue) {
                for job in self.jobs.values() {
                    let due = job.question.is_none() && job.key.kind.queue() == *queue && job.due_at <= request.now;
                    if due && Self::is_free(job, db_ms) {
                        hands.entry(job.merchant).or_default().push((job.due_at, job.key));
                    }
                }
            }
            let mut turns: Vec<(usize, Timestamp, JobKey)> = Vec::new();
            for hand in hands.values_mut() {
                hand.sort_unstable();
                turns.extend(hand.iter().enumerate().map(|(turn, (due, key))| (turn, *due, *key)));
            }
            turns.sort_unstable();
            for (_, _, key) in turns.into_iter().take(usize::try_from(*amount).unwrap_or(0)) {
                claimed.extend(self.lease(key, request.owner, db_ms + request.lease_ms));
            }
        }
        claimed
    }

    /// Leases one job, or parks it when it is past its attempts.
    pub fn lease(&mut self, key: JobKey, owner: Uuid, until: i64) -> Option<Claimed> {
        self.fences += 1;
        let fence = self.fences;
        let job = self.jobs.get_mut(&key)?;
        let failures = job.attempts;
        job.fence = fence;
        if failures >= key.kind.max_attempts() {
            job.owner = None;
            job.question = Some(format!("ended badly {failures} times"));
            return None;
        }
        (job.owner, job.leased_until, job.attempts) = (Some(owner), until, failures + 1);
        Some(Claimed { key, merchant: job.merchant, due_at: job.due_at, step: job.step, failures, fence })
    }

    /// Prolongs leases; those that are still held.
    pub fn renew(&mut self, owner: Uuid, held: &[(JobKey, i64)], until: i64) -> Vec<JobKey> {
        let mut kept = Vec::new();
        for (key, fence) in held {
            if let Some(job) = self.jobs.get_mut(key).filter(|j| j.owner == Some(owner) && j.fence == *fence) {
                job.leased_until = until;
                kept.push(*key);
            }
        }
        kept
    }

    /// Gives claims back unrun.
    pub fn release(&mut self, owner: Uuid, held: &[(JobKey, i64)]) -> u64 {
        let mut released = 0;
        for (key, fence) in held {
            if let Some(job) = self.jobs.get_mut(key).filter(|j| j.owner == Some(owner) && j.fence == *fence) {
                (job.owner, job.attempts) = (None, (job.attempts - 1).max(0));
                released += 1;
            }
        }
        released
    }

    /// When the next job of a queue that is not `full` can be claimed, in real milliseconds, by a process
    /// whose clock is `skew_ms` ahead.
    pub fn next_claim_ms(&self, skew_ms: i64, full: &[Queue]) -> Option<i64> {
        self.jobs
            .values()
            .filter(|j| j.question.is_none() && !self.paused.contains(&j.key.kind.queue()))
            .filter(|j| !full.contains(&j.key.kind.queue()))
            .map(|j| {
                let due = j.due_at.as_millis().saturating_sub(skew_ms);
                if j.owner.is_some() { due.max(j.leased_until) } else { due }
            })
            .min()
    }

    // --- the sweep ---

    /// Payments that owe a job and have none.
    pub fn stuck(&self, before: Timestamp) -> Vec<PaymentId> {
        let kinds = [
            JobKind::CreatePayment,
            JobKind::PollPayment,
            JobKind::ClosePayment,
            JobKind::WatchPayment,
            JobKind::SettleLateMoney,
            JobKind::CapturePayment,
        ];
        let orphan = |p: &Payment| !kinds.iter().any(|k| self.jobs.contains_key(&JobKey::payment(*k, p.id)));
        self.payments.values().filter(|p| p.due_at.is_some_and(|due| due < before) && orphan(p)).map(|p| p.id).collect()
    }

    /// The same for orders whose payers choose.
    pub fn stuck_orders(&self, before: Timestamp) -> Vec<OrderId> {
        let orphan = |o: &Order| !self.jobs.contains_key(&JobKey::order(JobKind::ExpireOrder, o.id));
        self.orders.values().filter(|o| o.due_at.is_some_and(|due| due < before) && orphan(o)).map(|o| o.id).collect()
    }

    /// The same for legs of refunds.
    pub fn stuck_legs(&self, before: Timestamp) -> Vec<LegId> {
        let kinds = [JobKind::SendRefund, JobKind::PollRefund];
        let orphan = |l: &Leg| !kinds.iter().any(|k| self.jobs.contains_key(&JobKey::leg(*k, l.id)));
        self.legs.values().filter(|l| l.due_at.is_some_and(|due| due < before) && orphan(l)).map(|l| l.id).collect()
    }

    /// The same for schedules.
    pub fn stuck_schedules(&self, before: Timestamp) -> Vec<(ScheduleId, MerchantId)> {
        let orphan = |id| !self.jobs.contains_key(&JobKey::schedule(JobKind::FireSchedule, id));
        let due = self.schedules.values().filter(|s| s.next_due_at.is_some_and(|due| due < before) && orphan(s.id));
        due.map(|s| (s.id, s.merchant)).collect()
    }

    /// Deliveries that are owed and have no job.
    pub fn stuck_deliveries(&self, before: Timestamp) -> Vec<(DeliveryId, MerchantId)> {
        let owed = |d: &&DeliveryRow| {
            d.delivered_at.is_none()
                && d.given_up_at.is_none()
                && d.endpoint.is_some()
                && d.created_at < before
                && !self.jobs.contains_key(&JobKey::new(JobKind::DeliverWebhook, d.id.uuid()))
        };
        let merchant = |d: &DeliveryRow| self.merchant_of(d.about).map(|merchant| (d.id, merchant));
        self.deliveries.values().filter(owed).filter_map(merchant).collect()
    }
}
