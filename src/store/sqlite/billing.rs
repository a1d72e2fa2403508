//! The statements about agreements, plans and installments: it knows which rows must have been touched, and must
//! never decide what happens when one was not.

use bursar_core::agreement::Agreement;
use bursar_core::billing::Plan;
use sqlx::SqliteConnection;

use super::append;
use super::guard::{Statement, touched};
use crate::billing::BillingRows;
use crate::codec::billing::{course_json, progress_json, rhythm_json, terms_json};
use crate::codec::{payer_json, plain, to_json};
use crate::{Change, Extent, Result};

/// Updates agreements and plans; `false` when a version has moved on.
pub async fn update(connection: &mut SqliteConnection, change: &Change) -> Result<bool> {
    change.billing.check(&change.new_deliveries)?;
    for agreement in &change.billing.agreements {
        if !touched(connection, update_agreement(agreement)?).await? {
            return Ok(false);
        }
    }
    for plan in &change.billing.plans {
        if !touched(connection, update_plan(plan)?).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Inserts agreements and plans; `false` when one is there already.
pub async fn insert(connection: &mut SqliteConnection, rows: &BillingRows) -> Result<bool> {
    for agreement in &rows.new_agreements {
        if !touched(connection, insert_agreement(agreement)?).await? {
            return Ok(false);
        }
    }
    for plan in &rows.new_plans {
        if !touched(connection, insert_plan(plan)?).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether something of what is new is there already.
pub async fn is_known(connection: &mut SqliteConnection, rows: &BillingRows) -> Result<bool> {
    for agreement in &rows.new_agreements {
        let query = sqlx::query("select 1 from agreement where id = $1").bind(agreement.id.uuid());
        if query.fetch_optional(&mut *connection).await?.is_some() {
            return Ok(true);
        }
    }
    for plan in &rows.new_plans {
        let query = sqlx::query("select 1 from plan where id = $1 or (merchant = $2 and number = $3)")
            .bind(plan.id.uuid())
            .bind(plan.merchant.uuid())
            .bind(plan.number.clone());
        if query.fetch_optional(&mut *connection).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes installments. Their plans' versions were the guard.
pub async fn put_installments(connection: &mut SqliteConnection, changes: &[Change]) -> Result<()> {
    let mut rows = Vec::new();
    for (plan, installment) in changes.iter().flat_map(|c| &c.billing.installments) {
        rows.push((plan.uuid(), installment, course_json(installment)?));
    }
    let head = "insert into installment (minor, seq, plan, due_on, order_id, state, open, course) ";
    let tail = " on conflict (plan, seq) do update set minor = excluded.minor, due_on = excluded.due_on,
                   order_id = excluded.order_id, state = excluded.state, open = excluded.open, course = excluded.course";
    append::insert(connection, head, &rows, tail, |row, (plan, installment, course)| {
        row.push_bind(installment.minor)
            .push_bind(i64::from(installment.seq))
            .push_bind(*plan)
            .push_bind(installment.due_on.to_string())
            .push_bind(installment.order.map(|o| o.uuid()))
            .push_bind(installment.state.code())
            .push_bind(Extent::Open.takes(installment))
            .push_bind(course.clone());
    })
    .await
}

fn update_agreement(a: &Agreement) -> Result<Statement<'static>> {
    let sql = "update agreement set version = version + 1, event_count = $3, due_at = $4, active = $4 is not null,
                 state = $5, evidence = $6
               where id = $1 and version = $2";
    Ok(sqlx::query(sql)
        .bind(a.id.uuid())
        .bind(a.version)
        .bind(a.event_count)
        .bind(a.due_at.map(|t| t.as_millis()))
        .bind(a.state.code())
        .bind(to_json(&a.evidence)?))
}

fn update_plan(p: &Plan) -> Result<Statement<'static>> {
    let sql = "update plan set version = version + 1, event_count = $3, due_at = $4, active = $4 is not null,
                 agreement = $5, state = $6, terms = $7, progress = $8
               where id = $1 and version = $2";
    Ok(sqlx::query(sql)
        .bind(p.id.uuid())
        .bind(p.version)
        .bind(p.event_count)
        .bind(p.due_at.map(|t| t.as_millis()))
        .bind(p.agreement.map(|a| a.uuid()))
        .bind(p.state.code())
        .bind(terms_json(p)?)
        .bind(progress_json(p)?))
}

fn insert_agreement(a: &Agreement) -> Result<Statement<'static>> {
    let sql = "insert into agreement (created_at, sign_by, limit_minor, id, merchant, account, method, currency, payer,
                 description, details, rhythm, version, event_count, due_at, state, active, evidence)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $14 is not null, $16)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(a.created_at.as_millis())
        .bind(a.sign_by.as_millis())
        .bind(a.limit.minor)
        .bind(a.id.uuid())
        .bind(a.merchant.uuid())
        .bind(a.account.uuid())
        .bind(a.method.code())
        .bind(a.limit.currency.code())
        .bind(plain(&a.payer))
        .bind(plain(&a.description))
        .bind(payer_json(&a.details)?)
        .bind(rhythm_json(a)?)
        .bind(a.event_count)
        .bind(a.due_at.map(|t| t.as_millis()))
        .bind(a.state.code())
        .bind(to_json(&a.evidence)?))
}

fn insert_plan(p: &Plan) -> Result<Statement<'static>> {
    let sql = "insert into plan (created_at, id, merchant, number, currency, payer, description, version, event_count,
                 due_at, agreement, state, active, terms, progress)
               values ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $9 is not null, $12, $13)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(p.created_at.as_millis())
        .bind(p.id.uuid())
        .bind(p.merchant.uuid())
        .bind(p.number.clone())
        .bind(p.currency.code())
        .bind(plain(&p.payer))
        .bind(plain(&p.description))
        .bind(p.event_count)
        .bind(p.due_at.map(|t| t.as_millis()))
        .bind(p.agreement.map(|a| a.uuid()))
        .bind(p.state.code())
        .bind(terms_json(p)?)
        .bind(progress_json(p)?))
}
