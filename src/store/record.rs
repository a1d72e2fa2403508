//! What a reader gets from the store: it knows the shapes of answers, and must never know how they are
//! found.

use bursar_core::agreement::Agreement;
use bursar_core::bank::{Day, Direction, LineState};
use bursar_core::billing::PlanFile;
use bursar_core::cash::Collection;
use bursar_core::channel::Method;
use bursar_core::decide::QuestionKind;
use bursar_core::event::EventKind;
use bursar_core::id::{
    ChannelAccountId, DeliveryId, EndpointId, LegId, LineId, MerchantId, NotificationId, OrderId, PaymentId, RefundId,
};
use bursar_core::job::{JobKey, JobKind, Queue};
use bursar_core::observation::{Claim, Source};
use bursar_core::order::{Dossier, OrderState};
use bursar_core::payment::PaymentState;
use bursar_core::refund::{LegState, RefundState, Route};
use bursar_core::{Money, Timestamp};
use uuid::Uuid;

use crate::about::About;

/// A wish for jobs.
#[derive(Clone, Debug)]
pub struct ClaimRequest {
    /// The claiming process.
    pub owner: Uuid,
    /// How many of each queue at most.
    pub wanted: Vec<(Queue, u32)>,
    /// The present instant by the program's clock: jobs due until then.
    pub now: Timestamp,
    /// Length of the lease by the database's clock, in milliseconds.
    pub lease_ms: i64,
}

/// A job that is ours until its lease ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claimed {
    /// Its identity.
    pub key: JobKey,
    /// Whose turn it takes.
    pub merchant: MerchantId,
    /// When it was due.
    pub due_at: Timestamp,
    /// The step of its plan.
    pub step: i32,
    /// Runs that ended badly before this one.
    pub failures: i32,
    /// Names this claim: every settle must carry it.
    pub fence: i64,
}

/// A job as people see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JobRow {
    /// Its identity.
    pub key: JobKey,
    /// Whose turn it takes.
    pub merchant: MerchantId,
    /// When it is due.
    pub due_at: Timestamp,
    /// The step of its plan.
    pub step: i32,
    /// Claims that have not ended well so far.
    pub attempts: i32,
    /// The process that runs it now.
    pub owner: Option<Uuid>,
    /// Why it waits, or what went wrong last.
    pub note: Option<String>,
    /// The question, when it is parked.
    pub question: Option<String>,
    /// When it was added.
    pub created_at: Timestamp,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// Only this kind.
    pub kind: Option<JobKind>,
    /// Only this subject.
    pub subject: Option<Uuid>,
    /// Only parked ones.
    pub parked_only: bool,
    /// At most so many.
    pub limit: u32,
}

/// Which orders to list.
#[derive(Clone, Debug, Default)]
pub struct OrderFilter {
    /// Only this merchant's. `None` is for operators.
    pub merchant: Option<MerchantId>,
    /// Only in this state.
    pub state: Option<OrderState>,
    /// Only this merchant's number.
    pub number: Option<String>,
    /// Only ids below this one (the cursor of the next page).
    pub before: Option<OrderId>,
    /// Only created at or after.
    pub created_from: Option<Timestamp>,
    /// Only created before.
    pub created_to: Option<Timestamp>,
    /// At most so many.
    pub limit: u32,
}

/// Which refunds to list.
#[derive(Clone, Debug, Default)]
pub struct RefundFilter {
    /// Only this merchant's. `None` is for operators.
    pub merchant: Option<MerchantId>,
    /// Only of this order.
    pub order: Option<OrderId>,
    /// Only in this state.
    pub state: Option<RefundState>,
    /// Only ids below this one (the cursor of the next page).
    pub before: Option<RefundId>,
    /// At most so many.
    pub limit: u32,
}

/// Which lines of statements to list.
#[derive(Clone, Copy, Debug)]
pub struct LineFilter {
    /// Only this account's.
    pub account: ChannelAccountId,
    /// Only in this state.
    pub state: Option<LineState>,
    /// Only ids above this one (the cursor of the next page).
    pub after: Option<LineId>,
    /// At most so many.
    pub limit: u32,
}

/// Which lines of statements are like another.
#[derive(Clone, Copy, Debug)]
pub struct LikeLine {
    /// Of this account.
    pub account: ChannelAccountId,
    /// Of exactly this amount.
    pub amount: Money,
    /// In this direction.
    pub direction: Direction,
    /// Booked on this day or later.
    pub since: Day,
    /// At most so many.
    pub limit: u32,
}

/// Everything that happened to an order.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// The order as it is.
    pub dossier: Dossier,
    /// What was observed, in the order of writing.
    pub observations: Vec<ObservationRow>,
    /// What was posted.
    pub postings: Vec<PostingRow>,
    /// What the merchant was told.
    pub deliveries: Vec<DeliveryRow>,
    /// What is still to be done.
    pub jobs: Vec<JobRow>,
    /// Cash that somebody says to have taken for it.
    pub collections: Vec<Collection>,
    /// What a person was asked.
    pub questions: Vec<ParkedRow>,
}

/// Everything that happened to a plan.
#[derive(Clone, Debug)]
pub struct PlanTimeline {
    /// The plan as it is, with all its installments.
    pub file: PlanFile,
    /// The agreements by which its orders were or are charged, the latest first.
    pub agreements: Vec<Agreement>,
    /// The orders of its installments; of very many the latest.
    pub orders: Vec<Dossier>,
    /// How many orders were left out for that.
    pub orders_left_out: usize,
    /// What was observed of the plan itself, in the order of writing.
    pub observations: Vec<ObservationRow>,
    /// What the merchant was told, as far as it is kept.
    pub deliveries: Vec<DeliveryRow>,
    /// What is still to be done for the plan itself.
    pub jobs: Vec<JobRow>,
    /// What a person is asked about the plan or its orders.
    pub questions: Vec<ParkedRow>,
}

/// A stored observation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ObservationRow {
    /// What it is about: the 128 bits of the id of a payment, refund, leg, order, agreement or plan.
    pub subject: Uuid,
    /// Counts per subject.
    pub sequence: i64,
    /// Where it came from.
    pub source: Source,
    /// What was claimed.
    pub claim: Claim,
    /// When we saw it.
    pub seen_at: Timestamp,
    /// The stored message that carried it.
    pub notification: Option<NotificationId>,
}

/// A stored posting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostingRow {
    /// The posting.
    pub posting: bursar_core::ledger::Posting,
    /// When.
    pub at: Timestamp,
}

/// A stored delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryRow {
    /// Its id.
    pub id: DeliveryId,
    /// What it tells of.
    pub about: About,
    /// The event's number among those of the same order, plan or agreement.
    pub sequence: i64,
    /// What happened.
    pub kind: EventKind,
    /// Where to.
    pub endpoint: Option<EndpointId>,
    /// The body.
    pub body: String,
    /// When it happened.
    pub created_at: Timestamp,
    /// Attempts so far.
    pub attempts: i32,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
    /// When it was given up.
    pub given_up_at: Option<Timestamp>,
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// An answered request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdempotencyRow {
    /// SHA-256 over method, path and body.
    pub request_digest: Vec<u8>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Body of the answer.
    pub answer: String,
}

/// A question that waits for a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParkedRow {
    /// What it is about: the 128 bits of the id of a payment, leg, collection, order or plan.
    pub subject: Uuid,
    /// Its order; the plan itself when it is about one.
    pub about: About,
    /// What kind.
    pub kind: QuestionKind,
    /// The question.
    pub text: String,
    /// Since when.
    pub opened_at: Timestamp,
}

/// What we believe of a payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BookLine {
    /// The payment.
    pub payment: PaymentId,
    /// How the payer pays.
    pub method: Method,
    /// Its order's state.
    pub order_state: OrderState,
    /// Where it stands.
    pub state: PaymentState,
    /// What was to be taken, in minor units.
    pub amount_minor: i64,
    /// Minor units that it brought: less or more than that when money came in pieces.
    pub taken_minor: i64,
    /// The channel's number of the capture; of several pieces the first.
    pub transaction_id: Option<String>,
    /// Whether its order got late money.
    pub late_money: bool,
    /// Minor units given back or set aside for that.
    pub returned_minor: i64,
    /// Whether a question about it is open.
    pub parked: bool,
}

/// What we believe of a leg of a refund.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundLine {
    /// The leg.
    pub leg: LegId,
    /// The payment whose money goes back.
    pub payment: PaymentId,
    /// By which way it goes.
    pub route: Route,
    /// Where it stands.
    pub state: LegState,
    /// Minor units.
    pub amount_minor: i64,
    /// The channel's own number of the refund.
    pub refund_id: Option<String>,
    /// Whether a question about it is open.
    pub parked: bool,
}

/// Numbers for operators.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Orders by state.
    pub orders: Vec<(OrderState, u64)>,
    /// Payments by state.
    pub payments: Vec<(PaymentState, u64)>,
    /// Refunds by state.
    pub refunds: Vec<(RefundState, u64)>,
    /// Legs of refunds by state.
    pub legs: Vec<(LegState, u64)>,
    /// Orders with late money.
    pub late_money: u64,
    /// Payments and legs with an open question.
    pub parked: u64,
    /// Live jobs by kind.
    pub jobs: Vec<(JobKind, u64)>,
    /// Parked jobs.
    pub parked_jobs: u64,
    /// Deliveries that were delivered.
    pub delivered: u64,
    /// Deliveries neither delivered nor given up, with an endpoint.
    pub undelivered: u64,
}
