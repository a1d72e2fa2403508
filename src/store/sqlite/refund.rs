//! The guarded statements about refunds and their legs: it knows which rows must have been touched, and
//! must never decide what happens when one was not.
//!
//! The ids of what follows by rule are derived, so one that is there already means a lost race: decide again.

use bursar_core::refund::{Leg, Refund};
use sqlx::{Row, SqliteConnection};
use uuid::Uuid;

use super::guard::{Statement, touched};
use crate::codec::{leg_reference, plain, to_json};
use crate::{Change, Result, returned};

/// Updates refunds and legs; `false` when a version has moved on.
pub async fn update(connection: &mut SqliteConnection, change: &Change) -> Result<bool> {
    for refund in &change.refunds {
        if !touched(connection, update_refund(refund)?).await? {
            return Ok(false);
        }
    }
    for leg in &change.legs {
        if !touched(connection, update_leg(leg)?).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Inserts refunds and legs, and compares what legs take from a payment with what it is said to have
/// returned; `false` when one is there already.
pub async fn insert(connection: &mut SqliteConnection, change: &Change) -> Result<bool> {
    for refund in &change.new_refunds {
        if !touched(connection, insert_refund(refund)?).await? {
            return Ok(false);
        }
    }
    for leg in &change.new_legs {
        if !touched(connection, insert_leg(leg)?).await? {
            return Ok(false);
        }
    }
    for leg in &change.new_legs {
        check_returned(connection, leg.payment.uuid()).await?;
    }
    Ok(true)
}

async fn check_returned(connection: &mut SqliteConnection, payment: Uuid) -> Result<()> {
    let sql = "select p.returned_minor, l.amount_minor, l.state
               from payment p left join refund_leg l on l.order_id = p.order_id and l.payment = p.id
               where p.id = $1";
    let mut sum: Option<returned::Sum> = None;
    for row in sqlx::query(sql).bind(payment).fetch_all(connection).await? {
        let noted = row.try_get(0)?;
        sum.get_or_insert_with(|| returned::Sum::new(noted)).add(row.try_get(1)?, row.try_get(2)?);
    }
    returned::check(payment, sum.as_ref())
}

fn update_refund(refund: &Refund) -> Result<Statement<'static>> {
    let sql = "update refund set version = version + 1, state = $3, evidence = $4 where id = $1 and version = $2";
    Ok(sqlx::query(sql)
        .bind(refund.id.uuid())
        .bind(refund.version)
        .bind(refund.state.code())
        .bind(to_json(&refund.evidence)?))
}

fn update_leg(leg: &Leg) -> Result<Statement<'static>> {
    let sql = "update refund_leg set version = version + 1, due_at = $3, state = $4, active = $3 is not null,
                 evidence = $5
               where id = $1 and version = $2";
    Ok(sqlx::query(sql)
        .bind(leg.id.uuid())
        .bind(leg.version)
        .bind(leg.due_at.map(|t| t.as_millis()))
        .bind(leg.state.code())
        .bind(to_json(&leg.evidence)?))
}

fn insert_refund(refund: &Refund) -> Result<Statement<'static>> {
    let sql = "insert into refund (created_at, amount_minor, id, order_id, merchant, cause, currency, reason,
                 requested_by, needs_approval, late, payee, version, state, evidence)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14)
               on conflict (id) do nothing";
    Ok(sqlx::query(sql)
        .bind(refund.created_at.as_millis())
        .bind(refund.amount.minor)
        .bind(refund.id.uuid())
        .bind(refund.order.uuid())
        .bind(refund.merchant.uuid())
        .bind(refund.cause.code())
        .bind(refund.amount.currency.code())
        .bind(plain(&refund.reason))
        .bind(plain(&refund.requested_by))
        .bind(refund.needs_approval)
        .bind(refund.late)
        .bind(refund.payee.as_deref().map(plain))
        .bind(refund.state.code())
        .bind(to_json(&refund.evidence)?))
}

fn insert_leg(leg: &Leg) -> Result<Statement<'static>> {
    let sql = "insert into refund_leg (created_at, amount_minor, id, refund, payment, order_id, merchant, replaces,
                 sequence, route, currency, version, due_at, state, active, evidence, reference)
               select $1, $2, $3, $4, $5, r.order_id, r.merchant, $6, $7, $8, $9, 1, $10, $11, $10 is not null, $12,
                 $13
               from refund r where r.id = $4
               on conflict (id) do nothing";
    Ok(sqlx::query(sql)
        .bind(leg.created_at.as_millis())
        .bind(leg.amount.minor)
        .bind(leg.id.uuid())
        .bind(leg.refund.uuid())
        .bind(leg.payment.uuid())
        .bind(leg.replaces.map(|r| r.uuid()))
        .bind(leg.sequence)
        .bind(leg.route.code())
        .bind(leg.amount.currency.code())
        .bind(leg.due_at.map(|t| t.as_millis()))
        .bind(leg.state.code())
        .bind(to_json(&leg.evidence)?)
        .bind(leg_reference(leg)))
}
