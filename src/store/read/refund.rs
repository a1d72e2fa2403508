//! Refunds as lists: it knows how they are found and paged, and must never decide anything.

use bursar_core::Timestamp;
use bursar_core::id::{LegId, MerchantId, OrderId, RefundId};
use bursar_core::refund::Refund;
use uuid::Uuid;

use super::dossier::{MAX_PAGE, collect_refund, refund_columns};
use crate::dialect::Dialect;
use crate::record::{RefundFilter, RefundLine};
use crate::{Result, codec};

/// See [`crate::Store::order_of_refund`].
pub async fn order_of(db: &impl Dialect, refund: RefundId) -> Result<Option<OrderId>> {
    let rows = db.rows("select order_id from refund where id = $1", vec![refund.uuid().into()]).await?;
    rows.first().map(|row| row.get("refund", "order_id").map(OrderId)).transpose()
}

/// See [`crate::Store::refunds`]. Pages walk the primary key, as those of orders do.
pub async fn list(db: &impl Dialect, filter: &RefundFilter) -> Result<Vec<Refund>> {
    // Two statements, because a condition that may be absent is no reason for a database to take an index.
    let of_order = concat!(
        "select ",
        refund_columns!(),
        "from (
           select * from refund
           where ($1 is null or merchant = $1) and id < $2 and ($3 is null or state = $3) and order_id = $5
           order by id desc limit $4
         ) r left join matching(refund_leg l where l.order_id = r.order_id and l.refund = r.id)
         order by r.id desc, l.sequence"
    );
    let all = concat!(
        "select ",
        refund_columns!(),
        "from (
           select * from refund
           where ($1 is null or merchant = $1) and id < $2 and ($3 is null or state = $3)
           order by id desc limit $4
         ) r left join matching(refund_leg l where l.order_id = r.order_id and l.refund = r.id)
         order by r.id desc, l.sequence"
    );
    let mut values = vec![
        filter.merchant.map(MerchantId::uuid).into(),
        filter.before.map_or(Uuid::max(), RefundId::uuid).into(),
        filter.state.map(|s| s.code()).into(),
        filter.limit.min(MAX_PAGE).into(),
    ];
    values.extend(filter.order.map(|order| order.uuid().into()));
    let mut refunds = Vec::new();
    for row in &db.rows(if filter.order.is_some() { of_order } else { all }, values).await? {
        collect_refund(row, &mut refunds)?;
    }
    Ok(refunds)
}

/// See [`crate::Store::stuck_legs`]. Kinds 9 and 10 are the jobs whose subject is a leg.
pub async fn stuck_legs(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<Vec<LegId>> {
    let sql = "select l.id from refund_leg l
               where l.active and l.due_at < $1
                 and not exists (select 1 from job j where j.subject = l.id and j.kind in (9, 10))
               order by l.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    rows.iter().map(|row| row.get("refund_leg", "id").map(LegId)).collect()
}

/// See [`crate::Store::refund_lines`].
pub async fn lines(db: &impl Dialect, after: Option<LegId>, limit: u32) -> Result<Vec<RefundLine>> {
    let sql = "select l.id, l.payment, l.route, l.state, l.amount_minor, l.evidence,
                 exists (select 1 from question q where q.subject = l.id) as parked
               from refund_leg l
               where l.id > $1 order by l.id limit $2";
    let rows = db.rows(sql, vec![after.map_or(Uuid::nil(), LegId::uuid).into(), limit.into()]).await?;
    rows.iter().map(codec::refund_line).collect()
}
