//! Statements of banks and their lines: it knows their columns, and must never know which database they come
//! from.

use bursar_core::Money;
use bursar_core::bank::{Direction, LineRow, LineState, LineSubject, Party, StatementLine, StatementRow};
use bursar_core::id::{ChannelAccountId, LineId, MerchantId, StatementId};
use uuid::Uuid;

use super::Reading;
use crate::Result;
use crate::value::Record;

/// A row of `statement`.
pub fn statement(record: &Record) -> Result<StatementRow> {
    let row = Reading { record, table: "statement" };
    Ok(StatementRow {
        id: StatementId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        digest: row.get("digest")?,
        ordinal: row.get("ordinal")?,
        number: row.get("number")?,
        version: row.get("version")?,
        format: row.get("format")?,
        file_name: row.get("file_name")?,
        imported_by: row.get("imported_by")?,
        received_at: row.time("received_at")?,
        currency: row.name("currency")?,
        opening_minor: row.get("opening_minor")?,
        closing_minor: row.get("closing_minor")?,
        lines_total: row.get("lines_total")?,
        lines_new: row.get("lines_new")?,
        warnings: row.json("warnings")?,
    })
}

/// A row of `statement_line`.
pub fn line(record: &Record) -> Result<LineRow> {
    let row = Reading { record, table: "statement_line" };
    let line = StatementLine {
        identity: row.get("identity")?,
        whole: row.get("whole")?,
        booked_on: row.name("booked_on")?,
        value_on: row.maybe_name("value_on")?,
        amount: Money::new(row.get("amount_minor")?, row.name("currency")?),
        direction: row.code("direction", Direction::from_code)?,
        reversal: row.get("reversal")?,
        counterparty: Party { name: row.get("counterparty_name")?, account: row.get("counterparty_account")? },
        text: row.get("text")?,
        end_to_end: row.get("end_to_end")?,
        bank_reference: row.get("bank_reference")?,
        virtual_account: row.get("virtual_account")?,
    };
    Ok(LineRow {
        id: LineId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        statement: StatementId(row.get("statement")?),
        ordinal: row.get("ordinal")?,
        line,
        seen_at: row.time("seen_at")?,
        version: row.get("version")?,
        state: row.code("state", LineState::from_code)?,
        subject: subject(&row)?,
        by: row.maybe_name("matched_by")?,
        why: row.get("why")?,
        decided_by: row.get("decided_by")?,
        decided_at: row.maybe_time("decided_at")?,
    })
}

fn subject(row: &Reading<'_>) -> Result<Option<LineSubject>> {
    let Some(id) = row.get::<Option<Uuid>>("subject")? else { return Ok(None) };
    row.code("subject_kind", |code| LineSubject::from_code(code, id)).map(Some)
}
