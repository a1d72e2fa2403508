//! The guarded statements about schedules: it knows which rows must have been touched, and must never decide what
//! happens when one was not.

use bursar_core::schedule::{Fire, Schedule};
use sqlx::SqliteConnection;

use super::guard::{Statement, touched};
use crate::codec::schedule::{at_most, removed_at};
use crate::codec::{plain, to_json};
use crate::schedules::ScheduleRows;
use crate::{Answer, Result};

/// Runs every statement until one touches no row; then the answer to give.
pub async fn run(connection: &mut SqliteConnection, rows: &ScheduleRows) -> Result<Option<Answer>> {
    for schedule in &rows.updated {
        if !touched(connection, update(schedule)).await? {
            return Ok(Some(Answer::Stale));
        }
    }
    for schedule in &rows.new {
        if !touched(connection, insert(schedule)?).await? {
            return Ok(Some(Answer::Duplicate));
        }
    }
    for fire in &rows.fires {
        if !touched(connection, insert_fire(fire)).await? {
            return Ok(Some(Answer::Duplicate));
        }
    }
    Ok(None)
}

/// Whether something of what is new is there already.
pub async fn is_known(connection: &mut SqliteConnection, rows: &ScheduleRows) -> Result<bool> {
    for fire in &rows.fires {
        let sql = "select 1 from schedule_fire where schedule = $1 and due_at = $2";
        let query = sqlx::query(sql).bind(fire.schedule.uuid()).bind(fire.due_at.as_millis());
        if query.fetch_optional(&mut *connection).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn update(schedule: &Schedule) -> Statement<'static> {
    let sql = "update schedule set version = version + 1, next_due_at = $3, last_due_at = $4, last_fired_at = $5,
                 fired_count = $6, skipped_count = $7, removed_at = $8, state = $9, active = $3 is not null
               where id = $1 and version = $2";
    sqlx::query(sql)
        .bind(schedule.id.uuid())
        .bind(schedule.version)
        .bind(schedule.next_due_at.map(|t| t.as_millis()))
        .bind(schedule.last_due_at.map(|t| t.as_millis()))
        .bind(schedule.last_fired_at.map(|t| t.as_millis()))
        .bind(schedule.fired_count)
        .bind(schedule.skipped_count)
        .bind(removed_at(schedule))
        .bind(schedule.state.code())
}

fn insert(schedule: &Schedule) -> Result<Statement<'static>> {
    let sql = "insert into schedule (created_at, id, merchant, name, cron, zone, template, catch_up, catch_up_at_most,
                 version, next_due_at, last_due_at, last_fired_at, fired_count, skipped_count, removed_at, state, active)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11, $12, $13, $14, $15, $16, $10 is not null)
               on conflict do nothing";
    Ok(sqlx::query(sql)
        .bind(schedule.created_at.as_millis())
        .bind(schedule.id.uuid())
        .bind(schedule.merchant.uuid())
        .bind(plain(&schedule.name))
        .bind(plain(&schedule.cron))
        .bind(plain(&schedule.zone))
        .bind(to_json(&schedule.template)?)
        .bind(schedule.catch_up.code())
        .bind(at_most(schedule))
        .bind(schedule.next_due_at.map(|t| t.as_millis()))
        .bind(schedule.last_due_at.map(|t| t.as_millis()))
        .bind(schedule.last_fired_at.map(|t| t.as_millis()))
        .bind(schedule.fired_count)
        .bind(schedule.skipped_count)
        .bind(removed_at(schedule))
        .bind(schedule.state.code()))
}

fn insert_fire(fire: &Fire) -> Statement<'static> {
    let sql = "insert into schedule_fire (due_at, fired_at, schedule, order_id, kind) values ($1, $2, $3, $4, $5)
               on conflict do nothing";
    sqlx::query(sql)
        .bind(fire.due_at.as_millis())
        .bind(fire.fired_at.as_millis())
        .bind(fire.schedule.uuid())
        .bind(fire.order.uuid())
        .bind(fire.kind.code())
}
