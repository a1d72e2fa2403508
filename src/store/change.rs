//! What a writer hands to the store: it knows the rows and guards of one change, and must never know
//! how they are written.

use bursar_core::Timestamp;
use bursar_core::bank::{LineRow, StatementRow};
use bursar_core::channel::Method;
use bursar_core::decide::{Question, QuestionKind};
use bursar_core::event::EventKind;
use bursar_core::id::{ChannelAccountId, DeliveryId, EndpointId, MerchantId, NotificationId};
use bursar_core::job::{JobKey, NewJob};
use bursar_core::ledger::Posting;
use bursar_core::observation::{Observation, Subject};
use bursar_core::order::Order;
use bursar_core::payment::Payment;
use bursar_core::refund::{Leg, Refund};
use bursar_core::sharing::Sharing;
use uuid::Uuid;

use crate::about::About;
use crate::billing::BillingRows;
use crate::books::BookRows;
use crate::cash::CashRows;
use crate::schedules::ScheduleRows;

/// Rows that are written together or not at all. A guard that does not hold refuses the whole change.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Orders to insert (version 0 becomes 1). Guard: the merchant has no order of that number.
    pub new_orders: Vec<Order>,
    /// Payments to insert (version 0 becomes 1), in the order in which their order keeps them.
    pub new_payments: Vec<Payment>,
    /// Orders to update. Guard: the row still has `version`, which is counted up.
    pub orders: Vec<Order>,
    /// Payments to update. Guard: the row still has `version`, which is counted up.
    pub payments: Vec<Payment>,
    /// Refunds to insert, without their legs (version 0 becomes 1). One that is there, or a leg that is, makes
    /// the change stale: their ids are derived, so somebody else has decided the same.
    pub new_refunds: Vec<Refund>,
    /// Legs to insert (version 0 becomes 1). Guard: this change does not raise what their payments have
    /// returned above what was taken. It must count them there: a sum that differs is an error.
    pub new_legs: Vec<Leg>,
    /// Refunds to update, without their legs. Guard: the row still has `version`, which is counted up.
    pub refunds: Vec<Refund>,
    /// Legs to update. Guard: the row still has `version`, which is counted up.
    pub legs: Vec<Leg>,
    /// Observations to append; numbered per subject by the subject's new version and their position.
    pub observations: Vec<(Subject, Observation)>,
    /// Postings to append, with the time of the transition.
    pub postings: Vec<(Posting, Timestamp)>,
    /// Questions to open. One that is already open stays as it is.
    pub questions: Vec<Question>,
    /// Questions to close: answered, or pointless by now. Closed before others are opened.
    pub answered: Vec<(Uuid, QuestionKind)>,
    /// Jobs to add. One that is already live keeps its state and takes the earlier due time.
    pub jobs: Vec<NewJob>,
    /// Jobs to drop.
    pub cancel: Vec<JobKey>,
    /// Deliveries to add.
    pub new_deliveries: Vec<NewDelivery>,
    /// Outcome of an attempt at a delivery.
    pub delivery_attempts: Vec<DeliveryAttempt>,
    /// What payers have paid with, to be offered to them first. Of the same way the latest counts.
    pub last_paid: Vec<LastPaid>,
    /// A statement of a bank to insert; its version is counted by the store. Guard: the account has no
    /// statement of that file and ordinal.
    pub statement: Option<StatementRow>,
    /// Lines of statements to insert (version 0 becomes 1), at most [`MAX_NEW_LINES`]. One that the account has
    /// already stays as it is.
    pub new_lines: Vec<LineRow>,
    /// Lines to update: where they stand, and why. Guard: the row still has `version`, which is counted up.
    pub lines: Vec<LineRow>,
    /// Cash: collections, hand-ins and payouts.
    pub cash: CashRows,
    /// Agreements, plans and installments.
    pub billing: BillingRows,
    /// Movements, bills, breaks and reconciliations.
    pub books: BookRows,
    /// Schedules and their fires.
    pub schedules: ScheduleRows,
    /// Shares of orders to insert (version 0 becomes 1) or to update. Guard: the order has none, or the row still has
    /// `version`, which is counted up.
    pub sharings: Vec<Sharing>,
    /// A notification to store. Guard: not seen before.
    pub notification: Option<Notification>,
    /// An idempotency key to take with its answer. Guard: not taken.
    pub idempotency: Option<IdempotencyKey>,
    /// The job whose run this is. Guard: we still hold its lease.
    pub settle: Option<Settle>,
    /// Whether losing this change in a crash of the database would only cost work, not money or
    /// promises. A batch commits asynchronously only when all its changes may.
    pub may_be_lost: bool,
}

/// Most lines that one change may insert: it bounds a transaction. A longer statement comes in several changes.
pub const MAX_NEW_LINES: usize = 500;

impl Change {
    /// Whether it carries rows that come with a request or a run and not with a decision: they are written even
    /// when the decision tells nothing new.
    pub(crate) fn carries_more(&self) -> bool {
        self.idempotency.is_some() || self.carries_rows()
    }

    /// The same without the idempotency key: rows that others may have written in the meantime.
    pub(crate) fn carries_rows(&self) -> bool {
        let of_bank = self.statement.is_some() || !self.new_lines.is_empty() || !self.lines.is_empty();
        of_bank
            || self.books.carries_rows()
            || !self.cash.is_empty()
            || !self.billing.is_empty()
            || !self.schedules.is_empty()
            || !self.sharings.is_empty()
    }
}

/// That a payer has paid in some way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LastPaid {
    /// Payers of different merchants are different payers.
    pub merchant: MerchantId,
    /// The merchant's own number of the payer.
    pub payer: String,
    /// The way.
    pub method: Method,
    /// When.
    pub at: Timestamp,
}

/// How a claimed job goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settle {
    /// The job.
    pub key: JobKey,
    /// The process that claimed it.
    pub owner: Uuid,
    /// The fence of its claim.
    pub fence: i64,
    /// What happens to it.
    pub how: Settlement,
}

/// What happens to a claimed job.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Settlement {
    /// The run goes on: only check that we still hold the lease.
    Hold,
    /// Finished: delete it.
    Done,
    /// Run again at `due_at`; not a bad ending: attempts start afresh.
    Again {
        /// When.
        due_at: Timestamp,
        /// The step of its plan.
        step: i32,
        /// Why, in a few words, for people.
        why: String,
    },
    /// The run ended badly: again at `due_at`, and the attempt stays counted.
    Failed {
        /// When.
        due_at: Timestamp,
        /// What went wrong.
        error: String,
    },
    /// Wait for a person.
    Park {
        /// The question.
        question: String,
    },
}

/// How a change was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// Written.
    Committed,
    /// A version had moved on: reload and decide again.
    Stale,
    /// Our lease is gone: drop it.
    Fenced,
    /// The number of the order or plan, or the agreement, notification, statement, collection, hand-in, payout, name
    /// or fire of a schedule, or idempotency key was there before: read that. Said rather than that something is
    /// stale, so that a repeated request is not decided again.
    Duplicate,
}

/// A message received from a channel, as it came.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// Its id, derived from account and channel id.
    pub id: NotificationId,
    /// The account whose URL it came to.
    pub account: ChannelAccountId,
    /// Whose account it is.
    pub merchant: MerchantId,
    /// Headers that prove it, as the channel sent them, one `name: value` per line.
    pub headers: String,
    /// The raw body.
    pub body: Vec<u8>,
    /// When we got it.
    pub received_at: Timestamp,
}

/// An idempotency key with the request that took it and the answer that it got.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyKey {
    /// Keys of different merchants are different keys.
    pub merchant: MerchantId,
    /// The key as the client sent it.
    pub key: String,
    /// SHA-256 over method, path and body.
    pub request_digest: Vec<u8>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub answer: String,
    /// When it was taken.
    pub created_at: Timestamp,
}

/// One merchant event for one endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewDelivery {
    /// Its id; also the webhook's id, the same on every attempt.
    pub id: DeliveryId,
    /// What it tells of.
    pub about: About,
    /// The event's number among those of the same order, plan or agreement: 1, 2, 3 … without gaps.
    pub sequence: i64,
    /// What happened.
    pub kind: EventKind,
    /// Where to; `None` when the merchant has no endpoint (the event is kept all the same).
    pub endpoint: Option<EndpointId>,
    /// The body.
    pub body: String,
    /// When it happened.
    pub created_at: Timestamp,
}

/// The outcome of one attempt at a delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryAttempt {
    /// Which.
    pub id: DeliveryId,
    /// When.
    pub at: Timestamp,
    /// `None`: delivered. Otherwise what went wrong, in a few words.
    pub error: Option<String>,
    /// Whether no further attempt will be made.
    pub given_up: bool,
}
