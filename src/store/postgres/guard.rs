//! The guarded statements of a pass: it knows which rows must have been touched, and must never decide
//! what happens when one was not.
//!
//! Inserts look first and then insert plainly. `on conflict` would write a confirmation to the WAL for
//! every row; this way only a true race (both looked before either wrote) costs anything: the loser's
//! pass is rolled back by the unique index and runs again.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use bursar_core::order::Order;
use bursar_core::payment::Payment;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::commit::Failure;
use super::{bank, billing, books, cash, refund, schedule, settle, sharing};
use crate::codec::sharing::shares_json;
use crate::codec::{maybe_plain, offers_json, payer_json, payment_reference, plain, to_json};
use crate::{Answer, Change, numbering, returned};

/// Changes with their index in the call.
pub type Pass<'a> = [(usize, &'a Change)];
/// The answers of refused changes, by index.
pub type Refused = HashMap<usize, Answer>;
/// An empty result of a statement.
pub type Done = std::result::Result<(), Failure>;

/// Runs every guarded statement of `pass` and answers those changes whose guard did not hold; the first
/// refusal of a change counts, but a repeated request is told so even when something else has changed since. The order of tables is always the same, and rows are in key order, so that
/// two processes seldom wait for each other in a circle.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>) -> std::result::Result<Refused, Failure> {
    let mut refused = Refused::new();
    settle::run(tx, pass, &mut refused).await?;
    update_payments(tx, pass, &mut refused).await?;
    update_orders(tx, pass, &mut refused).await?;
    refund::update(tx, pass, &mut refused).await?;
    billing::update(tx, pass, &mut refused).await?;
    let opening = billing::may_open_orders(pass, &refused);
    insert_orders(tx, &opening, &mut refused).await?;
    insert_payments(tx, &opening, &mut refused).await?;
    refund::insert(tx, pass, &mut refused).await?;
    bank::update_lines(tx, pass, &mut refused).await?;
    cash::run(tx, pass, &mut refused).await?;
    billing::insert(tx, pass, &mut refused).await?;
    schedule::run(tx, pass, &mut refused).await?;
    books::run(tx, pass, &mut refused).await?;
    sharing::run(tx, pass, &mut refused).await?;
    bank::insert_statements(tx, pass, &mut refused).await?;
    insert_notifications(tx, pass, &mut refused).await?;
    insert_idempotency(tx, pass, &mut refused).await?;
    Ok(refused)
}

/// All `(index, row)` that `pick` finds in the pass.
pub fn gather<'a, T>(pass: &Pass<'a>, pick: impl Fn(&'a Change) -> &'a [T]) -> Vec<(usize, &'a T)> {
    pass.iter().flat_map(|(index, change)| pick(change).iter().map(move |row| (*index, row))).collect()
}

/// Runs `query`, and refuses the changes whose key it did not return.
pub async fn expect<K: Eq + Hash>(
    tx: &mut PgConnection,
    query: Query<'_, sqlx::Postgres, PgArguments>,
    wanted: impl IntoIterator<Item = (usize, K)>,
    key: impl Fn(&PgRow) -> std::result::Result<K, sqlx::Error>,
    answer: Answer,
    refused: &mut Refused,
) -> Done {
    let rows = query.fetch_all(tx).await?;
    let touched = rows.iter().map(key).collect::<std::result::Result<HashSet<K>, _>>()?;
    for (index, key) in wanted {
        if !touched.contains(&key) {
            let slot = refused.entry(index).or_insert(answer);
            if (*slot, answer) == (Answer::Stale, Answer::Duplicate) {
                *slot = answer;
            }
        }
    }
    Ok(())
}

/// The first column, an id.
pub fn id(row: &PgRow) -> std::result::Result<Uuid, sqlx::Error> {
    row.try_get(0)
}

async fn update_payments(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Payment, bool)> =
        pass.iter().flat_map(|(i, c)| c.payments.iter().map(|p| (*i, p, returned::adds_to(c, p.id)))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, p, _)| p.id);
    // Whoever adds a leg must not give back more than was taken. What channels tell may: it happened.
    let sql = "update payment p set version = p.version + 1, due_at = u.due_at, state = u.state,
                 active = u.due_at is not null, returned_minor = u.returned_minor, taken_minor = u.taken_minor,
                 evidence = u.evidence, amount_minor = u.amount_minor
               from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bigint[],
                 $7::boolean[], $8::text[], $9::bigint[]) as u(id, version, due_at, state, returned_minor, taken_minor,
                   adds, evidence, amount_minor)
               where p.id = any($1) and p.id = u.id and p.version = u.version
                 and (not u.adds or u.returned_minor <= greatest(u.taken_minor, p.returned_minor))
               returning p.id";
    let evidence = rows.iter().map(|(_, p, _)| to_json(&p.evidence)).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, p, _)| p.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p, _)| p.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p, _)| p.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p, _)| p.state.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p, _)| p.returned_minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p, _)| p.returnable_minor()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, _, adds)| *adds).collect::<Vec<_>>())
        .bind(evidence)
        .bind(rows.iter().map(|(_, p, _)| p.amount.minor).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, p, _)| (*i, p.id.uuid())), id, Answer::Stale, refused).await
}

async fn update_orders(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Order)> = gather(pass, |c| &c.orders);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, o)| o.id);
    let sql = "update orders o set version = o.version + 1, expires_at = u.expires_at, event_count = u.event_count,
                 state = u.state, late_money = u.late_money, close_reason = u.close_reason, due_at = u.due_at,
                 active = u.due_at is not null, amount_minor = u.amount_minor
               from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[], $6::boolean[],
                 $7::text[], $8::bigint[], $9::bigint[]) as u(id, version, expires_at, event_count, state, late_money,
                   close_reason, due_at, amount_minor)
               where o.id = any($1) and o.id = u.id and o.version = u.version
               returning o.id";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, o)| o.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.expires_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.event_count).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.state.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.late_money).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.close_reason.as_deref().map(plain)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.amount.minor).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, o)| (*i, o.id.uuid())), id, Answer::Stale, refused).await
}

/// In order of number, because that is the key that two processes may both insert.
async fn insert_orders(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Order)> = gather(pass, |c| &c.new_orders);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, o)| (o.merchant, &o.number));
    let sql = "insert into orders (created_at, amount_minor, id, merchant, number, currency, description, expires_at,
                 version, event_count, state, late_money, part_payment, close_reason, offers, payer, due_at, active,
                 plan, seq, service, region, shares)
               select n.created_at, n.amount_minor, n.id, n.merchant, n.number, n.currency, n.description,
                 n.expires_at, 1, n.event_count, n.state, n.late_money, n.part_payment, n.close_reason, n.offers,
                 n.payer, n.due_at, n.due_at is not null, n.plan, n.seq, n.service, n.region, n.shares
               from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[],
                 $8::bigint[], $9::bigint[], $10::smallint[], $11::boolean[], $12::boolean[], $13::text[], $14::text[],
                 $15::text[], $16::bigint[], $17::uuid[], $18::bigint[], $19::text[], $20::text[], $21::text[])
                 as n(created_at, amount_minor, id, merchant, number, currency, description, expires_at, event_count,
                   state, late_money, part_payment, close_reason, offers, payer, due_at, plan, seq, service, region, shares)
               where (select 1 from orders o where o.merchant = n.merchant and o.number = n.number limit 1) is null
                 and (select 1 from orders o where o.id = n.id limit 1) is null
               returning id";
    let offers = rows.iter().map(|(_, o)| offers_json(&o.offers)).collect::<crate::Result<Vec<_>>>()?;
    let shares = rows.iter().map(|(_, o)| shares_json(&o.shares)).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, o)| o.created_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.amount.minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.merchant.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.number.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.amount.currency.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.description.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.expires_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.event_count).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.state.code()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.late_money).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.part_payment).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.close_reason.as_deref().map(plain)).collect::<Vec<_>>())
        .bind(offers)
        .bind(rows.iter().map(|(_, o)| o.payer.as_deref().map(plain)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.installment.map(|i| i.plan.uuid())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| o.installment.map(|i| i64::from(i.seq))).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| maybe_plain(o.service.as_ref())).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, o)| maybe_plain(o.region.as_ref())).collect::<Vec<_>>())
        .bind(shares);
    expect(tx, query, rows.iter().map(|(i, o)| (*i, o.id.uuid())), id, Answer::Duplicate, refused).await
}

async fn insert_payments(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, numbering::Place<'_>)> =
        pass.iter().flat_map(|(i, c)| numbering::places(c).into_iter().map(|place| (*i, place))).collect();
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, n)| n.payment.id);
    let sql = "insert into payment (created_at, amount_minor, id, order_id, merchant, account, method, currency, payer,
                 version, due_at, state, active, returned_minor, taken_minor, position, reference, evidence,
                 agreement, installments)
               select n.created_at, n.amount_minor, n.id, n.order_id, n.merchant, n.account, n.method, n.currency,
                 n.payer, 1, n.due_at, n.state, n.due_at is not null, n.returned_minor, n.taken_minor,
                 n.nth + case when n.first then 0 else (select count(*) from payment p where p.order_id = n.order_id) end,
                 n.reference, n.evidence, n.agreement, n.installments
               from unnest($1::bigint[], $2::bigint[], $3::uuid[], $4::uuid[], $5::uuid[], $6::uuid[], $7::smallint[],
                 $8::text[], $9::text[], $10::bigint[], $11::smallint[], $12::bigint[], $13::bigint[], $14::smallint[],
                 $15::boolean[], $16::text[], $17::text[], $18::uuid[], $19::text[])
                 as n(created_at, amount_minor, id, order_id, merchant, account, method, currency, payer, due_at, state,
                   returned_minor, taken_minor, nth, first, reference, evidence, agreement, installments)
               where (select 1 from payment p where p.id = n.id limit 1) is null
               returning id";
    let payments = || rows.iter().map(|(_, n)| n.payment);
    let payer = payments().map(|p| payer_json(&p.payer)).collect::<crate::Result<Vec<_>>>()?;
    let evidence = payments().map(|p| to_json(&p.evidence)).collect::<crate::Result<Vec<_>>>()?;
    let installments =
        payments().map(|p| p.installments.as_ref().map(to_json).transpose()).collect::<crate::Result<Vec<_>>>()?;
    let query = sqlx::query(sql)
        .bind(payments().map(|p| p.created_at.as_millis()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.amount.minor).collect::<Vec<_>>())
        .bind(payments().map(|p| p.id.uuid()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.order.uuid()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.merchant.uuid()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.account.uuid()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.method.code()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.amount.currency.code()).collect::<Vec<_>>())
        .bind(payer)
        .bind(payments().map(|p| p.due_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(payments().map(|p| p.state.code()).collect::<Vec<_>>())
        .bind(payments().map(|p| p.returned_minor).collect::<Vec<_>>())
        .bind(payments().map(Payment::returnable_minor).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| n.nth).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| n.first).collect::<Vec<_>>())
        .bind(payments().map(payment_reference).collect::<Vec<_>>())
        .bind(evidence)
        .bind(payments().map(|p| p.agreement.map(|a| a.uuid())).collect::<Vec<_>>())
        .bind(installments);
    expect(tx, query, rows.iter().map(|(i, n)| (*i, n.payment.id.uuid())), id, Answer::Duplicate, refused).await
}

async fn insert_notifications(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows = gather(pass, |c| c.notification.as_slice());
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, n)| n.id);
    let sql = "insert into notification (received_at, id, account, merchant, headers, body)
               select * from unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bytea[])
                 as n(received_at, id, account, merchant, headers, body)
               where (select 1 from notification o where o.id = n.id limit 1) is null
               returning id";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, n)| n.received_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| n.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| n.account.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| n.merchant.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| plain(&n.headers)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, n)| n.body.as_slice()).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, n)| (*i, n.id.uuid())), id, Answer::Duplicate, refused).await
}

async fn insert_idempotency(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows = gather(pass, |c| c.idempotency.as_slice());
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, k)| (k.merchant, &k.key));
    let sql = "insert into idempotency (created_at, status, merchant, key, request_digest, answer)
               select * from unnest($1::bigint[], $2::smallint[], $3::uuid[], $4::text[], $5::bytea[], $6::text[])
                 as n(created_at, status, merchant, key, request_digest, answer)
               where (select 1 from idempotency o where o.merchant = n.merchant and o.key = n.key limit 1) is null
               returning merchant, key";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, k)| k.created_at.as_millis()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, k)| i16::try_from(k.status).unwrap_or(i16::MAX)).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, k)| k.merchant.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, k)| k.key.as_str()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, k)| k.request_digest.as_slice()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, k)| k.answer.as_str()).collect::<Vec<_>>());
    let wanted = rows.iter().map(|(i, k)| (*i, (k.merchant.uuid(), k.key.clone())));
    let key = |row: &PgRow| Ok((row.try_get(0)?, row.try_get(1)?));
    expect(tx, query, wanted, key, Answer::Duplicate, refused).await
}
