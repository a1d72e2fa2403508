//! Schedules and their fires: it knows how they are found, and must never decide what is due.

use bursar_core::Timestamp;
use bursar_core::id::{MerchantId, ScheduleId};
use bursar_core::schedule::{Fire, GRACE_MS, Schedule, ScheduleState};
use uuid::Uuid;

use super::dossier::MAX_PAGE;
use crate::codec::{plain, schedule as codec};
use crate::dialect::Dialect;
use crate::schedules::{ScheduleFilter, ScheduleGauges};
use crate::value::Value;
use crate::{Result, StoreError};

/// A select of all columns of schedules, with the given rest of the statement.
macro_rules! schedules {
    ($rest:literal) => {
        concat!(
            "select created_at, id, merchant, name, cron, zone, template, catch_up, catch_up_at_most, version,
               next_due_at, last_due_at, last_fired_at, fired_count, skipped_count, removed_at, state
             from schedule ",
            $rest
        )
    };
}

async fn read(db: &impl Dialect, sql: &'static str, values: Vec<Value>) -> Result<Vec<Schedule>> {
    db.rows(sql, values).await?.iter().map(codec::schedule).collect()
}

/// See [`crate::Schedules::schedule`].
pub async fn one(db: &impl Dialect, id: ScheduleId) -> Result<Option<Schedule>> {
    Ok(read(db, schedules!("where id = $1"), vec![id.uuid().into()]).await?.pop())
}

/// See [`crate::Schedules::schedules`].
pub async fn list(db: &impl Dialect, filter: &ScheduleFilter) -> Result<Vec<Schedule>> {
    let sql = schedules!(
        "where ($1 is null or merchant = $1) and id < $2
           and (($3 is null and state <> $7) or state = $3) and ($4 is null or name = $4)
           and ($5 is null or (active and next_due_at < $5))
         order by id desc limit $6"
    );
    let values = vec![
        filter.merchant.map(MerchantId::uuid).into(),
        filter.before.map_or(Uuid::max(), ScheduleId::uuid).into(),
        filter.state.map(ScheduleState::code).into(),
        filter.name.as_deref().map(plain).into(),
        filter.due_before.map(Timestamp::as_millis).into(),
        filter.limit.min(MAX_PAGE).into(),
        ScheduleState::Removed.code().into(),
    ];
    read(db, sql, values).await
}

/// See [`crate::Schedules::overdue_schedules`].
pub async fn overdue(db: &impl Dialect, now: Timestamp, limit: u32) -> Result<Vec<Schedule>> {
    let sql = schedules!("where active and next_due_at < $1 order by next_due_at, id limit $2");
    read(db, sql, vec![now.plus_ms(-GRACE_MS).as_millis().into(), limit.min(MAX_PAGE).into()]).await
}

/// See [`crate::Schedules::schedule_gauges`].
pub async fn gauges(db: &impl Dialect, now: Timestamp) -> Result<ScheduleGauges> {
    let sql = "select (select count(*) from schedule where active and next_due_at < $1) as overdue,
                 (select max(last_fired_at) from schedule) as last_fired_at";
    let rows = db.rows(sql, vec![now.plus_ms(-GRACE_MS).as_millis().into()]).await?;
    let row = rows.first().ok_or_else(|| StoreError::Other("a select without a row".to_owned()))?;
    Ok(ScheduleGauges {
        overdue: u64::try_from(row.get::<i64>("schedule", "overdue")?).unwrap_or(0),
        last_fired_at: row.get::<Option<i64>>("schedule", "last_fired_at")?.map(Timestamp::from_millis),
    })
}

/// See [`crate::Schedules::stuck_schedules`]. Kind 15 is the job whose subject is a schedule.
pub async fn stuck(db: &impl Dialect, before: Timestamp, limit: u32) -> Result<Vec<(ScheduleId, MerchantId)>> {
    let sql = "select s.id, s.merchant from schedule s
               where s.active and s.next_due_at < $1
                 and not exists (select 1 from job j where j.subject = s.id and j.kind = 15)
               order by s.next_due_at, s.id limit $2";
    let rows = db.rows(sql, vec![before.as_millis().into(), limit.into()]).await?;
    let both = rows
        .iter()
        .map(|row| Ok((ScheduleId(row.get("schedule", "id")?), MerchantId(row.get("schedule", "merchant")?))));
    both.collect()
}

/// See [`crate::Schedules::fires`].
pub async fn fires(db: &impl Dialect, id: ScheduleId, before: Option<Timestamp>, limit: u32) -> Result<Vec<Fire>> {
    let sql = "select schedule, due_at, order_id, kind, fired_at from schedule_fire
               where schedule = $1 and due_at < $2 order by due_at desc limit $3";
    let before = before.map_or(i64::MAX, Timestamp::as_millis);
    let rows = db.rows(sql, vec![id.uuid().into(), before.into(), limit.min(MAX_PAGE).into()]).await?;
    rows.iter().map(codec::fire).collect()
}

/// See [`crate::Schedules::fires_between`].
pub async fn fires_between(db: &impl Dialect, id: ScheduleId, from: Timestamp, until: Timestamp) -> Result<Vec<Fire>> {
    let sql = "select schedule, due_at, order_id, kind, fired_at from schedule_fire
               where schedule = $1 and due_at >= $2 and due_at <= $3 order by due_at limit $4";
    let values = vec![id.uuid().into(), from.as_millis().into(), until.as_millis().into(), MAX_PAGE.into()];
    db.rows(sql, values).await?.iter().map(codec::fire).collect()
}
