//! One line of a bank's statement as every format tells it: it knows what a line says, and must never know how
//! it was written.

use serde::{Deserialize, Serialize};

use super::day::Day;
use crate::money::Money;

/// Which way money went on the account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// It came in.
    Credit,
    /// It went out.
    Debit,
}

impl Direction {
    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Credit => 1,
            Self::Debit => 2,
        }
    }

    /// The direction with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        [Self::Credit, Self::Debit].into_iter().find(|d| d.code() == code)
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credit => "credit",
            Self::Debit => "debit",
        }
    }

    /// The other way.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Credit => Self::Debit,
            Self::Debit => Self::Credit,
        }
    }
}

/// Who stands on the other side of a line, as far as the bank says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Party {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The number of the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// One line of a statement. Money is positive; its way is the direction, also of a reversal: what takes a
/// credit back is a debit.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StatementLine {
    /// By which the line is known on its account whatever file it comes in: the same line has the same
    /// identity in an advice of the day and in the statement of the evening.
    pub identity: String,
    /// The identity that the entry would have as a whole, when this is one of the transactions that it was
    /// split into: one file may split it and another not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// The day on which the bank booked it.
    pub booked_on: Day,
    /// The day from which it counts for interest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value_on: Option<Day>,
    /// How much; more than zero.
    pub amount: Money,
    /// Which way the money went.
    pub direction: Direction,
    /// Whether it takes back an earlier line of the other direction.
    pub reversal: bool,
    /// The other side.
    pub counterparty: Party,
    /// What the payer wrote, and what the bank says about it, in one text.
    pub text: String,
    /// The number that the payer's side gave the transfer, when it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_to_end: Option<String>,
    /// The bank's own number of the line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_reference: Option<String>,
    /// The virtual account that the payer named, when it is not the account itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_account: Option<String>,
}
