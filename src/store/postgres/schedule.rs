//! The guarded statements about schedules: it knows which rows must have been touched, and must never decide what
//! happens when one was not.
//!
//! A change fires one schedule for one instant, so rows go one by one.

use bursar_core::schedule::{Fire, Schedule};
use sqlx::{PgConnection, Row};

use super::guard::{Done, Pass, Refused, expect, gather, id};
use crate::Answer;
use crate::codec::schedule::{at_most, removed_at};
use crate::codec::{plain, to_json};

/// Runs every statement and answers those changes whose guard did not hold.
pub async fn run(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    update(tx, pass, refused).await?;
    insert(tx, pass, refused).await?;
    insert_fires(tx, pass, refused).await
}

async fn update(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Schedule)> = gather(pass, |c| &c.schedules.updated);
    rows.sort_unstable_by_key(|(_, s)| s.id);
    for (index, s) in rows {
        let sql = "update schedule set version = version + 1, next_due_at = $3, last_due_at = $4, last_fired_at = $5,
                     fired_count = $6, skipped_count = $7, removed_at = $8, state = $9, active = $3::bigint is not null
                   where id = $1 and version = $2
                   returning id";
        let query = sqlx::query(sql)
            .bind(s.id.uuid())
            .bind(s.version)
            .bind(s.next_due_at.map(|t| t.as_millis()))
            .bind(s.last_due_at.map(|t| t.as_millis()))
            .bind(s.last_fired_at.map(|t| t.as_millis()))
            .bind(s.fired_count)
            .bind(s.skipped_count)
            .bind(removed_at(s))
            .bind(s.state.code());
        expect(tx, query, [(index, s.id.uuid())], id, Answer::Stale, refused).await?;
    }
    Ok(())
}

/// In order of name, because that is the key that two processes may both insert.
async fn insert(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Schedule)> = gather(pass, |c| &c.schedules.new);
    rows.sort_unstable_by_key(|(_, s)| (s.merchant, &s.name));
    for (index, s) in rows {
        let sql = "insert into schedule (created_at, id, merchant, name, cron, zone, template, catch_up,
                     catch_up_at_most, version, next_due_at, last_due_at, last_fired_at, fired_count, skipped_count,
                     removed_at, state, active)
                   select $1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16,
                     $10::bigint is not null
                   where not exists (
                       select 1 from schedule s where s.merchant = $3 and s.name = $4 and s.removed_at = $15
                     )
                     and not exists (select 1 from schedule s where s.id = $2)
                   returning id";
        let query = sqlx::query(sql)
            .bind(s.created_at.as_millis())
            .bind(s.id.uuid())
            .bind(s.merchant.uuid())
            .bind(plain(&s.name))
            .bind(plain(&s.cron))
            .bind(plain(&s.zone))
            .bind(to_json(&s.template)?)
            .bind(s.catch_up.code())
            .bind(at_most(s))
            .bind(s.next_due_at.map(|t| t.as_millis()))
            .bind(s.last_due_at.map(|t| t.as_millis()))
            .bind(s.last_fired_at.map(|t| t.as_millis()))
            .bind(s.fired_count)
            .bind(s.skipped_count)
            .bind(removed_at(s))
            .bind(s.state.code());
        expect(tx, query, [(index, s.id.uuid())], id, Answer::Duplicate, refused).await?;
    }
    Ok(())
}

async fn insert_fires(tx: &mut PgConnection, pass: &Pass<'_>, refused: &mut Refused) -> Done {
    let mut rows: Vec<(usize, &Fire)> = gather(pass, |c| &c.schedules.fires);
    rows.sort_unstable_by_key(|(_, f)| (f.schedule, f.due_at));
    for (index, f) in rows {
        let sql = "insert into schedule_fire (due_at, fired_at, schedule, order_id, kind)
                   select $1, $2, $3, $4, $5
                   where not exists (select 1 from schedule_fire f where f.schedule = $3 and f.due_at = $1)
                   returning due_at";
        let query = sqlx::query(sql)
            .bind(f.due_at.as_millis())
            .bind(f.fired_at.as_millis())
            .bind(f.schedule.uuid())
            .bind(f.order.uuid())
            .bind(f.kind.code());
        let due_at = |row: &sqlx::postgres::PgRow| row.try_get::<i64, _>(0);
        expect(tx, query, [(index, f.due_at.as_millis())], due_at, Answer::Duplicate, refused).await?;
    }
    Ok(())
}
