//! What operators and the sweep ask: it knows scans and counts, and must never be on the path of a
//! payment.

use bursar_core::Timestamp;
use bursar_core::id::{DeliveryId, MerchantId, OrderId, PaymentId};
use bursar_core::job::JobKind;
use bursar_core::order::OrderState;
use bursar_core::payment::PaymentState;
use bursar_core::refund::{LegState, RefundState};
use uuid::Uuid;

use crate::Result;
use crate::codec::{self, Reading};
use crate::dialect::Dialect;
use crate::record::{BookLine, Counts, ParkedRow};
use crate::value::Record;

/// See [`crate::Store::stuck`]. Kinds 1, 3, 4, 5, 11 and 12 are the jobs whose subject is a payment.
pub async fn stuck(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<Vec<PaymentId>> {
    let sql = "select p.id from payment p
               where p.active and p.due_at < $1
                 and not exists (select 1 from job j where j.subject = p.id and j.kind in (1, 3, 4, 5, 11, 12))
               order by p.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    rows.iter().map(|row| row.get("payment", "id").map(PaymentId)).collect()
}

/// See [`crate::Store::stuck_orders`]. Kind 13 is the job whose subject is an order.
pub async fn stuck_orders(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<Vec<OrderId>> {
    let sql = "select o.id from orders o
               where o.active and o.due_at < $1
                 and not exists (select 1 from job j where j.subject = o.id and j.kind = 13)
               order by o.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    rows.iter().map(|row| row.get("orders", "id").map(OrderId)).collect()
}

/// See [`crate::Store::stuck_deliveries`]. Kind 6 is the job whose subject is a delivery.
pub async fn stuck_deliveries(
    db: &impl Dialect,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<(DeliveryId, MerchantId)>> {
    let sql = "select d.id,
                 case d.about_kind
                   when 1 then (select o.merchant from orders o where o.id = d.about)
                   when 2 then (select p.merchant from plan p where p.id = d.about)
                   when 3 then (select a.merchant from agreement a where a.id = d.about)
                   else (select b.merchant from break b where b.id = d.about)
                 end as merchant
               from delivery d
               where d.delivered_at is null and d.given_up_at is null and d.endpoint is not null and d.created_at < $1
                 and not exists (select 1 from job j where j.subject = d.id and j.kind = 6)
               order by d.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    rows.iter()
        .map(|row| Ok((DeliveryId(row.get("delivery", "id")?), MerchantId(row.get("delivery", "merchant")?))))
        .collect()
}

/// See [`crate::Store::parked`].
pub async fn parked(db: &impl Dialect, merchant: Option<MerchantId>, limit: u32) -> Result<Vec<ParkedRow>> {
    let sql = "select q.subject, q.order_id, q.kind, q.text, q.opened_at
               from question q left join orders o on o.id = q.order_id left join plan p on p.id = q.subject
               where $1 is null or coalesce(o.merchant, p.merchant) = $1
               order by q.opened_at, q.subject, q.kind limit $2";
    let rows = db.rows(sql, vec![merchant.map(MerchantId::uuid).into(), limit.into()]).await?;
    rows.iter().map(codec::question).collect()
}

/// See [`crate::Store::book_lines`].
pub async fn book_lines(db: &impl Dialect, after: Option<PaymentId>, limit: u32) -> Result<Vec<BookLine>> {
    let sql =
        "select p.id, o.state as order_state, p.method, p.state, p.amount_minor, p.taken_minor, p.evidence, p.returned_minor,
                 o.late_money,
                 exists (select 1 from question q where q.subject = p.id) as parked
               from payment p join orders o on o.id = p.order_id
               where p.id > $1 order by p.id limit $2";
    let rows = db.rows(sql, vec![after.map_or(Uuid::nil(), PaymentId::uuid).into(), limit.into()]).await?;
    rows.iter().map(codec::book_line).collect()
}

/// See [`crate::Store::balances`].
pub async fn balances(db: &impl Dialect) -> Result<Vec<(i16, Uuid, String, i64)>> {
    let sql = "select kind, owner, currency, cast(sum(minor) as bigint) as balance from (
                 select debit_kind as kind, debit_owner as owner, currency, sum(amount_minor) as minor
                 from posting group by debit_kind, debit_owner, currency
                 union all
                 select credit_kind, credit_owner, currency, -sum(amount_minor)
                 from posting group by credit_kind, credit_owner, currency
               ) sides group by kind, owner, currency order by kind, owner, currency";
    let rows = db.rows(sql, Vec::new()).await?;
    rows.iter()
        .map(|record| {
            let row = Reading { record, table: "posting" };
            Ok((row.get("kind")?, row.get("owner")?, row.get("currency")?, row.get("balance")?))
        })
        .collect()
}

/// See [`crate::Store::counts`].
pub async fn counts(db: &impl Dialect) -> Result<Counts> {
    let orders =
        db.rows("select state as code, count(*) as n from orders group by state order by state", Vec::new()).await?;
    let payments =
        db.rows("select state as code, count(*) as n from payment group by state order by state", Vec::new()).await?;
    let refunds =
        db.rows("select state as code, count(*) as n from refund group by state order by state", Vec::new()).await?;
    let legs = db
        .rows("select state as code, count(*) as n from refund_leg group by state order by state", Vec::new())
        .await?;
    let jobs = db.rows("select kind as code, count(*) as n from job group by kind order by kind", Vec::new()).await?;
    let sums = db
        .rows(
            "select (select count(*) from orders where late_money) as late_money,
               (select count(distinct subject) from question) as parked,
               (select count(*) from job where question is not null) as parked_jobs,
               (select count(*) from delivery where delivered_at is not null) as delivered,
               (select count(*) from delivery where endpoint is not null and delivered_at is null
                  and given_up_at is null) as undelivered",
            Vec::new(),
        )
        .await?;
    let sum = |column| sums.first().map_or(Ok(0), |row| number(row, column));
    Ok(Counts {
        orders: coded(&orders, "orders", OrderState::from_code)?,
        payments: coded(&payments, "payment", PaymentState::from_code)?,
        refunds: coded(&refunds, "refund", RefundState::from_code)?,
        legs: coded(&legs, "refund_leg", LegState::from_code)?,
        late_money: sum("late_money")?,
        parked: sum("parked")?,
        jobs: coded(&jobs, "job", JobKind::from_code)?,
        parked_jobs: sum("parked_jobs")?,
        delivered: sum("delivered")?,
        undelivered: sum("undelivered")?,
    })
}

fn number(row: &Record, column: &'static str) -> Result<u64> {
    Ok(u64::try_from(row.get::<i64>("counts", column)?).unwrap_or(0))
}

/// Counts by code. Codes that this program does not know are left out: a newer program's rows must not
/// break the numbers.
fn coded<T>(rows: &[Record], table: &'static str, from: impl Fn(i16) -> Option<T>) -> Result<Vec<(T, u64)>> {
    let mut out = Vec::new();
    for row in rows {
        if let Some(key) = from(row.get(table, "code")?) {
            out.push((key, number(row, "n")?));
        }
    }
    Ok(out)
}
