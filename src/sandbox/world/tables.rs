//! Our database in memory: it knows rows, guards and leases as the real stores do, and must never know a
//! fault or a rule about money.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::Timestamp;
use bursar_core::decide::QuestionKind;
use bursar_core::id::{ChannelAccountId, DeliveryId, EndpointId, MerchantId, NotificationId, OrderId, PaymentId};
use bursar_core::job::{JobKey, JobKind, NewJob, Queue};
use bursar_core::merchant::{ChannelAccount, Endpoint, Merchant};
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_store::{
    Answer, Change, ClaimRequest, Claimed, DeliveryRow, IdempotencyRow, Notification, ObservationRow, ParkedRow,
    PostingRow, Settle, Settlement,
};
use uuid::Uuid;

/// A row of the job table.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub key: JobKey,
    pub merchant: MerchantId,
    pub due_at: Timestamp,
    pub step: i32,
    pub attempts: i32,
    pub fence: i64,
    pub owner: Option<Uuid>,
    /// By the database's clock, in milliseconds.
    pub leased_until: i64,
    pub note: Option<String>,
    pub question: Option<String>,
}

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub orders: BTreeMap<OrderId, Order>,
    pub numbers: BTreeMap<(MerchantId, String), OrderId>,
    pub payments: BTreeMap<PaymentId, Payment>,
    pub payments_of: BTreeMap<OrderId, Vec<PaymentId>>,
    pub observations: Vec<ObservationRow>,
    pub postings: Vec<PostingRow>,
    pub questions: BTreeMap<(PaymentId, QuestionKind), ParkedRow>,
    pub jobs: BTreeMap<JobKey, Job>,
    pub deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    pub notifications: BTreeMap<NotificationId, Notification>,
    pub idempotency: BTreeMap<(MerchantId, String), IdempotencyRow>,
    pub merchants: BTreeMap<MerchantId, Merchant>,
    pub accounts: BTreeMap<ChannelAccountId, ChannelAccount>,
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    pub paused: BTreeSet<Queue>,
    fences: i64,
}

impl Tables {
    /// The order with its payments.
    pub fn dossier(&self, id: OrderId) -> Option<Dossier> {
        let order = self.orders.get(&id)?.clone();
        let ids = self.payments_of.get(&id).map(Vec::as_slice).unwrap_or_default();
        Some(Dossier { order, payments: ids.iter().filter_map(|p| self.payments.get(p)).cloned().collect() })
    }

    /// The order of a merchant's number.
    pub fn by_number(&self, merchant: MerchantId, number: &str) -> Option<Dossier> {
        self.numbers.get(&(merchant, number.to_owned())).and_then(|id| self.dossier(*id))
    }

    /// Writes `change` completely or not at all.
    pub fn write(&mut self, change: &Change) -> Answer {
        if let Some(refused) = self.refusal(change) {
            return refused;
        }
        self.settle(change.settle.as_ref());
        self.books(change);
        self.work(change);
        self.messages(change);
        Answer::Committed
    }

    fn refusal(&self, change: &Change) -> Option<Answer> {
        let held = |s: &Settle| self.jobs.get(&s.key).is_some_and(|j| j.owner == Some(s.owner) && j.fence == s.fence);
        if change.settle.as_ref().is_some_and(|s| !held(s)) {
            return Some(Answer::Fenced);
        }
        let stale = change.payments.iter().any(|p| self.payments.get(&p.id).is_none_or(|r| r.version != p.version))
            || change.orders.iter().any(|o| self.orders.get(&o.id).is_none_or(|r| r.version != o.version));
        if stale {
            return Some(Answer::Stale);
        }
        let known = change.new_orders.iter().any(|o| self.numbers.contains_key(&(o.merchant, o.number.clone())))
            || change.new_payments.iter().any(|p| self.payments.contains_key(&p.id))
            || change.notification.as_ref().is_some_and(|n| self.notifications.contains_key(&n.id))
            || change.idempotency.as_ref().is_some_and(|k| self.idempotency.contains_key(&(k.merchant, k.key.clone())));
        known.then_some(Answer::Duplicate)
    }

    fn settle(&mut self, settle: Option<&Settle>) {
        let Some(settle) = settle else { return };
        if settle.how == Settlement::Done {
            self.jobs.remove(&settle.key);
            return;
        }
        let Some(job) = self.jobs.get_mut(&settle.key) else { return };
        match &settle.how {
            Settlement::Hold | Settlement::Done => return,
            Settlement::Again { due_at, step, why } => {
                (job.due_at, job.step, job.note, job.attempts) = (*due_at, *step, Some(why.clone()), 0);
            }
            Settlement::Failed { due_at, error } => {
                (job.due_at, job.note) = (*due_at, Some(error.clone()));
            }
            Settlement::Park { question } => job.question = Some(question.clone()),
        }
        job.owner = None;
    }

    fn books(&mut self, change: &Change) {
        for order in &change.new_orders {
            self.numbers.insert((order.merchant, order.number.clone()), order.id);
            self.orders.insert(order.id, Order { version: 1, ..order.clone() });
        }
        for payment in &change.new_payments {
            self.payments_of.entry(payment.order).or_default().push(payment.id);
            self.payments.insert(payment.id, Payment { version: 1, ..payment.clone() });
        }
        for order in &change.orders {
            self.orders.insert(order.id, Order { version: order.version + 1, ..order.clone() });
        }
        for payment in &change.payments {
            self.payments.insert(payment.id, Payment { version: payment.version + 1, ..payment.clone() });
        }
        for (payment, seen) in &change.observations {
            self.observations.push(ObservationRow {
                payment: *payment,
                sequence: i64::try_from(self.observations.len()).unwrap_or(0),
                source: seen.source,
                claim: seen.claim.clone(),
                seen_at: seen.seen_at,
                notification: seen.notification,
            });
        }
        self.postings.extend(change.postings.iter().map(|(posting, at)| PostingRow { posting: *posting, at: *at }));
        for question in &change.questions {
            let Some(payment) = self.payments.get(&question.payment) else { continue };
            self.questions.entry((question.payment, question.kind)).or_insert_with(|| ParkedRow {
                payment: question.payment,
                order: payment.order,
                kind: question.kind,
                text: question.text.clone(),
                opened_at: Timestamp::default(),
            });
        }
    }

    fn work(&mut self, change: &Change) {
        for key in &change.cancel {
            self.jobs.remove(key);
        }
        for job in &change.jobs {
            self.add(job);
        }
    }

    fn add(&mut self, job: &NewJob) {
        let row = self.jobs.entry(job.key).or_insert_with(|| Job {
            key: job.key,
            merchant: job.merchant,
            due_at: job.due_at,
            step: job.step,
            attempts: 0,
            fence: 0,
            owner: None,
            leased_until: 0,
            note: None,
            question: None,
        });
        if row.owner.is_none() && row.question.is_none() && row.due_at > job.due_at {
            (row.due_at, row.step) = (job.due_at, job.step);
        }
    }

    fn messages(&mut self, change: &Change) {
        for new in &change.new_deliveries {
            self.deliveries.entry(new.id).or_insert_with(|| DeliveryRow {
                id: new.id,
                order: new.order,
                sequence: new.sequence,
                kind: new.kind,
                endpoint: new.endpoint,
                body: new.body.clone(),
                created_at: new.created_at,
                attempts: 0,
                delivered_at: None,
                given_up_at: None,
                last_error: None,
            });
        }
        for attempt in &change.delivery_attempts {
            let Some(row) = self.deliveries.get_mut(&attempt.id) else { continue };
            row.attempts += 1;
            match &attempt.error {
                None => row.delivered_at = row.delivered_at.or(Some(attempt.at)),
                Some(error) => row.last_error = Some(error.clone()),
            }
            if attempt.given_up {
                row.given_up_at = row.given_up_at.or(Some(attempt.at));
            }
        }
        if let Some(notification) = &change.notification {
            self.notifications.insert(notification.id, notification.clone());
        }
        if let Some(key) = &change.idempotency {
            let row = IdempotencyRow {
                request_digest: key.request_digest.clone(),
                status: key.status,
                answer: key.answer.clone(),
            };
            self.idempotency.insert((key.merchant, key.key.clone()), row);
        }
    }

    // --- leases ---

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
        let kinds = [JobKind::CreatePayment, JobKind::PollPayment, JobKind::ClosePayment, JobKind::WatchPayment];
        let orphan = |p: &Payment| !kinds.iter().any(|k| self.jobs.contains_key(&JobKey::payment(*k, p.id)));
        self.payments.values().filter(|p| p.due_at.is_some_and(|due| due < before) && orphan(p)).map(|p| p.id).collect()
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
        let merchant = |d: &DeliveryRow| self.orders.get(&d.order).map(|o| (d.id, o.merchant));
        self.deliveries.values().filter(owed).filter_map(merchant).collect()
    }
}
