//! The decision: it knows what follows from an observation, and must never do any of it.
//!
//! `decide` is total (every observation in every state has an answer) and pure. Its result is written
//! in one transaction: state, observation, postings, jobs and merchant events, so the queue is the
//! outbox. Callers that lose a race reload and decide again.

use crate::channel::ChannelFacts;
use crate::clock::Timestamp;
use crate::event::{Event, EventKind};
use crate::id::PaymentId;
use crate::job::{JobKey, JobKind, NewJob};
use crate::ledger::{self, Posting};
use crate::merchant::LateMoneyPolicy;
use crate::observation::{Claim, Observation, Source};
use crate::order::{Dossier, Order, OrderState};
use crate::payment::{Payment, PaymentState};
use crate::plan::Plans;

/// What a decision depends on besides the rows: configuration of the merchant and the channel.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Retry plans.
    pub plans: &'a Plans,
    /// Time limits of the payment's channel account.
    pub facts: ChannelFacts,
    /// The merchant's policy.
    pub late_money: LateMoneyPolicy,
}

/// A question that only a person can answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The payment that it is about.
    pub payment: PaymentId,
    /// What kind of question.
    pub kind: QuestionKind,
    /// The question, in words, with its numbers.
    pub text: String,
}

/// Kinds of questions: at most one open question per payment and kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QuestionKind {
    /// Money came for a closed order.
    LateMoney,
    /// The channel's claims contradict ours or each other.
    IntegrityHold,
}

impl QuestionKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::LateMoney, Self::IntegrityHold];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::LateMoney => 1,
            Self::IntegrityHold => 2,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LateMoney => "late_money",
            Self::IntegrityHold => "integrity_hold",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

/// What has to happen as a consequence, written down in the same transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Add a job.
    Schedule(NewJob),
    /// Drop a job that has become pointless.
    Cancel(JobKey),
    /// Tell the merchant.
    Tell(Event),
    /// Ask a person.
    Ask(Question),
}

/// What follows from an observation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The dossier afterwards. Versions are those that were read: the store counts them up.
    pub next: Dossier,
    /// Whether the observation told anything that has to be written down. When false, `next` equals
    /// what was there and there are no postings and effects.
    pub news: bool,
    /// Ledger lines.
    pub postings: Vec<Posting>,
    /// Consequences.
    pub effects: Vec<Effect>,
}

/// Takes a new order with its payment on the books.
pub fn open(order: Order, payment: Payment, now: Timestamp) -> Decision {
    let job = NewJob::new(JobKey::payment(JobKind::CreatePayment, payment.id), payment.merchant, now);
    let postings = ledger::postings(&payment, None, false, false);
    let order = Order { state: OrderState::Paying, ..order };
    let payment = Payment { due_at: Some(now), ..payment };
    Decision {
        next: Dossier { order, payments: vec![payment] },
        news: true,
        postings,
        effects: vec![Effect::Schedule(job)],
    }
}

/// What follows from `observation` about the payment `id` of `dossier`. An id that is not in the
/// dossier is no news.
pub fn decide(
    dossier: &Dossier,
    id: PaymentId,
    observation: &Observation,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Decision {
    let nothing = || Decision { next: dossier.clone(), news: false, postings: Vec::new(), effects: Vec::new() };
    let Some(before) = dossier.payment(id) else {
        return nothing();
    };
    let mut evidence = before.evidence.clone().join(before.amount, observation);
    if dossier.order.state == OrderState::Closed {
        // Nothing may stay payable under a closed order: what turns up there is closed at once.
        evidence = evidence.join(before.amount, &closed_with_its_order(now));
    }
    let state = evidence.state(policy.facts);
    let repeated = state == before.state
        && (evidence == before.evidence || (observation.claim == Claim::Unpaid && before.evidence.unpaid_at.is_some()));
    if repeated {
        return nothing();
    }
    let after = Payment { evidence, state, ..before.clone() };
    let mut effects = payment_effects(before, &after, policy, now);
    let mut next = dossier.clone();
    let due_at = effects.iter().filter_map(|e| scheduled(e, id)).min();
    for payment in next.payments.iter_mut().filter(|p| p.id == id) {
        *payment = after.clone();
        payment.due_at = match due_at {
            Some(due) => Some(due),
            None if after.state.is_final() && after.state != before.state => None,
            None => before.due_at,
        };
    }
    effects.extend(order_effects(dossier, &mut next, &after, before, policy, now));
    let postings = postings(dossier, &next, before, &after);
    Decision { next, news: true, postings, effects }
}

fn scheduled(effect: &Effect, payment: PaymentId) -> Option<Timestamp> {
    match effect {
        Effect::Schedule(job) if job.key.subject == payment.uuid() => Some(job.due_at),
        _ => None,
    }
}

fn payment_effects(before: &Payment, after: &Payment, policy: &Policy<'_>, now: Timestamp) -> Vec<Effect> {
    let key = |kind| JobKey::payment(kind, after.id);
    let at = |kind, delay_ms| Effect::Schedule(NewJob::new(key(kind), after.merchant, now.plus_ms(delay_ms)));
    let changed = before.state != after.state;
    let got_code = before.evidence.code().is_none() && after.evidence.code().is_some();
    match after.state {
        PaymentState::AwaitingPayer if changed || got_code => match after.evidence.code() {
            Some(_) => vec![at(JobKind::PollPayment, policy.plans.poll.delay_or_last_ms(0))],
            // The channel has it, but its answer was lost: the same call again fetches the code.
            None => vec![at(JobKind::CreatePayment, 0), Effect::Cancel(key(JobKind::PollPayment))],
        },
        PaymentState::Unknown if changed => vec![at(JobKind::PollPayment, policy.plans.unknown.delay_or_last_ms(0))],
        PaymentState::Sending
            if before.state == PaymentState::Unknown && after.evidence.never_arrived(policy.facts) =>
        {
            vec![at(JobKind::CreatePayment, 0)]
        }
        PaymentState::Closing if changed => {
            vec![at(JobKind::ClosePayment, 0), Effect::Cancel(key(JobKind::PollPayment))]
        }
        PaymentState::Captured | PaymentState::IntegrityHold if changed => cancel_all(before, key),
        PaymentState::Closed | PaymentState::Declined if changed => {
            let mut effects = cancel_all(before, key);
            if after.evidence.sent_at.is_some() {
                effects.push(at(JobKind::WatchPayment, policy.plans.watch.delay_or_last_ms(0)));
            }
            effects
        }
        _ => Vec::new(),
    }
}

/// Cancels the jobs that may be live for a payment in the state that it leaves.
fn cancel_all(before: &Payment, key: impl Fn(JobKind) -> JobKey) -> Vec<Effect> {
    let kinds: &[JobKind] = match before.state {
        PaymentState::New | PaymentState::Sending => &[JobKind::CreatePayment],
        PaymentState::Unknown | PaymentState::AwaitingPayer => &[JobKind::PollPayment, JobKind::CreatePayment],
        PaymentState::Closing => &[JobKind::ClosePayment, JobKind::CreatePayment],
        PaymentState::Declined | PaymentState::Closed => &[JobKind::WatchPayment],
        PaymentState::Captured | PaymentState::IntegrityHold => &[],
    };
    kinds.iter().map(|kind| Effect::Cancel(key(*kind))).collect()
}

fn order_effects(
    dossier: &Dossier,
    next: &mut Dossier,
    after: &Payment,
    before: &Payment,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    let mut effects = Vec::new();
    let state = next.order_state(policy.late_money);
    let order = &mut next.order;
    order.state = state;
    if order.close_reason.is_none() && matches!(state, OrderState::Closing | OrderState::Closed) {
        order.close_reason = close_reason(after);
    }
    let tell = |order: &mut Order, kind| {
        order.event_count += 1;
        Effect::Tell(Event { kind, sequence: order.event_count, at: now })
    };
    if state != dossier.order.state {
        match state {
            OrderState::Paid => {
                order.close_reason = None;
                effects.push(tell(order, EventKind::OrderPaid));
            }
            OrderState::Closed => effects.push(tell(order, EventKind::OrderClosed)),
            OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid | OrderState::Closing => {}
        }
    }
    let captured_now = after.state == PaymentState::Captured && before.state != PaymentState::Captured;
    if captured_now && state == OrderState::Closed && !dossier.order.late_money {
        order.late_money = true;
        effects.push(tell(order, EventKind::OrderLateMoney));
        effects.push(Effect::Ask(late_money_question(after)));
    }
    if after.state == PaymentState::IntegrityHold && before.state != PaymentState::IntegrityHold {
        effects.push(Effect::Ask(integrity_question(after)));
    }
    effects
}

fn close_reason(payment: &Payment) -> Option<String> {
    let evidence = &payment.evidence;
    if let Some((_, reason)) = &evidence.close_requested {
        return Some(reason.clone());
    }
    if let Some((_, reason)) = &evidence.refused {
        return Some(format!("declined: {reason}"));
    }
    evidence.closed_at.map(|_| "closed at the channel".to_owned())
}

fn late_money_question(payment: &Payment) -> Question {
    let transaction = payment.evidence.paid.as_ref().map_or("", |r| r.transaction_id.as_str());
    Question {
        payment: payment.id,
        kind: QuestionKind::LateMoney,
        text: format!(
            "{} arrived for a closed order (transaction {transaction}). Give it back, or deliver after all?",
            payment.amount
        ),
    }
}

fn integrity_question(payment: &Payment) -> Question {
    let reason = payment.evidence.mismatch.as_deref().unwrap_or("the channel contradicts itself");
    Question {
        payment: payment.id,
        kind: QuestionKind::IntegrityHold,
        text: format!("{reason}. What did the channel really take, and for whom?"),
    }
}

/// Money under a closed order belongs to its payer: the ledger books it apart from earnings.
fn postings(dossier: &Dossier, next: &Dossier, before: &Payment, after: &Payment) -> Vec<Posting> {
    let closed = |d: &Dossier| d.order.state == OrderState::Closed;
    ledger::postings(after, Some(before.state), closed(dossier), closed(next))
}

/// When a payable or unknown payment is asked about next: the plan's delay, but never later than the
/// expiry of its order.
pub fn next_poll_at(order: &Order, delay_ms: i64, now: Timestamp) -> Timestamp {
    let planned = now.plus_ms(delay_ms);
    if now < order.expires_at { planned.min(order.expires_at) } else { planned }
}

/// The job that an open payment must have. The sweep adds it where it is missing.
pub fn owed_job(payment: &Payment, now: Timestamp) -> Option<NewJob> {
    let kind = match payment.state {
        PaymentState::New | PaymentState::Sending => JobKind::CreatePayment,
        PaymentState::Unknown => JobKind::PollPayment,
        PaymentState::AwaitingPayer if payment.evidence.code().is_none() => JobKind::CreatePayment,
        PaymentState::AwaitingPayer => JobKind::PollPayment,
        PaymentState::Closing => JobKind::ClosePayment,
        PaymentState::Declined | PaymentState::Closed => JobKind::WatchPayment,
        PaymentState::Captured | PaymentState::IntegrityHold => return None,
    };
    payment.due_at.map(|_| NewJob::new(JobKey::payment(kind, payment.id), payment.merchant, now))
}

fn closed_with_its_order(now: Timestamp) -> Observation {
    let reason = "its order is closed".to_owned();
    Observation::new(Source::Intent, now, Claim::CloseRequested { reason })
}

/// The observation that an order's time is over.
pub fn expired(now: Timestamp) -> Observation {
    Observation::new(Source::Clock, now, Claim::CloseRequested { reason: "expired".to_owned() })
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
