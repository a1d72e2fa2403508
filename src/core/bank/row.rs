//! Statements and their lines as they are kept: it knows where a line stands, and must never know SQL.

use super::ladder::Rung;
use super::line::StatementLine;
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, LegId, LineId, MerchantId, PaymentId, StatementId};
use crate::money::Currency;

/// Where a line stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LineState {
    /// Read; nobody has looked for whose it is.
    New,
    /// It is known whose it is; the books of that payment or refund may not know it yet.
    Matched,
    /// It is not known whose it is: a person is asked.
    Suspense,
    /// It is none of our business, by rule or by a person's word.
    Ignored,
    /// The books know it.
    Settled,
    /// The books knew it, and a later line took it back.
    Reversed,
}

impl LineState {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::New, Self::Matched, Self::Suspense, Self::Ignored, Self::Settled, Self::Reversed];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::New => 1,
            Self::Matched => 2,
            Self::Suspense => 3,
            Self::Ignored => 4,
            Self::Settled => 5,
            Self::Reversed => 6,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Matched => "matched",
            Self::Suspense => "suspense",
            Self::Ignored => "ignored",
            Self::Settled => "settled",
            Self::Reversed => "reversed",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether a job owes it something.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::New | Self::Matched)
    }

    /// Whether a person may say whose it is.
    pub const fn is_open_to_people(self) -> bool {
        matches!(self, Self::Suspense | Self::Ignored)
    }
}

impl std::str::FromStr for LineState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(32).collect();
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{shown}` is not a state of a statement line; there are {}", names.join(", "))
        })
    }
}

/// Whose a line is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LineSubject {
    /// Money for a payment.
    Payment(PaymentId),
    /// Our transfer for a leg of a refund.
    Leg(LegId),
    /// It takes another line back.
    Line(LineId),
}

impl LineSubject {
    /// The stable number of its kind in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Payment(_) => 1,
            Self::Leg(_) => 2,
            Self::Line(_) => 3,
        }
    }

    /// The 128 bits of its id.
    pub const fn uuid(self) -> uuid::Uuid {
        match self {
            Self::Payment(id) => id.uuid(),
            Self::Leg(id) => id.uuid(),
            Self::Line(id) => id.uuid(),
        }
    }

    /// The inverse of [`LineSubject::code`] and [`LineSubject::uuid`].
    pub const fn from_code(code: i16, id: uuid::Uuid) -> Option<Self> {
        match code {
            1 => Some(Self::Payment(PaymentId(id))),
            2 => Some(Self::Leg(LegId(id))),
            3 => Some(Self::Line(LineId(id))),
            _ => None,
        }
    }
}

impl std::fmt::Display for LineSubject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Payment(id) => id.fmt(f),
            Self::Leg(id) => id.fmt(f),
            Self::Line(id) => id.fmt(f),
        }
    }
}

/// One statement of a file that was imported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatementRow {
    /// Its id.
    pub id: StatementId,
    /// Whose statement: the bank account as our channel account.
    pub account: ChannelAccountId,
    /// Whose money.
    pub merchant: MerchantId,
    /// SHA-256 of the file, as it came.
    pub digest: Vec<u8>,
    /// Which statement of the file, from 1.
    pub ordinal: i32,
    /// The bank's own number of the statement; the file's name when it has none.
    pub number: String,
    /// 1, and one more for every other file with the same number before it. The store counts it.
    pub version: i32,
    /// In which format it came.
    pub format: String,
    /// The name of the file, as it was given.
    pub file_name: String,
    /// Who imported it.
    pub imported_by: String,
    /// When.
    pub received_at: Timestamp,
    /// Its currency.
    pub currency: Currency,
    /// What was on the account before, in minor units.
    pub opening_minor: Option<i64>,
    /// What was on it afterwards.
    pub closing_minor: Option<i64>,
    /// How many lines it has.
    pub lines_total: i32,
    /// How many of them no earlier file had told.
    pub lines_new: i32,
    /// What the reader found worth saying, for people.
    pub warnings: Vec<String>,
}

/// A line as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LineRow {
    /// Its id: derived from the account and the line's identity.
    pub id: LineId,
    /// On which account.
    pub account: ChannelAccountId,
    /// Whose money.
    pub merchant: MerchantId,
    /// The statement that told it first.
    pub statement: StatementId,
    /// Its place in that statement, from 1.
    pub ordinal: i32,
    /// What it says.
    pub line: StatementLine,
    /// When we saw it first.
    pub seen_at: Timestamp,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// Where it stands.
    pub state: LineState,
    /// Whose it is, when that is known.
    pub subject: Option<LineSubject>,
    /// How that was found.
    pub by: Option<Rung>,
    /// Why nobody was found, or why it is ignored.
    pub why: Option<String>,
    /// Who said so: a person, or the rule.
    pub decided_by: Option<String>,
    /// When.
    pub decided_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_round_trip() {
        for state in LineState::ALL {
            assert_eq!(LineState::from_code(state.code()), Some(state));
            assert_eq!(state.name().parse(), Ok(state));
        }
        let id = uuid::Uuid::from_u128(5);
        for code in 1..=3 {
            let subject = LineSubject::from_code(code, id).unwrap();
            assert_eq!((subject.code(), subject.uuid()), (code, id));
        }
        assert_eq!(LineSubject::from_code(4, id), None);
    }
}
