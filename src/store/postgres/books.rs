//! The statements about movements, bills, breaks and reconciliations: it knows which rows must have been touched, and
//! must never decide what happens when one was not.
//!
//! Movements and lines come in thousands, and are written as one statement each; the rest is rare.

use std::collections::BTreeMap;

use bursar_core::reconcile::{Bill, Break, Movement, MovementKind, Reconciliation};
use sqlx::PgConnection;

use super::commit::Failure;
use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::books::BillLineRow;
use crate::codec::books::{day_number, sums_json};
use crate::codec::{maybe_plain, plain, to_json};
use crate::{Answer, Change};

/// Runs every guarded statement and answers those changes whose guard did not hold.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    update_bills(tx, pass, refused).await?;
    update_runs(tx, pass, refused).await?;
    update_breaks(tx, pass, refused).await?;
    insert_breaks(tx, pass, refused).await?;
    insert_bills(tx, pass, refused).await
}

async fn update_bills(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Bill)> = gather(pass, |c| &c.books.bills);
    rows.sort_unstable_by_key(|(_, b)| b.id);
    for (index, bill) in rows {
        let sql = "update bill set version = version + 1, taken = $3, state = $4, sums = $5
                   where id = $1 and version = $2 returning id";
        let query = sqlx::query(sql)
            .bind(bill.id.uuid())
            .bind(bill.version)
            .bind(bill.taken)
            .bind(bill.state.code())
            .bind(sums_json(bill)?);
        expect(tx, query, [(index, bill.id.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}

async fn update_runs(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Reconciliation)> = gather(pass, |c| &c.books.runs);
    rows.sort_unstable_by_key(|(_, r)| r.id);
    for (index, run) in rows {
        let sql = "update reconciliation set version = version + 1, due_at = $3, finished_at = $4, state = $5,
                     active = $3::bigint is not null, note = $6, figures = $7
                   where id = $1 and version = $2 returning id";
        let query = sqlx::query(sql)
            .bind(run.id.uuid())
            .bind(run.version)
            .bind(run.due_at.map(|t| t.as_millis()))
            .bind(run.finished_at.map(|t| t.as_millis()))
            .bind(run.state.code())
            .bind(maybe_plain(run.note.as_ref()))
            .bind(to_json(&run.figures)?);
        expect(tx, query, [(index, run.id.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}

async fn update_breaks(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Break)> = gather(pass, |c| &c.books.breaks);
    rows.sort_unstable_by_key(|(_, b)| b.id);
    for (index, found) in rows {
        let sql = "update break set version = version + 1, event_count = $3, changed_at = $4, kind = $5, state = $6,
                     open = $7, text = $8, ended_why = $9, ended_by = $10, proposal = $11, amount_minor = $12,
                     currency = $13, bill = $14, ordinal = $15
                   where id = $1 and version = $2 returning id";
        let query = sqlx::query(sql)
            .bind(found.id.uuid())
            .bind(found.version)
            .bind(found.event_count)
            .bind(found.changed_at.as_millis())
            .bind(found.kind.code())
            .bind(found.state.code())
            .bind(!found.state.is_final())
            .bind(plain(&found.text))
            .bind(found.ended.as_ref().map(|(why, _)| plain(why)))
            .bind(found.ended.as_ref().map(|(_, by)| plain(by)))
            .bind(found.proposal.as_ref().map(to_json).transpose()?)
            .bind(found.amount_minor)
            .bind(found.currency.code())
            .bind(found.line.map(|(bill, _)| bill))
            .bind(found.line.map(|(_, n)| i32::try_from(n).unwrap_or(i32::MAX)));
        expect(tx, query, [(index, found.id.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}

async fn insert_breaks(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Break)> = gather(pass, |c| &c.books.new_breaks);
    rows.sort_unstable_by_key(|(_, b)| b.id);
    for (index, found) in rows {
        let sql = "insert into break (opened_at, amount_minor, id, account, merchant, subject, bill, day, ordinal,
                     subject_kind, currency, number, version, event_count, changed_at, kind, state, open, text,
                     ended_why, ended_by, proposal)
                   select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16, $17, $18, $19, $20,
                     $21
                   where not exists (select 1 from break b where b.id = $3)
                   returning id";
        let query = sqlx::query(sql)
            .bind(found.opened_at.as_millis())
            .bind(found.amount_minor)
            .bind(found.id.uuid())
            .bind(found.account.uuid())
            .bind(found.merchant.uuid())
            .bind(found.subject)
            .bind(found.line.map(|(bill, _)| bill))
            .bind(day_number(found.day))
            .bind(found.line.map(|(_, n)| i32::try_from(n).unwrap_or(i32::MAX)))
            .bind(found.subject_kind.code())
            .bind(found.currency.code())
            .bind(plain(&found.number))
            .bind(found.event_count)
            .bind(found.changed_at.as_millis())
            .bind(found.kind.code())
            .bind(found.state.code())
            .bind(!found.state.is_final())
            .bind(plain(&found.text))
            .bind(found.ended.as_ref().map(|(why, _)| plain(why)))
            .bind(found.ended.as_ref().map(|(_, by)| plain(by)))
            .bind(found.proposal.as_ref().map(to_json).transpose()?);
        expect(tx, query, [(index, found.id.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}

async fn insert_bills(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Bill)> = gather(pass, |c| &c.books.new_bills);
    rows.sort_unstable_by_key(|(_, b)| (b.account, b.day, b.kind, b.issue));
    for (index, bill) in rows {
        let sql =
            "insert into bill (fetched_at, bytes, id, account, merchant, day, issue, kind, currency, digest, name,
                     source, sums, version, taken, state)
                   select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15
                   where not exists (select 1 from bill b where b.account = $4 and b.day = $6 and b.kind = $8
                       and b.issue = $7)
                     and not exists (select 1 from bill b where b.id = $3)
                   returning id";
        let query = sqlx::query(sql)
            .bind(bill.fetched_at.as_millis())
            .bind(bill.bytes)
            .bind(bill.id.uuid())
            .bind(bill.account.uuid())
            .bind(bill.merchant.uuid())
            .bind(day_number(bill.day))
            .bind(bill.issue)
            .bind(bill.kind.code())
            .bind(bill.currency.code())
            .bind(bill.digest.clone())
            .bind(plain(&bill.name))
            .bind(plain(&bill.source))
            .bind(sums_json(bill)?)
            .bind(bill.taken)
            .bind(bill.state.code());
        expect(tx, query, [(index, bill.id.uuid())], id, Answer::Duplicate, refused).await?;
    }
    Ok(())
}

type Written = std::result::Result<(), Failure>;
type Changes<'a> = [(usize, &'a Change)];

/// Runs every unguarded statement of `pass`.
pub async fn append(tx: &mut PgConnection, pass: &Changes<'_>) -> Written {
    movements(tx, pass).await?;
    mark(tx, pass, |c| &c.books.matched, true).await?;
    mark(tx, pass, |c| &c.books.unmatched, false).await?;
    drop_movements(tx, pass).await?;
    told_again(tx, pass).await?;
    lines(tx, pass).await?;
    runs(tx, pass).await
}

async fn movements(tx: &mut PgConnection, pass: &Changes<'_>) -> Written {
    // Once each, in the order of the key.
    let rows: BTreeMap<_, &Movement> =
        pass.iter().flat_map(|(_, c)| &c.books.movements).rev().map(|m| ((m.subject, m.kind), m)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql =
        "insert into movement (at, amount_minor, subject, payment, account, merchant, day, kind, currency, matched)
               select n.*, false from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[],
                   $7::integer[], $8::smallint[], $9::text[])
                 as n(at, amount_minor, subject, payment, account, merchant, day, kind, currency)
               where (select 1 from movement m where m.subject = n.subject and m.kind = n.kind) is null";
    let query = sqlx::query(sql)
        .bind(rows.values().map(|m| m.at.as_millis()).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.amount.minor).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.subject).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.payment.uuid()).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.account.uuid()).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.merchant.uuid()).collect::<Vec<_>>())
        .bind(rows.values().map(|m| day_number(m.day)).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.kind.code()).collect::<Vec<_>>())
        .bind(rows.values().map(|m| m.amount.currency.code()).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn mark<'a>(
    tx: &mut PgConnection,
    pass: &Changes<'a>,
    pick: impl Fn(&'a Change) -> &'a Vec<(uuid::Uuid, MovementKind)>,
    matched: bool,
) -> Written {
    let mut rows: Vec<_> = pass.iter().flat_map(|(_, c)| pick(c)).map(|(s, k)| (*s, k.code())).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    let sql = "update movement m set matched = $3 from unnest($1::uuid[], $2::smallint[]) as k(subject, kind)
               where m.subject = any($1) and m.subject = k.subject and m.kind = k.kind and m.matched <> $3";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>())
        .bind(matched);
    query.execute(tx).await?;
    Ok(())
}

async fn drop_movements(tx: &mut PgConnection, pass: &Changes<'_>) -> Written {
    let mut rows: Vec<_> = pass.iter().flat_map(|(_, c)| &c.books.dropped).map(|(s, k)| (*s, k.code())).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable();
    let sql = "delete from movement m using unnest($1::uuid[], $2::smallint[]) as k(subject, kind)
               where m.subject = any($1) and m.subject = k.subject and m.kind = k.kind and not m.matched";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|r| r.0).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.1).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn told_again(tx: &mut PgConnection, pass: &Changes<'_>) -> Written {
    let rows: Vec<_> = pass.iter().flat_map(|(_, c)| &c.books.told_again).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "update bill_line l set issue = n.issue
               from unnest($1::uuid[], $2::integer[], $3::integer[]) as n(bill, ordinal, issue)
               where l.bill = any($1) and l.bill = n.bill and l.ordinal = n.ordinal and l.issue < n.issue";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|r| r.0.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| i32::try_from(r.1).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(rows.iter().map(|r| r.2).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn lines(tx: &mut PgConnection, pass: &Changes<'_>) -> Written {
    let rows: Vec<&BillLineRow> = pass.iter().flat_map(|(_, c)| &c.books.new_lines).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into bill_line (at, amount_minor, fee_minor, bill, subject, ordinal, kind, status, verdict,
                 currency, number, channel_id, order_number, issue)
               select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::integer[],
                 $7::smallint[], $8::smallint[], $9::smallint[], $10::text[], $11::text[], $12::text[], $13::text[],
                 $14::integer[])
               on conflict do nothing";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|l| l.line.at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.line.amount_minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.line.fee_minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.bill.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.subject).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| i32::try_from(l.line.ordinal).unwrap_or(i32::MAX)).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.line.kind.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.line.status.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.verdict.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| plain(&l.line.currency)).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| plain(&l.line.number)).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| plain(&l.line.channel_id)).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| maybe_plain(l.line.order_number.as_ref())).collect::<Vec<_>>())
        .bind(rows.iter().map(|l| l.issue).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}

async fn runs(tx: &mut PgConnection, pass: &Changes<'_>) -> Written {
    for run in pass.iter().flat_map(|(_, c)| &c.books.new_runs) {
        let sql = "insert into reconciliation (started_at, id, account, merchant, day, version, due_at, finished_at,
                     state, active, note, figures)
                   values ($1, $2, $3, $4, $5, 1, $6, $7, $8, $6::bigint is not null, $9, $10) on conflict do nothing";
        let query = sqlx::query(sql)
            .bind(run.started_at.as_millis())
            .bind(run.id.uuid())
            .bind(run.account.uuid())
            .bind(run.merchant.uuid())
            .bind(day_number(run.day))
            .bind(run.due_at.map(|t| t.as_millis()))
            .bind(run.finished_at.map(|t| t.as_millis()))
            .bind(run.state.code())
            .bind(maybe_plain(run.note.as_ref()))
            .bind(to_json(&run.figures)?);
        query.execute(&mut *tx).await?;
    }
    Ok(())
}
