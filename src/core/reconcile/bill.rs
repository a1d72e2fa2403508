//! What a channel's bill of a day says: it knows the lines that all bills have in common, and must never know how
//! one is written or fetched.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Which of a channel's bills.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillKind {
    /// What was taken and given back, by our numbers. It is matched with our payments and refunds.
    Trade,
    /// What moved on the merchant's account at the channel: fees and payouts too. It is matched with the bank.
    Funds,
}

impl BillKind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Trade, Self::Funds];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Trade => 1,
            Self::Funds => 2,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trade => "trade",
            Self::Funds => "funds",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

impl FromStr for BillKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|k| k.name() == text);
        known.ok_or_else(|| "a bill is `trade` or `funds`".to_owned())
    }
}

impl fmt::Display for BillKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a line of a bill tells of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Money was taken from a payer.
    Capture,
    /// Money went back to a payer, or is on its way.
    Refund,
    /// The channel charged the merchant apart from a capture; a negative amount was given back.
    Fee,
    /// The channel paid the merchant's money out to his bank account.
    Payout,
    /// A payer's complaint took money away; a negative amount came back.
    Dispute,
    /// Anything else that moved money on the account: a deposit, a correction. A negative amount left it.
    Other,
}

impl EntryKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [Self::Capture, Self::Refund, Self::Fee, Self::Payout, Self::Dispute, Self::Other];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Capture => 1,
            Self::Refund => 2,
            Self::Fee => 3,
            Self::Payout => 4,
            Self::Dispute => 5,
            Self::Other => 6,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Refund => "refund",
            Self::Fee => "fee",
            Self::Payout => "payout",
            Self::Dispute => "dispute",
            Self::Other => "other",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

/// How far what a line tells of has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryStatus {
    /// The money has moved.
    Done,
    /// It is under way; a later bill tells how it ended.
    Pending,
    /// It did not move after all, or came back.
    Failed,
}

impl EntryStatus {
    /// Every status.
    pub const ALL: [Self; 3] = [Self::Done, Self::Pending, Self::Failed];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Done => 1,
            Self::Pending => 2,
            Self::Failed => 3,
        }
    }

    /// The status with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// One line of a bill, in the terms that all channels share.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BillLine {
    /// Which line of data it is, from 1.
    pub ordinal: u32,
    /// What it tells of.
    pub kind: EntryKind,
    /// How far that has come.
    pub status: EntryStatus,
    /// Our number as the channel wrote it: of a capture the payment's, of a refund the refund leg's. Empty where
    /// the line has none.
    pub number: String,
    /// Our number of the payment whose money went back or is disputed, where the line tells it.
    pub payment_number: Option<String>,
    /// The channel's own number of that payment, where the line tells it.
    pub payment_channel_id: Option<String>,
    /// The channel's own number, as its notifications and answers tell it too: of a capture the transaction's, of a
    /// refund the refund's, otherwise that of the movement.
    pub channel_id: String,
    /// Minor units that moved; negative only where [`EntryKind`] says so.
    pub amount_minor: i64,
    /// ISO 4217 code as the channel wrote it.
    pub currency: String,
    /// Minor units that the channel kept of it; negative when it gave back what it had kept.
    pub fee_minor: i64,
    /// When it moved, by the channel's clock.
    pub at: Timestamp,
    /// The merchant's number of the order, when our call had sent it along and the channel tells it back.
    pub order_number: Option<String>,
}

/// What the lines of a bill come to. In minor units; a bill has one currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct BillSums {
    /// Lines of data.
    pub lines: u64,
    /// Taken from payers.
    pub captured_minor: i64,
    /// Given back to payers: what is done or under way.
    pub refunded_minor: i64,
    /// Kept by the channel.
    pub fee_minor: i64,
    /// Paid out to the merchant's bank account.
    pub payout_minor: i64,
    /// Anything else that came to the account; negative when more left it.
    #[serde(default)]
    pub other_minor: i64,
}

impl BillSums {
    /// The sums with one line more.
    #[must_use]
    pub const fn with(self, line: &BillLine) -> Self {
        let moved = if matches!(line.status, EntryStatus::Failed) { 0 } else { line.amount_minor };
        let (mut captured, mut refunded, mut payout) = (self.captured_minor, self.refunded_minor, self.payout_minor);
        let (mut fee, mut other) = (self.fee_minor.saturating_add(line.fee_minor), self.other_minor);
        match line.kind {
            EntryKind::Capture => captured = captured.saturating_add(moved),
            EntryKind::Refund => refunded = refunded.saturating_add(moved),
            EntryKind::Fee => fee = fee.saturating_add(moved),
            EntryKind::Payout => payout = payout.saturating_add(moved),
            EntryKind::Other => other = other.saturating_add(moved),
            EntryKind::Dispute => {}
        }
        Self {
            lines: self.lines.saturating_add(1),
            captured_minor: captured,
            refunded_minor: refunded,
            fee_minor: fee,
            payout_minor: payout,
            other_minor: other,
        }
    }

    /// The sums without those of lines that are taken back.
    #[must_use]
    pub const fn without(self, line: &BillLine) -> Self {
        let one =
            Self { lines: 0, captured_minor: 0, refunded_minor: 0, fee_minor: 0, payout_minor: 0, other_minor: 0 };
        let one = one.with(line);
        Self {
            lines: self.lines.saturating_sub(one.lines),
            captured_minor: self.captured_minor.saturating_sub(one.captured_minor),
            refunded_minor: self.refunded_minor.saturating_sub(one.refunded_minor),
            fee_minor: self.fee_minor.saturating_sub(one.fee_minor),
            payout_minor: self.payout_minor.saturating_sub(one.payout_minor),
            other_minor: self.other_minor.saturating_sub(one.other_minor),
        }
    }

    /// What the day comes to for the merchant before payouts.
    pub const fn net_minor(self) -> i64 {
        self.captured_minor.saturating_sub(self.refunded_minor).saturating_sub(self.fee_minor)
    }
}
