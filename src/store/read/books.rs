//! Movements, bills, breaks and reconciliations: it knows how they are found, and must never decide whether books
//! agree.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use bursar_core::id::{BillId, BreakId, ChannelAccountId, MerchantId, ReconciliationId};
use bursar_core::reconcile::{Bill, Break, BreakKind, BreakState, LegSide, Movement, PaymentSide, Reconciliation};
use uuid::Uuid;

use super::dossier::MAX_PAGE;
use crate::Result;
use crate::books::{BillLineRow, BreakFilter, DayFilter, ToldLine};
use crate::codec::Reading;
use crate::codec::books::{self as codec, day_number};
use crate::dialect::Dialect;
use crate::value::Value;

/// A select of all columns of movements, with the given rest of the statement.
macro_rules! movements {
    ($rest:literal) => {
        concat!(
            "select at, amount_minor, subject, payment, account, merchant, day, kind, currency, matched from movement ",
            $rest
        )
    };
}

/// A select of all columns of lines and of what is told of their bills, with the given rest of the statement.
macro_rules! told {
    ($rest:literal) => {
        concat!(
            "select l.at, l.amount_minor, l.fee_minor, l.bill, l.subject, l.ordinal, l.kind, l.status, l.verdict,
               l.currency, l.number, l.channel_id, l.order_number, l.issue, b.kind as bill_kind, b.day
             from bill_line l join bill b on b.id = l.bill ",
            $rest
        )
    };
}

macro_rules! bills {
    ($rest:literal) => {
        concat!(
            "select fetched_at, bytes, id, account, merchant, day, issue, kind, currency, digest, name, source, sums,
               version, taken, state
             from bill ",
            $rest
        )
    };
}

macro_rules! runs {
    ($rest:literal) => {
        concat!(
            "select started_at, id, account, merchant, day, version, due_at, finished_at, state, note, figures
             from reconciliation ",
            $rest
        )
    };
}

macro_rules! breaks {
    ($rest:literal) => {
        concat!(
            "select opened_at, amount_minor, id, account, merchant, subject, bill, day, ordinal, subject_kind, currency,
               number, version, event_count, changed_at, kind, state, text, ended_why, ended_by, proposal
             from break ",
            $rest
        )
    };
}

/// See [`crate::Books::movements_of`].
pub async fn movements_of(db: &impl Dialect, subjects: &[Uuid]) -> Result<Vec<(Movement, bool)>> {
    let sql = movements!("where subject in_ids($1)");
    db.rows(sql, vec![subjects.into()]).await?.iter().map(codec::movement).collect()
}

/// See [`crate::Books::unmatched_movements`]. Kinds 1 and 2 are those that bills tell of.
pub async fn unmatched(
    db: &impl Dialect,
    account: ChannelAccountId,
    days: (Day, Day),
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<Movement>> {
    let sql = movements!(
        "where account = $1 and day >= $2 and day <= $3 and subject > $4 and kind in (1, 2) and not matched
         order by subject limit $5"
    );
    let values = vec![
        account.uuid().into(),
        day_number(days.0).into(),
        day_number(days.1).into(),
        after.unwrap_or(Uuid::nil()).into(),
        limit.min(MAX_PAGE).into(),
    ];
    db.rows(sql, values).await?.iter().map(|r| codec::movement(r).map(|(m, _)| m)).collect()
}

/// See [`crate::Books::unmatched_transfers`]. Kind 7 is a transfer by a person.
pub async fn unmatched_transfers(
    db: &impl Dialect,
    merchant: MerchantId,
    days: (Day, Day),
    limit: u32,
) -> Result<Vec<Movement>> {
    let sql = movements!(
        "where merchant = $1 and day >= $2 and day <= $3 and kind = 7 and not matched order by day, subject limit $4"
    );
    let values =
        vec![merchant.uuid().into(), day_number(days.0).into(), day_number(days.1).into(), limit.min(MAX_PAGE).into()];
    db.rows(sql, values).await?.iter().map(|r| codec::movement(r).map(|(m, _)| m)).collect()
}

/// See [`crate::Books::payment_sides`].
pub async fn payment_sides(db: &impl Dialect, ids: &[Uuid]) -> Result<Vec<PaymentSide>> {
    let sql = "select id, account, state, amount_minor, currency from payment where id in_ids($1)";
    db.rows(sql, vec![ids.into()]).await?.iter().map(codec::payment_side).collect()
}

/// See [`crate::Books::leg_sides`].
pub async fn leg_sides(db: &impl Dialect, ids: &[Uuid]) -> Result<Vec<LegSide>> {
    let sql = "select l.id, l.payment, p.account, l.state, l.amount_minor, l.currency
               from refund_leg l join payment p on p.id = l.payment where l.id in_ids($1)";
    db.rows(sql, vec![ids.into()]).await?.iter().map(codec::leg_side).collect()
}

/// See [`crate::Books::put_bill_part`].
pub async fn put_part(db: &impl Dialect, bill: BillId, n: i32, bytes: Vec<u8>) -> Result<()> {
    let sql = "insert into bill_part (bill, n, bytes) values ($1, $2, $3) on conflict do nothing";
    db.write(sql, vec![bill.uuid().into(), n.into(), bytes.into()]).await.map(drop)
}

/// See [`crate::Books::bill_part`].
pub async fn part(db: &impl Dialect, bill: BillId, n: i32) -> Result<Option<Vec<u8>>> {
    let sql = "select bytes from bill_part where bill = $1 and n = $2";
    let rows = db.rows(sql, vec![bill.uuid().into(), n.into()]).await?;
    rows.first().map(|row| row.get("bill_part", "bytes")).transpose()
}

/// See [`crate::Books::bill`].
pub async fn bill(db: &impl Dialect, id: BillId) -> Result<Option<Bill>> {
    let rows = db.rows(bills!("where id = $1"), vec![id.uuid().into()]).await?;
    rows.first().map(codec::bill).transpose()
}

fn days(filter: &DayFilter) -> Vec<Value> {
    vec![
        filter.merchant.map(MerchantId::uuid).into(),
        filter.account.map(ChannelAccountId::uuid).into(),
        filter.from.map_or(i32::MIN, day_number).into(),
        filter.until.map_or(i32::MAX, day_number).into(),
        filter.limit.min(MAX_PAGE).into(),
    ]
}

/// See [`crate::Books::bills`].
pub async fn bills(db: &impl Dialect, filter: &DayFilter) -> Result<Vec<Bill>> {
    let sql = bills!(
        "where ($1 is null or merchant = $1) and ($2 is null or account = $2) and day >= $3 and day <= $4
         order by day desc, account, kind, issue limit $5"
    );
    db.rows(sql, days(filter)).await?.iter().map(codec::bill).collect()
}

/// See [`crate::Books::bill_lines`].
pub async fn bill_lines(db: &impl Dialect, bill: BillId, after: u32, limit: u32) -> Result<Vec<BillLineRow>> {
    let sql = told!("where l.bill = $1 and l.ordinal > $2 order by l.ordinal limit $3");
    let values = vec![bill.uuid().into(), after.into(), limit.min(MAX_PAGE).into()];
    db.rows(sql, values).await?.iter().map(codec::bill_line).collect()
}

/// See [`crate::Books::lines_about`].
pub async fn lines_about(db: &impl Dialect, account: ChannelAccountId, subjects: &[Uuid]) -> Result<Vec<ToldLine>> {
    let sql = told!("where l.subject in_ids($2) and b.account = $1 order by l.bill, l.ordinal");
    db.rows(sql, vec![account.uuid().into(), subjects.into()]).await?.iter().map(codec::told_line).collect()
}

/// See [`crate::Books::lines_numbered`].
pub async fn lines_numbered(
    db: &impl Dialect,
    account: ChannelAccountId,
    channel_ids: &[String],
) -> Result<Vec<ToldLine>> {
    let sql =
        told!("where l.channel_id in_texts($2) and l.subject is null and b.account = $1 order by l.bill, l.ordinal");
    let values = vec![account.uuid().into(), channel_ids.to_vec().into()];
    db.rows(sql, values).await?.iter().map(codec::told_line).collect()
}

/// See [`crate::Books::captures_numbered`]. Kind 1 is a capture.
pub async fn captures_numbered(
    db: &impl Dialect,
    account: ChannelAccountId,
    channel_ids: &[String],
) -> Result<Vec<ToldLine>> {
    let sql = told!(
        "where l.channel_id in_texts($2) and l.kind = 1 and l.subject is not null and b.account = $1
         order by l.bill, l.ordinal"
    );
    let values = vec![account.uuid().into(), channel_ids.to_vec().into()];
    db.rows(sql, values).await?.iter().map(codec::told_line).collect()
}

/// See [`crate::Books::lines_withdrawn`].
pub async fn lines_withdrawn(db: &impl Dialect, bill: &Bill, limit: u32) -> Result<Vec<ToldLine>> {
    let sql = told!(
        "where b.account = $1 and b.day = $2 and b.kind = $3 and b.issue < $4 and l.issue = $4 - 1
         order by l.bill, l.ordinal limit $5"
    );
    let values = vec![
        bill.account.uuid().into(),
        day_number(bill.day).into(),
        bill.kind.code().into(),
        bill.issue.into(),
        limit.min(MAX_PAGE).into(),
    ];
    db.rows(sql, values).await?.iter().map(codec::told_line).collect()
}

/// See [`crate::Books::open_payouts`]. Kind 6 is a payout.
pub async fn open_payouts(
    db: &impl Dialect,
    account: ChannelAccountId,
    since: Day,
    limit: u32,
) -> Result<Vec<Movement>> {
    let sql = movements!("where account = $1 and day >= $2 and kind = 6 and not matched order by at, subject limit $3");
    let values = vec![account.uuid().into(), day_number(since).into(), limit.min(MAX_PAGE).into()];
    db.rows(sql, values).await?.iter().map(|r| codec::movement(r).map(|(m, _)| m)).collect()
}

/// See [`crate::Books::reconciliation`].
pub async fn reconciliation(db: &impl Dialect, id: ReconciliationId) -> Result<Option<Reconciliation>> {
    let rows = db.rows(runs!("where id = $1"), vec![id.uuid().into()]).await?;
    rows.first().map(codec::reconciliation).transpose()
}

/// See [`crate::Books::reconciliations`].
pub async fn reconciliations(db: &impl Dialect, filter: &DayFilter) -> Result<Vec<Reconciliation>> {
    let sql = runs!(
        "where ($1 is null or merchant = $1) and ($2 is null or account = $2) and day >= $3 and day <= $4
         order by day desc, account limit $5"
    );
    db.rows(sql, days(filter)).await?.iter().map(codec::reconciliation).collect()
}

/// See [`crate::Books::stuck_reconciliations`]. Kind 19 is the job whose subject is a reconciliation.
pub async fn stuck(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<Vec<(ReconciliationId, MerchantId)>> {
    let sql = "select r.id, r.merchant from reconciliation r
               where r.active and r.due_at < $1
                 and not exists (select 1 from job j where j.subject = r.id and j.kind = 19)
               order by r.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    let read = |record| {
        let row = Reading { record, table: "reconciliation" };
        Ok((ReconciliationId(row.get("id")?), MerchantId(row.get("merchant")?)))
    };
    rows.iter().map(read).collect()
}

/// See [`crate::Books::reconciliations_under_way`].
pub async fn under_way(db: &impl Dialect, limit: u32) -> Result<Vec<Reconciliation>> {
    let rows = db.rows(runs!("where active order by id limit $1"), vec![limit.min(MAX_PAGE).into()]).await?;
    rows.iter().map(codec::reconciliation).collect()
}

/// See [`crate::Books::breaks_of`].
pub async fn breaks_of(db: &impl Dialect, ids: &[BreakId]) -> Result<Vec<Break>> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    db.rows(breaks!("where id in_ids($1)"), vec![ids.into()]).await?.iter().map(codec::found).collect()
}

/// See [`crate::Books::breaks`].
pub async fn breaks(db: &impl Dialect, filter: &BreakFilter) -> Result<Vec<Break>> {
    let sql = breaks!(
        "where ($1 is null or merchant = $1) and ($2 is null or account = $2) and ($3 is null or kind = $3)
           and ($4 is null or state = $4) and ($5 is null or day = $5) and (open or $6 = 0) and id > $7
         order by id limit $8"
    );
    let values = vec![
        filter.merchant.map(MerchantId::uuid).into(),
        filter.account.map(ChannelAccountId::uuid).into(),
        filter.kind.map(BreakKind::code).into(),
        filter.state.map(BreakState::code).into(),
        filter.day.map(|d| i64::from(day_number(d))).into(),
        i32::from(filter.open).into(),
        filter.after.map_or(Uuid::nil(), BreakId::uuid).into(),
        filter.limit.min(MAX_PAGE).into(),
    ];
    db.rows(sql, values).await?.iter().map(codec::found).collect()
}

/// See [`crate::Books::break_counts`].
pub async fn break_counts(db: &impl Dialect) -> Result<Vec<(BreakKind, BreakState, u64)>> {
    let sql = "select kind, state, count(*) as n from break group by kind, state order by kind, state";
    let rows = db.rows(sql, Vec::new()).await?;
    let read = |record| {
        let row = Reading { record, table: "break" };
        let n = u64::try_from(row.get::<i64>("n")?).unwrap_or(0);
        Ok((row.code("kind", BreakKind::from_code)?, row.code("state", BreakState::from_code)?, n))
    };
    rows.iter().map(read).collect()
}
