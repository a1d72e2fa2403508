//! The statements about movements, bills, breaks and reconciliations: it knows which rows must have been touched, and
//! must never decide what happens when one was not.

use bursar_core::reconcile::{Bill, Break, Movement, MovementKind, Reconciliation};
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::append::insert;
use super::guard::{Statement, touched};
use crate::books::BookRows;
use crate::codec::books::{day_number, sums_json};
use crate::codec::{maybe_plain, plain, to_json};
use crate::{Answer, Change, Result};

/// Runs every guarded statement until one touches no row; then the answer to give.
pub async fn run(connection: &mut SqliteConnection, rows: &BookRows) -> Result<Option<Answer>> {
    for bill in &rows.bills {
        if !touched(connection, update_bill(bill)?).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for run in &rows.runs {
        if !touched(connection, update_run(run)?).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for found in &rows.breaks {
        if !touched(connection, update_break(found)?).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for found in &rows.new_breaks {
        if !touched(connection, insert_break(found)?).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for bill in &rows.new_bills {
        if !touched(connection, insert_bill(bill)?).await? {
            return Ok(Some(Answer::Duplicate));
        }
    }
    Ok(None)
}

/// Whether a new bill is there already.
pub async fn is_known(connection: &mut SqliteConnection, rows: &BookRows) -> Result<bool> {
    for bill in &rows.new_bills {
        let sql = "select 1 from bill where account = $1 and day = $2 and kind = $3 and issue = $4";
        let query = sqlx::query(sql)
            .bind(bill.account.uuid())
            .bind(day_number(bill.day))
            .bind(bill.kind.code())
            .bind(bill.issue);
        if query.fetch_optional(&mut *connection).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn update_bill(bill: &Bill) -> Result<Statement<'static>> {
    let sql = "update bill set version = version + 1, taken = $3, state = $4, sums = $5 where id = $1 and version = $2";
    Ok(sqlx::query(sql)
        .bind(bill.id.uuid())
        .bind(bill.version)
        .bind(bill.taken)
        .bind(bill.state.code())
        .bind(sums_json(bill)?))
}

fn insert_bill(bill: &Bill) -> Result<Statement<'static>> {
    let sql = "insert into bill (fetched_at, bytes, id, account, merchant, day, issue, kind, currency, digest, name,
                 source, sums, version, taken, state)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1, $14, $15)
               on conflict do nothing";
    Ok(sqlx::query(sql)
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
        .bind(bill.state.code()))
}

fn update_run(run: &Reconciliation) -> Result<Statement<'static>> {
    let sql = "update reconciliation set version = version + 1, due_at = $3, finished_at = $4, state = $5,
                 active = $3 is not null, note = $6, figures = $7
               where id = $1 and version = $2";
    Ok(sqlx::query(sql)
        .bind(run.id.uuid())
        .bind(run.version)
        .bind(run.due_at.map(|t| t.as_millis()))
        .bind(run.finished_at.map(|t| t.as_millis()))
        .bind(run.state.code())
        .bind(maybe_plain(run.note.as_ref()))
        .bind(to_json(&run.figures)?))
}

fn update_break(found: &Break) -> Result<Statement<'static>> {
    let sql = "update break set version = version + 1, event_count = $3, changed_at = $4, kind = $5, state = $6,
                 open = $7, text = $8, ended_why = $9, ended_by = $10, proposal = $11, amount_minor = $12,
                 currency = $13, bill = $14, ordinal = $15
               where id = $1 and version = $2";
    Ok(sqlx::query(sql)
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
        .bind(found.line.map(|(_, n)| i64::from(n))))
}

fn insert_break(found: &Break) -> Result<Statement<'static>> {
    let sql = "insert into break (opened_at, amount_minor, id, account, merchant, subject, bill, day, ordinal,
                 subject_kind, currency, number, version, event_count, changed_at, kind, state, open, text, ended_why,
                 ended_by, proposal)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16, $17, $18, $19, $20, $21)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(found.opened_at.as_millis())
        .bind(found.amount_minor)
        .bind(found.id.uuid())
        .bind(found.account.uuid())
        .bind(found.merchant.uuid())
        .bind(found.subject)
        .bind(found.line.map(|(bill, _)| bill))
        .bind(day_number(found.day))
        .bind(found.line.map(|(_, n)| i64::from(n)))
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
        .bind(found.proposal.as_ref().map(to_json).transpose()?))
}

/// Runs every unguarded statement of `changes`.
pub async fn append(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    movements(connection, changes).await?;
    for rows in changes.iter().map(|c| &c.books) {
        matched(connection, &rows.matched, true).await?;
        matched(connection, &rows.unmatched, false).await?;
        for (subject, kind) in &rows.dropped {
            let sql = "delete from movement where subject = $1 and kind = $2 and not matched";
            sqlx::query(sql).bind(*subject).bind(kind.code()).execute(&mut *connection).await?;
        }
        for (bill, ordinal, issue) in &rows.told_again {
            let sql = "update bill_line set issue = $3 where bill = $1 and ordinal = $2 and issue < $3";
            let query = sqlx::query(sql).bind(bill.uuid()).bind(i64::from(*ordinal)).bind(*issue);
            query.execute(&mut *connection).await?;
        }
    }
    lines(connection, changes).await?;
    runs(connection, changes).await
}

async fn movements(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let rows: Vec<&Movement> = changes.iter().flat_map(|c| &c.books.movements).collect();
    let head = "insert into movement (at, amount_minor, subject, payment, account, merchant, day, kind, currency,
                  matched) ";
    insert(connection, head, &rows, " on conflict do nothing", |row, m| {
        row.push_bind(m.at.as_millis())
            .push_bind(m.amount.minor)
            .push_bind(m.subject)
            .push_bind(m.payment.uuid())
            .push_bind(m.account.uuid())
            .push_bind(m.merchant.uuid())
            .push_bind(day_number(m.day))
            .push_bind(m.kind.code())
            .push_bind(m.amount.currency.code())
            .push("0");
    })
    .await
}

async fn matched(connection: &mut SqliteConnection, rows: &[(Uuid, MovementKind)], matched: bool) -> Result<()> {
    for (subject, kind) in rows {
        let sql = "update movement set matched = $3 where subject = $1 and kind = $2";
        sqlx::query(sql).bind(*subject).bind(kind.code()).bind(matched).execute(&mut *connection).await?;
    }
    Ok(())
}

async fn lines(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let rows: Vec<_> = changes.iter().flat_map(|c| &c.books.new_lines).collect();
    let head = "insert into bill_line (at, amount_minor, fee_minor, bill, subject, ordinal, kind, status, verdict,
                  currency, number, channel_id, order_number, issue) ";
    insert(connection, head, &rows, " on conflict do nothing", |row, l| {
        row.push_bind(l.line.at.as_millis())
            .push_bind(l.line.amount_minor)
            .push_bind(l.line.fee_minor)
            .push_bind(l.bill.uuid())
            .push_bind(l.subject)
            .push_bind(i64::from(l.line.ordinal))
            .push_bind(l.line.kind.code())
            .push_bind(l.line.status.code())
            .push_bind(l.verdict.code())
            .push_bind(plain(&l.line.currency))
            .push_bind(plain(&l.line.number))
            .push_bind(plain(&l.line.channel_id))
            .push_bind(maybe_plain(l.line.order_number.as_ref()))
            .push_bind(l.issue);
    })
    .await
}

async fn runs(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    for run in changes.iter().flat_map(|c| &c.books.new_runs) {
        let sql = "insert into reconciliation (started_at, id, account, merchant, day, version, due_at, finished_at,
                     state, active, note, figures)
                   values ($1, $2, $3, $4, $5, 1, $6, $7, $8, $6 is not null, $9, $10) on conflict do nothing";
        sqlx::query(sql)
            .bind(run.started_at.as_millis())
            .bind(run.id.uuid())
            .bind(run.account.uuid())
            .bind(run.merchant.uuid())
            .bind(day_number(run.day))
            .bind(run.due_at.map(|t| t.as_millis()))
            .bind(run.finished_at.map(|t| t.as_millis()))
            .bind(run.state.code())
            .bind(maybe_plain(run.note.as_ref()))
            .bind(to_json(&run.figures)?)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
