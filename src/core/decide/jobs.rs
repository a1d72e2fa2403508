//! Jobs that follow from states: it knows which job a payment or a leg must have, and must never run one.

use super::{Effect, Policy};
use crate::clock::Timestamp;
use crate::id::MerchantId;
use crate::job::{JobKey, JobKind, NewJob};
use crate::order::Order;
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, Route};

/// The job that makes a payment payable.
pub fn create(payment: &Payment, now: Timestamp) -> NewJob {
    NewJob::new(JobKey::payment(JobKind::CreatePayment, payment.id), payment.merchant, now)
}

/// Jobs to add and to drop because a payment changed.
pub fn of_payment(before: &Payment, after: &Payment, policy: &Policy<'_>, now: Timestamp) -> Vec<Effect> {
    let key = |kind| JobKey::payment(kind, after.id);
    let at = |kind, delay_ms| Effect::Schedule(NewJob::new(key(kind), after.merchant, now.plus_ms(delay_ms)));
    let facts = policy.facts_of(after);
    let changed = before.state != after.state;
    let got_code = before.evidence.code().is_none() && after.evidence.code().is_some();
    match after.state {
        PaymentState::AwaitingPayer if changed || got_code => match after.evidence.code() {
            Some(_) => vec![at(JobKind::PollPayment, policy.plans.poll.delay_or_last_ms(0))],
            // The channel has it, but its answer was lost: the same call again fetches the code.
            None => vec![at(JobKind::CreatePayment, 0), Effect::Cancel(key(JobKind::PollPayment))],
        },
        PaymentState::Unknown if changed => vec![at(JobKind::PollPayment, policy.plans.unknown.delay_or_last_ms(0))],
        PaymentState::Sending if before.state == PaymentState::Unknown && after.evidence.never_arrived(facts) => {
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
        PaymentState::Captured => &[JobKind::SettleLateMoney],
        PaymentState::IntegrityHold => &[],
    };
    kinds.iter().map(|kind| Effect::Cancel(key(*kind))).collect()
}

/// Jobs to add and to drop because a leg changed. `before` is `None` for a new one; `was_held` tells that
/// its refund could not be sent until now.
pub fn of_leg(
    before: Option<&Leg>,
    was_held: bool,
    refund: &Refund,
    after: &Leg,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Vec<Effect> {
    let key = |kind| JobKey::leg(kind, after.id);
    let schedule = |kind, at| Effect::Schedule(NewJob::new(key(kind), refund.merchant, at));
    let drop_both = || vec![Effect::Cancel(key(JobKind::SendRefund)), Effect::Cancel(key(JobKind::PollRefund))];
    if !refund.state.may_send() {
        return if before.is_some() && !after.state.is_active() { drop_both() } else { Vec::new() };
    }
    let left = before.map(|l| l.state);
    let changed = left != Some(after.state);
    match after.state {
        LegState::Reserved if before.is_none() || was_held => {
            vec![schedule(JobKind::SendRefund, after.due_at.unwrap_or(now).max(now))]
        }
        // The channel does not know the number: the same call again.
        LegState::Reserved if left == Some(LegState::Unknown) => vec![schedule(JobKind::SendRefund, now)],
        LegState::Unknown if changed => {
            vec![schedule(JobKind::PollRefund, now.plus_ms(policy.plans.unknown.delay_or_last_ms(0)))]
        }
        LegState::Processing if changed => {
            let at = now.plus_ms(policy.plans.refund.delay_or_last_ms(0));
            vec![Effect::Cancel(key(JobKind::SendRefund)), schedule(JobKind::PollRefund, at)]
        }
        LegState::SecondWay if changed => {
            vec![Effect::Cancel(key(JobKind::PollRefund)), schedule(JobKind::SendRefund, now)]
        }
        // It had arrived, and now the channel speaks of trouble: ask before believing either.
        LegState::Succeeded if !changed && doubted(before, after) => vec![schedule(JobKind::PollRefund, now)],
        // Told by messages, nobody knows which of the two came first.
        LegState::Succeeded if changed && after.evidence.abnormal_at.is_some() => {
            let at = now.plus_ms(policy.plans.refund.delay_or_last_ms(0));
            vec![Effect::Cancel(key(JobKind::SendRefund)), schedule(JobKind::PollRefund, at)]
        }
        // The payer's bank may send it back days later, and the message about that may be lost.
        LegState::Succeeded if changed && after.route == Route::Channel => {
            let at = now.plus_ms(policy.plans.watch.delay_or_last_ms(0));
            vec![Effect::Cancel(key(JobKind::SendRefund)), schedule(JobKind::PollRefund, at)]
        }
        LegState::Succeeded
        | LegState::Failed
        | LegState::NotPossible
        | LegState::Stranded
        | LegState::Reversed
        | LegState::Abandoned
        | LegState::Held
        | LegState::AwaitingTransfer
            if changed && before.is_some() =>
        {
            drop_both()
        }
        _ => Vec::new(),
    }
}

/// Whether trouble came to be known about a leg that had succeeded before.
fn doubted(before: Option<&Leg>, after: &Leg) -> bool {
    let trouble = |l: &Leg| (l.evidence.abnormal_at.is_some(), l.evidence.closed.is_some());
    before.is_some_and(|b| trouble(b) != trouble(after))
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
        PaymentState::Captured => JobKind::SettleLateMoney,
        PaymentState::IntegrityHold => return None,
    };
    payment.due_at.map(|_| NewJob::new(JobKey::payment(kind, payment.id), payment.merchant, now))
}

/// The job that a leg of a refund must have. The sweep adds it where it is missing.
pub fn owed_refund_job(leg: &Leg, merchant: MerchantId, now: Timestamp) -> Option<NewJob> {
    let kind = match leg.state {
        LegState::Reserved | LegState::Sending | LegState::WaitingFunds | LegState::SecondWay => JobKind::SendRefund,
        LegState::Unknown | LegState::Processing | LegState::Succeeded => JobKind::PollRefund,
        LegState::AwaitingTransfer
        | LegState::Failed
        | LegState::NotPossible
        | LegState::Stranded
        | LegState::Reversed
        | LegState::Abandoned
        | LegState::Held => return None,
    };
    leg.due_at.map(|_| NewJob::new(JobKey::leg(kind, leg.id), merchant, now))
}
