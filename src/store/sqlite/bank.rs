//! The statements about bank statements: it knows which rows must have been touched, and must never decide what
//! happens when one was not.

use std::collections::BTreeMap;

use bursar_core::bank::{LineRow, LineSubject, Rung, StatementRow};
use sqlx::SqliteConnection;

use super::append::insert;
use super::guard::{Statement, touched};
use crate::codec::{maybe_plain, plain, to_json};
use crate::{Change, Result};

/// Updates lines; `false` when a version has moved on.
pub async fn update_lines(connection: &mut SqliteConnection, change: &Change) -> Result<bool> {
    for line in &change.lines {
        if !touched(connection, update_line(line)).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn update_line(line: &LineRow) -> Statement<'static> {
    let sql =
        "update statement_line set version = version + 1, state = $3, active = $4, subject_kind = $5, subject = $6,
                 matched_by = $7, why = $8, decided_by = $9, decided_at = $10
               where id = $1 and version = $2";
    sqlx::query(sql)
        .bind(line.id.uuid())
        .bind(line.version)
        .bind(line.state.code())
        .bind(line.state.is_active())
        .bind(line.subject.map(LineSubject::code))
        .bind(line.subject.map(LineSubject::uuid))
        .bind(line.by.map(Rung::name))
        .bind(maybe_plain(line.why.as_ref()))
        .bind(maybe_plain(line.decided_by.as_ref()))
        .bind(line.decided_at.map(|t| t.as_millis()))
}

/// Whether the account has that statement of that file.
pub async fn is_known(connection: &mut SqliteConnection, statement: &StatementRow) -> Result<bool> {
    let sql = "select 1 from statement where account = $1 and digest = $2 and ordinal = $3";
    let query = sqlx::query(sql).bind(statement.account.uuid()).bind(statement.digest.clone()).bind(statement.ordinal);
    Ok(query.fetch_optional(connection).await?.is_some())
}

/// Counts the versions of a statement's number in the same stroke.
pub fn insert_statement(statement: &StatementRow) -> Result<Statement<'static>> {
    let sql =
        "insert into statement (received_at, opening_minor, closing_minor, id, account, merchant, ordinal, version,
                 lines_total, lines_new, currency, digest, number, format, file_name, imported_by, warnings)
               values ($1, $2, $3, $4, $5, $6, $7,
                 1 + (select coalesce(max(version), 0) from statement where account = $5 and number = $12),
                 $8, $9, $10, $11, $12, $13, $14, $15, $16)
               on conflict (account, digest, ordinal) do nothing";
    Ok(sqlx::query(sql)
        .bind(statement.received_at.as_millis())
        .bind(statement.opening_minor)
        .bind(statement.closing_minor)
        .bind(statement.id.uuid())
        .bind(statement.account.uuid())
        .bind(statement.merchant.uuid())
        .bind(statement.ordinal)
        .bind(statement.lines_total)
        .bind(statement.lines_new)
        .bind(statement.currency.code())
        .bind(statement.digest.clone())
        .bind(plain(&statement.number))
        .bind(plain(&statement.format))
        .bind(plain(&statement.file_name))
        .bind(plain(&statement.imported_by))
        .bind(to_json(&statement.warnings)?))
}

/// Inserts the lines that are not there yet.
pub async fn insert_lines(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let rows: BTreeMap<_, _> = changes.iter().flat_map(|c| &c.new_lines).rev().map(|l| (l.id, l)).collect();
    let rows: Vec<&LineRow> = rows.into_values().collect();
    let head =
        "insert into statement_line (seen_at, amount_minor, id, account, merchant, statement, ordinal, direction,
                  reversal, currency, booked_on, value_on, identity, whole, counterparty_name, counterparty_account,
                  text, end_to_end, bank_reference, virtual_account, version, decided_at, subject, state, subject_kind,
                  active, matched_by, why, decided_by) ";
    insert(connection, head, &rows, " on conflict do nothing", |row, n| {
        let line = &n.line;
        row.push_bind(n.seen_at.as_millis())
            .push_bind(line.amount.minor)
            .push_bind(n.id.uuid())
            .push_bind(n.account.uuid())
            .push_bind(n.merchant.uuid())
            .push_bind(n.statement.uuid())
            .push_bind(n.ordinal)
            .push_bind(line.direction.code())
            .push_bind(line.reversal)
            .push_bind(line.amount.currency.code())
            .push_bind(line.booked_on.to_string())
            .push_bind(line.value_on.map(|d| d.to_string()))
            .push_bind(plain(&line.identity))
            .push_bind(maybe_plain(line.whole.as_ref()))
            .push_bind(maybe_plain(line.counterparty.name.as_ref()))
            .push_bind(maybe_plain(line.counterparty.account.as_ref()))
            .push_bind(plain(&line.text))
            .push_bind(maybe_plain(line.end_to_end.as_ref()))
            .push_bind(maybe_plain(line.bank_reference.as_ref()))
            .push_bind(maybe_plain(line.virtual_account.as_ref()))
            .push("1")
            .push_bind(n.decided_at.map(|t| t.as_millis()))
            .push_bind(n.subject.map(LineSubject::uuid))
            .push_bind(n.state.code())
            .push_bind(n.subject.map(LineSubject::code))
            .push_bind(n.state.is_active())
            .push_bind(n.by.map(Rung::name))
            .push_bind(maybe_plain(n.why.as_ref()))
            .push_bind(maybe_plain(n.decided_by.as_ref()));
    })
    .await
}
