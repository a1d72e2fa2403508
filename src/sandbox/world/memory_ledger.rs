//! The ledger of a simulated history: it knows the postings in the world's tables, and sums them as the databases do.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bursar_core::bank::Day;
use bursar_core::certificate::{Moved, Repaired, Sum};
use bursar_core::id::{ChannelAccountId, LegId, MerchantId, OrderId, PaymentId};
use bursar_core::insights::{Group, Takings};
use bursar_core::ledger::Account;
use bursar_core::order::Dossier;
use bursar_core::reconcile::Movement;
use bursar_core::{Currency, Timestamp};
use bursar_store::ledger::{Balance, Entry, Holding, Place};
use bursar_store::reports::{DayMoved, Failures};
use bursar_store::{CertificateRow, Certificates, InsightFilter, Ledger, Reports, Result};
use uuid::Uuid;

use super::memory::{Memory, has_not, some};
use super::tables::Tables;

/// All entries by their places.
fn placed(tables: &Tables) -> Vec<Entry> {
    let mut counts = BTreeMap::<Uuid, i64>::new();
    let entry = |row: &bursar_store::PostingRow| {
        let sequence = counts.entry(row.posting.subject).or_default();
        *sequence += 1;
        Entry { sequence: *sequence, at: row.at, posting: row.posting }
    };
    let mut entries: Vec<Entry> = tables.postings.iter().map(entry).collect();
    entries.sort_by_key(Entry::place);
    entries
}

#[async_trait]
impl Ledger for Memory {
    async fn trial_balance(&self, owners: Option<&[Uuid]>) -> Result<Vec<Balance>> {
        let mut sums = BTreeMap::<(Account, Currency), (i64, i64)>::new();
        for row in &self.world.lock().tables.postings {
            let (posting, minor) = (&row.posting, row.posting.amount.minor);
            let currency = posting.amount.currency;
            sums.entry((posting.debit, currency)).or_default().0 += minor;
            sums.entry((posting.credit, currency)).or_default().1 += minor;
        }
        let wanted = |account: &Account| owners.is_none_or(|all| all.contains(&account.owner));
        let rows = sums.into_iter().filter(|((account, _), _)| wanted(account));
        Ok(rows
            .map(|((account, currency), (debit_minor, credit_minor))| Balance {
                account,
                currency,
                debit_minor,
                credit_minor,
            })
            .collect())
    }

    async fn balance_before(&self, account: Account, currency: Currency, place: Place) -> Result<i64> {
        let entries = placed(&self.world.lock().tables);
        let mine = entries.iter().filter(|e| e.place() < place && e.posting.amount.currency == currency);
        Ok(mine.map(|e| e.effect_on(account)).sum())
    }

    async fn entries(
        &self,
        account: Account,
        currency: Currency,
        after: Place,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        let entries = placed(&self.world.lock().tables).into_iter();
        let mine = entries.filter(|e| e.effect_on(account) != 0 && e.posting.amount.currency == currency);
        Ok(mine.filter(|e| e.place() > after && e.at < until).take(some(limit)).collect())
    }

    async fn holdings(&self, subjects: &[Uuid]) -> Result<Vec<Holding>> {
        let mut sums = BTreeMap::<(Uuid, Account, Currency), i64>::new();
        for row in &self.world.lock().tables.postings {
            let posting = &row.posting;
            if subjects.contains(&posting.subject) {
                let (subject, currency) = (posting.subject, posting.amount.currency);
                *sums.entry((subject, posting.debit, currency)).or_default() += posting.amount.minor;
                *sums.entry((subject, posting.credit, currency)).or_default() -= posting.amount.minor;
            }
        }
        let rows = sums.into_iter().filter(|(_, minor)| *minor != 0);
        Ok(rows.map(|((subject, account, currency), minor)| Holding { subject, account, currency, minor }).collect())
    }

    async fn dossiers_after(&self, after: Option<OrderId>, limit: u32) -> Result<Vec<Dossier>> {
        let tables = &self.world.lock().tables;
        let ids = tables.orders.keys().filter(|id| after.is_none_or(|a| **id > a)).take(some(limit));
        Ok(ids.filter_map(|id| tables.dossier(*id)).collect())
    }

    async fn strangers(&self, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>> {
        let tables = &self.world.lock().tables;
        let known = |id: &Uuid| {
            let shares = tables.sharings.values().any(|s| s.subject() == *id);
            shares || tables.payments.contains_key(&PaymentId(*id)) || tables.legs.contains_key(&LegId(*id))
        };
        let subjects: std::collections::BTreeSet<Uuid> = tables.postings.iter().map(|r| r.posting.subject).collect();
        let strange = subjects.into_iter().filter(|id| !known(id) && after.is_none_or(|a| *id > a));
        Ok(strange.take(some(limit)).collect())
    }
}

/// A history is not certified: its laws are the proof.
#[async_trait]
impl Certificates for Memory {
    async fn first_order_at(&self) -> Result<Option<Timestamp>> {
        let tables = &self.world.lock().tables;
        Ok(tables.orders.values().next().map(|o| o.created_at))
    }

    async fn orders_between(&self, _: Timestamp, _: Timestamp) -> Result<Vec<Sum>> {
        has_not("certificates")
    }

    async fn moved_on(&self, _: Day) -> Result<Vec<Moved>> {
        has_not("certificates")
    }

    async fn entries_between(
        &self,
        after: (Uuid, i64),
        from: Timestamp,
        until: Timestamp,
        limit: u32,
    ) -> Result<Vec<Entry>> {
        let mut entries = placed(&self.world.lock().tables);
        entries.retain(|e| (e.posting.subject, e.sequence) > after && e.at >= from && e.at < until);
        entries.sort_by_key(|e| (e.posting.subject, e.sequence));
        entries.truncate(some(limit));
        Ok(entries)
    }

    async fn unsure(&self) -> Result<(i64, Option<Timestamp>)> {
        has_not("certificates")
    }

    async fn repaired_between(&self, _: Timestamp, _: Timestamp) -> Result<Repaired> {
        has_not("certificates")
    }

    async fn certificate(&self, _: Day) -> Result<Option<CertificateRow>> {
        Ok(None)
    }

    async fn last_certificate(&self) -> Result<Option<CertificateRow>> {
        Ok(None)
    }

    async fn certificates(&self, _: i64, _: u32) -> Result<Vec<CertificateRow>> {
        Ok(Vec::new())
    }

    async fn add_certificate(&self, _: &CertificateRow) -> Result<bool> {
        has_not("certificates")
    }
}

/// Nobody reads reports of a history.
#[async_trait]
impl Reports for Memory {
    async fn takings(&self, _: &InsightFilter) -> Result<Vec<(Group, Takings)>> {
        has_not("reports")
    }

    async fn times_to_paid(&self, _: &InsightFilter) -> Result<Vec<(Group, i64, i64)>> {
        has_not("reports")
    }

    async fn failures(&self, _: &InsightFilter) -> Result<Vec<Failures>> {
        has_not("reports")
    }

    async fn moved_between(&self, _: Option<MerchantId>, _: Day, _: Day) -> Result<Vec<DayMoved>> {
        has_not("reports")
    }

    async fn payouts_between(&self, _: ChannelAccountId, _: Day, _: Day) -> Result<Vec<(Movement, bool)>> {
        has_not("reports")
    }
}
