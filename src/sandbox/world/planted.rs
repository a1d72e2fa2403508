//! Bugs that are planted on purpose: it knows where each is put in from outside (a wrapper around a seam of
//! the world), and production code must never know of any.

use std::str::FromStr;

use bursar_core::event::EventKind;
use bursar_core::id::{self, LegId, PaymentId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::ledger::{AccountKind, Posting};
use bursar_core::observation::Claim;
use bursar_core::order::{Dossier, OrderState};
use bursar_core::refund::{RefundCause, RefundState};
use bursar_store::{Change, Notification};
use uuid::Uuid;

use super::message::Message;
use super::state::State;
use super::tables::Tables;

macro_rules! planted {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A planted bug.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Planted {
            $($(#[$doc])* $name,)*
        }

        impl Planted {
            /// Every planted bug.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

planted! {
    /// A settlement is written although the lease is another's.
    NoFence = "no-fence",
    /// A payment is written over whatever its version is.
    NoVersion = "no-version",
    /// The merchant is told "taken" before the order is committed.
    AnswerBeforeCommit = "answer-before-commit",
    /// A notification is acknowledged before it is committed.
    AcknowledgeBeforeCommit = "acknowledge-before-commit",
    /// A create call is repeated under a new number.
    NewNumber = "new-number",
    /// An unknown answer to create is read as a refusal.
    UnknownAsRefused = "unknown-as-refused",
    /// The query after the close call is not made.
    NoSecondQuery = "no-second-query",
    /// The close call is not made.
    NoCloseCall = "no-close-call",
    /// Money for a closed order is not written down.
    IgnoreLateSuccess = "ignore-late-success",
    /// A receipt is believed without comparing the amount.
    SkipAmountCheck = "skip-amount-check",
    /// A merchant event is not stored.
    DropEvent = "drop-event",
    /// A follow-up job is not stored, and the sweep finds nothing.
    DropJob = "drop-job",
    /// The sweep finds nothing.
    NoSweep = "no-sweep",
    /// A run's outcome is not written, and its lease renewed for ever.
    NeverRelease = "never-release",
    /// The state is written without the observation.
    LoseObservation = "lose-observation",
    /// A capture is posted twice.
    BookTwice = "book-twice",
    /// A notification's signature is not verified.
    TrustAnybody = "trust-anybody",
    /// A delivery counts as delivered without being sent.
    TellNobody = "tell-nobody",
    /// A question for a person is not stored.
    DropQuestion = "drop-question",
    /// "Does not exist" is believed without waiting for the channel's propagation window.
    NoWindow = "no-window",
    /// A call for a refund is repeated under a new number.
    RefundNewNumber = "refund-new-number",
    /// A refund counts as done when the channel takes it on.
    AcceptedAsDone = "refund-accepted-as-done",
    /// An unknown answer to a refund is read as a refusal.
    RefundUnknownAsFailed = "refund-unknown-as-failed",
    /// Money that the payer's bank sent back counts as arrived.
    AbnormalAsSuccess = "refund-abnormal-as-success",
    /// Who asks for a refund does not see the others.
    NoReservation = "refund-no-reservation",
    /// That money came back after it had arrived is not read.
    ReversalIgnored = "refund-reversal-ignored",
    /// The second payment of a paid order is not given back.
    DuplicateKept = "duplicate-kept",
    /// Late money is not given back.
    LateMoneyKept = "late-money-kept",
    /// An order that did not become whole does not give its parts back.
    CompensationForgotten = "compensation-forgotten",
    /// The parts of a combined order are taken all at once.
    PartsAtOnce = "parts-at-once",
    /// No refund needs a second person.
    ApprovalSkipped = "approval-skipped",
    /// The second way is sent along with a second one.
    SecondWayTwice = "second-way-twice",
    /// "Too soon" is read as a refusal.
    SpacingAsRefusal = "refund-spacing-as-refusal",
    /// A notification of another account about a refund is believed.
    ForeignRefund = "refund-foreign-believed",
    /// What was given back is not compared with what was asked for.
    SkipRefundAmount = "refund-skip-amount-check",
    /// An answered question stays open.
    KeepQuestion = "keep-question",
    /// A refund's job to ask again is not stored, and the sweep finds nothing.
    DropRefundJob = "drop-refund-job",
    /// The deadline of a question about late money passes unheard.
    DeadlineForgotten = "deadline-forgotten",
    /// "No such number" of a code that nobody has opened yet is read as its end.
    AbsentAsTheEnd = "absent-as-the-end",
    /// What cannot be closed counts as closed before the channel ends it.
    ClosedBeforeItsTime = "closed-before-its-time",
    /// What should only be held is taken at once.
    HoldTakenAtOnce = "hold-taken-at-once",
    /// Every capture call has a name of its own.
    CapturesTwice = "captures-twice",
    /// An unknown answer to a capture is read as success.
    CaptureUnknownAsDone = "capture-unknown-as-done",
    /// What is held is not let go.
    VoidForgotten = "void-forgotten",
    /// A message that only says where to look is believed.
    LookBelieved = "look-believed",
    /// A line that comes again is counted again.
    LineCountedTwice = "line-counted-twice",
    /// That a bank took money back is not read.
    LineReversalIgnored = "line-reversal-ignored",
    /// What was transferred beyond the amount is not seen.
    OverpaidAsExact = "overpaid-as-exact",
    /// Orders that wait for money by hand expire.
    ByHandExpires = "by-hand-expires",
    /// What the payer chose starts before what he had chosen has ended.
    PickedAtOnce = "picked-at-once",
    /// Who asks for a refund does not see complaints.
    DisputedRefunded = "disputed-refunded",
    /// That a complaint was lost is not told.
    LostDisputeIgnored = "lost-dispute-ignored",
    /// Money of what a payer had chosen before is not written down.
    ReplacedIgnored = "replaced-ignored",
    /// Orders whose payers do not choose never expire.
    ExpiryForgotten = "expiry-forgotten",
    /// Disputed money stays among what is free.
    DisputeUnbooked = "dispute-unbooked",
    /// What a merchant has earned is posted again, about the order instead of a payment.
    BookNobody = "book-nobody",
}

impl FromStr for Planted {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|p| p.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|p| p.name()).collect();
            format!("`{text}` is not a planted bug; there are {}", names.join(", "))
        })
    }
}

impl Planted {
    /// `change` as a program with this bug would write it.
    pub(crate) fn spoil(self, change: &mut Change, tables: &Tables) {
        match self {
            Self::NoVersion => {
                for payment in &mut change.payments {
                    if let Some(row) = tables.payments.get(&payment.id) {
                        payment.version = row.version;
                    }
                }
                for order in &mut change.orders {
                    if let Some(row) = tables.orders.get(&order.id) {
                        order.version = row.version;
                    }
                }
                for refund in &mut change.refunds {
                    if let Some(row) = tables.refunds.get(&refund.id) {
                        refund.version = row.version;
                    }
                }
                for leg in &mut change.legs {
                    if let Some(row) = tables.legs.get(&leg.id) {
                        leg.version = row.version;
                    }
                }
                for agreement in &mut change.billing.agreements {
                    if let Some(row) = tables.agreements.get(&agreement.id) {
                        agreement.version = row.version;
                    }
                }
                for plan in &mut change.billing.plans {
                    if let Some(row) = tables.plans.get(&plan.id) {
                        plan.version = row.version;
                    }
                }
            }
            Self::NoFence => {
                if let Some(settle) = &mut change.settle
                    && let Some(row) = tables.jobs.get(&settle.key)
                    && let Some(owner) = row.owner
                {
                    (settle.owner, settle.fence) = (owner, row.fence);
                }
            }
            Self::IgnoreLateSuccess => {
                let late = change.observations.iter().any(|(id, o)| {
                    let order = tables.payments.get(&PaymentId(id.uuid())).and_then(|p| tables.orders.get(&p.order));
                    matches!(o.claim, Claim::Paid(_)) && order.is_some_and(|o| o.state == OrderState::Closed)
                });
                if late {
                    *change = Change { settle: change.settle.clone(), ..Change::default() };
                }
            }
            Self::DropEvent => change.new_deliveries.retain(|d| d.kind != EventKind::OrderClosed),
            Self::DropJob => change.jobs.retain(|j| j.key.kind != JobKind::ClosePayment),
            Self::LoseObservation => change.observations.retain(|(_, o)| !matches!(o.claim, Claim::Paid(_))),
            Self::BookTwice => {
                let again = change.postings.iter().find(|(p, _)| p.debit.kind == AccountKind::Clearing).copied();
                change.postings.extend(again);
            }
            Self::BookNobody => {
                let order = change.orders.iter().chain(&change.new_orders).next().map(|o| o.id.uuid());
                let earned = change.postings.iter().find(|(p, _)| p.credit.kind == AccountKind::Earnings).copied();
                let again = earned.zip(order).map(|((p, at), subject)| (Posting { subject, ..p }, at));
                change.postings.extend(again);
            }
            Self::DropQuestion => change.questions.clear(),
            Self::KeepQuestion => change.answered.clear(),
            Self::DropRefundJob => change.jobs.retain(|j| j.key.kind != JobKind::PollRefund),
            Self::DeadlineForgotten => change.jobs.retain(|j| j.key.kind != JobKind::SettleLateMoney),
            Self::PickedAtOnce => {
                let chooses = |order| tables.orders.get(&order).is_some_and(|o| !o.offers.is_empty());
                for payment in change.new_payments.iter_mut().filter(|p| p.due_at.is_none() && chooses(p.order)) {
                    payment.due_at = Some(payment.created_at);
                    let key = JobKey::payment(JobKind::CreatePayment, payment.id);
                    change.jobs.push(NewJob::new(key, payment.merchant, payment.created_at));
                }
            }
            Self::ReplacedIgnored => {
                let replaced = change.observations.iter().any(|(id, o)| {
                    let row = tables.payments.get(&PaymentId(id.uuid()));
                    let money = matches!(o.claim, Claim::Paid(_) | Claim::Received(_));
                    money && row.is_some_and(|p| p.evidence.replaced.is_some())
                });
                if replaced {
                    *change = Change { settle: change.settle.clone(), ..Change::default() };
                }
            }
            Self::ExpiryForgotten => change.jobs.retain(|j| j.key.kind != JobKind::ExpireOrder),
            Self::DisputeUnbooked => change.postings.retain(|(p, _)| p.debit.kind != AccountKind::Disputed),
            Self::DuplicateKept => leave_out(change, RefundCause::Duplicate),
            Self::LateMoneyKept => leave_out(change, RefundCause::LateMoney),
            Self::CompensationForgotten => never_activate(change, tables),
            Self::PartsAtOnce if !change.new_orders.is_empty() => {
                for payment in change.new_payments.iter_mut().filter(|p| p.due_at.is_none()) {
                    payment.due_at = Some(payment.created_at);
                    let key = JobKey::payment(JobKind::CreatePayment, payment.id);
                    change.jobs.push(NewJob::new(key, payment.merchant, payment.created_at));
                }
            }
            _ => {}
        }
    }

    /// A dossier as a program with this bug would read it when somebody asks for something.
    pub(crate) fn as_read(planted: Option<Self>, dossier: Dossier) -> Dossier {
        match planted {
            Some(Self::NoReservation) => Dossier { refunds: Vec::new(), ..dossier },
            Some(Self::DisputedRefunded) => {
                let mut dossier = dossier;
                dossier.payments.iter_mut().for_each(|p| p.evidence.disputes.clear());
                dossier
            }
            _ => dossier,
        }
    }

    /// A stored message as a program with this bug would read it: as if it had come to the right address.
    pub(crate) fn as_stored(state: &State, row: Notification) -> Notification {
        if state.planted != Some(Self::ForeignRefund) {
            return row;
        }
        let message = serde_json::from_slice::<Message>(&row.body).ok();
        let leg = message.and_then(|m| id::from_text(&m.number)).and_then(|id| state.tables.legs.get(&LegId(id)));
        let payment = leg.and_then(|l| state.tables.payments.get(&l.payment));
        Notification { account: payment.map_or(row.account, |p| p.account), ..row }
    }
}

/// Leaves refunds of one cause out of `change`.
fn leave_out(change: &mut Change, cause: RefundCause) {
    let gone: Vec<Uuid> = change
        .new_refunds
        .iter()
        .filter(|r| r.cause == cause)
        .flat_map(|r| r.legs.iter().map(|l| l.id.uuid()).chain([r.id.uuid()]))
        .collect();
    change.new_refunds.retain(|r| r.cause != cause);
    change.new_legs.retain(|l| !gone.contains(&l.id.uuid()));
    change.observations.retain(|(subject, _)| !gone.contains(&subject.uuid()));
    change.postings.retain(|(p, _)| !gone.contains(&p.subject));
    change.jobs.retain(|j| !gone.contains(&j.key.subject));
}

/// Leaves refunds that are prepared as they are.
fn never_activate(change: &mut Change, tables: &Tables) {
    let mut gone: Vec<Uuid> = Vec::new();
    for refund in &mut change.refunds {
        let Some(row) = tables.refunds.get(&refund.id).filter(|r| r.state == RefundState::Prepared) else { continue };
        if refund.evidence.activated.is_some() {
            gone.extend(refund.legs.iter().map(|l| l.id.uuid()).chain([refund.id.uuid()]));
            (refund.state, refund.evidence) = (row.state, row.evidence.clone());
        }
    }
    change.legs.retain(|l| !gone.contains(&l.id.uuid()));
    change.observations.retain(|(subject, _)| !gone.contains(&subject.uuid()));
    change.postings.retain(|(p, _)| !gone.contains(&p.subject));
    change.jobs.retain(|j| !gone.contains(&j.key.subject));
}
