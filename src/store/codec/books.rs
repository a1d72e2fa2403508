//! Movements, bills, breaks and reconciliations: it knows their columns, and must never know which database they
//! come from.

use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, ChannelAccountId, LegId, MerchantId, PaymentId, ReconciliationId};
use bursar_core::payment::PaymentState;
use bursar_core::reconcile::{
    Bill, BillKind, BillLine, BillState, Break, BreakKind, BreakState, BreakSubject, EntryKind, EntryStatus, LegSide,
    Movement, MovementKind, PaymentSide, Reconciliation, RunState,
};
use bursar_core::refund::LegState;
use uuid::Uuid;

use super::{Reading, to_json};
use crate::Result;
use crate::books::{BillLineRow, LineVerdict, ToldLine};
use crate::value::Record;

/// The sums of a bill as their column has them.
pub fn sums_json(bill: &Bill) -> Result<String> {
    to_json(&(bill.sums, bill.news))
}

/// A day as its column has it.
pub fn day_number(day: Day) -> i32 {
    i32::try_from(day.number()).unwrap_or(i32::MAX)
}

fn day(row: &Reading<'_>) -> Result<Day> {
    Ok(Day::from_number(i64::from(row.get::<i32>("day")?)))
}

fn ordinal(row: &Reading<'_>) -> Result<u32> {
    Ok(u32::try_from(row.get::<i32>("ordinal")?).unwrap_or(0))
}

/// A row of `movement`, and whether it was matched.
pub fn movement(record: &Record) -> Result<(Movement, bool)> {
    let row = Reading { record, table: "movement" };
    let movement = Movement {
        subject: row.get("subject")?,
        kind: row.code("kind", MovementKind::from_code)?,
        payment: PaymentId(row.get("payment")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        amount: row.money("amount_minor", "currency")?,
        at: row.time("at")?,
        day: day(&row)?,
    };
    Ok((movement, row.get("matched")?))
}

/// Some columns of `payment`.
pub fn payment_side(record: &Record) -> Result<PaymentSide> {
    let row = Reading { record, table: "payment" };
    Ok(PaymentSide {
        id: PaymentId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        state: row.code("state", PaymentState::from_code)?,
        amount: row.money("amount_minor", "currency")?,
    })
}

/// Some columns of `refund_leg`, and its payment's account.
pub fn leg_side(record: &Record) -> Result<LegSide> {
    let row = Reading { record, table: "refund_leg" };
    Ok(LegSide {
        id: LegId(row.get("id")?),
        payment: PaymentId(row.get("payment")?),
        account: ChannelAccountId(row.get("account")?),
        state: row.code("state", LegState::from_code)?,
        amount: row.money("amount_minor", "currency")?,
    })
}

/// A row of `bill`.
pub fn bill(record: &Record) -> Result<Bill> {
    let row = Reading { record, table: "bill" };
    let (sums, news) = row.json("sums")?;
    Ok(Bill {
        id: BillId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        kind: row.code("kind", BillKind::from_code)?,
        day: day(&row)?,
        issue: row.get("issue")?,
        digest: row.get("digest")?,
        name: row.get("name")?,
        bytes: row.get("bytes")?,
        sums,
        news,
        currency: row.name("currency")?,
        source: row.get("source")?,
        fetched_at: row.time("fetched_at")?,
        state: row.code("state", BillState::from_code)?,
        taken: row.get("taken")?,
        version: row.get("version")?,
    })
}

/// A row of `bill_line`.
pub fn bill_line(record: &Record) -> Result<BillLineRow> {
    let row = Reading { record, table: "bill_line" };
    Ok(BillLineRow {
        bill: BillId(row.get("bill")?),
        line: BillLine {
            ordinal: ordinal(&row)?,
            kind: row.code("kind", EntryKind::from_code)?,
            status: row.code("status", EntryStatus::from_code)?,
            number: row.get("number")?,
            payment_number: None,
            payment_channel_id: None,
            channel_id: row.get("channel_id")?,
            amount_minor: row.get("amount_minor")?,
            currency: row.get("currency")?,
            fee_minor: row.get("fee_minor")?,
            at: row.time("at")?,
            order_number: row.get("order_number")?,
        },
        subject: row.get("subject")?,
        verdict: row.code("verdict", LineVerdict::from_code)?,
        issue: row.get("issue")?,
    })
}

/// The same joined with its bill: `bill_kind` and `day`.
pub fn told_line(record: &Record) -> Result<ToldLine> {
    let row = Reading { record, table: "bill" };
    let line = bill_line(record)?;
    Ok(ToldLine { bill: line.bill, bill_kind: row.code("bill_kind", BillKind::from_code)?, day: day(&row)?, row: line })
}

/// A row of `reconciliation`.
pub fn reconciliation(record: &Record) -> Result<Reconciliation> {
    let row = Reading { record, table: "reconciliation" };
    Ok(Reconciliation {
        id: ReconciliationId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        day: day(&row)?,
        state: row.code("state", RunState::from_code)?,
        figures: row.json("figures")?,
        note: row.get("note")?,
        due_at: row.maybe_time("due_at")?,
        started_at: row.time("started_at")?,
        finished_at: row.maybe_time("finished_at")?,
        version: row.get("version")?,
    })
}

/// A row of `break`.
pub fn found(record: &Record) -> Result<Break> {
    let row = Reading { record, table: "break" };
    let bill: Option<Uuid> = row.get("bill")?;
    let nth: Option<i32> = row.get("ordinal")?;
    let nth = nth.and_then(|n| u32::try_from(n).ok());
    let why: Option<String> = row.get("ended_why")?;
    let by: Option<String> = row.get("ended_by")?;
    Ok(Break {
        id: BreakId(row.get("id")?),
        account: ChannelAccountId(row.get("account")?),
        merchant: MerchantId(row.get("merchant")?),
        kind: row.code("kind", BreakKind::from_code)?,
        state: row.code("state", BreakState::from_code)?,
        day: day(&row)?,
        amount_minor: row.get("amount_minor")?,
        currency: row.name("currency")?,
        subject_kind: row.code("subject_kind", BreakSubject::from_code)?,
        subject: row.get("subject")?,
        line: bill.zip(nth),
        number: row.get("number")?,
        text: row.get("text")?,
        ended: why.zip(by),
        proposal: row.maybe_json("proposal")?,
        opened_at: row.time("opened_at")?,
        changed_at: row.time("changed_at")?,
        event_count: row.get("event_count")?,
        version: row.get("version")?,
    })
}
