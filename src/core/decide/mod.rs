//! The decision: it knows what follows from an observation, and must never do any of it.
//!
//! `decide` is total (every observation in every state has an answer) and pure. Its result is written
//! in one transaction: state, observations, postings, jobs and merchant events, so the queue is the
//! outbox. Callers that lose a race reload and decide again.
//!
//! A decision is a `case::Case`: the observation changes one part of the dossier, `rules` follow until
//! nothing follows any more, and `consequences` compares before and after.

mod case;
mod consequences;
mod jobs;
mod recover;
mod rules;
mod ways;

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::channel::ChannelFacts;
use crate::clock::Timestamp;
use crate::event::Event;
use crate::id::{ChannelAccountId, RefundId};
use crate::job::{JobKey, NewJob};
use crate::ledger::{self, Posting};
use crate::merchant::MerchantPolicy;
use crate::observation::{Claim, Observation, Source, Subject};
use crate::order::{Dossier, Order, OrderState};
use crate::payment::Payment;
use crate::plan::Plans;
use crate::refund::{Allocation, Impossible, RefundCause, Share, allocate};
use case::Case;

pub use jobs::{next_hold_check_at, next_poll_at, owed_job, owed_order_job, owed_refund_job};
pub use recover::{recover_payment, recover_refund, refund_of_recovered};

/// What a decision depends on besides the rows: configuration of the merchant and its channels.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Retry plans.
    pub plans: &'a Plans,
    /// Limits of the channel accounts of the dossier's payments. One that is missing has its channel's own.
    pub facts: &'a BTreeMap<ChannelAccountId, ChannelFacts>,
    /// What the merchant wants us to do by ourselves.
    pub merchant: &'a MerchantPolicy,
}

impl Policy<'_> {
    /// The limits in force for `payment`.
    pub fn facts_of(&self, payment: &Payment) -> ChannelFacts {
        self.facts.get(&payment.account).copied().unwrap_or_else(|| payment.method.channel().facts())
    }
}

/// A question that only a person can answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// The payment, leg of a refund or collection that it is about: the 128 bits of its id.
    pub subject: Uuid,
    /// What kind of question.
    pub kind: QuestionKind,
    /// The question, in words, with its numbers.
    pub text: String,
}

/// Kinds of questions: at most one open question per subject and kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum QuestionKind {
    /// Money came for a closed order.
    LateMoney,
    /// The channel's claims contradict ours or each other.
    IntegrityHold,
    /// A person has to transfer money to a payer.
    TransferDue,
    /// A merchant's balance at the channel is not enough for a refund.
    NoFunds,
    /// A payer got more back than he should.
    Overpaid,
    /// The bank took money back that had come.
    CaptureReversed,
    /// A payer complained to his bank.
    Dispute,
    /// It is not clear whether cash was collected, or how much.
    CollectionDisputed,
    /// A plan cannot charge any more: its agreement does not hold.
    PlanStalled,
    /// A charge of a plan looks like fraud.
    ChargeAtRisk,
}

impl QuestionKind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::LateMoney,
        Self::IntegrityHold,
        Self::TransferDue,
        Self::NoFunds,
        Self::Overpaid,
        Self::CaptureReversed,
        Self::Dispute,
        Self::CollectionDisputed,
        Self::PlanStalled,
        Self::ChargeAtRisk,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::LateMoney => 1,
            Self::IntegrityHold => 2,
            Self::TransferDue => 3,
            Self::NoFunds => 4,
            Self::Overpaid => 5,
            Self::CaptureReversed => 6,
            Self::Dispute => 7,
            Self::CollectionDisputed => 8,
            Self::PlanStalled => 9,
            Self::ChargeAtRisk => 10,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LateMoney => "late_money",
            Self::IntegrityHold => "integrity_hold",
            Self::TransferDue => "transfer_due",
            Self::NoFunds => "no_funds",
            Self::Overpaid => "overpaid",
            Self::CaptureReversed => "capture_reversed",
            Self::Dispute => "dispute",
            Self::CollectionDisputed => "collection_disputed",
            Self::PlanStalled => "plan_stalled",
            Self::ChargeAtRisk => "charge_at_risk",
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
    /// The question about this subject has been answered, or has become pointless.
    Unask(Uuid, QuestionKind),
}

/// What follows from an observation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The dossier afterwards. Versions are those that were read (0 for what is new): the store counts
    /// them up.
    pub next: Dossier,
    /// What was observed, and what followed from it by rule, about which part.
    pub notes: Vec<(Subject, Observation)>,
    /// Ledger lines.
    pub postings: Vec<Posting>,
    /// Consequences.
    pub effects: Vec<Effect>,
}

impl Decision {
    /// Whether an observation told anything new. When not, `next` equals what was there.
    pub const fn news(&self) -> bool {
        !self.notes.is_empty()
    }

    fn nothing(dossier: &Dossier) -> Self {
        Self { next: dossier.clone(), notes: Vec::new(), postings: Vec::new(), effects: Vec::new() }
    }
}

/// Takes a new order with its payments on the books. The first payment starts; the others start when the
/// one before them is captured. Parts that cannot be undone come last.
pub fn open(order: Order, mut payments: Vec<Payment>, now: Timestamp) -> Decision {
    payments.sort_by_key(|p| !p.method.reversible());
    let postings = payments.iter().flat_map(|p| ledger::postings(p, None, false, false)).collect();
    let mut effects = Vec::new();
    let mut order = order;
    if let Some(first) = payments.first_mut() {
        first.due_at = Some(now);
        effects.push(Effect::Schedule(jobs::create(first, now)));
        order.state = OrderState::Paying;
    }
    if order.may_be_tried_again() {
        order.due_at = Some(order.expires_at);
        effects.push(Effect::Schedule(jobs::expire(&order)));
    }
    Decision { next: Dossier { order, payments, refunds: Vec::new() }, notes: Vec::new(), postings, effects }
}

/// Adds a payment to an order that is not paid yet: another way to pay, or the rest after a deposit.
/// `expires_at` prolongs the order.
///
/// # Errors
/// Why the order takes no further payment, in words for the caller.
pub fn add_payment(
    dossier: &Dossier,
    payment: Payment,
    expires_at: Option<Timestamp>,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Result<Decision, String> {
    let order = &dossier.order;
    if !matches!(order.state, OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid) {
        return Err(format!("the order is {} and takes no further payment", order.state.name()));
    }
    if now >= order.expires_at && expires_at.is_none_or(|at| at <= now) {
        return Err("the order has expired; give a later `expires_at`".to_owned());
    }
    let missing = dossier.missing_minor();
    if payment.amount.minor > missing || payment.amount.currency != order.amount.currency {
        return Err(format!("at most {missing} minor units of {} are missing", order.amount.currency.code()));
    }
    let mut case = Case::new(dossier, policy, now);
    case.next.order.expires_at = expires_at.map_or(order.expires_at, |at| at.max(order.expires_at));
    case.add_payment(payment);
    Ok(case.close())
}

/// Adds the way that the payer has chosen. What he had chosen before is closed first: the new payment
/// starts when nothing else of the order can take money any more.
///
/// # Errors
/// Why he cannot choose (it), in words for the caller.
pub fn pick(dossier: &Dossier, payment: Payment, policy: &Policy<'_>, now: Timestamp) -> Result<Decision, String> {
    let order = &dossier.order;
    let charged = payment.method.debits() && order.installment.is_some();
    if order.offers.is_empty() && !charged {
        return Err("the merchant has named the way to pay this order; nothing can be chosen".to_owned());
    }
    if !order.offers.contains(&payment.method) && !charged {
        let offers: Vec<_> = order.offers.iter().map(|m| m.name()).collect();
        return Err(format!("{} is not offered; there are {}", payment.method, offers.join(", ")));
    }
    if !matches!(order.state, OrderState::Created | OrderState::Paying | OrderState::PartiallyPaid) {
        return Err(format!("the order is {} and takes no further payment", order.state.name()));
    }
    if now >= order.expires_at {
        return Err("the order has expired".to_owned());
    }
    let missing = dossier.missing_minor();
    if payment.amount.minor != missing || payment.amount.currency != order.amount.currency {
        return Err(format!(
            "{missing} minor units of {} are missing, not {}",
            order.amount.currency.code(),
            payment.amount
        ));
    }
    let mut case = Case::new(dossier, policy, now);
    let open: Vec<_> =
        dossier.payments.iter().filter(|p| !p.state.is_final() && p.evidence.replaced.is_none()).collect();
    for old in open {
        let claim = Claim::Replaced { by: payment.method.name().to_owned() };
        case.observe_payment(old.id, &Observation::new(Source::Merchant, now, claim));
    }
    case.next.payments.push(Payment { due_at: None, ..payment });
    Ok(case.close())
}

/// What follows from `observation` about a part of `dossier`. A part that is not in the dossier is no news.
pub fn decide(
    dossier: &Dossier,
    subject: Subject,
    observation: &Observation,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Decision {
    let mut case = Case::new(dossier, policy, now);
    let news = match subject {
        Subject::Payment(id) => case.observe_payment(id, observation),
        Subject::Refund(id) => case.observe_refund(id, observation),
        Subject::Leg(id) => case.observe_leg(id, observation),
        Subject::Order(id) => case.observe_order(id, observation),
        // Agreements and plans stand beside orders; see `crate::agreement::decide` and `crate::billing`.
        Subject::Agreement(_) | Subject::Plan(_) => false,
    };
    if news { case.close() } else { Decision::nothing(dossier) }
}

/// A wish to give money back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefundRequest {
    /// The id that the refund will have.
    pub id: RefundId,
    /// Minor units; `None`: all that is left.
    pub amount_minor: Option<i64>,
    /// From which payments.
    pub allocation: Allocation,
    /// Why, for people; the channel shows it to the payer.
    pub reason: String,
    /// Who wants it.
    pub by: String,
    /// See [`crate::refund::Refund::payee`].
    pub payee: Option<String>,
}

/// How `request` would be carried out now.
///
/// # Errors
/// Why it cannot be.
pub fn preview(
    dossier: &Dossier,
    request: &RefundRequest,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Result<Vec<Share>, Impossible> {
    let limits = |payment: &Payment| policy.facts_of(payment).refund;
    allocate(dossier, request.amount_minor, &request.allocation, limits, now)
}

/// Takes a refund on the books and sets its money aside. Two that do not fit together cannot both be
/// written: each is guarded by the versions of what it has read.
///
/// # Errors
/// Why it cannot be.
pub fn refund(
    dossier: &Dossier,
    request: &RefundRequest,
    policy: &Policy<'_>,
    now: Timestamp,
) -> Result<Decision, Impossible> {
    let shares = preview(dossier, request, policy, now)?;
    let mut case = Case::new(dossier, policy, now);
    case.add_refund(case::Wish {
        id: request.id,
        cause: RefundCause::Requested,
        reason: request.reason.clone(),
        by: request.by.clone(),
        source: Source::Merchant,
        payee: request.payee.clone(),
        shares,
    });
    Ok(case.close())
}

/// The observation that an order's time is over.
pub fn expired(now: Timestamp) -> Observation {
    Observation::new(Source::Clock, now, Claim::CloseRequested { reason: "expired".to_owned() })
}

#[cfg(test)]
mod channels_tests;
#[cfg(test)]
mod combined_tests;
#[cfg(test)]
mod gone_tests;
#[cfg(test)]
mod late_tests;
#[cfg(test)]
mod laws_tests;
#[cfg(test)]
mod refund_tests;
#[cfg(test)]
pub(crate) mod test_books;
#[cfg(test)]
mod test_laws;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod ways_tests;
