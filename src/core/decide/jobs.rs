//! Jobs that follow from states: it knows which job a payment or a leg must have, and must never run one.

use super::{Effect, Policy};
use crate::clock::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::id::MerchantId;
use crate::job::{JobKey, JobKind, NewJob};
use crate::order::Order;
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, Route};

/// The job that makes a payment payable.
pub fn create(payment: &Payment, now: Timestamp) -> NewJob {
    NewJob::new(JobKey::payment(JobKind::CreatePayment, payment.id), payment.merchant, now)
}

/// The job that ends an order whose payer does not choose in time.
pub fn expire(order: &Order) -> NewJob {
    NewJob::new(JobKey::order(JobKind::ExpireOrder, order.id), order.merchant, order.expires_at)
}

/// Jobs to add and to drop because a payment changed.
pub fn of_payment(before: &Payment, after: &Payment, policy: &Policy<'_>, now: Timestamp) -> Vec<Effect> {
    let key = |kind| JobKey::payment(kind, after.id);
    let at = |kind, delay_ms| Effect::Schedule(NewJob::new(key(kind), after.merchant, now.plus_ms(delay_ms)));
    let facts = policy.facts_of(after);
    let changed = before.state != after.state;
    let got_code = before.evidence.code().is_none() && after.evidence.code().is_some();
    let asked = after.method.channel().can_be_asked();
    match after.state {
        PaymentState::AwaitingPayer if changed || got_code => match after.evidence.code() {
            // A statement or a person will tell.
            Some(_) if after.rests() => cancel_all(before, key),
            // A charge through an agreement gives no code; asking is enough.
            None if after.method.debits() => vec![at(JobKind::PollPayment, policy.plans.poll.delay_or_last_ms(0))],
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
        PaymentState::Authorized if changed => {
            let mut effects = cancel_all(before, key);
            let next = next_hold_check_at(after, now);
            effects.push(Effect::Schedule(NewJob::new(key(JobKind::PollPayment), after.merchant, next)));
            effects
        }
        PaymentState::Capturing if changed => {
            let mut effects = cancel_all(before, key);
            effects.push(at(JobKind::CapturePayment, 0));
            effects
        }
        // While the channel collects, its payer has paid by another way: it must hear that at once.
        PaymentState::Capturing
            if before.evidence.close_requested.is_none() && after.evidence.close_requested.is_some() =>
        {
            vec![Effect::Cancel(key(JobKind::CapturePayment)), at(JobKind::CapturePayment, 0)]
        }
        PaymentState::Captured | PaymentState::IntegrityHold | PaymentState::CaptureReversed if changed => {
            cancel_all(before, key)
        }
        PaymentState::Closed | PaymentState::Declined if changed => {
            let mut effects = cancel_all(before, key);
            if asked && after.evidence.sent_at.is_some() {
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
        // The question about late money is taken back with its job.
        PaymentState::Captured | PaymentState::IntegrityHold | PaymentState::CaptureReversed => &[],
        PaymentState::Authorized => &[JobKind::PollPayment],
        PaymentState::Capturing => &[JobKind::CapturePayment],
    };
    kinds.iter().map(|kind| Effect::Cancel(key(*kind))).collect()
}

/// Jobs to add and to drop because a leg changed whose refund may be sent. `before` is `None` for a new one, and
/// for one that could not be sent until now.
pub fn of_leg(before: Option<&Leg>, refund: &Refund, after: &Leg, policy: &Policy<'_>, now: Timestamp) -> Vec<Effect> {
    let (old, new) = (before.and_then(owed_kind), owed_kind(after));
    let cancel = |kind| Effect::Cancel(JobKey::leg(kind, after.id));
    let Some(kind) = new else {
        return old.map_or_else(Vec::new, |_| vec![cancel(JobKind::SendRefund), cancel(JobKind::PollRefund)]);
    };
    let changed = before.is_none_or(|b| b.state != after.state);
    let plans = policy.plans;
    let delay_ms = match after.state {
        // The job that runs knows best when to call again.
        LegState::Reserved | LegState::Sending | LegState::WaitingFunds if old == new => return Vec::new(),
        LegState::Succeeded if before.is_some_and(|b| doubted(b, after)) => 0,
        _ if !changed => return Vec::new(),
        LegState::WaitingFunds => plans.refund_funds.delay_or_last_ms(0),
        LegState::Unknown => plans.unknown.delay_or_last_ms(0),
        // The channel does not know it, and is called again.
        LegState::Reserved if before.is_some_and(|b| b.state == LegState::Unknown) => resend_after_ms(after, now),
        // Messages told of success and of trouble, and nobody knows which came first.
        LegState::Succeeded if after.evidence.abnormal_at.is_none() => plans.watch.delay_or_last_ms(0),
        LegState::Processing | LegState::Succeeded => plans.refund.delay_or_last_ms(0),
        _ => 0,
    };
    // The turn of a leg among the refunds of its payment; nothing else was planned for it yet.
    let turn = after.due_at.filter(|_| after.state == LegState::Reserved).unwrap_or(now).max(now);
    let mut effects: Vec<_> = old.filter(|old| *old != kind).map(cancel).into_iter().collect();
    effects.push(Effect::Schedule(NewJob::new(JobKey::leg(kind, after.id), refund.merchant, turn.plus_ms(delay_ms))));
    effects
}

/// Longest wait before a call that had no effect is made again.
const MAX_RESEND_MS: i64 = 15 * MINUTE_MS;

/// How long a leg waits before the call that had no effect is made again: half as long as it has tried already.
/// Nobody counts how often; a channel that answers each call with nothing would be called without a pause.
fn resend_after_ms(leg: &Leg, now: Timestamp) -> i64 {
    (now.since_ms(leg.created_at) / 2).clamp(0, MAX_RESEND_MS)
}

/// Whether the channel told of trouble about a leg that had succeeded: it is asked before either is believed.
fn doubted(before: &Leg, after: &Leg) -> bool {
    let trouble = |l: &Leg| (l.evidence.abnormal_at, l.evidence.closed.is_some());
    before.state == LegState::Succeeded && trouble(before) != trouble(after)
}

/// When a payable or unknown payment is asked about next: the plan's delay, but never later than the
/// expiry of its order.
pub fn next_poll_at(order: &Order, delay_ms: i64, now: Timestamp) -> Timestamp {
    let planned = now.plus_ms(delay_ms);
    if now < order.expires_at { planned.min(order.expires_at) } else { planned }
}

/// How often a hold is looked at: the channel may have let it go.
const HOLD_CHECK_MS: i64 = 6 * HOUR_MS;
/// How long before it lapses a hold that nobody wants is given up: a capture that comes too late takes nothing.
const HOLD_MARGIN_MS: i64 = HOUR_MS;
/// How long a hold is kept when nobody says when it lapses: the shortest of the card schemes.
const HOLD_MS: i64 = 5 * DAY_MS;

/// When a hold must be given up.
fn hold_ends_at(payment: &Payment) -> Timestamp {
    let hold = payment.evidence.authorized.as_ref();
    let lapses_at = hold.map(|h| h.lapses_at.unwrap_or(h.receipt.paid_at.plus_ms(HOLD_MS)));
    lapses_at.unwrap_or(payment.created_at).plus_ms(-HOLD_MARGIN_MS)
}

/// When a hold is looked at next; not later than `now` when it must be given up.
pub fn next_hold_check_at(payment: &Payment, now: Timestamp) -> Timestamp {
    hold_ends_at(payment).min(now.plus_ms(HOLD_CHECK_MS))
}

/// The job that an open order must have. The sweep adds it where it is missing.
pub fn owed_order_job(order: &Order, now: Timestamp) -> Option<NewJob> {
    order.due_at.filter(|_| !order.state.is_final()).map(|_| NewJob { due_at: now, ..expire(order) })
}

/// The job that an open payment must have. The sweep adds it where it is missing.
pub fn owed_job(payment: &Payment, now: Timestamp) -> Option<NewJob> {
    let kind = match payment.state {
        PaymentState::New | PaymentState::Sending => JobKind::CreatePayment,
        PaymentState::Unknown | PaymentState::Authorized => JobKind::PollPayment,
        PaymentState::Capturing => JobKind::CapturePayment,
        // A charge through an agreement gives no code: whoever lost the answer asks.
        PaymentState::AwaitingPayer if payment.evidence.code().is_none() && !payment.method.debits() => {
            JobKind::CreatePayment
        }
        PaymentState::AwaitingPayer if payment.waits_by_hand() => return None,
        PaymentState::AwaitingPayer => JobKind::PollPayment,
        PaymentState::Closing => JobKind::ClosePayment,
        PaymentState::Declined | PaymentState::Closed => JobKind::WatchPayment,
        PaymentState::Captured => JobKind::SettleLateMoney,
        PaymentState::IntegrityHold | PaymentState::CaptureReversed => return None,
    };
    payment.due_at.map(|_| NewJob::new(JobKey::payment(kind, payment.id), payment.merchant, now))
}

/// Which job a leg has while something is due for it.
pub const fn owed_kind(leg: &Leg) -> Option<JobKind> {
    match leg.state {
        LegState::Reserved | LegState::Sending | LegState::WaitingFunds | LegState::SecondWay => {
            Some(JobKind::SendRefund)
        }
        LegState::Unknown | LegState::Processing => Some(JobKind::PollRefund),
        // The payer's bank may send it back days later, and the message about that may be lost.
        LegState::Succeeded if matches!(leg.route, Route::Channel) => Some(JobKind::PollRefund),
        LegState::Succeeded
        | LegState::AwaitingTransfer
        | LegState::Failed
        | LegState::NotPossible
        | LegState::Stranded
        | LegState::Reversed
        | LegState::Abandoned
        | LegState::Held => None,
    }
}

/// The job that a leg of a refund must have. The sweep adds it where it is missing.
pub fn owed_refund_job(leg: &Leg, merchant: MerchantId, now: Timestamp) -> Option<NewJob> {
    leg.due_at?;
    Some(NewJob::new(JobKey::leg(owed_kind(leg)?, leg.id), merchant, now))
}
