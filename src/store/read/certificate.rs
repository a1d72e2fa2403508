//! What certificates are made of, and certificates: it knows how they are counted and kept, and must never judge them.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::certificate::{Moved, Repaired, Sum};
use bursar_core::id::{self, ChannelAccountId};
use bursar_core::payment::PaymentState;
use bursar_core::reconcile::{BreakState, MovementKind};
use bursar_core::refund::LegState;
use uuid::Uuid;

use crate::Result;
use crate::certificates::CertificateRow;
use crate::codec::Reading;
use crate::codec::books::day_number;
use crate::dialect::Dialect;
use crate::value::Record;

/// See [`crate::Certificates::first_order_at`].
pub async fn first_order_at(db: &impl Dialect) -> Result<Option<Timestamp>> {
    let rows = db.rows("select created_at from orders order by id limit 1", Vec::new()).await?;
    rows.first().map(|record| Reading { record, table: "orders" }.time("created_at")).transpose()
}

/// The ids that were made from `from` until before `until` lie from the first of these until before the second.
pub fn ids_between(from: Timestamp, until: Timestamp) -> (Uuid, Uuid) {
    (id::earliest_at(from), id::earliest_at(until))
}

/// See [`crate::Certificates::orders_between`].
pub async fn orders_between(db: &impl Dialect, from: Timestamp, until: Timestamp) -> Result<Vec<Sum>> {
    let sql = "select currency, count(*) as n, cast(sum(amount_minor) as bigint) as minor from orders
               where id >= $1 and id < $2 group by currency order by currency";
    let (first, end) = ids_between(from, until);
    let rows = db.rows(sql, vec![first.into(), end.into()]).await?;
    rows.iter().map(|record| sum(Reading { record, table: "orders" })).collect()
}

fn sum(row: Reading<'_>) -> Result<Sum> {
    Ok(Sum { currency: row.get("currency")?, count: row.get("n")?, minor: row.get("minor")? })
}

/// See [`crate::Certificates::moved_on`].
pub async fn moved_on(db: &impl Dialect, day: Day) -> Result<Vec<Moved>> {
    let sql =
        "select m.account, a.channel, m.kind, m.currency, count(*) as n, cast(sum(m.amount_minor) as bigint) as minor
               from channel_account a join movement m on m.account = a.id and m.day = $1
               group by m.account, a.channel, m.kind, m.currency
               order by m.account, m.kind, m.currency";
    let rows = db.rows(sql, vec![day_number(day).into()]).await?;
    let read = |record: &Record| {
        let row = Reading { record, table: "movement" };
        Ok(Moved {
            account: ChannelAccountId(row.get("account")?),
            channel: row.get("channel")?,
            kind: row.code("kind", MovementKind::from_code)?.name().to_owned(),
            sum: sum(row)?,
        })
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Certificates::unsure`].
pub async fn unsure(db: &impl Dialect) -> Result<(i64, Option<Timestamp>)> {
    let sql = "select count(*) as n, min(created_at) as oldest from (
                 select created_at from payment where state in ($1, $2)
                 union all select l.created_at from refund_leg l where l.state in ($3, $4, $5)
                   -- What another leg carries on is not in doubt any more.
                   and not exists (select 1 from refund_leg n where n.order_id = l.order_id and n.replaces = l.id)
               ) unsure";
    let values = vec![
        PaymentState::Unknown.code().into(),
        PaymentState::IntegrityHold.code().into(),
        LegState::Unknown.code().into(),
        LegState::Held.code().into(),
        LegState::Stranded.code().into(),
    ];
    let rows = db.rows(sql, values).await?;
    let Some(record) = rows.first() else { return Ok((0, None)) };
    let row = Reading { record, table: "payment" };
    Ok((row.get("n")?, row.maybe_time("oldest")?))
}

/// See [`crate::Certificates::repaired_between`].
pub async fn repaired_between(db: &impl Dialect, from: Timestamp, until: Timestamp) -> Result<Repaired> {
    let sql = "select state, count(*) as n from break
               where not open and changed_at >= $1 and changed_at < $2 group by state order by state";
    let rows = db.rows(sql, vec![from.as_millis().into(), until.as_millis().into()]).await?;
    let mut repaired = Repaired { by_machine: 0, by_person: 0 };
    for record in &rows {
        let row = Reading { record, table: "break" };
        let whose = match row.code("state", BreakState::from_code)? {
            BreakState::Healed => &mut repaired.by_machine,
            _ => &mut repaired.by_person,
        };
        *whose = whose.saturating_add(row.get("n")?);
    }
    Ok(repaired)
}

macro_rules! certificates {
    ($rest:literal) => {
        concat!("select sequence, day, made_at, digest, body from certificate ", $rest)
    };
}

fn read(record: &Record) -> Result<CertificateRow> {
    let row = Reading { record, table: "certificate" };
    Ok(CertificateRow {
        sequence: row.get("sequence")?,
        day: Day::from_number(i64::from(row.get::<i32>("day")?)),
        made_at: row.time("made_at")?,
        digest: row.get("digest")?,
        body: row.get("body")?,
    })
}

/// See [`crate::Certificates::certificate`].
pub async fn of_day(db: &impl Dialect, day: Day) -> Result<Option<CertificateRow>> {
    let rows = db.rows(certificates!("where day = $1"), vec![day_number(day).into()]).await?;
    rows.first().map(read).transpose()
}

/// See [`crate::Certificates::last_certificate`].
pub async fn last(db: &impl Dialect) -> Result<Option<CertificateRow>> {
    let rows = db.rows(certificates!("order by sequence desc limit 1"), Vec::new()).await?;
    rows.first().map(read).transpose()
}

/// See [`crate::Certificates::certificates`].
pub async fn list(db: &impl Dialect, after: i64, limit: u32) -> Result<Vec<CertificateRow>> {
    let sql = certificates!("where sequence > $1 order by sequence limit $2");
    db.rows(sql, vec![after.into(), limit.into()]).await?.iter().map(read).collect()
}

/// See [`crate::Certificates::add_certificate`].
pub async fn add(db: &impl Dialect, row: &CertificateRow) -> Result<bool> {
    let sql = "insert into certificate (made_at, sequence, day, digest, body) values ($1, $2, $3, $4, $5)
               on conflict do nothing";
    let values = vec![
        row.made_at.as_millis().into(),
        row.sequence.into(),
        day_number(row.day).into(),
        row.digest.clone().into(),
        row.body.as_str().into(),
    ];
    Ok(db.write(sql, values).await? > 0)
}
