//! Shares of an order's money: it knows how what was observed of them adds up to where they stand, and must never
//! know of channels.
//!
//! An order may carry shares: of its money, agency, platform and worker get their parts, and the rest stays with the
//! merchant. Once it is paid, the shares of the payment that paid it are one [`Sharing`]: one call at the channel,
//! with a result per receiver. Money that must go back to the payer later is pulled back from them first.

mod books;
mod call;
mod plan;
mod pull;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::clock::{MINUTE_MS, Timestamp};
use crate::id::{ChannelAccountId, MerchantId, OrderId, PaymentId};
use crate::money::Currency;

pub use call::{CallClaim, CallEvidence, CallState};
pub use plan::{MAX_SHARES, ShareAmount, ShareAsk, plan};

/// How long after a payment its shares are sent, in milliseconds: the channel wants a minute to see the payment in
/// all its books.
pub const SHARE_AFTER_MS: i64 = MINUTE_MS;

/// Who gets a share.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// A merchant of the channel, by its number there.
    Merchant,
    /// A person, by the channel's name for him (an openid). What he got cannot be pulled back by a call.
    Person,
}

impl ReceiverKind {
    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Merchant => "merchant",
            Self::Person => "person",
        }
    }
}

/// A share of an order: who gets how much.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SharePart {
    /// Who gets it.
    pub kind: ReceiverKind,
    /// The receiver's name at the channel: the number of a merchant, the openid of a person.
    pub account: String,
    /// What a merchant is called in the register, where the channel compares it. Persons are not named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Minor units, 1 or more.
    pub amount_minor: i64,
    /// What for, as the receiver reads it.
    pub description: String,
}

/// What became of a share, or of a return.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ended {
    /// The money has moved.
    Moved,
    /// It has not, and will not, in the channel's words.
    Refused(String),
}

impl Ended {
    /// Joins what two observations say: money that moved has moved; of two reasons the smaller.
    fn join(slot: &mut Option<Self>, told: &Self) {
        match (slot.as_ref(), told) {
            (Some(Self::Moved), _) => {}
            (Some(Self::Refused(old)), Self::Refused(new)) if old <= new => {}
            _ => *slot = Some(told.clone()),
        }
    }
}

/// What was observed of shares.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SharingClaim {
    /// About the call that shares.
    Share(CallClaim),
    /// The channel told what became of a line, counted from 0.
    Line(u8, Ended),
    /// About the call that frees what is not shared.
    Unfreeze(CallClaim),
    /// About the call that pulls back, by the return's number from 0.
    Return(u8, CallClaim),
    /// The channel told what became of a return.
    Returned(u8, Ended),
}

impl SharingClaim {
    /// Whether it tells of a call that had no effect, or that may have had none.
    pub const fn is_vain(&self) -> bool {
        let (Self::Share(call) | Self::Unfreeze(call) | Self::Return(_, call)) = self else { return false };
        matches!(call, CallClaim::NoAnswer | CallClaim::NotSent)
    }
}

/// Money to be pulled back from a receiver, fixed once written.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareReturn {
    /// Of which line.
    pub line: u8,
    /// Minor units.
    pub amount_minor: i64,
    /// What was observed of its call.
    #[serde(default)]
    pub call: CallEvidence,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

impl ShareReturn {
    /// Whether nothing more is expected to happen to it.
    pub const fn is_final(&self) -> bool {
        self.ended.is_some() || self.call.refused.is_some()
    }

    /// Whether the money is back.
    pub fn is_back(&self) -> bool {
        self.ended == Some(Ended::Moved)
    }

    /// Why it did not happen, when it did not.
    pub fn failure(&self) -> Option<&str> {
        match (&self.ended, &self.call.refused) {
            (Some(Ended::Moved), _) => None,
            (Some(Ended::Refused(why)), _) | (None, Some(why)) => Some(why),
            (None, None) => None,
        }
    }

    /// The stable name of where it stands, in faces.
    pub fn state_name(&self) -> &'static str {
        match (&self.ended, self.failure()) {
            (Some(Ended::Moved), _) => "returned",
            (_, Some(_)) => "failed",
            _ => match self.call.state() {
                CallState::Ready => "planned",
                CallState::Sent => "returning",
                CallState::Unknown => "unknown",
                CallState::Accepted | CallState::Refused => "processing",
            },
        }
    }
}

/// Where a share stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareState {
    /// Not sent yet.
    Planned,
    /// About to be sent.
    Sending,
    /// Sent, without an answer.
    Unknown,
    /// The channel works on it.
    Processing,
    /// The receiver has it.
    Shared,
    /// It was refused for good: the merchant keeps the money.
    Closed,
}

impl ShareState {
    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sending => "sending",
            Self::Unknown => "unknown",
            Self::Processing => "processing",
            Self::Shared => "shared",
            Self::Closed => "closed",
        }
    }

    /// Whether the receiver has it, or never will.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Shared | Self::Closed)
    }
}

/// What is to be done next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextStep {
    /// Send the shares.
    Share,
    /// Ask where they stand.
    AskShare,
    /// Free what is not shared.
    Unfreeze,
    /// Send this return.
    Return(u8),
    /// Ask where this return stands.
    AskReturn(u8),
    /// Nothing.
    Rest,
}

/// The shares of the payment that paid an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sharing {
    /// Whose money it is of.
    pub order: OrderId,
    /// The payment that paid it.
    pub payment: PaymentId,
    /// Whose order it is.
    pub merchant: MerchantId,
    /// The channel account that took the money.
    pub account: ChannelAccountId,
    /// In which currency.
    pub currency: Currency,
    /// Who gets how much, fixed once written.
    pub lines: Vec<SharePart>,
    /// What was observed of the call that shares.
    pub share: CallEvidence,
    /// What was observed of the call that frees the rest, where the first does not.
    pub unfreeze: CallEvidence,
    /// What became of the lines.
    pub ended: BTreeMap<u8, Ended>,
    /// What is pulled back, oldest first.
    pub returns: Vec<ShareReturn>,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When it was planned.
    pub created_at: Timestamp,
}

impl Sharing {
    /// Under which id the ledger knows it: derived from its payment, so that neither has the other's postings.
    pub fn subject(&self) -> Uuid {
        Uuid::from_u128(self.payment.uuid().as_u128() ^ (1 << 32))
    }

    /// By which number the channel knows the call that shares.
    pub fn number(&self) -> String {
        format!("S{}", self.payment.bare())
    }

    /// By which number it knows the call that frees the rest: a fresh one, as it asks.
    pub fn unfreeze_number(&self) -> String {
        format!("U{}", self.payment.bare())
    }

    /// By which number it knows a return.
    pub fn return_number(&self, n: u8) -> String {
        format!("R{}{n:03}", self.payment.bare())
    }

    /// This with one claim joined to it. Claims about lines and returns that do not exist tell nothing.
    pub fn observe(&mut self, at: Timestamp, claim: &SharingClaim) {
        match claim {
            SharingClaim::Share(claim) => self.share.join(at, claim),
            SharingClaim::Unfreeze(claim) => self.unfreeze.join(at, claim),
            SharingClaim::Line(line, told) if usize::from(*line) < self.lines.len() => {
                let mut slot = self.ended.get(line).cloned();
                Ended::join(&mut slot, told);
                self.ended.extend(slot.map(|ended| (*line, ended)));
            }
            SharingClaim::Line(..) => {}
            SharingClaim::Return(n, claim) => {
                if let Some(found) = self.returns.get_mut(usize::from(*n)) {
                    found.call.join(at, claim);
                }
            }
            SharingClaim::Returned(n, told) => {
                if let Some(found) = self.returns.get_mut(usize::from(*n)) {
                    Ended::join(&mut found.ended, told);
                }
            }
        }
    }

    /// Its lines with their numbers.
    pub fn numbered(&self) -> impl Iterator<Item = (u8, &SharePart)> {
        (0..=u8::MAX).zip(&self.lines)
    }

    /// Where a line stands. What the channel told of it counts before what it said to the call.
    pub fn line_state(&self, line: u8) -> ShareState {
        match (self.ended.get(&line), self.share.state()) {
            (Some(Ended::Moved), _) => ShareState::Shared,
            (Some(Ended::Refused(_)), _) | (None, CallState::Refused) => ShareState::Closed,
            (None, CallState::Ready) => ShareState::Planned,
            (None, CallState::Sent) => ShareState::Sending,
            (None, CallState::Unknown) => ShareState::Unknown,
            (None, CallState::Accepted) => ShareState::Processing,
        }
    }

    /// Why a line was refused for good, when it was.
    pub fn refusal(&self, line: u8) -> Option<&str> {
        match (self.ended.get(&line), &self.share.refused) {
            (Some(Ended::Moved), _) => None,
            (Some(Ended::Refused(why)), _) | (None, Some(why)) => Some(why),
            (None, None) => None,
        }
    }

    /// Whether every receiver has his share, or never will.
    pub fn is_settled(&self) -> bool {
        self.numbered().all(|(n, _)| self.line_state(n).is_final())
    }

    /// Whether no return is under way.
    pub fn has_returned(&self) -> bool {
        self.returns.iter().all(ShareReturn::is_final)
    }

    /// What is to be done next.
    pub fn next_step(&self) -> NextStep {
        if !self.is_settled() {
            return match self.share.state() {
                CallState::Ready => NextStep::Share,
                _ => NextStep::AskShare,
            };
        }
        // The call that shares frees the rest; where there was none, or it was refused, another must.
        let frees = !self.lines.is_empty() && self.share.refused.is_none();
        let freed = matches!(self.unfreeze.state(), CallState::Accepted | CallState::Refused);
        if !frees && !freed {
            return NextStep::Unfreeze;
        }
        let open = (0..=u8::MAX).zip(&self.returns).find(|(_, r)| !r.is_final());
        match open {
            Some((n, found)) if found.call.state() == CallState::Ready => NextStep::Return(n),
            Some((n, _)) => NextStep::AskReturn(n),
            None => NextStep::Rest,
        }
    }

    /// What a person has to look after, in words; empty when nothing.
    pub fn troubles(&self) -> Vec<String> {
        let money = |minor| crate::money::Money::new(minor, self.currency);
        let refused = self.numbered().filter_map(|(n, line)| {
            let why = self.refusal(n)?;
            Some(format!("{} {} did not get {}: {why}", line.kind.name(), line.account, money(line.amount_minor)))
        });
        let kept = self.returns.iter().filter_map(|r| {
            let line = self.lines.get(usize::from(r.line))?;
            let why = r.failure()?;
            Some(format!("{} of {} could not be pulled back: {why}", money(r.amount_minor), line.account))
        });
        let frozen = self.unfreeze.refused.iter().map(|why| format!("the rest was not freed: {why}"));
        refused.chain(kept).chain(frozen).collect()
    }
}
