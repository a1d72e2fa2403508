//! The ledger as it is read: it knows which questions are asked about postings, and must never know what they should
//! come to ([`bursar_core::ledger`] does).

use async_trait::async_trait;
use bursar_core::id::OrderId;
use bursar_core::ledger::{Account, Posting};
use bursar_core::order::Dossier;
use bursar_core::{Currency, Timestamp};
use uuid::Uuid;

use crate::Result;
use crate::dialect::Dialect;
use crate::read::ledger;

/// One account in the trial balance. In minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Balance {
    /// The account.
    pub account: Account,
    /// In which currency.
    pub currency: Currency,
    /// What was debited.
    pub debit_minor: i64,
    /// What was credited.
    pub credit_minor: i64,
}

impl Balance {
    /// Debits less credits.
    pub const fn minor(&self) -> i64 {
        self.debit_minor.saturating_sub(self.credit_minor)
    }
}

/// Where a posting stands among all: by time, then by what it is about.
pub type Place = (Timestamp, Uuid, i64);

/// A posting with its place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which posting of its subject it is, from 1.
    pub sequence: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What it moves.
    pub posting: Posting,
}

impl Entry {
    /// Its place.
    pub const fn place(&self) -> Place {
        (self.at, self.posting.subject, self.sequence)
    }

    /// By how many minor units it changes the balance of `account`.
    pub fn effect_on(&self, account: Account) -> i64 {
        if self.posting.debit == account {
            self.posting.amount.minor
        } else if self.posting.credit == account {
            self.posting.amount.minor.saturating_neg()
        } else {
            0
        }
    }
}

/// What one payment or leg holds on one account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Holding {
    /// The 128 bits of the payment or leg.
    pub subject: Uuid,
    /// The account.
    pub account: Account,
    /// In which currency.
    pub currency: Currency,
    /// Debits less credits in minor units; never zero.
    pub minor: i64,
}

/// Largest page of entries.
pub const MAX_ENTRIES: u32 = 1_000;

/// What is asked of a database about its postings. All of it scans: nothing of it is on the path of a payment.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Every account with its debits and credits, in the order of kinds, owners and currencies; only those of `owners`
    /// (merchants and channel accounts) when some are named.
    async fn trial_balance(&self, owners: Option<&[Uuid]>) -> Result<Vec<Balance>>;
    /// Debits less credits of `account` before `place`, in minor units of `currency`.
    async fn balance_before(&self, account: Account, currency: Currency, place: Place) -> Result<i64>;
    /// Entries of `account` after `after` and before `until`, in the order of their places, at most `limit`.
    async fn entries(
        &self,
        account: Account,
        currency: Currency,
        after: Place,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Entry>>;
    /// What these payments and legs hold.
    async fn holdings(&self, subjects: &[Uuid]) -> Result<Vec<Holding>>;
    /// Dossiers by id, after `after`, at most `limit`.
    async fn dossiers_after(&self, after: Option<OrderId>, limit: u32) -> Result<Vec<Dossier>>;
    /// Subjects of postings that are neither payments nor legs, nor anything that reconciliation keeps, after `after`.
    async fn strangers(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>>;
}

#[async_trait]
impl<D: Dialect> Ledger for D {
    async fn trial_balance(&self, owners: Option<&[Uuid]>) -> Result<Vec<Balance>> {
        ledger::trial_balance(self, owners).await
    }
    async fn balance_before(&self, account: Account, currency: Currency, place: Place) -> Result<i64> {
        ledger::balance_before(self, account, currency, place).await
    }
    async fn entries(
        &self,
        account: Account,
        currency: Currency,
        after: Place,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        ledger::entries(self, account, currency, (after, until), limit).await
    }
    async fn holdings(&self, subjects: &[Uuid]) -> Result<Vec<Holding>> {
        ledger::holdings(self, subjects).await
    }
    async fn dossiers_after(&self, after: Option<OrderId>, limit: u32) -> Result<Vec<Dossier>> {
        crate::read::dossier::after(self, after, limit).await
    }
    async fn strangers(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>> {
        ledger::strangers(self, after, limit).await
    }
}

/// The place before every posting at or after `at`.
pub fn before(at: Timestamp) -> Place {
    (at, Uuid::nil(), 0)
}
