//! The reconciliation of one account and day: it knows where one stands and what it came to, and must never know
//! how one is carried out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{BillKind, BillSums, BreakKind};
use crate::bank::Day;
use crate::clock::Timestamp;
use crate::id::{BillId, ChannelAccountId, MerchantId, ReconciliationId};
use crate::merchant::ChannelAccount;
use crate::money::Currency;

/// Where the reconciliation of a day stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// The channel has not made its bills yet, or nobody has asked.
    Waiting,
    /// Bills are here and are being matched.
    Matching,
    /// It is done.
    Done,
    /// A bill cannot be used: a person has to look. It is tried again all the same.
    Failed,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Matching, Self::Done, Self::Failed];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Waiting => 1,
            Self::Matching => 2,
            Self::Done => 3,
            Self::Failed => 4,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Matching => "matching",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// What a reconciliation came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFigures {
    /// Lines of bills that were looked at.
    pub lines: u64,
    /// Of them those that agree with our books.
    pub agreed: u64,
    /// Of them those that a bill of the same day had told before.
    pub known: u64,
    /// Movements of ours of that day that no bill told of.
    pub unmatched: u64,
    /// Breaks that were found for the first time, by kind.
    pub found: BTreeMap<BreakKind, u64>,
    /// Of them and of older ones, those that a machine has mended.
    pub healed: u64,
    /// Of them those that a person is asked about.
    pub parked: u64,
}

impl RunFigures {
    /// Breaks that were found for the first time.
    pub fn found_in_all(&self) -> u64 {
        self.found.values().sum()
    }
}

/// The reconciliation of one account and business day.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reconciliation {
    /// Its id, derived from account and day.
    pub id: ReconciliationId,
    /// Of which account.
    pub account: ChannelAccountId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Of which of the channel's business days.
    pub day: Day,
    /// Where it stands.
    pub state: RunState,
    /// What it came to so far.
    pub figures: RunFigures,
    /// What is waited for, or what is wrong, in words.
    pub note: Option<String>,
    /// When something is due for it; the sweep goes by it. `None`: nothing is.
    pub due_at: Option<Timestamp>,
    /// When it was begun.
    pub started_at: Timestamp,
    /// When it was done last.
    pub finished_at: Option<Timestamp>,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
}

impl Reconciliation {
    /// The reconciliation of `account` for `day` that nobody has looked at yet.
    pub fn beginning(account: &ChannelAccount, day: Day, now: Timestamp) -> Self {
        Self {
            id: Self::id_of(account.id, day),
            account: account.id,
            merchant: account.merchant,
            day,
            state: RunState::Waiting,
            figures: RunFigures::default(),
            note: None,
            due_at: Some(now),
            started_at: now,
            finished_at: None,
            version: 0,
        }
    }

    /// The same, to be looked at once more: its bills are fetched again, and only what differs is looked at.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Self {
        let (state, figures) = (RunState::Waiting, RunFigures::default());
        Self { state, figures, due_at: Some(now), note: None, ..self.clone() }
    }

    /// The id of the reconciliation of `account` for `day`.
    pub fn id_of(account: ChannelAccountId, day: Day) -> ReconciliationId {
        // A day's number sits in bits of its own of a time-ordered id: never two days of one account alike.
        let number = u128::from(day.number().unsigned_abs());
        ReconciliationId(Uuid::from_u128(account.uuid().as_u128() ^ number.wrapping_mul(0x1_0000_0001_0000_0001)))
    }
}

/// How far a bill was taken in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BillState {
    /// Its file is kept and was read once to its end; its lines are being taken in.
    Stored,
    /// Every line was taken in and judged.
    Done,
}

impl BillState {
    /// Every state.
    pub const ALL: [Self; 2] = [Self::Stored, Self::Done];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Stored => 1,
            Self::Done => 2,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Done => "done",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// A bill as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bill {
    /// Its id.
    pub id: BillId,
    /// Of which account.
    pub account: ChannelAccountId,
    /// Whose it is.
    pub merchant: MerchantId,
    /// Which bill.
    pub kind: BillKind,
    /// Of which of the channel's business days.
    pub day: Day,
    /// 1 for the first file of its day, one more for each that the channel issued again with other content.
    pub issue: i32,
    /// SHA-256 of the file.
    pub digest: Vec<u8>,
    /// The file's name.
    pub name: String,
    /// The file's bytes.
    pub bytes: i64,
    /// What its lines come to.
    pub sums: BillSums,
    /// What those of them come to that no earlier issue had told, less what it does not tell any more.
    pub news: BillSums,
    /// In which currency.
    pub currency: Currency,
    /// Who brought it: `channel`, or a person.
    pub source: String,
    /// When it came.
    pub fetched_at: Timestamp,
    /// How far it was taken in.
    pub state: BillState,
    /// How many of its lines were: once for what came, and once more for what went back.
    pub taken: i64,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
}
