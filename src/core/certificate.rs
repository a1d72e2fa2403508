//! What is proved of a day: it knows the members of a certificate, and must never compute a digest or read a row.
//!
//! A day is a calendar day in Beijing; movements are those of the channels' business days of the same date. Each
//! certificate names the digest of the one before, so that none can be changed or left out unseen.

use serde::{Deserialize, Serialize};

use crate::bank::Day;
use crate::clock::Timestamp;
use crate::id::ChannelAccountId;
use crate::ledger::AccountKind;

/// How many, and how much.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sum {
    /// ISO 4217 code.
    pub currency: String,
    /// How many.
    pub count: i64,
    /// How much, in minor units.
    pub minor: i64,
}

/// What moved through an account on its business day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Moved {
    /// The account.
    pub account: ChannelAccountId,
    /// Its channel, by name.
    pub channel: String,
    /// What moved, by the name of its kind: `capture`, `refund`, `refund_returned`, `receipt`, `taken_back`.
    pub kind: String,
    /// How much; negative when it left.
    pub sum: Sum,
}

/// The postings of the day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Postings {
    /// How many.
    pub count: u64,
    /// SHA-256 over all of them in the order of subjects and sequences, in hexadecimal.
    pub digest: String,
}

/// All accounts of one kind when the certificate was made, in minor units.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KindBalance {
    /// The kind.
    pub kind: AccountKind,
    /// ISO 4217 code.
    pub currency: String,
    /// What was debited.
    pub debit_minor: i64,
    /// What was credited.
    pub credit_minor: i64,
}

/// Whether the ledger agreed with the payments.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proved {
    /// Whether it did.
    pub holds: bool,
    /// Orders that were looked at.
    pub orders: u64,
    /// Payments.
    pub payments: u64,
    /// Legs of refunds.
    pub legs: u64,
    /// How many balances differed.
    pub different: u64,
    /// Currencies whose accounts did not sum to zero, with what was left over.
    pub unbalanced: Vec<String>,
}

/// What nobody was sure about.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Unknown {
    /// Payments and legs of refunds whose results were unknown or held.
    pub count: i64,
    /// The oldest of them was accepted then.
    pub oldest_at: Option<Timestamp>,
    /// What was in suspense.
    pub suspense: Vec<Sum>,
}

/// Breaks of one kind in one state.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Breaks {
    /// The kind, by name.
    pub kind: String,
    /// The state, by name.
    pub state: String,
    /// How many.
    pub count: u64,
}

/// Breaks that ended on the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Repaired {
    /// By a machine.
    pub by_machine: i64,
    /// By a person.
    pub by_person: i64,
}

/// A reconciliation that should be done and is not.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Missing {
    /// The account.
    pub account: ChannelAccountId,
    /// The business day.
    pub day: Day,
    /// Where it stands, by name; `none` when it was not begun.
    pub state: String,
}

/// Reconciliations of the day before, whose bills come on the day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Runs {
    /// How many are done.
    pub done: u64,
    /// Those that are not.
    pub missing: Vec<Missing>,
}

/// What is proved of a day.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Certificate {
    /// Which certificate it is, from 1.
    pub sequence: i64,
    /// Of which calendar day in Beijing.
    pub day: Day,
    /// The digest of the certificate before, in hexadecimal; `None` of the first.
    pub previous: Option<String>,
    /// When it was made. What stands below `balances` is as of then.
    pub made_at: Timestamp,
    /// Orders that were taken on the day, and what was owed for them.
    pub orders: Vec<Sum>,
    /// What moved. Movements that became known later are not in it.
    pub movements: Vec<Moved>,
    /// What was posted on the day.
    pub postings: Postings,
    /// The trial balance by kind of account.
    pub balances: Vec<KindBalance>,
    /// Whether the ledger agreed with the payments.
    pub proof: Proved,
    /// What nobody was sure about.
    pub unknown: Unknown,
    /// Breaks by kind and state.
    pub breaks: Vec<Breaks>,
    /// Breaks that ended on the day.
    pub repaired: Repaired,
    /// Reconciliations done and missing.
    pub runs: Runs,
}

impl Certificate {
    /// The day before, whose reconciliations belong to `day`.
    pub fn reconciled(day: Day) -> Day {
        day.plus_days(-1)
    }
}
