//! The guarded statements about cash: it knows which rows must have been touched, and must never decide what
//! happens when one was not.
//!
//! Cash is rare beside other payments, so what is inserted goes row by row. A hand-in takes many rows at once.

use bursar_core::cash::{Collection, HandIn, Payout};
use sqlx::PgConnection;

use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::Answer;
use crate::codec::{maybe_plain, plain};

/// Runs every statement and answers those changes whose guard did not hold.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    for (_, change) in pass {
        change.cash.check()?;
    }
    update_collections(tx, pass, refused).await?;
    update_payouts(tx, pass, refused).await?;
    update_hand_ins(tx, pass, refused).await?;
    insert_collections(tx, pass, refused).await?;
    insert_hand_ins(tx, pass, refused).await?;
    insert_payouts(tx, pass, refused).await
}

async fn update_collections(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Collection)> = gather(pass, |c| &c.cash.collections);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, c)| c.id);
    let sql = "update collection c set version = c.version + 1, state = u.state, in_drawer = u.in_drawer,
                 confirmed_by = u.confirmed_by, confirmed_at = u.confirmed_at, why = u.why, hand_in = u.hand_in
               from unnest($1::uuid[], $2::bigint[], $3::smallint[], $4::boolean[], $5::text[], $6::bigint[], $7::text[],
                 $8::uuid[]) as u(id, version, state, in_drawer, confirmed_by, confirmed_at, why, hand_in)
               where c.id = any($1) and c.id = u.id and c.version = u.version
                 and (c.hand_in is null or c.hand_in = u.hand_in)
               returning c.id";
    let all = || rows.iter().map(|(_, c)| *c);
    let query = sqlx::query(sql)
        .bind(all().map(|c| c.id.uuid()).collect::<Vec<_>>())
        .bind(all().map(|c| c.version).collect::<Vec<_>>())
        .bind(all().map(|c| c.state.code()).collect::<Vec<_>>())
        .bind(all().map(|c| c.state.in_drawer()).collect::<Vec<_>>())
        .bind(all().map(|c| maybe_plain(c.confirmed_by.as_ref())).collect::<Vec<_>>())
        .bind(all().map(|c| c.confirmed_at.map(|t| t.as_millis())).collect::<Vec<_>>())
        .bind(all().map(|c| maybe_plain(c.why.as_ref())).collect::<Vec<_>>())
        .bind(all().map(|c| c.hand_in.map(|h| h.uuid())).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, c)| (*i, c.id.uuid())), id, Answer::Stale, refused).await
}

async fn update_payouts(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Payout)> = gather(pass, |c| &c.cash.payouts);
    if rows.is_empty() {
        return Ok(());
    }
    rows.sort_unstable_by_key(|(_, p)| p.id);
    let sql = "update payout p set version = p.version + 1, hand_in = u.hand_in
               from unnest($1::uuid[], $2::bigint[], $3::uuid[]) as u(id, version, hand_in)
               where p.id = any($1) and p.id = u.id and p.version = u.version
                 and (p.hand_in is null or p.hand_in = u.hand_in)
               returning p.id";
    let query = sqlx::query(sql)
        .bind(rows.iter().map(|(_, p)| p.id.uuid()).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p)| p.version).collect::<Vec<_>>())
        .bind(rows.iter().map(|(_, p)| p.hand_in.map(|h| h.uuid())).collect::<Vec<_>>());
    expect(tx, query, rows.iter().map(|(i, p)| (*i, p.id.uuid())), id, Answer::Stale, refused).await
}

async fn update_hand_ins(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &HandIn)> = gather(pass, |c| &c.cash.hand_ins);
    rows.sort_unstable_by_key(|(_, h)| h.id);
    for (index, h) in rows {
        let sql = "update hand_in set version = version + 1, state = $3, approved_by = $4, approved_at = $5,
                     bank_reference = $6, banked_at = $7
                   where id = $1 and version = $2
                   returning id";
        let query = sqlx::query(sql)
            .bind(h.id.uuid())
            .bind(h.version)
            .bind(h.state.code())
            .bind(maybe_plain(h.approved_by.as_ref()))
            .bind(h.approved_at.map(|t| t.as_millis()))
            .bind(maybe_plain(h.bank_reference.as_ref()))
            .bind(h.banked_at.map(|t| t.as_millis()));
        expect(tx, query, [(index, h.id.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}

async fn insert_collections(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Collection)> = gather(pass, |c| &c.cash.new_collections);
    rows.sort_unstable_by_key(|(_, c)| c.id);
    for (index, c) in rows {
        let sql = "insert into collection (collected_at, received_at, amount_minor, tendered_minor, change_minor, id,
                     payment, order_id, merchant, account, currency, worker, version, confirmed_at, hand_in, state,
                     in_drawer, confirmed_by, why)
                   select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, $13, $14, $15, $16, $17, $18
                   where not exists (select 1 from collection c where c.id = $6)
                   returning id";
        let query = sqlx::query(sql)
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
            .bind(maybe_plain(c.why.as_ref()));
        expect(tx, query, [(index, c.id.uuid())], id, Answer::Duplicate, refused).await?;
    }
    Ok(())
}

async fn insert_hand_ins(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &HandIn)> = gather(pass, |c| &c.cash.new_hand_ins);
    rows.sort_unstable_by_key(|(_, h)| h.id);
    for (index, h) in rows {
        let sql =
            "insert into hand_in (received_at, expected_minor, counted_minor, variance_minor, id, merchant, account,
                     currency, worker, received_by, bag, version, approved_at, banked_at, state, approved_by,
                     bank_reference)
                   select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1, $12, $13, $14, $15, $16
                   where not exists (select 1 from hand_in h where h.id = $5)
                   returning id";
        let query = sqlx::query(sql)
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
            .bind(maybe_plain(h.bank_reference.as_ref()));
        expect(tx, query, [(index, h.id.uuid())], id, Answer::Duplicate, refused).await?;
    }
    Ok(())
}

async fn insert_payouts(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Payout)> = gather(pass, |c| &c.cash.new_payouts);
    rows.sort_unstable_by_key(|(_, p)| (p.leg, p.id));
    for (index, p) in rows {
        let sql =
            "insert into payout (at, amount_minor, id, leg, merchant, account, currency, worker, paid_by, version,
                     hand_in)
                   select $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10
                   where not exists (select 1 from payout p where p.id = $3)
                     and not exists (select 1 from payout p where p.leg = $4)
                   returning id";
        let query = sqlx::query(sql)
            .bind(p.at.as_millis())
            .bind(p.amount.minor)
            .bind(p.id.uuid())
            .bind(p.leg.uuid())
            .bind(p.merchant.uuid())
            .bind(p.account.uuid())
            .bind(p.amount.currency.code())
            .bind(plain(&p.worker))
            .bind(plain(&p.by))
            .bind(p.hand_in.map(|h| h.uuid()));
        expect(tx, query, [(index, p.id.uuid())], id, Answer::Duplicate, refused).await?;
    }
    Ok(())
}
