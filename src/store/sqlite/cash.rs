//! The guarded statements about cash: it knows which rows must have been touched, and must never decide what
//! happens when one was not.

use bursar_core::cash::{Collection, HandIn, Payout};
use sqlx::SqliteConnection;

use super::guard::{Statement, touched};
use crate::cash::CashRows;
use crate::codec::{maybe_plain, plain};
use crate::{Answer, Result};

/// Runs every statement until one touches no row; then the answer to give.
pub async fn run(connection: &mut SqliteConnection, rows: &CashRows) -> Result<Option<Answer>> {
    rows.check()?;
    for collection in &rows.collections {
        if !touched(connection, update_collection(collection)).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for payout in &rows.payouts {
        if !touched(connection, update_payout(payout)).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for hand_in in &rows.hand_ins {
        if !touched(connection, update_hand_in(hand_in)).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    let collections = rows.new_collections.iter().map(insert_collection);
    let news = collections.chain(rows.new_hand_ins.iter().map(insert_hand_in));
    for statement in news.chain(rows.new_payouts.iter().map(insert_payout)).collect::<Vec<_>>() {
        if !touched(connection, statement).await? {
            return Ok(Some(Answer::Duplicate));
        }
    }
    Ok(None)
}

/// Whether something of what is new is there already.
pub async fn is_known(connection: &mut SqliteConnection, rows: &CashRows) -> Result<bool> {
    let looks = [
        ("select 1 from collection where id = $1", rows.new_collections.iter().map(|c| c.id.uuid()).collect()),
        ("select 1 from hand_in where id = $1", rows.new_hand_ins.iter().map(|h| h.id.uuid()).collect()),
        ("select 1 from payout where id = $1", rows.new_payouts.iter().map(|p| p.id.uuid()).collect()),
        ("select 1 from payout where leg = $1", rows.new_payouts.iter().map(|p| p.leg.uuid()).collect::<Vec<_>>()),
    ];
    for (sql, ids) in looks {
        for id in ids {
            if sqlx::query(sql).bind(id).fetch_optional(&mut *connection).await?.is_some() {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn update_collection(c: &Collection) -> Statement<'static> {
    let sql = "update collection set version = version + 1, state = $3, in_drawer = $4, confirmed_by = $5,
                 confirmed_at = $6, why = $7, hand_in = $8
               where id = $1 and version = $2 and (hand_in is null or hand_in = $8)";
    sqlx::query(sql)
        .bind(c.id.uuid())
        .bind(c.version)
        .bind(c.state.code())
        .bind(c.state.in_drawer())
        .bind(maybe_plain(c.confirmed_by.as_ref()))
        .bind(c.confirmed_at.map(|t| t.as_millis()))
        .bind(maybe_plain(c.why.as_ref()))
        .bind(c.hand_in.map(|h| h.uuid()))
}

fn update_payout(p: &Payout) -> Statement<'static> {
    let sql = "update payout set version = version + 1, hand_in = $3
               where id = $1 and version = $2 and (hand_in is null or hand_in = $3)";
    sqlx::query(sql).bind(p.id.uuid()).bind(p.version).bind(p.hand_in.map(|h| h.uuid()))
}

fn update_hand_in(h: &HandIn) -> Statement<'static> {
    let sql = "update hand_in set version = version + 1, state = $3, approved_by = $4, approved_at = $5,
                 bank_reference = $6, banked_at = $7
               where id = $1 and version = $2";
    sqlx::query(sql)
        .bind(h.id.uuid())
        .bind(h.version)
        .bind(h.state.code())
        .bind(maybe_plain(h.approved_by.as_ref()))
        .bind(h.approved_at.map(|t| t.as_millis()))
        .bind(maybe_plain(h.bank_reference.as_ref()))
        .bind(h.banked_at.map(|t| t.as_millis()))
}

fn insert_collection(c: &Collection) -> Statement<'static> {
    let sql =
        "insert into collection (collected_at, received_at, amount_minor, tendered_minor, change_minor, id, payment,
                 order_id, merchant, account, currency, worker, version, confirmed_at, hand_in, state, in_drawer,
                 confirmed_by, why)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16, $17, $18)
               on conflict do nothing";
    sqlx::query(sql)
        .bind(c.collected_at.as_millis())
        .bind(c.received_at.as_millis())
        .bind(c.amount.minor)
        .bind(c.tendered_minor)
        .bind(c.change_minor)
        .bind(c.id.uuid())
        .bind(c.payment.uuid())
        .bind(c.order.uuid())
        .bind(c.merchant.uuid())
        .bind(c.account.uuid())
        .bind(c.amount.currency.code())
        .bind(plain(&c.worker))
        .bind(c.confirmed_at.map(|t| t.as_millis()))
        .bind(c.hand_in.map(|h| h.uuid()))
        .bind(c.state.code())
        .bind(c.state.in_drawer())
        .bind(maybe_plain(c.confirmed_by.as_ref()))
        .bind(maybe_plain(c.why.as_ref()))
}

fn insert_hand_in(h: &HandIn) -> Statement<'static> {
    let sql = "insert into hand_in (received_at, expected_minor, counted_minor, variance_minor, id, merchant, account,
                 currency, worker, received_by, bag, version, approved_at, banked_at, state, approved_by, bank_reference)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14, $15, $16)
               on conflict do nothing";
    sqlx::query(sql)
        .bind(h.received_at.as_millis())
        .bind(h.expected_minor)
        .bind(h.counted_minor)
        .bind(h.variance_minor)
        .bind(h.id.uuid())
        .bind(h.merchant.uuid())
        .bind(h.account.uuid())
        .bind(h.currency.code())
        .bind(plain(&h.worker))
        .bind(plain(&h.received_by))
        .bind(maybe_plain(h.bag.as_ref()))
        .bind(h.approved_at.map(|t| t.as_millis()))
        .bind(h.banked_at.map(|t| t.as_millis()))
        .bind(h.state.code())
        .bind(maybe_plain(h.approved_by.as_ref()))
        .bind(maybe_plain(h.bank_reference.as_ref()))
}

fn insert_payout(p: &Payout) -> Statement<'static> {
    let sql = "insert into payout (at, amount_minor, id, leg, merchant, account, currency, worker, paid_by, version,
                 hand_in)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10)
               on conflict do nothing";
    sqlx::query(sql)
        .bind(p.at.as_millis())
        .bind(p.amount.minor)
        .bind(p.id.uuid())
        .bind(p.leg.uuid())
        .bind(p.merchant.uuid())
        .bind(p.account.uuid())
        .bind(p.amount.currency.code())
        .bind(plain(&p.worker))
        .bind(plain(&p.by))
        .bind(p.hand_in.map(|h| h.uuid()))
}
