//! One leg of a refund: it knows what its evidence means, and must never know of other legs.
//!
//! A leg has one number at the channel for ever, so it takes effect at most once however often its call
//! is repeated. As with payments, [`LegEvidence`] is a join of all claims: any order and any repetition
//! of the same claims gives the same evidence, and the state is a pure function of it.

use serde::{Deserialize, Serialize};

use super::{RefundClaim, RefundReceipt};
use crate::clock::Timestamp;
use crate::compact::{dated, instant};
use crate::id::{LegId, PaymentId, RefundId};
use crate::join::{earliest, latest};
use crate::money::Money;
use crate::observation::{Claim, Observation};

/// Where a leg stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegState {
    /// Its money is set aside; no call is under way, and as far as is known none has had an effect.
    Reserved,
    /// A call may be under way.
    Sending,
    /// A call ended without a usable answer; the channel is asked, then called again with the same number.
    Unknown,
    /// The channel works on it. Acceptance is not success.
    Processing,
    /// The merchant's balance at the channel is not enough; the same call later.
    WaitingFunds,
    /// The payer's bank sent it back; the channel's own second way is tried.
    SecondWay,
    /// A person has to transfer it.
    AwaitingTransfer,
    /// The payer has it.
    Succeeded,
    /// The channel gave it up: this number will never take effect.
    Failed,
    /// The channel refused it for good (too old, too many): this number has no effect.
    NotPossible,
    /// The payer's bank sent it back and there is no second way: the money lies at the channel.
    Stranded,
    /// It had succeeded and came back later.
    Reversed,
    /// A person gave it up, or another leg made it needless, while no call of it was under way.
    Abandoned,
    /// The channel's claims contradict ours; a person decides.
    Held,
}

impl LegState {
    /// Every state.
    pub const ALL: [Self; 14] = [
        Self::Reserved,
        Self::Sending,
        Self::Unknown,
        Self::Processing,
        Self::WaitingFunds,
        Self::SecondWay,
        Self::AwaitingTransfer,
        Self::Succeeded,
        Self::Failed,
        Self::NotPossible,
        Self::Stranded,
        Self::Reversed,
        Self::Abandoned,
        Self::Held,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Reserved => 1,
            Self::Sending => 2,
            Self::Unknown => 3,
            Self::Processing => 4,
            Self::WaitingFunds => 5,
            Self::SecondWay => 6,
            Self::AwaitingTransfer => 7,
            Self::Succeeded => 8,
            Self::Failed => 9,
            Self::NotPossible => 10,
            Self::Stranded => 11,
            Self::Reversed => 12,
            Self::Abandoned => 13,
            Self::Held => 14,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Processing => "processing",
            Self::WaitingFunds => "waiting_funds",
            Self::SecondWay => "second_way",
            Self::AwaitingTransfer => "awaiting_transfer",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NotPossible => "not_possible",
            Self::Stranded => "stranded",
            Self::Reversed => "reversed",
            Self::Abandoned => "abandoned",
            Self::Held => "held",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether something is expected to happen to it by itself.
    pub const fn is_active(self) -> bool {
        matches!(
            self,
            Self::Reserved | Self::Sending | Self::Unknown | Self::Processing | Self::WaitingFunds | Self::SecondWay
        )
    }

    /// Whether a person must act.
    pub const fn waits_for_a_person(self) -> bool {
        matches!(self, Self::AwaitingTransfer | Self::Held)
    }

    /// Whether it ended without the payer having the money, so that another way must be found.
    pub const fn failed_route(self) -> bool {
        matches!(self, Self::Failed | Self::NotPossible | Self::Stranded | Self::Reversed)
    }

    /// Whether its amount counts as given back, or set aside for that.
    pub const fn takes_from_payment(self) -> bool {
        !matches!(self, Self::Failed | Self::NotPossible | Self::Stranded | Self::Reversed | Self::Abandoned)
    }
}

/// By which way a leg goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// Through the channel that took the payment.
    Channel,
    /// A person transfers it from the merchant's bank account.
    Transfer,
}

impl Route {
    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Channel => 1,
            Self::Transfer => 2,
        }
    }

    /// The route with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        [Self::Channel, Self::Transfer].into_iter().find(|r| r.code() == code)
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Channel => "channel",
            Self::Transfer => "transfer",
        }
    }
}

/// The join of everything observed about a leg. Times are when *we* saw something.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LegEvidence {
    /// The latest moment at which a call was about to leave.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The latest call that ended without a usable answer.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub no_answer_at: Option<Timestamp>,
    /// The latest call that certainly had no effect.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub not_sent_at: Option<Timestamp>,
    /// The latest moment at which the channel did not know the number.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub absent_at: Option<Timestamp>,
    /// The latest refusal for want of funds and its words.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub no_funds: Option<(Timestamp, String)>,
    /// The earliest definite refusal and its reason.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub refused: Option<(Timestamp, String)>,
    /// The smallest number that the channel gave it: it is known there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<String>,
    /// The earliest "it will not happen" and its words.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub closed: Option<(Timestamp, String)>,
    /// The latest moment at which the channel told an abnormal end.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub abnormal_at: Option<Timestamp>,
    /// The latest moment at which a call for the second way was about to leave.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub second_sent_at: Option<Timestamp>,
    /// The earliest acceptance of the second way.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub second_accepted_at: Option<Timestamp>,
    /// The earliest end of the second way and its reason.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub second_failed: Option<(Timestamp, String)>,
    /// The smallest receipt for the expected amount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<RefundReceipt>,
    /// The earliest return of money that had arrived, and the channel's words.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub reversed: Option<(Timestamp, String)>,
    /// The earliest transfer by a person: who, and the bank's reference.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub transferred: Option<(Timestamp, (String, String))>,
    /// The earliest payment of cash out of a drawer: who says so, whose drawer, and what the payer signed or told.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub paid_out: Option<(Timestamp, (String, String, String))>,
    /// The earliest giving up: who, and why.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<(Timestamp, (String, String))>,
    /// The first reason (in text order) to distrust what the channel says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mismatch: Option<String>,
}

impl LegEvidence {
    /// This evidence joined with one observation about a leg of `expected`.
    #[must_use]
    pub fn join(mut self, expected: Money, observation: &Observation) -> Self {
        let at = observation.seen_at;
        let Claim::Refund(claim) = &observation.claim else { return self };
        match claim {
            RefundClaim::Sending => latest(&mut self.sent_at, at),
            RefundClaim::NoAnswer { .. } => latest(&mut self.no_answer_at, at),
            RefundClaim::NotSent { .. } => latest(&mut self.not_sent_at, at),
            RefundClaim::Absent => latest(&mut self.absent_at, at),
            RefundClaim::NoFunds { reason } => latest(&mut self.no_funds, (at, reason.clone())),
            RefundClaim::Refused { reason } => earliest(&mut self.refused, (at, reason.clone())),
            RefundClaim::Processing { refund_id } => earliest(&mut self.refund_id, refund_id.clone()),
            RefundClaim::Succeeded(receipt) => self.join_receipt(expected, receipt),
            RefundClaim::Closed { reason } => earliest(&mut self.closed, (at, reason.clone())),
            RefundClaim::Abnormal { refund_id } => {
                earliest(&mut self.refund_id, refund_id.clone());
                latest(&mut self.abnormal_at, at);
            }
            RefundClaim::SecondSending => latest(&mut self.second_sent_at, at),
            RefundClaim::SecondAccepted => earliest(&mut self.second_accepted_at, at),
            RefundClaim::SecondFailed { reason } => earliest(&mut self.second_failed, (at, reason.clone())),
            RefundClaim::Reversed { reason } => earliest(&mut self.reversed, (at, reason.clone())),
            RefundClaim::Transferred { by, reference } => {
                earliest(&mut self.transferred, (at, (by.clone(), reference.clone())));
            }
            RefundClaim::PaidOut { by, worker, proof } => {
                earliest(&mut self.paid_out, (at, (by.clone(), worker.clone(), proof.clone())));
            }
            RefundClaim::Abandoned { by, reason } => {
                earliest(&mut self.abandoned, (at, (by.clone(), reason.clone())));
            }
            RefundClaim::Requested { .. }
            | RefundClaim::Approved { .. }
            | RefundClaim::Rejected { .. }
            | RefundClaim::Activated { .. }
            | RefundClaim::Voided { .. } => {}
        }
        self
    }

    fn join_receipt(&mut self, expected: Money, receipt: &RefundReceipt) {
        match receipt.mismatch(expected) {
            Some(reason) => earliest(&mut self.mismatch, reason),
            None => {
                earliest(&mut self.refund_id, receipt.refund_id.clone());
                earliest(&mut self.succeeded, receipt.clone());
            }
        }
    }

    /// Whether the channel was seen to have it.
    pub const fn known_at_channel(&self) -> bool {
        self.refund_id.is_some()
    }

    /// Whether `at` is about the latest call.
    fn since_call(&self, at: Option<Timestamp>) -> bool {
        at.is_some() && at >= self.sent_at
    }

    /// What the evidence means for a leg by `route`; `second_way` says whether the channel can be asked
    /// for one. The order of the questions is the strength of the facts.
    pub fn state(&self, route: Route, second_way: bool) -> LegState {
        match route {
            Route::Channel => self.state_at_channel(second_way),
            Route::Transfer if self.reversed.is_some() => LegState::Reversed,
            Route::Transfer if self.transferred.is_some() || self.paid_out.is_some() => LegState::Succeeded,
            Route::Transfer if self.abandoned.is_some() => LegState::Abandoned,
            Route::Transfer => LegState::AwaitingTransfer,
        }
    }

    fn state_at_channel(&self, second_way: bool) -> LegState {
        if self.mismatch.is_some() {
            return LegState::Held;
        }
        if self.reversed.is_some() {
            return LegState::Reversed;
        }
        if self.succeeded.is_some() {
            return LegState::Succeeded;
        }
        if self.closed.is_some() {
            return LegState::Failed;
        }
        if self.abnormal_at.is_some() {
            return match (self.second_failed.is_some(), self.second_accepted_at.is_some()) {
                (true, _) => LegState::Stranded,
                (false, true) => LegState::Processing,
                (false, false) if second_way => LegState::SecondWay,
                (false, false) => LegState::Stranded,
            };
        }
        if self.known_at_channel() {
            return LegState::Processing;
        }
        match (self.state_of_the_call(), &self.refused) {
            // While a call may be under way, only the channel can say what became of it.
            (LegState::Reserved | LegState::WaitingFunds, _) if self.abandoned.is_some() => LegState::Abandoned,
            (_, Some((refused_at, _))) if self.unanswered_before(*refused_at) => LegState::Unknown,
            (_, Some(_)) => LegState::NotPossible,
            (call, None) => call,
        }
    }

    /// Whether a call ended without an answer and the channel was not asked since `refused_at`: that call may
    /// have taken effect, whatever the channel said to a later one. Before the money goes another way, it is
    /// asked.
    fn unanswered_before(&self, refused_at: Timestamp) -> bool {
        self.no_answer_at.is_some() && self.absent_at.is_none_or(|at| at < refused_at)
    }

    /// The channel has never confirmed the number: where its latest call stands. Calling again with the
    /// same number is always lawful, so the order of sights only decides whether to ask before.
    fn state_of_the_call(&self) -> LegState {
        if self.sent_at.is_none() && self.no_answer_at.is_none() {
            return LegState::Reserved;
        }
        if self.since_call(self.no_funds.as_ref().map(|(at, _)| *at)) {
            return LegState::WaitingFunds;
        }
        if self.since_call(self.not_sent_at) || self.since_call(self.absent_at) {
            return LegState::Reserved;
        }
        if self.since_call(self.no_answer_at) { LegState::Unknown } else { LegState::Sending }
    }

    /// See [`crate::payment::Evidence::earliest_sight`].
    pub fn earliest_sight(&self, claim: &Claim) -> Option<Timestamp> {
        let latest = |known: &[Option<Timestamp>]| known.iter().copied().flatten().max();
        match claim {
            Claim::Refund(RefundClaim::Sending) => {
                let no_funds_at = self.no_funds.as_ref().map(|(at, _)| *at);
                let known = [self.sent_at, self.no_answer_at, self.not_sent_at, self.absent_at, no_funds_at];
                latest(&known).map(|t| t.plus_ms(1))
            }
            Claim::Refund(RefundClaim::Absent) => latest(&[self.sent_at, self.refused.as_ref().map(|(at, _)| *at)]),
            _ => self.sent_at,
        }
    }
}

/// A leg: money that goes back for one payment by one way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leg {
    /// Its id; [`Leg::number`] is what the channel knows it by.
    pub id: LegId,
    /// The refund that it belongs to.
    pub refund: RefundId,
    /// The payment whose money goes back.
    pub payment: PaymentId,
    /// Counts the legs of a refund: 1, 2, 3 …
    pub sequence: i32,
    /// By which way.
    pub route: Route,
    /// How much.
    pub amount: Money,
    /// The leg that had failed and whose amount this one carries on.
    pub replaces: Option<LegId>,
    /// Where it stands: always what the evidence means.
    pub state: LegState,
    /// What was observed.
    pub evidence: LegEvidence,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When something is due for it at the latest; `None` when nothing is. The sweep goes by it.
    pub due_at: Option<Timestamp>,
    /// When it was planned.
    pub created_at: Timestamp,
}

impl Leg {
    /// The number that the channel gets: fixed for ever, reused by every retry.
    pub fn number(&self) -> String {
        self.id.bare()
    }

    /// Whether `claim` may be taken in as things stand; `may_send` is its refund's. Facts always. A call is not
    /// made for a leg that ended meanwhile: who makes one writes that down first, and looks whether it was taken.
    pub(crate) fn may_take(&self, claim: &Claim, may_send: bool) -> bool {
        let Claim::Refund(claim) = claim else { return false };
        match claim {
            RefundClaim::Sending => may_send && matches!(self.state, LegState::Reserved | LegState::WaitingFunds),
            RefundClaim::SecondSending => may_send && self.state == LegState::SecondWay,
            RefundClaim::Transferred { .. } => may_send && self.route == Route::Transfer,
            // Whoever pays it out asks first, and the drawer is written with it: no fact that must be heard later.
            RefundClaim::PaidOut { .. } => may_send && self.state == LegState::AwaitingTransfer,
            RefundClaim::Abandoned { by, .. } if by == super::BY_RULE => self.rests(),
            RefundClaim::Abandoned { .. } => may_send && self.can_be_dropped(),
            _ => true,
        }
    }

    /// Whether a person may give it up: no call of it is under way, and none can have had an effect.
    pub const fn can_be_dropped(&self) -> bool {
        self.rests() && self.evidence.no_answer_at.is_none()
    }

    /// Whether no call of it is under way. When the payer gets the money by another way, it is not called again.
    pub(crate) const fn rests(&self) -> bool {
        matches!(self.state, LegState::AwaitingTransfer | LegState::Reserved | LegState::WaitingFunds)
    }

    /// Whether a person gave it up: nobody looks for another way then.
    pub(crate) fn given_up(&self) -> bool {
        self.state == LegState::Abandoned && !self.needless()
    }

    /// Whether it was given up by rule: the payer has, or will have, the money by another way.
    pub(crate) fn needless(&self) -> bool {
        self.state == LegState::Abandoned
            && self.evidence.abandoned.as_ref().is_some_and(|(_, (by, _))| by == super::BY_RULE)
    }
}

#[cfg(test)]
#[path = "leg_tests.rs"]
mod tests;
