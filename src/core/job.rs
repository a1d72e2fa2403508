//! Jobs as facts: it knows every kind of job, its queue and its bounds, and must never know how a job
//! is stored or run.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::clock::Timestamp;
use crate::id::{self, LegId, LineId, MerchantId, OrderId, PaymentId, ScheduleId};

/// Which stream of work a job belongs to. Each queue has its own slots in a worker, so that dead
/// merchant endpoints never delay money. A queue can be paused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Queue {
    /// Creating, closing, refunding, and reading notifications: somebody waits for these.
    Money,
    /// Asking a channel again.
    Poll,
    /// Telling merchants.
    Webhook,
    /// Housekeeping.
    Upkeep,
    /// Reconciliation: long runs that nobody waits for.
    Books,
}

impl Queue {
    /// All queues, most urgent first.
    pub const ALL: [Self; 5] = [Self::Money, Self::Poll, Self::Webhook, Self::Upkeep, Self::Books];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Money => 1,
            Self::Poll => 2,
            Self::Webhook => 3,
            Self::Upkeep => 4,
            Self::Books => 5,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Poll => "poll",
            Self::Webhook => "webhook",
            Self::Upkeep => "upkeep",
            Self::Books => "books",
        }
    }

    /// The queue with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|q| q.code() == code)
    }
}

impl FromStr for Queue {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|q| q.name() == text)
            .ok_or_else(|| format!("`{text}` is not a queue; there are money, poll, webhook, upkeep, books"))
    }
}

/// What a job does. Its payload is its subject and its step: everything else is read from the rows
/// that are the truth.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum JobKind {
    /// Ask the channel to make the payment payable. Subject: payment.
    CreatePayment,
    /// Read a stored notification into the books. Subject: notification.
    HandleNotification,
    /// Ask the channel where a payment stands. Subject: payment.
    PollPayment,
    /// Run the close protocol. Subject: payment.
    ClosePayment,
    /// Keep an eye on a payment that ended unpaid. Subject: payment.
    WatchPayment,
    /// Ask the channel to give money back. Subject: leg of a refund.
    SendRefund,
    /// Ask the channel where a refund stands. Subject: leg of a refund.
    PollRefund,
    /// Give late money back that nobody claimed in time. Subject: payment.
    SettleLateMoney,
    /// Take what is held. Subject: payment.
    CapturePayment,
    /// End an order whose payer did not choose in time. Subject: order.
    ExpireOrder,
    /// Find what a line of a bank's statement is about. Subject: line.
    MatchStatementLine,
    /// Have an agreement signed, look whether it holds, or end it. Subject: agreement.
    FollowAgreement,
    /// Charge what a plan's installments owe, and follow them. Subject: plan.
    FollowPlan,
    /// Fire a schedule for what is due. Subject: schedule.
    FireSchedule,
    /// Tell a merchant endpoint. Subject: delivery.
    DeliverWebhook,
    /// Give open payments without a live job their job back. Subject: nil.
    SweepStuck,
    /// Delete what is older than its retention. Subject: nil.
    Prune,
    /// Begin the reconciliation of days whose bills are due. Subject: nil.
    PlanReconciliations,
    /// Fetch the bills of a day and match them with our books. Subject: reconciliation.
    Reconcile,
    /// Prove that the ledger agrees with the payments, and certify the day before. Subject: nil.
    ProveDay,
    /// Test that reconciliation finds what it must. Subject: nil.
    SelfTest,
    /// Give receivers their shares of a payment, and pull back what its refunds need. Subject: payment.
    SharePayment,
}

/// How the note of a [`JobKind::SelfTest`] begins that has not found what it must.
pub const SELF_TEST_FAILED: &str = "the self-test failed";

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 22] = [
        Self::CreatePayment,
        Self::HandleNotification,
        Self::PollPayment,
        Self::ClosePayment,
        Self::WatchPayment,
        Self::SendRefund,
        Self::PollRefund,
        Self::SettleLateMoney,
        Self::CapturePayment,
        Self::ExpireOrder,
        Self::MatchStatementLine,
        Self::FollowAgreement,
        Self::FollowPlan,
        Self::FireSchedule,
        Self::DeliverWebhook,
        Self::SweepStuck,
        Self::Prune,
        Self::PlanReconciliations,
        Self::Reconcile,
        Self::ProveDay,
        Self::SelfTest,
        Self::SharePayment,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::CreatePayment => 1,
            Self::HandleNotification => 2,
            Self::PollPayment => 3,
            Self::ClosePayment => 4,
            Self::WatchPayment => 5,
            Self::DeliverWebhook => 6,
            Self::SweepStuck => 7,
            Self::Prune => 8,
            Self::SendRefund => 9,
            Self::PollRefund => 10,
            Self::SettleLateMoney => 11,
            Self::CapturePayment => 12,
            Self::ExpireOrder => 13,
            Self::MatchStatementLine => 14,
            Self::FireSchedule => 15,
            Self::FollowAgreement => 16,
            Self::FollowPlan => 17,
            Self::PlanReconciliations => 18,
            Self::Reconcile => 19,
            Self::ProveDay => 20,
            Self::SelfTest => 22,
            Self::SharePayment => 21,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreatePayment => "create_payment",
            Self::HandleNotification => "handle_notification",
            Self::PollPayment => "poll_payment",
            Self::ClosePayment => "close_payment",
            Self::WatchPayment => "watch_payment",
            Self::DeliverWebhook => "deliver_webhook",
            Self::SweepStuck => "sweep_stuck",
            Self::Prune => "prune",
            Self::ProveDay => "prove_day",
            Self::SelfTest => "self_test",
            Self::SendRefund => "send_refund",
            Self::PollRefund => "poll_refund",
            Self::SettleLateMoney => "settle_late_money",
            Self::CapturePayment => "capture_payment",
            Self::ExpireOrder => "expire_order",
            Self::MatchStatementLine => "match_statement_line",
            Self::FollowAgreement => "follow_agreement",
            Self::FollowPlan => "follow_plan",
            Self::FireSchedule => "fire_schedule",
            Self::PlanReconciliations => "plan_reconciliations",
            Self::Reconcile => "reconcile",
            Self::SharePayment => "share_payment",
        }
    }

    /// The queue that it runs in.
    pub const fn queue(self) -> Queue {
        match self {
            Self::CreatePayment
            | Self::HandleNotification
            | Self::ClosePayment
            | Self::SendRefund
            | Self::CapturePayment
            | Self::ExpireOrder
            | Self::MatchStatementLine
            | Self::FollowAgreement
            | Self::FollowPlan
            | Self::FireSchedule
            | Self::SharePayment
            | Self::SettleLateMoney => Queue::Money,
            Self::PollPayment | Self::WatchPayment | Self::PollRefund => Queue::Poll,
            Self::DeliverWebhook => Queue::Webhook,
            Self::SweepStuck | Self::Prune | Self::PlanReconciliations | Self::ProveDay => Queue::Upkeep,
            Self::Reconcile | Self::SelfTest => Queue::Books,
        }
    }

    /// How many runs may end badly (error, panic, time-out, death of the process) before the job is
    /// parked. A planned `again` is not a bad ending and does not count.
    pub const fn max_attempts(self) -> i32 {
        match self {
            // Money is worth many tries; the back-off between them grows to minutes.
            Self::CreatePayment
            | Self::HandleNotification
            | Self::PollPayment
            | Self::ClosePayment
            | Self::WatchPayment
            | Self::SendRefund
            | Self::PollRefund
            | Self::CapturePayment
            | Self::ExpireOrder
            | Self::MatchStatementLine
            | Self::FollowAgreement
            | Self::FollowPlan
            | Self::FireSchedule
            | Self::SharePayment
            | Self::SettleLateMoney => 12,
            // A delivery's failures are planned; only crashes of our own count here.
            Self::DeliverWebhook => 8,
            // Housekeeping must never stop for good.
            Self::SweepStuck | Self::Prune | Self::PlanReconciliations | Self::ProveDay | Self::SelfTest => i32::MAX,
            // A day's books are worth as many tries as money; what stays wrong is told by its own row.
            Self::Reconcile => 12,
        }
    }

    /// How long one run may take before it is given up and tried again, in real milliseconds. It is
    /// longer than every HTTP time-out inside a run and shorter than an operator's patience.
    pub const fn run_limit_ms(self) -> i64 {
        match self {
            Self::SweepStuck | Self::Prune | Self::PlanReconciliations | Self::SelfTest => 120_000,
            // A slice of a bill with a hundred thousand lines, on a slow day of the database.
            Self::Reconcile => 900_000,
            // It reads every order; nobody waits for it.
            Self::ProveDay => 3_600_000,
            _ => 60_000,
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

impl FromStr for JobKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a kind of job; there are {}", names.join(", "))
        })
    }
}

/// A job's identity. There is at most one live job per key: adding it twice is an answer, not an error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobKey {
    /// What it does.
    pub kind: JobKind,
    /// What it does it to: the 128 bits of the id of a payment, leg, order, notification, delivery, line,
    /// schedule, agreement, plan or reconciliation, or nil.
    pub subject: Uuid,
}

impl JobKey {
    /// The key of `kind` for `subject`.
    pub const fn new(kind: JobKind, subject: Uuid) -> Self {
        Self { kind, subject }
    }

    /// The key of a job about a payment.
    pub const fn payment(kind: JobKind, payment: PaymentId) -> Self {
        Self::new(kind, payment.uuid())
    }

    /// The key of a job about an order.
    pub const fn order(kind: JobKind, order: OrderId) -> Self {
        Self::new(kind, order.uuid())
    }

    /// The key of a job about a line of a statement.
    pub const fn line(kind: JobKind, line: LineId) -> Self {
        Self::new(kind, line.uuid())
    }

    /// The key of a job about a schedule.
    pub const fn schedule(kind: JobKind, schedule: ScheduleId) -> Self {
        Self::new(kind, schedule.uuid())
    }

    /// The key of a job about a leg of a refund.
    pub const fn leg(kind: JobKind, leg: LegId) -> Self {
        Self::new(kind, leg.uuid())
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), id::to_text(self.subject))
    }
}

impl fmt::Debug for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for JobKey {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a job: expected kind:subject, as `bursar job list` prints it");
        let (kind, subject) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self::new(kind.parse()?, id::from_text(subject).ok_or_else(wrong)?))
    }
}

/// A job to be added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewJob {
    /// Its identity.
    pub key: JobKey,
    /// Whose turn it takes: claiming is fair across merchants.
    pub merchant: MerchantId,
    /// When it may run first.
    pub due_at: Timestamp,
    /// Where its plan starts (see [`crate::plan::RetryPlan`]).
    pub step: i32,
}

impl NewJob {
    /// A job at the first step of its plan.
    pub const fn new(key: JobKey, merchant: MerchantId, due_at: Timestamp) -> Self {
        Self { key, merchant, due_at, step: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_round_trip() {
        for kind in JobKind::ALL {
            assert_eq!(JobKind::from_code(kind.code()), Some(kind));
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        for queue in Queue::ALL {
            assert_eq!(Queue::from_code(queue.code()), Some(queue));
        }
        let key = JobKey::new(JobKind::PollPayment, Uuid::from_u128(77));
        assert_eq!(key.to_string().parse(), Ok(key));
    }
}
