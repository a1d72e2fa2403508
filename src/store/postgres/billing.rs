//! The statements about agreements, plans and installments: it knows which rows must have been touched, and must
//! never decide what happens when one was not.
//!
//! On the first of a month many plans are due at once, so each statement takes the rows of a whole pass.

use bursar_core::agreement::Agreement;
use bursar_core::billing::{Installment, Plan};
use sqlx::PgConnection;
use uuid::Uuid;

use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::codec::billing::{course_json, progress_json, rhythm_json, terms_json};
use crate::codec::{payer_json, plain, to_json};
use crate::{Answer, Change, Extent, Result};

/// Updates agreements and plans whose versions are still those that were read.
pub async fn update(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    for (_, change) in pass {
        change.billing.check(&change.new_deliveries)?;
    }
    update_agreements(tx, pass, refused).await?;
    update_plans(tx, pass, refused).await
}

/// Inserts agreements and plans that are not there yet.
pub async fn insert(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    insert_agreements(tx, pass, refused).await?;
    insert_plans(tx, pass, refused).await
}

/// The changes of `pass` that may open orders. Of those whose plan has moved on it is known what they meet: the order
/// that somebody else has opened for the same installment. They are stale, and no duplicates.
pub fn may_open_orders<'a>(pass: &Pass<'a>, refused: &Refused) -> Vec<(usize, &'a Change)> {
    let may = |(index, change): &&(usize, &Change)| change.billing.plans.is_empty() || !refused.contains_key(index);
    pass.iter().filter(may).copied().collect()
}

async fn update_agreements(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Agreement)> = gather(pass, |c| &c.billing.agreements);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, a)| a.id);
    let sql = "update agreement a set version = a.version + 1, event_count = u.event_count, due_at = u.due_at,
                 active = u.due_at is not null, state = u.state, evidence = u.evidence
               from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::text[])
                 as u(id, version, event_count, due_at, state, evidence)
               where a.id = any($1) and a.id = u.id and a.version = u.version
               returning a.id";
    let all = || rows.iter().map(|(_, a)| *a);
    let query = sqlx::query(sql)
        .bind(all().map(|a| a.id.uuid()).collect::<Vec<_>>())
        .bind(all().map(|a| a.version).collect::<Vec<_>>())
        .bind(all().map(|a| a.event_count).collect::<Vec<_>>())
        .bind(all().map(|a| a.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(all().map(|a| a.state.code()).collect::<Vec<_>>())
        .bind(all().map(|a| to_json(&a.evidence)).collect::<Result<Vec<_>>>()?);
    expect(tx, query, rows.iter().map(|(i, a)| (*i, a.id.uuid())), id, Answer::Stale, refused).await
}

async fn update_plans(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Plan)> = gather(pass, |c| &c.billing.plans);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, p)| p.id);
    let sql = "update plan p set version = p.version + 1, event_count = u.event_count, due_at = u.due_at,
                 active = u.due_at is not null, agreement = u.agreement, state = u.state, terms = u.terms,
                 progress = u.progress
               from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::uuid[], $6::smallint[], $7::text[],
                 $8::text[]) as u(id, version, event_count, due_at, agreement, state, terms, progress)
               where p.id = any($1) and p.id = u.id and p.version = u.version
               returning p.id";
    let all = || rows.iter().map(|(_, p)| *p);
    let query = sqlx::query(sql)
        .bind(all().map(|p| p.id.uuid()).collect::<Vec<_>>())
        .bind(all().map(|p| p.version).collect::<Vec<_>>())
        .bind(all().map(|p| p.event_count).collect::<Vec<_>>())
        .bind(all().map(|p| p.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(all().map(|p| p.agreement.map(|a| a.uuid())).collect::<Vec<_>>())
        .bind(all().map(|p| p.state.code()).collect::<Vec<_>>())
        .bind(all().map(terms_json).collect::<Result<Vec<_>>>()?)
        .bind(all().map(progress_json).collect::<Result<Vec<_>>>()?);
    expect(tx, query, rows.iter().map(|(i, p)| (*i, p.id.uuid())), id, Answer::Stale, refused).await
}

async fn insert_agreements(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Agreement)> = gather(pass, |c| &c.billing.new_agreements);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, a)| a.id);
    let sql = "insert into agreement (created_at, sign_by, limit_minor, id, merchant, account, method, currency, payer,
                 description, details, rhythm, version, event_count, due_at, state, active, evidence)
               select n.created_at, n.sign_by, n.limit_minor, n.id, n.merchant, n.account, n.method, n.currency, n.payer,
                 n.description, n.details, n.rhythm, 1, n.event_count, n.due_at, n.state, n.due_at is not null, n.evidence
               from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::uuid[], $5::uuid[], $6::uuid[], $7::smallint[],
                 $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::bigint[],
                 $15::smallint[], $16::text[])
                 as n(created_at, sign_by, limit_minor, id, merchant, account, method, currency, payer, description,
                   details, rhythm, event_count, due_at, state, evidence)
               where (select 1 from agreement a where a.id = n.id limit 1) is null
               returning id";
    let all = || rows.iter().map(|(_, a)| *a);
    let query = sqlx::query(sql)
        .bind(all().map(|a| a.created_at.as_millis()).collect::<Vec<_>>())
        .bind(all().map(|a| a.sign_by.as_millis()).collect::<Vec<_>>())
        .bind(all().map(|a| a.limit.minor).collect::<Vec<_>>())
        .bind(all().map(|a| a.id.uuid()).collect::<Vec<_>>())
        .bind(all().map(|a| a.merchant.uuid()).collect::<Vec<_>>())
        .bind(all().map(|a| a.account.uuid()).collect::<Vec<_>>())
        .bind(all().map(|a| a.method.code()).collect::<Vec<_>>())
        .bind(all().map(|a| a.limit.currency.code()).collect::<Vec<_>>())
        .bind(all().map(|a| plain(&a.payer)).collect::<Vec<_>>())
        .bind(all().map(|a| plain(&a.description)).collect::<Vec<_>>())
        .bind(all().map(|a| payer_json(&a.details)).collect::<Result<Vec<_>>>()?)
        .bind(all().map(rhythm_json).collect::<Result<Vec<_>>>()?)
        .bind(all().map(|a| a.event_count).collect::<Vec<_>>())
        .bind(all().map(|a| a.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(all().map(|a| a.state.code()).collect::<Vec<_>>())
        .bind(all().map(|a| to_json(&a.evidence)).collect::<Result<Vec<_>>>()?);
    expect(tx, query, rows.iter().map(|(i, a)| (*i, a.id.uuid())), id, Answer::Duplicate, refused).await
}

/// In order of number, because that is the key that two processes may both insert.
async fn insert_plans(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Plan)> = gather(pass, |c| &c.billing.new_plans);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, p)| (p.merchant, &p.number));
    let sql = "insert into plan (created_at, id, merchant, number, currency, payer, description, version, event_count,
                 due_at, agreement, state, active, terms, progress)
               select n.created_at, n.id, n.merchant, n.number, n.currency, n.payer, n.description, 1, n.event_count,
                 n.due_at, n.agreement, n.state, n.due_at is not null, n.terms, n.progress
               from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                 $8::bigint[], $9::bigint[], $10::uuid[], $11::smallint[], $12::text[], $13::text[])
                 as n(created_at, id, merchant, number, currency, payer, description, event_count, due_at, agreement,
                   state, terms, progress)
               where (select 1 from plan p where p.merchant = n.merchant and p.number = n.number limit 1) is null
                 and (select 1 from plan p where p.id = n.id limit 1) is null
               returning id";
    let all = || rows.iter().map(|(_, p)| *p);
    let query = sqlx::query(sql)
        .bind(all().map(|p| p.created_at.as_millis()).collect::<Vec<_>>())
        .bind(all().map(|p| p.id.uuid()).collect::<Vec<_>>())
        .bind(all().map(|p| p.merchant.uuid()).collect::<Vec<_>>())
        .bind(all().map(|p| p.number.as_str()).collect::<Vec<_>>())
        .bind(all().map(|p| p.currency.code()).collect::<Vec<_>>())
        .bind(all().map(|p| plain(&p.payer)).collect::<Vec<_>>())
        .bind(all().map(|p| plain(&p.description)).collect::<Vec<_>>())
        .bind(all().map(|p| p.event_count).collect::<Vec<_>>())
        .bind(all().map(|p| p.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(all().map(|p| p.agreement.map(|a| a.uuid())).collect::<Vec<_>>())
        .bind(all().map(|p| p.state.code()).collect::<Vec<_>>())
        .bind(all().map(terms_json).collect::<Result<Vec<_>>>()?)
        .bind(all().map(progress_json).collect::<Result<Vec<_>>>()?);
    expect(tx, query, rows.iter().map(|(i, p)| (*i, p.id.uuid())), id, Answer::Duplicate, refused).await
}

/// Writes installments. Their plans' versions were the guard.
pub async fn put_installments(tx: &mut PgConnection, pass: &Pass<'_>) -> Done {
    let mut rows: Vec<(Uuid, &Installment)> =
        pass.iter().flat_map(|(_, c)| &c.billing.installments).map(|(plan, i)| (plan.uuid(), i)).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(plan, i)| (*plan, i.seq));
    let sql = "insert into installment (minor, seq, plan, due_on, order_id, state, open, course)
               select * from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::text[], $5::uuid[], $6::smallint[],
                 $7::boolean[], $8::text[])
               on conflict (plan, seq) do update set minor = excluded.minor, due_on = excluded.due_on,
                 order_id = excluded.order_id, state = excluded.state, open = excluded.open, course = excluded.course";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, i)| i.minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, i)| i64::from(i.seq)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(plan, _)| *plan).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, i)| i.due_on.to_string()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, i)| i.order.map(|o| o.uuid())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, i)| i.state.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, i)| Extent::Open.takes(i)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, i)| course_json(i)).collect::<Result<Vec<_>>>()?);
    query.execute(tx).await?;
    Ok(())
}
