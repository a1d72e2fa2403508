//! One sentence about an order: it knows why it is not final and what happens next when, and must never
//! decide anything. Pure.

pub mod cash;
pub mod plan;
pub mod plan_story;
pub mod refund;

use bursar_core::channel::ChannelKind;
use bursar_core::job::JobKind;
use bursar_core::order::{OrderState, RefundOverlay};
use bursar_core::payment::{Payment, PaymentState};
use bursar_core::refund::{Refund, RefundState};
use bursar_core::{Money, Timestamp};
use bursar_store::{JobRow, Timeline};

/// Why the order is not final, and what happens next when; or that it is final.
pub fn next(timeline: &Timeline, now: Timestamp) -> String {
    let order = &timeline.dossier.order;
    if let Some(question) = timeline.questions.first() {
        return format!("A person must answer: {}", question.text);
    }
    if let Some(job) = timeline.jobs.iter().find(|j| j.question.is_some()) {
        let question = job.question.as_deref().unwrap_or_default();
        return format!("The job {} is parked until a person looks at it: {question}", job.key.kind.name());
    }
    let claims = cash::waiting(timeline).map(|claims| format!(" {claims}")).unwrap_or_default();
    let sentence = match order.state {
        OrderState::Paid => format!("{} {}", paid(timeline, now), telling(timeline, now)),
        OrderState::Closed => format!("{} {}", closed(timeline, now), telling(timeline, now)),
        OrderState::Created => "No payment was started yet.".to_owned(),
        OrderState::Paying | OrderState::PartiallyPaid | OrderState::Closing => open(timeline, now),
    };
    format!("{sentence}{claims}")
}

/// What the first refund under way waits for; `None` when none is.
fn refunding(timeline: &Timeline, now: Timestamp) -> Option<String> {
    let under_way = |r: &&Refund| !r.state.is_final() && r.state != RefundState::Prepared;
    let mut refunds = timeline.dossier.refunds.iter().filter(under_way);
    let first = refunds.next()?;
    let others = match refunds.count() {
        0 => String::new(),
        n => format!(" {n} more refunds are under way."),
    };
    let sentence = refund::sentence(first, &timeline.jobs, now);
    Some(format!("{} is being refunded: {sentence}{others}", first.amount))
}

fn refunded(timeline: &Timeline) -> Option<Money> {
    let minor = timeline.dossier.refunded_minor();
    (minor > 0).then(|| Money::new(minor, timeline.dossier.order.amount.currency))
}

fn paid(timeline: &Timeline, now: Timestamp) -> String {
    if let Some(refund) = refunding(timeline, now) {
        return format!("Paid. {refund}");
    }
    match (timeline.dossier.overlay(), refunded(timeline)) {
        (RefundOverlay::Refunded, Some(back)) => format!("Paid and refunded ({back}); final."),
        (RefundOverlay::PartiallyRefunded, Some(back)) => format!("Paid and final; {back} of it were refunded."),
        _ => "Paid and final.".to_owned(),
    }
}

fn open(timeline: &Timeline, now: Timestamp) -> String {
    let refund = refunding(timeline, now).map(|r| format!(" {r}")).unwrap_or_default();
    format!("{}{refund}", still_open(timeline, now))
}

fn still_open(timeline: &Timeline, now: Timestamp) -> String {
    let held = timeline.dossier.payments.iter().find(|p| p.state == PaymentState::IntegrityHold);
    let open = timeline.dossier.payments.iter().find(|p| !p.state.is_final());
    let Some(payment) = open.or(held) else {
        if timeline.dossier.order.part_payment {
            let captured = captured(timeline);
            return format!("{captured} are paid and kept; the rest waits until a further payment is added.");
        }
        return "Every payment has ended; the order follows with the next observation.".to_owned();
    };
    format!("{} {}", why(payment, timeline), action(payment, timeline, now))
}

fn why(payment: &Payment, timeline: &Timeline) -> String {
    let expires_at = timeline.dossier.order.expires_at;
    match payment.state {
        PaymentState::New if payment.evidence.not_sent_at.is_some() => {
            "The channel cannot be reached, so the call has not left yet.".to_owned()
        }
        PaymentState::New if payment.due_at.is_none() => "It waits until the part before it is paid.".to_owned(),
        PaymentState::New => "The order is accepted; the channel was not called yet.".to_owned(),
        PaymentState::Sending => "The channel is being asked to make it payable.".to_owned(),
        PaymentState::Unknown => {
            "A call to the channel ended without an answer, so nobody knows yet whether it arrived.".to_owned()
        }
        PaymentState::AwaitingPayer if payment.part_minor() > 0 => {
            let here = Money::new(payment.part_minor(), payment.amount.currency);
            format!("{here} of {} have come; the rest is awaited.", payment.amount)
        }
        PaymentState::AwaitingPayer if payment.method.channel() == ChannelKind::Cash => {
            "The payer pays in cash, when a worker collects it.".to_owned()
        }
        PaymentState::AwaitingPayer if payment.method.debits() => {
            "The channel has the charge and has not said yet whether the payer was charged.".to_owned()
        }
        PaymentState::AwaitingPayer if payment.evidence.code().is_some() => {
            format!("The payer has not paid yet and may until {expires_at}.")
        }
        PaymentState::AwaitingPayer => "The channel has it, but the payer's code was lost on the way.".to_owned(),
        PaymentState::Closing => {
            let reason = payment.evidence.close_requested.as_ref().map_or("", |(_, reason)| reason.as_str());
            format!("It is being closed ({reason}) and the channel has not confirmed that no money came.")
        }
        PaymentState::IntegrityHold => {
            let reason = payment.evidence.mismatch.as_deref().unwrap_or("the channel contradicts itself");
            format!("It is held because {reason}; a person decides.")
        }
        PaymentState::Authorized => {
            let hold = payment.evidence.authorized.as_ref();
            let until = hold.and_then(|h| h.lapses_at).map(|at| format!(" until {at}")).unwrap_or_default();
            format!("{} are held for the payer{until} and wait to be captured.", payment.amount)
        }
        PaymentState::Capturing if payment.evidence.close_requested.is_some() => {
            "What is held for the payer was to be taken, and is not needed any more.".to_owned()
        }
        PaymentState::Capturing => "What is held for the payer is being taken.".to_owned(),
        PaymentState::CaptureReversed => {
            let here = Money::new(payment.taken_minor(), payment.amount.currency);
            format!("The bank took money back: {here} of {} are left; a person decides.", payment.amount)
        }
        PaymentState::Captured | PaymentState::Declined | PaymentState::Closed => "It has ended.".to_owned(),
    }
}

fn action(payment: &Payment, timeline: &Timeline, now: Timestamp) -> String {
    let mut jobs: Vec<&JobRow> = timeline.jobs.iter().filter(|j| j.key.subject == payment.id.uuid()).collect();
    jobs.sort_by_key(|j| j.due_at);
    let Some(job) = jobs.first() else {
        return match payment.due_at {
            Some(_) => "No job is live for it; the sweep gives it one within minutes.".to_owned(),
            None => "Nothing is due for it.".to_owned(),
        };
    };
    let what = match job.key.kind {
        JobKind::CreatePayment => "The channel is called",
        JobKind::PollPayment => "The channel is asked where it stands",
        JobKind::ClosePayment => "The close protocol goes on",
        JobKind::WatchPayment => "The channel is asked once more",
        JobKind::SettleLateMoney => "The late money goes back",
        JobKind::CapturePayment => "What is held is taken",
        JobKind::ExpireOrder => "The order expires",
        JobKind::MatchStatementLine => "A line of a statement is matched",
        JobKind::FireSchedule => "A schedule fires",
        JobKind::SendRefund => "A refund is sent",
        JobKind::PollRefund => "The channel is asked where a refund stands",
        JobKind::HandleNotification => "A message of the channel is read",
        JobKind::DeliverWebhook => "The merchant is told",
        JobKind::FollowAgreement => "The agreement is looked at",
        JobKind::FollowPlan => "The plan is looked at",
        JobKind::SharePayment => "Shares are given or pulled back",
        JobKind::Reconcile => "The bills of a day are matched",
        JobKind::SweepStuck | JobKind::Prune | JobKind::PlanReconciliations | JobKind::ProveDay | JobKind::SelfTest => {
            "Housekeeping runs"
        }
    };
    let last = job.note.as_ref().map(|n| format!(" Last: {n}.")).unwrap_or_default();
    format!("{what} {}.{last}", when(job, now))
}

fn when(job: &JobRow, now: Timestamp) -> String {
    if job.owner.is_some() {
        return "at this moment".to_owned();
    }
    let ahead_ms = job.due_at.since_ms(now);
    if ahead_ms <= 0 {
        return "as soon as a worker is free".to_owned();
    }
    format!("in {} s, at {}", (ahead_ms + 999) / 1_000, job.due_at)
}

fn closed(timeline: &Timeline, now: Timestamp) -> String {
    let dossier = &timeline.dossier;
    let came = if dossier.order.late_money { "Closed; money came after that." } else { "Closed." };
    if let Some(refund) = refunding(timeline, now) {
        return format!("{came} {refund}");
    }
    if let (true, Some(back)) = (dossier.captured_minor() > 0, refunded(timeline)) {
        return format!("{came} {back} of {} went back; final.", captured(timeline));
    }
    if dossier.captured_minor() > 0 {
        return format!("{came} {} of it lie at the channel and nothing goes back by itself.", captured(timeline));
    }
    let watch = timeline.jobs.iter().find(|j| j.key.kind == JobKind::WatchPayment);
    let watched = watch.map(|j| format!(" The channel is asked once more {}, in case money comes late.", when(j, now)));
    format!("Closed and final.{}", watched.unwrap_or_default())
}

fn captured(timeline: &Timeline) -> Money {
    Money::new(timeline.dossier.captured_minor(), timeline.dossier.order.amount.currency)
}

/// Whether the merchant was told everything.
fn telling(timeline: &Timeline, now: Timestamp) -> String {
    let open = timeline.deliveries.iter().find(|d| d.endpoint.is_some() && d.delivered_at.is_none());
    let Some(delivery) = open else {
        return if timeline.deliveries.iter().any(|d| d.delivered_at.is_some()) {
            "The merchant was told.".to_owned()
        } else {
            "Nothing more happens by itself.".to_owned()
        };
    };
    let name = delivery.kind.name();
    if delivery.given_up_at.is_some() {
        return format!("Telling the merchant {name} was given up after {} attempts.", delivery.attempts);
    }
    match timeline.jobs.iter().find(|j| j.key.subject == delivery.id.uuid()) {
        Some(job) => format!("The merchant is told {name} {}.", when(job, now)),
        None => format!("The merchant was not told {name} yet."),
    }
}
