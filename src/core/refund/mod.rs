//! Money that goes back to a payer: it knows how the states of legs add up to the state of a refund, and
//! must never know of channels.
//!
//! A refund is one wish; its legs are the ways by which it is fulfilled. A leg that fails is replaced by
//! others until the payer has the money or a person has to look.

mod claim;
mod leg;
mod plan;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::compact::dated;
use crate::id::{LegId, MerchantId, OrderId, PaymentId, RefundId};
use crate::join::earliest;
use crate::money::Money;
use crate::observation::{Claim, Observation};

pub use claim::{RefundClaim, RefundReceipt};
pub use leg::{Leg, LegEvidence, LegState, Route};
pub use plan::{Allocation, Impossible, NamedShare, Share, allocate, earliest_call, reroute};
pub(crate) use plan::{first_route, left_of, share_by};

/// Who asks for, and gives up, what follows by itself. People need another name.
pub const BY_RULE: &str = "bursar";

/// Why money goes back.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundCause {
    /// Somebody asked for it.
    Requested,
    /// The money came for a closed order.
    LateMoney,
    /// The order had been paid already.
    Duplicate,
    /// A combined order did not become whole.
    Incomplete,
}

impl RefundCause {
    /// Every cause.
    pub const ALL: [Self; 4] = [Self::Requested, Self::LateMoney, Self::Duplicate, Self::Incomplete];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Requested => 1,
            Self::LateMoney => 2,
            Self::Duplicate => 3,
            Self::Incomplete => 4,
        }
    }

    /// The cause with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.code() == code)
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::LateMoney => "late_money",
            Self::Duplicate => "duplicate",
            Self::Incomplete => "incomplete",
        }
    }

    /// The id of the refund that follows by itself from `payment`: always the same, so that it happens
    /// once however often it is decided.
    pub fn refund_of(self, payment: PaymentId) -> RefundId {
        self.later_refund_of(payment, 0)
    }

    /// The same for money of `payment` that became due to go back `earlier` refunds later.
    pub(crate) fn later_refund_of(self, payment: PaymentId, earlier: u8) -> RefundId {
        // Above the bits that legs use, so that neither two causes nor two legs share an id.
        let mark = u128::from(self.code().unsigned_abs()) << 16 | u128::from(earlier) << 20;
        RefundId(uuid::Uuid::from_u128(payment.uuid().as_u128() ^ mark))
    }
}

/// Where a refund stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// Written down in case its order does not become whole; runs when that is certain.
    Prepared,
    /// Its money is set aside until a second person agrees.
    AwaitingApproval,
    /// A leg is under way.
    Running,
    /// A person must act.
    Parked,
    /// The payer has all of it.
    Succeeded,
    /// The payer has some of it, and no way is left.
    PartiallySucceeded,
    /// The payer has nothing of it, and no way is left.
    Failed,
    /// A second person refused.
    Rejected,
    /// What it was prepared for did not come to pass.
    Voided,
}

impl RefundState {
    /// Every state.
    pub const ALL: [Self; 9] = [
        Self::Prepared,
        Self::AwaitingApproval,
        Self::Running,
        Self::Parked,
        Self::Succeeded,
        Self::PartiallySucceeded,
        Self::Failed,
        Self::Rejected,
        Self::Voided,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Prepared => 1,
            Self::AwaitingApproval => 2,
            Self::Running => 3,
            Self::Parked => 4,
            Self::Succeeded => 5,
            Self::PartiallySucceeded => 6,
            Self::Failed => 7,
            Self::Rejected => 8,
            Self::Voided => 9,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Prepared => "prepared",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Running => "running",
            Self::Parked => "parked",
            Self::Succeeded => "succeeded",
            Self::PartiallySucceeded => "partially_succeeded",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::Voided => "voided",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether nothing more is expected to happen to it (but a reversal by the channel).
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::PartiallySucceeded | Self::Failed | Self::Rejected | Self::Voided)
    }

    /// Whether its legs may be sent.
    pub const fn may_send(self) -> bool {
        !matches!(self, Self::Prepared | Self::AwaitingApproval | Self::Rejected | Self::Voided)
    }
}

impl std::str::FromStr for RefundState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a state of a refund; there are {}", names.join(", "))
        })
    }
}

/// What people said about a refund, and what became of the reason for which it was prepared.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefundEvidence {
    /// The earliest agreement of a second person.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub approved: Option<(Timestamp, String)>,
    /// The earliest refusal of a second person: who, and why.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub rejected: Option<(Timestamp, (String, String))>,
    /// The earliest moment at which what it was prepared for had come to pass, and what that was.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub activated: Option<(Timestamp, String)>,
    /// The earliest moment at which that had become impossible, and why.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub voided: Option<(Timestamp, String)>,
}

impl RefundEvidence {
    /// This evidence joined with one observation about the refund.
    #[must_use]
    pub fn join(mut self, observation: &Observation) -> Self {
        let at = observation.seen_at;
        if let Claim::Refund(claim) = &observation.claim {
            match claim {
                RefundClaim::Approved { by } => earliest(&mut self.approved, (at, by.clone())),
                RefundClaim::Rejected { by, reason } => {
                    earliest(&mut self.rejected, (at, (by.clone(), reason.clone())));
                }
                RefundClaim::Activated { reason } => earliest(&mut self.activated, (at, reason.clone())),
                RefundClaim::Voided { reason } => earliest(&mut self.voided, (at, reason.clone())),
                _ => {}
            }
        }
        self
    }
}

fn minor_of<'a>(legs: impl Iterator<Item = &'a Leg>) -> i64 {
    legs.map(|l| l.amount.minor).fold(0, i64::saturating_add)
}

/// A wish to give money back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refund {
    /// Its id.
    pub id: RefundId,
    /// The order whose money goes back.
    pub order: OrderId,
    /// Whose order it is.
    pub merchant: MerchantId,
    /// How much in all.
    pub amount: Money,
    /// Why money goes back.
    pub cause: RefundCause,
    /// Why, for people; the channel shows it to the payer.
    pub reason: String,
    /// Who wants it: a person at the merchant's, or [`BY_RULE`] for what follows by itself.
    pub requested_by: String,
    /// Whether a second person must agree.
    pub needs_approval: bool,
    /// Whether it gives back money that was not earned: that of an order closed then, or that would be.
    pub late: bool,
    /// Where the payer wants it when his account does not take it: sealed for the channel when it came
    /// in, so that only the channel can read it.
    pub payee: Option<String>,
    /// Where it stands: always what its evidence and its legs mean.
    pub state: RefundState,
    /// What was observed.
    pub evidence: RefundEvidence,
    /// Its ways, oldest first.
    pub legs: Vec<Leg>,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Refund {
    /// What people said and its legs add up to.
    pub fn state_of_parts(&self) -> RefundState {
        if self.evidence.rejected.is_some() && self.evidence.approved.is_none() {
            return RefundState::Rejected;
        }
        if self.needs_approval && self.evidence.approved.is_none() {
            return RefundState::AwaitingApproval;
        }
        if self.cause == RefundCause::Incomplete && self.evidence.activated.is_none() {
            return if self.evidence.voided.is_some() { RefundState::Voided } else { RefundState::Prepared };
        }
        let succeeded = self.succeeded_minor();
        if succeeded < self.amount.minor && self.legs.iter().any(|l| l.state.is_active()) {
            return RefundState::Running;
        }
        if self.legs.iter().any(|l| l.state.waits_for_a_person()) {
            return RefundState::Parked;
        }
        match succeeded {
            n if n >= self.amount.minor => RefundState::Succeeded,
            n if n > 0 => RefundState::PartiallySucceeded,
            _ => RefundState::Failed,
        }
    }

    /// Minor units that the payer has.
    pub fn succeeded_minor(&self) -> i64 {
        minor_of(self.legs.iter().filter(|l| l.state == LegState::Succeeded))
    }

    /// Minor units that its legs have given back or set aside.
    pub(crate) fn taken_minor(&self) -> i64 {
        minor_of(self.legs.iter().filter(|l| l.state.takes_from_payment()))
    }

    /// Minor units for which another way must be found. What a person gave up is not looked for again.
    pub(crate) fn missing_minor(&self) -> i64 {
        let given_up = minor_of(self.legs.iter().filter(|l| l.given_up()));
        self.amount.minor.saturating_sub(self.taken_minor()).saturating_sub(given_up)
    }

    /// Minor units that were given back, are set aside, or were given up by a person; at most its amount.
    pub(crate) fn cared_for_minor(&self) -> i64 {
        self.amount.minor.saturating_sub(self.missing_minor().max(0))
    }

    /// Adds a leg for `share`, carrying on the amount of `replaces`.
    pub(crate) fn add_leg(&mut self, share: &Share, replaces: Option<LegId>, now: Timestamp) {
        let (id, sequence) = self.next_leg();
        let evidence = LegEvidence::default();
        self.legs.push(Leg {
            id,
            refund: self.id,
            payment: share.payment,
            sequence,
            route: share.route,
            amount: share.amount(self.amount),
            replaces,
            state: evidence.state(share.route, self.second_way()),
            evidence,
            version: 0,
            due_at: (share.route == Route::Channel).then_some(share.earliest),
            created_at: now,
        });
    }

    /// The id of the next leg.
    pub fn next_leg(&self) -> (LegId, i32) {
        let sequence = self.legs.iter().map(|l| l.sequence).max().unwrap_or(0).saturating_add(1);
        let mark = u128::from(sequence.unsigned_abs() & 0xffff);
        (LegId(uuid::Uuid::from_u128(self.id.uuid().as_u128() ^ mark)), sequence)
    }

    /// Whether the channel can be asked for its second way.
    pub const fn second_way(&self) -> bool {
        self.payee.is_some()
    }

    /// Whether `claim` may be taken in as things stand. Facts always; what people and rules decide while it is
    /// theirs to decide, so that no two decisions contradict each other.
    pub(crate) fn may_take(&self, claim: &Claim) -> bool {
        let Claim::Refund(claim) = claim else { return false };
        match claim {
            RefundClaim::Approved { by } => {
                self.state == RefundState::AwaitingApproval && self.check_approver(by).is_ok()
            }
            RefundClaim::Rejected { .. } => self.state == RefundState::AwaitingApproval,
            RefundClaim::Activated { .. } | RefundClaim::Voided { .. } => self.state == RefundState::Prepared,
            _ => true,
        }
    }

    /// Whether `by` may approve it: a person, and not the one who asked for it.
    ///
    /// # Errors
    /// Says why not.
    pub fn check_approver(&self, by: &str) -> Result<(), String> {
        let same = |a: &str, b: &str| a.trim().to_lowercase() == b.trim().to_lowercase();
        if by.trim().is_empty() {
            return Err("say who approves: `by` is empty".to_owned());
        }
        if same(by, &self.requested_by) {
            return Err(format!(
                "{} asked for this refund and cannot approve it: a second person must",
                self.requested_by
            ));
        }
        Ok(())
    }
}
