//! Our database in memory: it knows rows, guards and leases as the real stores do, and must never know a
//! fault or a rule about money.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::Timestamp;
use bursar_core::agreement::Agreement;
use bursar_core::billing::{Installment, Plan};
use bursar_core::decide::QuestionKind;
use bursar_core::id::{
    AgreementId, ChannelAccountId, DeliveryId, EndpointId, LegId, MerchantId, NotificationId, OrderId, PaymentId,
    PlanId, RefundId, ScheduleId,
};
use bursar_core::job::{JobKey, NewJob, Queue};
use bursar_core::merchant::{ChannelAccount, Endpoint, Merchant};
use bursar_core::order::{Dossier, Order};
use bursar_core::payment::Payment;
use bursar_core::reconcile::{Movement, MovementKind};
use bursar_core::refund::{Leg, Refund};
use bursar_core::schedule::{Fire, Schedule};
use bursar_core::sharing::Sharing;
use bursar_store::{
    Answer, Change, DeliveryRow, IdempotencyRow, Notification, ObservationRow, ParkedRow, PostingRow, Settle,
    Settlement,
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub orders: BTreeMap<OrderId, Order>,
    pub numbers: BTreeMap<(MerchantId, String), OrderId>,
    pub payments: BTreeMap<PaymentId, Payment>,
    pub payments_of: BTreeMap<OrderId, Vec<PaymentId>>,
    /// Without their legs.
    pub refunds: BTreeMap<RefundId, Refund>,
    pub refunds_of: BTreeMap<OrderId, BTreeSet<RefundId>>,
    pub legs: BTreeMap<LegId, Leg>,
    pub legs_of: BTreeMap<RefundId, BTreeSet<LegId>>,
    pub agreements: BTreeMap<AgreementId, Agreement>,
    pub plans: BTreeMap<PlanId, Plan>,
    pub installments: BTreeMap<(PlanId, u32), Installment>,
    pub observations: Vec<ObservationRow>,
    pub postings: Vec<PostingRow>,
    pub questions: BTreeMap<(Uuid, QuestionKind), ParkedRow>,
    pub jobs: BTreeMap<JobKey, Job>,
    pub deliveries: BTreeMap<DeliveryId, DeliveryRow>,
    pub notifications: BTreeMap<NotificationId, Notification>,
    pub idempotency: BTreeMap<(MerchantId, String), IdempotencyRow>,
    pub merchants: BTreeMap<MerchantId, Merchant>,
    pub accounts: BTreeMap<ChannelAccountId, ChannelAccount>,
    pub endpoints: BTreeMap<EndpointId, Endpoint>,
    pub schedules: BTreeMap<ScheduleId, Schedule>,
    pub fires: BTreeMap<(ScheduleId, Timestamp), Fire>,
    pub sharings: BTreeMap<OrderId, Sharing>,
    pub movements: BTreeMap<(Uuid, MovementKind), Movement>,
    pub paused: BTreeSet<Queue>,
    pub fences: i64,
}

impl Tables {
    /// The order with its payments and refunds.
    pub fn dossier(&self, id: OrderId) -> Option<Dossier> {
        let order = self.orders.get(&id)?.clone();
        let payments = self.payments_of.get(&id).into_iter().flatten().filter_map(|p| self.payments.get(p)).cloned();
        let refunds = self.refunds_of.get(&id).into_iter().flatten().filter_map(|r| self.refund(*r));
        Some(Dossier { order, payments: payments.collect(), refunds: refunds.collect() })
    }

    /// The refund with its legs.
    pub fn refund(&self, id: RefundId) -> Option<Refund> {
        let mut legs: Vec<Leg> =
            self.legs_of.get(&id).into_iter().flatten().filter_map(|l| self.legs.get(l)).cloned().collect();
        legs.sort_by_key(|l| l.sequence);
        self.refunds.get(&id).map(|r| Refund { legs, ..r.clone() })
    }

    /// The order that a payment, refund or leg belongs to.
    pub fn order_of(&self, subject: Uuid) -> Option<OrderId> {
        let leg = self.legs.get(&LegId(subject)).and_then(|l| self.refunds.get(&l.refund));
        let refund = leg.or_else(|| self.refunds.get(&RefundId(subject)));
        if self.orders.contains_key(&OrderId(subject)) {
            return Some(OrderId(subject));
        }
        refund.map(|r| r.order).or_else(|| self.payments.get(&PaymentId(subject)).map(|p| p.order))
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
        self.write_schedules(change);
        self.write_sharings(change);
        self.write_movements(change);
        self.work(change);
        self.messages(change);
        Answer::Committed
    }

    fn refusal(&self, change: &Change) -> Option<Answer> {
        let held = |s: &Settle| self.jobs.get(&s.key).is_some_and(|j| j.owner == Some(s.owner) && j.fence == s.fence);
        if change.settle.as_ref().is_some_and(|s| !held(s)) {
            return Some(Answer::Fenced);
        }
        if let Some(refused) = self.billing_refusal(change) {
            return Some(refused);
        }
        let stale = change.payments.iter().any(|p| self.payments.get(&p.id).is_none_or(|r| r.version != p.version))
            || change.orders.iter().any(|o| self.orders.get(&o.id).is_none_or(|r| r.version != o.version))
            || change.refunds.iter().any(|r| self.refunds.get(&r.id).is_none_or(|row| row.version != r.version))
            || change.legs.iter().any(|l| self.legs.get(&l.id).is_none_or(|row| row.version != l.version))
            || change.new_refunds.iter().any(|r| self.refunds.contains_key(&r.id))
            || change.new_legs.iter().any(|l| self.legs.contains_key(&l.id) || self.takes_too_much(change, l.payment));
        if stale || self.schedules_moved(change) || self.sharings_moved(change) {
            return Some(Answer::Stale);
        }
        let known = change.new_orders.iter().any(|o| self.numbers.contains_key(&(o.merchant, o.number.clone())))
            || change.new_payments.iter().any(|p| self.payments.contains_key(&p.id))
            || change.notification.as_ref().is_some_and(|n| self.notifications.contains_key(&n.id))
            || change.idempotency.as_ref().is_some_and(|k| self.idempotency.contains_key(&(k.merchant, k.key.clone())));
        (known || self.schedules_known(change)).then_some(Answer::Duplicate)
    }

    /// Whether more would be given back of a payment than was taken, as `change` leaves it.
    fn takes_too_much(&self, change: &Change, id: PaymentId) -> bool {
        let written = change.payments.iter().chain(&change.new_payments).find(|p| p.id == id);
        written.or_else(|| self.payments.get(&id)).is_none_or(|p| p.returned_minor > p.returnable_minor())
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
        self.refund_books(change);
        self.billing_books(change);
        for (subject, seen) in &change.observations {
            self.observations.push(ObservationRow {
                subject: subject.uuid(),
                sequence: i64::try_from(self.observations.len()).unwrap_or(0),
                source: seen.source,
                claim: seen.claim.clone(),
                seen_at: seen.seen_at,
                notification: seen.notification,
            });
        }
        self.postings.extend(change.postings.iter().map(|(posting, at)| PostingRow { posting: *posting, at: *at }));
        for key in &change.answered {
            self.questions.remove(key);
        }
        for question in &change.questions {
            let Some(about) = self.about(question.subject) else { continue };
            self.questions.entry((question.subject, question.kind)).or_insert_with(|| ParkedRow {
                subject: question.subject,
                about,
                kind: question.kind,
                text: question.text.clone(),
                opened_at: Timestamp::default(),
            });
        }
    }

    fn refund_books(&mut self, change: &Change) {
        for refund in &change.new_refunds {
            self.refunds_of.entry(refund.order).or_default().insert(refund.id);
            self.refunds.insert(refund.id, Refund { version: 1, legs: Vec::new(), ..refund.clone() });
        }
        for leg in &change.new_legs {
            self.legs_of.entry(leg.refund).or_default().insert(leg.id);
            self.legs.insert(leg.id, Leg { version: 1, ..leg.clone() });
        }
        for refund in &change.refunds {
            let row = Refund { version: refund.version + 1, legs: Vec::new(), ..refund.clone() };
            self.refunds.insert(refund.id, row);
        }
        for leg in &change.legs {
            self.legs.insert(leg.id, Leg { version: leg.version + 1, ..leg.clone() });
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
                about: new.about,
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
}
