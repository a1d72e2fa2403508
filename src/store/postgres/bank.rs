//! The statements about bank statements: it knows which rows must have been touched, and must never decide what
//! happens when one was not.

use std::collections::BTreeMap;

use bursar_core::bank::{LineRow, LineSubject, Rung};
use sqlx::PgConnection;

use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::Answer;
use crate::codec::{maybe_plain, plain, to_json};

/// Updates lines whose versions are still those that were read.
pub async fn update_lines(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &LineRow)> = gather(pass, |c| &c.lines);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, l)| l.id);
    let sql = "update statement_line l set version = l.version + 1, state = u.state, active = u.active,
                 subject_kind = u.subject_kind, subject = u.subject, matched_by = u.matched_by, why = u.why,
                 decided_by = u.decided_by, decided_at = u.decided_at
               from unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::boolean[], $5::smallint[], $6::uuid[],
                 $7::text[], $8::text[], $9::text[], $10::bigint[])
                 as u(id, version, state, active, subject_kind, subject, matched_by, why, decided_by, decided_at)
               where l.id = any($1) and l.id = u.id and l.version = u.version
               returning l.id";
    let lines = || rows.iter().map(|(_, l)| *l);
    let query = sqlx::query(sql)
        .bind(lines().map(|l| l.id.uuid()).collect::<Vec<_>>())
        .bind(lines().map(|l| l.version).collect::<Vec<_>>())
        .bind(lines().map(|l| l.state.code()).collect::<Vec<_>>())
        .bind(lines().map(|l| l.state.is_active()).collect::<Vec<_>>())
        .bind(lines().map(|l| l.subject.map(LineSubject::code)).collect::<Vec<_>>())
        .bind(lines().map(|l| l.subject.map(LineSubject::uuid)).collect::<Vec<_>>())
        .bind(lines().map(|l| l.by.map(Rung::name)).collect::<Vec<_>>())
        .bind(lines().map(|l| maybe_plain(l.why.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|l| maybe_plain(l.decided_by.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|l| l.decided_at.map(|t| t.as_millis())).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, l)| (*i, l.id.uuid())), id, Answer::Stale, refused).await
}

/// One of an account in a pass: the versions of its numbers are counted in the same stroke.
pub async fn insert_statements(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows = gather(pass, |c| c.statement.as_slice());
    rows.sort_unstable_by_key(|(_, s)| s.account);
    for (index, statement) in rows {
        let sql = "insert into statement (received_at, opening_minor, closing_minor, id, account, merchant, ordinal,
                     version, lines_total, lines_new, currency, digest, number, format, file_name, imported_by, warnings)
                   select $1, $2, $3, $4, $5, $6, $7,
                     1 + (select coalesce(max(s.version), 0) from statement s where s.account = $5 and s.number = $12),
                     $8, $9, $10, $11, $12, $13, $14, $15, $16
                   where not exists (
                     select 1 from statement s where s.account = $5 and s.digest = $11 and s.ordinal = $7
                   )
                   returning id";
        let query = sqlx::query(sql)
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
            .bind(statement.digest.as_slice())
            .bind(plain(&statement.number))
            .bind(plain(&statement.format))
            .bind(plain(&statement.file_name))
            .bind(plain(&statement.imported_by))
            .bind(to_json(&statement.warnings)?);
        expect(tx, query, [(index, statement.id.uuid())], id, Answer::Duplicate, refused).await?;
    }
    Ok(())
}

/// Inserts the lines that are not there yet.
pub async fn insert_lines(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let rows: BTreeMap<_, _> = pass.iter().flat_map(|(_, c)| &c.new_lines).rev().map(|l| (l.id, l)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = "insert into statement_line (seen_at, amount_minor, id, account, merchant, statement, ordinal, direction,
                 reversal, currency, booked_on, value_on, identity, whole, counterparty_name, counterparty_account,
                 text, end_to_end, bank_reference, virtual_account, version, decided_at, subject, state, subject_kind,
                 active, matched_by, why, decided_by)
               select distinct on (n.account, n.identity) n.seen_at, n.amount_minor, n.id, n.account, n.merchant,
                 n.statement, n.ordinal, n.direction, n.reversal, n.currency, n.booked_on, n.value_on, n.identity,
                 n.whole, n.counterparty_name, n.counterparty_account, n.text, n.end_to_end, n.bank_reference,
                 n.virtual_account, 1, n.decided_at, n.subject, n.state, n.subject_kind, n.active, n.matched_by, n.why,
                 n.decided_by
               from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::integer[],
                 $8::smallint[], $9::boolean[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[],
                 $15::text[], $16::text[], $17::text[], $18::text[], $19::text[], $20::text[], $21::bigint[],
                 $22::uuid[], $23::smallint[], $24::smallint[], $25::boolean[], $26::text[], $27::text[], $28::text[])
                 as n(seen_at, amount_minor, id, account, merchant, statement, ordinal, direction, reversal, currency,
                   booked_on, value_on, identity, whole, counterparty_name, counterparty_account, text, end_to_end,
                   bank_reference, virtual_account, decided_at, subject, state, subject_kind, active, matched_by, why,
                   decided_by)
               where (select 1 from statement_line l where l.id = n.id limit 1) is null
                 and (select 1 from statement_line l where l.account = n.account and l.identity = n.identity limit 1)
                   is null";
    let lines = || rows.values().copied();
    let query = sqlx::query(sql)
        .bind(lines().map(|n| n.seen_at.as_millis()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.line.amount.minor).collect::<Vec<_>>())
        .bind(lines().map(|n| n.id.uuid()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.account.uuid()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.merchant.uuid()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.statement.uuid()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.ordinal).collect::<Vec<_>>())
        .bind(lines().map(|n| n.line.direction.code()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.line.reversal).collect::<Vec<_>>())
        .bind(lines().map(|n| n.line.amount.currency.code()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.line.booked_on.to_string()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.line.value_on.map(|d| d.to_string())).collect::<Vec<_>>())
        .bind(lines().map(|n| plain(&n.line.identity)).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.line.whole.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.line.counterparty.name.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.line.counterparty.account.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| plain(&n.line.text)).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.line.end_to_end.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.line.bank_reference.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.line.virtual_account.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| n.decided_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(lines().map(|n| n.subject.map(LineSubject::uuid)).collect::<Vec<_>>())
        .bind(lines().map(|n| n.state.code()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.subject.map(LineSubject::code)).collect::<Vec<_>>())
        .bind(lines().map(|n| n.state.is_active()).collect::<Vec<_>>())
        .bind(lines().map(|n| n.by.map(Rung::name)).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.why.as_ref())).collect::<Vec<_>>())
        .bind(lines().map(|n| maybe_plain(n.decided_by.as_ref())).collect::<Vec<_>>());
    query.execute(tx).await?;
    Ok(())
}
