//! Statements of banks and their lines: it knows how they are found, and must never decide whose a line is.

use std::collections::BTreeSet;

use bursar_core::bank::{LineRow, StatementRow};
use bursar_core::id::{ChannelAccountId, LegId, LineId, MerchantId, PaymentId, StatementId};
use bursar_core::observation::Subject;
use bursar_core::{Money, Timestamp};
use uuid::Uuid;

use super::dossier::MAX_PAGE;
use crate::Result;
use crate::codec::{Reading, bank, plain};
use crate::dialect::Dialect;
use crate::record::{LikeLine, LineFilter};
use crate::value::{Record, Value};

/// Most lines that one question about identities is answered with: ten of each, which nobody's lines are.
const MAX_KNOWN: u32 = 5_000;
/// Most payments and legs that one text may name: a person decides anyway when there is more than one.
const MAX_NAMED: u32 = 100;

/// A select of all columns of lines, with the given rest of the statement.
macro_rules! lines {
    ($rest:literal) => {
        concat!(
            "select id, account, merchant, statement, ordinal, identity, whole, booked_on, value_on, direction, reversal,
               amount_minor, currency, counterparty_name, counterparty_account, text, end_to_end, bank_reference,
               virtual_account, seen_at, version, state, subject_kind, subject, matched_by, why, decided_by, decided_at
             from statement_line ",
            $rest
        )
    };
}

async fn read_lines(db: &impl Dialect, sql: &'static str, values: Vec<Value>) -> Result<Vec<LineRow>> {
    db.rows(sql, values).await?.iter().map(bank::line).collect()
}

/// A select of all columns of statements, with the given rest of the statement.
macro_rules! statements {
    ($rest:literal) => {
        concat!(
            "select id, account, merchant, digest, ordinal, number, version, format, file_name, imported_by,
               received_at, currency, opening_minor, closing_minor, lines_total, lines_new, warnings
             from statement ",
            $rest
        )
    };
}

/// See [`crate::Statements::statements`].
pub async fn statements(
    db: &impl Dialect,
    account: ChannelAccountId,
    before: Option<(Timestamp, StatementId)>,
    limit: u32,
) -> Result<Vec<StatementRow>> {
    let sql = statements!(
        "where account = $1 and (received_at, id) < ($2, $3)
         order by received_at desc, id desc limit $4"
    );
    let (at, id) = before.map_or((i64::MAX, Uuid::max()), |(at, id)| (at.as_millis(), id.uuid()));
    let values = vec![account.uuid().into(), at.into(), id.into(), limit.min(MAX_PAGE).into()];
    db.rows(sql, values).await?.iter().map(bank::statement).collect()
}

/// See [`crate::Statements::statement_of_file`].
pub async fn statement_of_file(
    db: &impl Dialect,
    account: ChannelAccountId,
    digest: &[u8],
    ordinal: i32,
) -> Result<Option<StatementRow>> {
    let sql = statements!("where account = $1 and digest = $2 and ordinal = $3");
    let values = vec![account.uuid().into(), digest.to_vec().into(), i64::from(ordinal).into()];
    db.rows(sql, values).await?.first().map(bank::statement).transpose()
}

/// See [`crate::Statements::lines_known`].
pub async fn lines_known(
    db: &impl Dialect,
    account: ChannelAccountId,
    identities: &[String],
) -> Result<Vec<(String, Option<String>)>> {
    if identities.is_empty() {
        return Ok(Vec::new());
    }
    // Two looks, because "one or the other" is no reason for a database to take two indexes; and not sorted there,
    // because SQLite would take another index for that.
    let sql = "select identity, whole from statement_line where account = $1 and identity in_texts($2)
               union all
               select identity, whole from statement_line where account = $1 and whole in_texts($2)
               limit $3";
    let identities: Vec<String> = identities.iter().map(|i| plain(i)).collect();
    let rows = db.rows(sql, vec![account.uuid().into(), identities.into(), MAX_KNOWN.into()]).await?;
    let read = |row: &Record| Ok((row.get("statement_line", "identity")?, row.get("statement_line", "whole")?));
    let found = rows.iter().map(read).collect::<Result<BTreeSet<_>>>()?;
    Ok(found.into_iter().collect())
}

/// See [`crate::Statements::lines_by_ids`].
pub async fn lines_by_ids(db: &impl Dialect, ids: &[LineId]) -> Result<Vec<LineRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    read_lines(db, lines!("where id in_ids($1) order by id"), vec![ids.into()]).await
}

/// See [`crate::Statements::lines`].
pub async fn lines(db: &impl Dialect, filter: &LineFilter) -> Result<Vec<LineRow>> {
    let after = filter.after.map_or(Uuid::nil(), LineId::uuid);
    let mut values = vec![filter.account.uuid().into(), after.into(), filter.limit.min(MAX_PAGE).into()];
    let sql = match filter.state {
        None => lines!("where account = $1 and id > $2 order by id limit $3"),
        Some(state) => {
            values.push(state.code().into());
            lines!("where account = $1 and state = $4 and id > $2 order by id limit $3")
        }
    };
    read_lines(db, sql, values).await
}

/// See [`crate::Statements::lines_of`].
pub async fn lines_of(db: &impl Dialect, subject: Uuid, limit: u32) -> Result<Vec<LineRow>> {
    let sql = lines!("where subject = $1 order by seen_at, id limit $2");
    read_lines(db, sql, vec![subject.into(), limit.min(MAX_PAGE).into()]).await
}

/// See [`crate::Statements::lines_like`].
pub async fn lines_like(db: &impl Dialect, like: &LikeLine) -> Result<Vec<LineRow>> {
    let sql = lines!(
        "where account = $1 and amount_minor = $2 and direction = $3 and booked_on >= $4 and currency = $5
         order by booked_on desc, id limit $6"
    );
    let values = vec![
        like.account.uuid().into(),
        like.amount.minor.into(),
        like.direction.code().into(),
        like.since.to_string().into(),
        like.amount.currency.code().into(),
        like.limit.min(MAX_PAGE).into(),
    ];
    read_lines(db, sql, values).await
}

/// See [`crate::Statements::by_reference`].
pub async fn by_reference(
    db: &impl Dialect,
    merchant: MerchantId,
    references: &[String],
) -> Result<Vec<(String, Subject)>> {
    if references.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "select reference, id, cast(1 as smallint) as kind from payment
               where merchant = $1 and reference in_texts($2)
               union all
               select reference, id, cast(2 as smallint) from refund_leg
               where merchant = $1 and reference in_texts($2)
               order by reference, kind, id limit $3";
    let references: Vec<String> = references.iter().map(|r| plain(r)).collect();
    let rows = db.rows(sql, vec![merchant.uuid().into(), references.into(), MAX_NAMED.into()]).await?;
    let found = rows.iter().map(|record| {
        let row = Reading { record, table: "payment" };
        let id: Uuid = row.get("id")?;
        let subject = if row.get::<i16>("kind")? == 1 { PaymentId(id).into() } else { LegId(id).into() };
        Ok((row.get("reference")?, subject))
    });
    found.collect()
}

/// See [`crate::Statements::open_transfers`]. Method 41 is the transfer, the states are those that have not ended.
pub async fn open_transfers(
    db: &impl Dialect,
    account: ChannelAccountId,
    amount: Money,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<PaymentId>> {
    let sql = "select id from payment
               where method = 41 and account = $1 and amount_minor = $2 and created_at >= $3 and currency = $4
                 and state in (1, 2, 3, 4, 5, 10, 11)
               order by created_at, id limit $5";
    let values = vec![
        account.uuid().into(),
        amount.minor.into(),
        since.as_millis().into(),
        amount.currency.code().into(),
        limit.min(MAX_PAGE).into(),
    ];
    db.rows(sql, values).await?.iter().map(|row| row.get("payment", "id").map(PaymentId)).collect()
}

/// See [`crate::Statements::stuck_lines`]. Kind 14 is the job whose subject is a line.
pub async fn stuck_lines(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<Vec<(LineId, MerchantId)>> {
    let sql = "select l.id, l.merchant from statement_line l
               where l.active and l.seen_at < $1
                 and not exists (select 1 from job j where j.subject = l.id and j.kind = 14)
               order by l.seen_at, l.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    let read = |row: &Record| {
        Ok((LineId(row.get("statement_line", "id")?), MerchantId(row.get("statement_line", "merchant")?)))
    };
    rows.iter().map(read).collect()
}
