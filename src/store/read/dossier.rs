//! Orders with their payments and refunds: it knows how a dossier is joined in one statement (so that it
//! is one moment's truth), and must never decide anything.

use bursar_core::id::{LegId, MerchantId, OrderId, PaymentId};
use bursar_core::order::Dossier;
use bursar_core::refund::Refund;
use uuid::Uuid;

use crate::codec;
use crate::dialect::Dialect;
use crate::record::OrderFilter;
use crate::value::Record;
use crate::{Result, StoreError};

/// Largest page: more is a mistake of the caller, and each row carries its evidence.
pub const MAX_PAGE: u32 = 1_000;

/// The columns of a refund and a leg in a joined row.
macro_rules! refund_columns {
    () => {
        "r.id as r_id, r.order_id as r_order_id, r.merchant as r_merchant, r.amount_minor as r_amount_minor,
         r.currency as r_currency, r.cause as r_cause, r.reason as r_reason, r.requested_by as r_requested_by,
         r.needs_approval as r_needs_approval, r.late as r_late, r.payee as r_payee, r.version as r_version,
         r.state as r_state, r.evidence as r_evidence, r.created_at as r_created_at,
         l.id as l_id, l.payment as l_payment, l.sequence as l_sequence, l.route as l_route,
         l.amount_minor as l_amount_minor, l.currency as l_currency, l.replaces as l_replaces,
         l.version as l_version, l.due_at as l_due_at, l.state as l_state, l.evidence as l_evidence,
         l.created_at as l_created_at "
    };
}
pub(super) use refund_columns;

/// The columns of the joined row from the given orders `o`, their payments and refunds, then the given
/// rest of the statement. Refunds hang on the first payment, so that rows are not multiplied; without
/// refunds they cost one look into an index.
macro_rules! dossiers {
    ($orders:literal, $rest:literal) => {
        concat!(
            "select o.id as o_id, o.merchant as o_merchant, o.number as o_number, o.amount_minor as o_amount_minor,
               o.currency as o_currency, o.description as o_description, o.state as o_state,
               o.close_reason as o_close_reason, o.late_money as o_late_money, o.part_payment as o_part_payment,
               o.expires_at as o_expires_at, o.event_count as o_event_count, o.version as o_version,
               o.created_at as o_created_at, o.offers as o_offers, o.payer as o_payer, o.due_at as o_due_at,
               o.plan as o_plan, o.seq as o_seq,
               o.service as o_service, o.region as o_region, o.shares as o_shares,
               p.id as p_id, p.merchant as p_merchant, p.account as p_account, p.method as p_method,
               p.amount_minor as p_amount_minor, p.currency as p_currency, p.payer as p_payer, p.state as p_state,
               p.evidence as p_evidence, p.returned_minor as p_returned_minor, p.version as p_version,
               p.due_at as p_due_at, p.created_at as p_created_at, p.agreement as p_agreement,
               p.installments as p_installments, ",
            refund_columns!(),
            "from ",
            $orders,
            " left join matching(payment p where p.order_id = o.id)
              left join matching(refund r where r.order_id = o.id and p.position = 1)
              left join matching(refund_leg l where l.order_id = r.order_id and l.refund = r.id) ",
            $rest
        )
    };
}

/// See [`crate::Store::dossier`].
pub async fn one(db: &impl Dialect, order: OrderId) -> Result<Option<Dossier>> {
    let sql = dossiers!("orders o", "where o.id = $1 order by p.position, p.id, r.created_at, r.id, l.sequence");
    Ok(collect(&db.rows(sql, vec![order.uuid().into()]).await?)?.pop())
}

/// The dossiers of these orders; unknown ids are left out.
pub async fn of_orders(db: &impl Dialect, orders: &[OrderId]) -> Result<Vec<Dossier>> {
    if orders.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        dossiers!("orders o", "where o.id in_ids($1) order by o.id, p.position, p.id, r.created_at, r.id, l.sequence");
    let ids: Vec<Uuid> = orders.iter().map(|o| o.uuid()).collect();
    collect(&db.rows(sql, vec![ids.into()]).await?)
}

/// See [`crate::Ledger::dossiers_after`].
pub async fn after(db: &impl Dialect, after: Option<OrderId>, limit: u32) -> Result<Vec<Dossier>> {
    let sql = dossiers!(
        "(select * from orders where id > $1 order by id limit $2) o",
        "order by o.id, p.position, p.id, r.created_at, r.id, l.sequence"
    );
    let values = vec![after.map_or(Uuid::nil(), OrderId::uuid).into(), limit.min(MAX_PAGE).into()];
    collect(&db.rows(sql, values).await?)
}

/// See [`crate::Store::dossiers_of`].
pub async fn of_payments(db: &impl Dialect, payments: &[PaymentId]) -> Result<Vec<Dossier>> {
    if payments.is_empty() {
        return Ok(Vec::new());
    }
    let sql = dossiers!(
        "(select distinct order_id from payment where id in_ids($1)) k join orders o on o.id = k.order_id",
        "order by o.id, p.position, p.id, r.created_at, r.id, l.sequence"
    );
    let ids: Vec<Uuid> = payments.iter().map(|p| p.uuid()).collect();
    collect(&db.rows(sql, vec![ids.into()]).await?)
}

/// See [`crate::Store::dossiers_of_legs`].
pub async fn of_legs(db: &impl Dialect, legs: &[LegId]) -> Result<Vec<Dossier>> {
    if legs.is_empty() {
        return Ok(Vec::new());
    }
    let sql = dossiers!(
        "(select distinct order_id from refund_leg where id in_ids($1)) k join orders o on o.id = k.order_id",
        "order by o.id, p.position, p.id, r.created_at, r.id, l.sequence"
    );
    let ids: Vec<Uuid> = legs.iter().map(|l| l.uuid()).collect();
    collect(&db.rows(sql, vec![ids.into()]).await?)
}

/// See [`crate::Store::order_by_number`].
pub async fn by_number(db: &impl Dialect, merchant: MerchantId, number: &str) -> Result<Option<OrderId>> {
    let sql = "select id from orders where merchant = $1 and number = $2";
    let rows = db.rows(sql, vec![merchant.uuid().into(), number.into()]).await?;
    rows.first().map(|row| row.get("orders", "id").map(OrderId)).transpose()
}

/// See [`crate::Store::orders`]. Pages walk the primary key (ids are ordered by time) and filter: a
/// merchant's index would cost every order a write and serve only lists.
pub async fn list(db: &impl Dialect, filter: &OrderFilter) -> Result<Vec<Dossier>> {
    let merchant = filter.merchant.map(MerchantId::uuid);
    if let Some(number) = &filter.number {
        let sql = dossiers!(
            "orders o",
            "where o.number = $1 and ($2 is null or o.merchant = $2)
             order by o.id desc, p.position, p.id, r.created_at, r.id, l.sequence"
        );
        let by_number = dossiers!(
            "orders o",
            "where o.number = $1 and o.merchant = $2
             order by o.id desc, p.position, p.id, r.created_at, r.id, l.sequence"
        );
        let sql = if merchant.is_some() { by_number } else { sql };
        let found = collect(&db.rows(sql, vec![number.as_str().into(), merchant.into()]).await?)?;
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        return Ok(found.into_iter().filter(|d| matches(filter, d)).take(limit).collect());
    }
    let sql = dossiers!(
        "(
           select * from orders
           where ($1 is null or merchant = $1)
             and id < $2
             and ($3 is null or state = $3)
             and created_at >= $4 and created_at < $5
           order by id desc limit $6
         ) o",
        "order by o.id desc, p.position, p.id, r.created_at, r.id, l.sequence"
    );
    let values = vec![
        merchant.into(),
        filter.before.map_or(Uuid::max(), OrderId::uuid).into(),
        filter.state.map(|s| s.code()).into(),
        filter.created_from.map_or(i64::MIN, |t| t.as_millis()).into(),
        filter.created_to.map_or(i64::MAX, |t| t.as_millis()).into(),
        filter.limit.min(MAX_PAGE).into(),
    ];
    collect(&db.rows(sql, values).await?)
}

fn matches(filter: &OrderFilter, dossier: &Dossier) -> bool {
    let order = &dossier.order;
    filter.state.is_none_or(|s| s == order.state)
        && filter.before.is_none_or(|b| order.id < b)
        && filter.created_from.is_none_or(|t| order.created_at >= t)
        && filter.created_to.is_none_or(|t| order.created_at < t)
}

/// Joined rows, those of an order, a payment and a refund together, as dossiers.
fn collect(rows: &[Record]) -> Result<Vec<Dossier>> {
    let mut dossiers: Vec<Dossier> = Vec::new();
    for row in rows {
        let id = OrderId(row.get("orders", "o_id")?);
        if dossiers.last().is_none_or(|d| d.order.id != id) {
            dossiers.push(Dossier { order: codec::order(row)?, payments: Vec::new(), refunds: Vec::new() });
        }
        let last = dossiers.last_mut().ok_or_else(|| StoreError::missing("order", id))?;
        let payment = row.get::<Option<Uuid>>("payment", "p_id")?.map(PaymentId);
        if payment.is_some_and(|id| last.payments.last().is_none_or(|p| p.id != id)) {
            last.payments.extend(codec::payment(row)?);
        }
        collect_refund(row, &mut last.refunds)?;
    }
    Ok(dossiers)
}

/// Adds the refund and the leg of a joined row to `refunds`.
pub fn collect_refund(row: &Record, refunds: &mut Vec<Refund>) -> Result<()> {
    let Some(id) = row.get::<Option<Uuid>>("refund", "r_id")? else {
        return Ok(());
    };
    if refunds.last().is_none_or(|r| r.id.uuid() != id) {
        refunds.extend(codec::refund(row)?);
    }
    if let Some(refund) = refunds.last_mut() {
        refund.legs.extend(codec::leg(row)?);
    }
    Ok(())
}
