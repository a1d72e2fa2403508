//! The guarded statements about refunds and their legs: it knows which rows must have been touched, and
//! must never decide what happens when one was not.
//!
//! The ids of what follows by rule are derived, so one that is there already means a lost race: decide again.

use std::collections::HashMap;

use bursar_core::refund::{Leg, Refund};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::codec::{leg_reference, plain, to_json};
use crate::{Answer, returned};

/// Updates refunds and legs whose versions are still those that were read.
pub async fn update(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    update_refunds(tx, pass, refused).await?;
    update_legs(tx, pass, refused).await
}

/// Inserts refunds and legs, and compares what legs take from a payment with what it is said to have
/// returned.
pub async fn insert(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    insert_refunds(tx, pass, refused).await?;
    insert_legs(tx, pass, refused).await?;
    check_returned(tx, pass, refused).await
}

async fn update_refunds(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Refund)> = gather(pass, |c| &c.refunds);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, r)| r.id);
    let sql = "update refund r set version = r.version + 1, state = u.state, evidence = u.evidence
               from unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::text[]) as u(id, version, state, evidence)
               where r.id = any($1) and r.id = u.id and r.version = u.version
               returning r.id";
    let evidence = rows.iter().map(|(_, r)| to_json(&r.evidence)).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, r)| r.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.state.code()).collect::<Vec<_>>())
        .bind(evidence);
    expect(tx, query, rows.iter().map(|(i, r)| (*i, r.id.uuid())), id, Answer::Stale, refused).await
}

async fn update_legs(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Leg)> = gather(pass, |c| &c.legs);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, l)| l.id);
    let sql = "update refund_leg l set version = l.version + 1, due_at = u.due_at, state = u.state,
                 active = u.due_at is not null, evidence = u.evidence
               from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::smallint[], $5::text[])
                 as u(id, version, due_at, state, evidence)
               where l.id = any($1) and l.id = u.id and l.version = u.version
               returning l.id";
    let evidence = rows.iter().map(|(_, l)| to_json(&l.evidence)).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, l)| l.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.state.code()).collect::<Vec<_>>())
        .bind(evidence);
    expect(tx, query, rows.iter().map(|(i, l)| (*i, l.id.uuid())), id, Answer::Stale, refused).await
}

async fn insert_refunds(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Refund)> = gather(pass, |c| &c.new_refunds);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, r)| r.id);
    let sql = "insert into refund (created_at, amount_minor, id, order_id, merchant, cause, currency, reason,
                 requested_by, needs_approval, late, payee, version, state, evidence)
               select n.created_at, n.amount_minor, n.id, n.order_id, n.merchant, n.cause, n.currency, n.reason,
                 n.requested_by, n.needs_approval, n.late, n.payee, 1, n.state, n.evidence
               from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::smallint[], $7::text[],
                 $8::text[], $9::text[], $10::boolean[], $11::boolean[], $12::text[], $13::smallint[], $14::text[])
                 as n(created_at, amount_minor, id, order_id, merchant, cause, currency, reason, requested_by,
                   needs_approval, late, payee, state, evidence)
               where (select 1 from refund r where r.id = n.id limit 1) is null
               returning id";
    let evidence = rows.iter().map(|(_, r)| to_json(&r.evidence)).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, r)| r.created_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.amount.minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.order.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.merchant.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.cause.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.amount.currency.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| plain(&r.reason)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| plain(&r.requested_by)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.needs_approval).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.late).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.payee.as_deref().map(plain)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, r)| r.state.code()).collect::<Vec<_>>())
        .bind(evidence);
    expect(tx, query, rows.iter().map(|(i, r)| (*i, r.id.uuid())), id, Answer::Stale, refused).await
}

async fn insert_legs(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Leg)> = gather(pass, |c| &c.new_legs);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, l)| l.id);
    let sql = "insert into refund_leg (created_at, amount_minor, id, refund, payment, order_id, merchant, replaces,
                 sequence, route, currency, version, due_at, state, active, evidence, reference)
               select n.created_at, n.amount_minor, n.id, n.refund, n.payment, r.order_id, r.merchant, n.replaces,
                 n.sequence, n.route, n.currency, 1, n.due_at, n.state, n.due_at is not null, n.evidence, n.reference
               from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::integer[],
                 $8::smallint[], $9::text[], $10::bigint[], $11::smallint[], $12::text[], $13::text[])
                 as n(created_at, amount_minor, id, refund, payment, replaces, sequence, route, currency, due_at, state,
                   evidence, reference)
               join refund r on r.id = n.refund
               where r.id = any($4) and (select 1 from refund_leg l where l.id = n.id limit 1) is null
               returning id";
    let evidence = rows.iter().map(|(_, l)| to_json(&l.evidence)).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, l)| l.created_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.amount.minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.refund.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.payment.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.replaces.map(|r| r.uuid())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.sequence).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.route.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.amount.currency.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, l)| l.state.code()).collect::<Vec<_>>())
        .bind(evidence)
        .bind(rows.iter().map(|(_, l)| leg_reference(l)).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, l)| (*i, l.id.uuid())), id, Answer::Stale, refused).await
}

/// Changes that were refused are left out: their payments were not updated, and they leave nothing behind.
async fn check_returned(tx: &mut PgConnection, pass: &Pass<'_>, refused: &Refused) -> Done {
    let mut payments: Vec<Uuid> = gather(pass, |c| &c.new_legs)
        .into_iter()
        .filter(|(index, _)| !refused.contains_key(index))
        .map(|(_, leg)| leg.payment.uuid())
        .collect();
    if payments.is_empty() {
        return Ok(());
    }
    payments.sort_unstable();
    payments.dedup();
    let sql = "select p.id, p.returned_minor, l.amount_minor, l.state
               from payment p left join refund_leg l on l.order_id = p.order_id and l.payment = p.id
               where p.id = any($1)";
    let mut sums: HashMap<Uuid, returned::Sum> = HashMap::new();
    for row in sqlx::query(sql).bind(&payments).fetch_all(tx).await? {
        let sum = sums.entry(row.try_get(0)?).or_insert_with(|| returned::Sum::new(0));
        sum.noted = row.try_get(1)?;
        sum.add(row.try_get(2)?, row.try_get(3)?);
    }
    for payment in payments {
        returned::check(payment, sums.get(&payment))?;
    }
    Ok(())
}
