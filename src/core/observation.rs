//! What was observed about a payment or a refund: it knows claims and their sources, and must never know how one
//! was obtained.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::agreement::AgreementClaim;
use crate::billing::claim::PlanClaim;
use crate::clock::Timestamp;
use crate::decline::Decline;
use crate::id::{AgreementId, LegId, NotificationId, OrderId, PaymentId, PlanId, RefundId};
use crate::money::Money;
use crate::refund::RefundClaim;

/// Where a claim comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Our own decision, written down before acting on it.
    Intent,
    /// The answer to our create call.
    Create,
    /// The answer to our query.
    Query,
    /// The answer to our close call.
    Close,
    /// A message from the channel.
    Notification,
    /// The merchant, through the API.
    Merchant,
    /// An operator.
    Operator,
    /// Time passed.
    Clock,
    /// The sweep found it.
    Sweep,
    /// The answer to our refund call.
    Refund,
    /// It follows from something else that was observed.
    Rule,
    /// The answer to our capture call.
    Capture,
    /// A line of a bank's statement.
    Statement,
    /// Somebody who took money by hand.
    Collection,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 14] = [
        Self::Intent,
        Self::Create,
        Self::Query,
        Self::Close,
        Self::Notification,
        Self::Merchant,
        Self::Operator,
        Self::Clock,
        Self::Sweep,
        Self::Refund,
        Self::Rule,
        Self::Capture,
        Self::Statement,
        Self::Collection,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Intent => 1,
            Self::Create => 2,
            Self::Query => 3,
            Self::Close => 4,
            Self::Notification => 5,
            Self::Merchant => 6,
            Self::Operator => 7,
            Self::Clock => 8,
            Self::Sweep => 9,
            Self::Refund => 10,
            Self::Rule => 11,
            Self::Capture => 12,
            Self::Statement => 13,
            Self::Collection => 14,
        }
    }

    /// The source with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// What the payer needs in order to pay.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum PayCode {
    /// Show `url` as a QR code.
    QrCode {
        /// The text of the code.
        url: String,
    },
    /// Send the payer's browser to `url`.
    Redirect {
        /// The page.
        url: String,
    },
    /// Hand `fields` to the channel's front-end SDK.
    Sdk {
        /// Names and values as the SDK wants them, signature included.
        fields: BTreeMap<String, String>,
    },
    /// Have the payer's browser post `fields` as a form to `action`.
    Form {
        /// The channel's page.
        action: String,
        /// Names and values of the form, signature included.
        fields: BTreeMap<String, String>,
    },
    /// Show the payer where to transfer the money, and the reference by which it is recognised.
    Transfer {
        /// Names and values: account, its holder, bank, reference.
        fields: BTreeMap<String, String>,
    },
    /// Somebody comes and collects it.
    Cash {
        /// What the payer tells the collector: it confirms the amount.
        code: String,
    },
    /// Nothing: the channel charges the payer by his agreement.
    Debit,
}

/// What a channel says about money that it took.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Receipt {
    /// The channel's own number of the payment.
    pub transaction_id: String,
    /// Minor units taken.
    pub amount_minor: i64,
    /// ISO 4217 code as the channel wrote it.
    pub currency: String,
    /// Whether the channel named our merchant and app numbers as the payee.
    pub payee_matches: bool,
    /// When the payer paid, by the channel's clock.
    pub paid_at: Timestamp,
}

impl Receipt {
    /// Why this receipt is not the payment of `expected`; `None` when it is.
    pub fn mismatch(&self, expected: Money) -> Option<String> {
        if !self.payee_matches {
            return Some(format!("transaction {} names another merchant or app as the payee", self.transaction_id));
        }
        if self.currency != expected.currency.code() || self.amount_minor != expected.minor {
            return Some(format!(
                "transaction {} took {} minor units of {}, expected {expected}",
                self.transaction_id, self.amount_minor, self.currency
            ));
        }
        None
    }
}

/// What a channel says about money that it holds for us.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// What is held, as it will be said when it is taken; `paid_at` is when it was held.
    pub receipt: Receipt,
    /// When the channel lets it go by itself.
    pub lapses_at: Option<Timestamp>,
}

impl Hold {
    /// Why this hold is not enough for `expected`; `None` when it is. It may be for more: the channel
    /// tells of the whole hold also when the service came to less, and no more is taken than what is asked for.
    pub fn mismatch(&self, expected: Money) -> Option<String> {
        let enough = self.receipt.amount_minor.min(expected.minor);
        Receipt { amount_minor: enough, ..self.receipt.clone() }.mismatch(expected)
    }
}

/// Money that came for a payment, whole or in part: a line of a statement, or a collection.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Piece {
    /// What it is known by: the line's or the collection's id.
    pub line: String,
    /// Minor units.
    pub amount_minor: i64,
    /// ISO 4217 code as it was written.
    pub currency: String,
    /// When it came, by the bank's or the collector's clock.
    pub at: Timestamp,
}

/// What a channel says about a payer's complaint to his bank.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Dispute {
    /// The channel's number of it.
    pub id: String,
    /// Minor units that are disputed.
    pub amount_minor: i64,
    /// The channel's word for why.
    pub reason: String,
    /// How it ended: `true` when the money stays with the merchant. `None` while it is open.
    pub won: Option<bool>,
}

/// What was claimed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "claim", rename_all = "snake_case")]
pub enum Claim {
    /// We are about to call the channel with the payment's number.
    Sending,
    /// The channel has it and the payer can pay.
    Accepted {
        /// What the payer needs.
        code: PayCode,
    },
    /// The channel definitely refused to create it: no money is possible.
    Refused {
        /// The channel's reason, with its code.
        reason: String,
    },
    /// A call to create it ended without a usable answer: it may or may not have happened.
    NoAnswer {
        /// What went wrong.
        why: String,
    },
    /// The call certainly had no effect: it never left us (no connection, our own limits), or was turned
    /// away at the door (a wrong signature).
    NotSent {
        /// What held it back.
        why: String,
    },
    /// The channel does not know the number.
    Absent,
    /// The channel knows it; it is not paid.
    Unpaid,
    /// One attempt of the payer failed; he may try again.
    AttemptFailed {
        /// The channel's reason.
        reason: String,
    },
    /// The payer was not charged by his agreement.
    Declined {
        /// Why.
        decline: Decline,
        /// Whether that is the end of the number: no money is possible through it.
        ended: bool,
    },
    /// Money was taken.
    Paid(Receipt),
    /// The payer has agreed: the amount is held for us.
    Authorized(Hold),
    /// What is held shall be taken.
    CaptureRequested {
        /// Who wants it.
        by: String,
        /// How much of it: what the service came to in the end. `None`: all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        minor: Option<i64>,
    },
    /// Money came by hand or by bank.
    Received(Piece),
    /// Money that had come was taken back by the bank, or had never come.
    TakenBack {
        /// The piece.
        line: String,
        /// Why, in the bank's or a person's words.
        reason: String,
    },
    /// The last moment to pay that the channel was told is past, and a query after it found no money. Said by
    /// whoever saw both in this order.
    Lapsed,
    /// The payer chose another way: this one is closed.
    Replaced {
        /// The other way.
        by: String,
    },
    /// The payer complained to his bank, or his complaint ended.
    Disputed(Dispute),
    /// The channel says that it is closed or revoked.
    ClosedAtChannel,
    /// It shall be closed.
    CloseRequested {
        /// Why: expired, by the merchant, by an operator.
        reason: String,
    },
    /// The channel answered our close call with yes or "already closed".
    CloseAccepted,
    /// A query that followed the accepted close still found no money. Said by whoever saw both in this
    /// order: the clocks of two machines cannot tell it.
    UnpaidAfterClose,
    /// What shall happen to money that came for a closed order and was set aside for this question.
    LateMoneyAnswered {
        /// Whether it is kept, and the order paid after all. Otherwise it goes back.
        keep: bool,
        /// Who said so; the deadline says `deadline`.
        by: String,
    },
    /// About a refund or one of its legs.
    Refund(RefundClaim),
    /// About an agreement.
    Agreement(AgreementClaim),
    /// About a plan.
    Plan(PlanClaim),
}

impl Claim {
    /// The stable name in timelines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sending => "sending",
            Self::Accepted { .. } => "accepted",
            Self::Refused { .. } => "refused",
            Self::NoAnswer { .. } => "no_answer",
            Self::NotSent { .. } => "not_sent",
            Self::Absent => "absent",
            Self::Unpaid => "unpaid",
            Self::AttemptFailed { .. } => "attempt_failed",
            Self::Paid(_) => "paid",
            Self::Authorized(_) => "authorized",
            Self::CaptureRequested { .. } => "capture_requested",
            Self::Received(_) => "received",
            Self::TakenBack { .. } => "taken_back",
            Self::Lapsed => "lapsed",
            Self::Replaced { .. } => "replaced",
            Self::Disputed(_) => "disputed",
            Self::ClosedAtChannel => "closed_at_channel",
            Self::CloseRequested { .. } => "close_requested",
            Self::CloseAccepted => "close_accepted",
            Self::UnpaidAfterClose => "unpaid_after_close",
            Self::LateMoneyAnswered { .. } => "late_money_answered",
            Self::Declined { .. } => "debit_declined",
            Self::Refund(claim) => claim.name(),
            Self::Agreement(claim) => claim.name(),
            Self::Plan(claim) => claim.name(),
        }
    }
}

/// What an observation is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// A payment.
    Payment(PaymentId),
    /// A refund as a whole.
    Refund(RefundId),
    /// One leg of a refund.
    Leg(LegId),
    /// An order as a whole.
    Order(OrderId),
    /// An agreement.
    Agreement(AgreementId),
    /// A plan.
    Plan(PlanId),
}

impl Subject {
    /// The 128 bits of its id.
    pub const fn uuid(self) -> Uuid {
        match self {
            Self::Payment(id) => id.uuid(),
            Self::Refund(id) => id.uuid(),
            Self::Leg(id) => id.uuid(),
            Self::Order(id) => id.uuid(),
            Self::Agreement(id) => id.uuid(),
            Self::Plan(id) => id.uuid(),
        }
    }
}

impl From<PaymentId> for Subject {
    fn from(id: PaymentId) -> Self {
        Self::Payment(id)
    }
}

impl From<RefundId> for Subject {
    fn from(id: RefundId) -> Self {
        Self::Refund(id)
    }
}

impl From<LegId> for Subject {
    fn from(id: LegId) -> Self {
        Self::Leg(id)
    }
}

impl From<OrderId> for Subject {
    fn from(id: OrderId) -> Self {
        Self::Order(id)
    }
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payment(id) => id.fmt(f),
            Self::Refund(id) => id.fmt(f),
            Self::Leg(id) => id.fmt(f),
            Self::Order(id) => id.fmt(f),
            Self::Agreement(id) => id.fmt(f),
            Self::Plan(id) => id.fmt(f),
        }
    }
}

/// One claim, as it was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observation {
    /// Where it comes from.
    pub source: Source,
    /// When we saw it.
    pub seen_at: Timestamp,
    /// What was claimed.
    pub claim: Claim,
    /// The stored message that carried it.
    pub notification: Option<NotificationId>,
}

impl Observation {
    /// `claim` from `source`, seen at `seen_at`.
    pub const fn new(source: Source, seen_at: Timestamp, claim: Claim) -> Self {
        Self { source, seen_at, claim, notification: None }
    }
}
