//! Certificates of days in the store: it knows which rows a certificate is made of, and must never know what one is
//! good for.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::certificate::{Moved, Repaired, Sum};
use uuid::Uuid;

use crate::Result;
use crate::dialect::Dialect;
use crate::ledger::Entry;
use crate::read::certificate;

/// A certificate as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateRow {
    /// 1, 2, 3 … without gaps.
    pub sequence: i64,
    /// Of which day.
    pub day: Day,
    /// When it was made.
    pub made_at: Timestamp,
    /// SHA-256 of `body`.
    pub digest: Vec<u8>,
    /// The certificate as JSON, exactly as it was digested.
    pub body: String,
}

/// Largest page of entries of a day.
pub const MAX_DAY_ENTRIES: u32 = 5_000;

/// What is asked of a database for certificates. Certificates are never changed or deleted.
#[async_trait]
pub trait Certificates: Send + Sync {
    /// When the first order was accepted.
    async fn first_order_at(&self) -> Result<Option<Timestamp>>;
    /// Orders accepted from `from` until before `until`, by currency.
    async fn orders_between(&self, from: Timestamp, until: Timestamp) -> Result<Vec<Sum>>;
    /// What moved on the channels' business day of this date, by account, kind and currency.
    async fn moved_on(&self, day: Day) -> Result<Vec<Moved>>;
    /// Entries from `from` until before `until` whose subject and sequence come after `after`, in that order.
    async fn entries_between(
        &self,
        after: (Uuid, i64),
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Entry>>;
    /// How many payments and legs have an unknown or held result, and when the oldest was accepted.
    async fn unsure(&self) -> Result<(i64, Option<Timestamp>)>;
    /// Breaks that ended from `from` until before `until`.
    async fn repaired_between(&self, from: Timestamp, until: Timestamp) -> Result<Repaired>;
    /// The certificate of a day.
    async fn certificate(&self, day: Day) -> Result<Option<CertificateRow>>;
    /// The latest certificate.
    async fn last_certificate(&self) -> Result<Option<CertificateRow>>;
    /// Certificates with sequences above `after`, at most `limit`.
    async fn certificates(&self, after: i64, limit: u32) -> Result<Vec<CertificateRow>>;
    /// Adds a certificate. `false`: there is one of that day or sequence; nothing was written.
    async fn add_certificate(&self, row: &CertificateRow) -> Result<bool>;
}

#[async_trait]
impl<D: Dialect> Certificates for D {
    async fn first_order_at(&self) -> Result<Option<Timestamp>> {
        certificate::first_order_at(self).await
    }
    async fn orders_between(&self, from: Timestamp, until: Timestamp) -> Result<Vec<Sum>> {
        certificate::orders_between(self, from, until).await
    }
    async fn moved_on(&self, day: Day) -> Result<Vec<Moved>> {
        certificate::moved_on(self, day).await
    }
    async fn entries_between(
        &self,
        after: (Uuid, i64),
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        crate::read::ledger::entries_between(self, after, (from, until), limit).await
    }
    async fn unsure(&self) -> Result<(i64, Option<Timestamp>)> {
        certificate::unsure(self).await
    }
    async fn repaired_between(&self, from: Timestamp, until: Timestamp) -> Result<Repaired> {
        certificate::repaired_between(self, from, until).await
    }
    async fn certificate(&self, day: Day) -> Result<Option<CertificateRow>> {
        certificate::of_day(self, day).await
    }
    async fn last_certificate(&self) -> Result<Option<CertificateRow>> {
        certificate::last(self).await
    }
    async fn certificates(&self, after: i64, limit: u32) -> Result<Vec<CertificateRow>> {
        certificate::list(self, after, limit).await
    }
    async fn add_certificate(&self, row: &CertificateRow) -> Result<bool> {
        certificate::add(self, row).await
    }
}
