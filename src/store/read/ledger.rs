//! What postings come to: it knows how they are summed, and must never know what they should come to.

use bursar_core::ledger::{Account, AccountKind};
use bursar_core::{Currency, Timestamp};
use uuid::Uuid;

use crate::Result;
use crate::certificates::MAX_DAY_ENTRIES;
use crate::codec::{self, Reading};
use crate::dialect::Dialect;
use crate::ledger::{Balance, Entry, Holding, MAX_ENTRIES, Place};
use crate::value::{Record, Value};

/// Both sides of the postings that fit a condition, each side apart, then the rest of the statement.
macro_rules! sides {
    ($head:literal, $columns:literal, $debits:literal, $credits:literal, $rest:literal) => {
        concat!(
            $head,
            " from (select ",
            $columns,
            "debit_kind as kind, debit_owner as owner, currency, amount_minor as debit, 0 as credit from posting ",
            $debits,
            " union all select ",
            $columns,
            "credit_kind, credit_owner, currency, 0, amount_minor from posting ",
            $credits,
            ") sides ",
            $rest
        )
    };
}

/// See [`crate::Ledger::trial_balance`].
pub async fn trial_balance(db: &impl Dialect, owners: Option<&[Uuid]>) -> Result<Vec<Balance>> {
    let all = sides!(
        "select kind, owner, currency, cast(sum(debit) as bigint) as debit, cast(sum(credit) as bigint) as credit",
        "",
        "",
        "",
        "group by kind, owner, currency order by kind, owner, currency"
    );
    let some = sides!(
        "select kind, owner, currency, cast(sum(debit) as bigint) as debit, cast(sum(credit) as bigint) as credit",
        "",
        "where debit_owner in_ids($1)",
        "where credit_owner in_ids($1)",
        "group by kind, owner, currency order by kind, owner, currency"
    );
    let rows = match owners {
        None => db.rows(all, Vec::new()).await?,
        Some(owners) => db.rows(some, vec![owners.into()]).await?,
    };
    let read = |record: &Record| {
        let row = Reading { record, table: "posting" };
        Ok(Balance {
            account: account(row)?,
            currency: row.name("currency")?,
            debit_minor: row.get("debit")?,
            credit_minor: row.get("credit")?,
        })
    };
    rows.iter().map(read).collect()
}

fn account(row: Reading<'_>) -> Result<Account> {
    Ok(Account { kind: row.code("kind", AccountKind::from_code)?, owner: row.get("owner")? })
}

fn of(account: Account, currency: Currency, (at, subject, sequence): Place) -> Vec<Value> {
    vec![
        account.kind.code().into(),
        account.owner.into(),
        currency.code().into(),
        at.as_millis().into(),
        subject.into(),
        sequence.into(),
    ]
}

/// See [`crate::Ledger::balance_before`].
pub async fn balance_before(db: &impl Dialect, account: Account, currency: Currency, place: Place) -> Result<i64> {
    let sql = "select cast(coalesce(sum(case when debit_kind = $1 and debit_owner = $2 then amount_minor
                   else -amount_minor end), 0) as bigint) as balance
               from posting
               where ((debit_kind = $1 and debit_owner = $2) or (credit_kind = $1 and credit_owner = $2))
                 and currency = $3 and (at, subject, sequence) < ($4, $5, $6)";
    let rows = db.rows(sql, of(account, currency, place)).await?;
    rows.first().map_or(Ok(0), |row| row.get("posting", "balance"))
}

/// The columns of an entry.
macro_rules! entry {
    ($rest:literal) => {
        concat!(
            "select subject, sequence, at, debit_kind, debit_owner, credit_kind, credit_owner, amount_minor, currency
             from posting ",
            $rest
        )
    };
}

/// See [`crate::Ledger::entries`].
pub async fn entries(
    db: &impl Dialect,
    account: Account,
    currency: Currency,
    (after, until): (Place, Timestamp),
    limit: u32,
) -> Result<Vec<Entry>> {
    let sql = entry!(
        "where ((debit_kind = $1 and debit_owner = $2) or (credit_kind = $1 and credit_owner = $2))
           and currency = $3 and (at, subject, sequence) > ($4, $5, $6) and at < $7
         order by at, subject, sequence limit $8"
    );
    let mut values = of(account, currency, after);
    values.extend([until.as_millis().into(), limit.min(MAX_ENTRIES).into()]);
    db.rows(sql, values).await?.iter().map(read_entry).collect()
}

/// See [`crate::Certificates::entries_between`]. Walks the primary key once, whatever the page is.
pub async fn entries_between(
    db: &impl Dialect,
    (subject, sequence): (Uuid, i64),
    (from, until): (Timestamp, Timestamp),
    limit: u32,
) -> Result<Vec<Entry>> {
    let sql =
        entry!("where (subject, sequence) > ($1, $2) and at >= $3 and at < $4 order by subject, sequence limit $5");
    let limit = limit.min(MAX_DAY_ENTRIES);
    let values = vec![subject.into(), sequence.into(), from.as_millis().into(), until.as_millis().into(), limit.into()];
    db.rows(sql, values).await?.iter().map(read_entry).collect()
}

fn read_entry(record: &Record) -> Result<Entry> {
    let row = codec::posting(record)?;
    let sequence = Reading { record, table: "posting" }.get("sequence")?;
    Ok(Entry { sequence, at: row.at, posting: row.posting })
}

/// See [`crate::Ledger::holdings`].
pub async fn holdings(db: &impl Dialect, subjects: &[Uuid]) -> Result<Vec<Holding>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let sql = sides!(
        "select subject, kind, owner, currency, cast(sum(debit) - sum(credit) as bigint) as minor",
        "subject, ",
        "where subject in_ids($1)",
        "where subject in_ids($1)",
        "group by subject, kind, owner, currency having sum(debit) <> sum(credit)"
    );
    let rows = db.rows(sql, vec![subjects.into()]).await?;
    let read = |record: &Record| {
        let row = Reading { record, table: "posting" };
        let (subject, minor) = (row.get("subject")?, row.get("minor")?);
        Ok(Holding { subject, account: account(row)?, currency: row.name("currency")?, minor })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Ledger::strangers`].
pub async fn strangers(db: &impl Dialect, after: Option<Uuid>, limit: u32) -> Result<Vec<Uuid>> {
    let sql = "select distinct p.subject from posting p
               where p.subject > $1
                 and not exists (select 1 from payment x where x.id = p.subject)
                 and not exists (select 1 from refund_leg x where x.id = p.subject)
                 and not exists (select 1 from sharing x where x.subject = p.subject)
                 and not exists (select 1 from break x where x.id = p.subject)
                 and not exists (select 1 from bill x where x.id = p.subject)
                 and not exists (select 1 from bill_line x where x.bill = p.subject)
                 and not exists (select 1 from reconciliation x where x.id = p.subject)
                 and not exists (select 1 from statement_line x where x.id = p.subject)
               order by p.subject limit $2";
    let rows = db.rows(sql, vec![after.unwrap_or(Uuid::nil()).into(), limit.into()]).await?;
    rows.iter().map(|row| row.get("posting", "subject")).collect()
}
