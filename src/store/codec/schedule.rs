//! Schedules and their fires: it knows their columns, and must never know which database they come from.

use bursar_core::Timestamp;
use bursar_core::id::{MerchantId, OrderId, ScheduleId};
use bursar_core::schedule::{CatchUp, Fire, FireKind, Schedule, ScheduleState};

use super::Reading;
use crate::Result;
use crate::value::Record;

/// A row of `schedule`.
pub fn schedule(record: &Record) -> Result<Schedule> {
    let row = Reading { record, table: "schedule" };
    let at_most: Option<i32> = row.get("catch_up_at_most")?;
    let at_most = at_most.and_then(|n| u32::try_from(n).ok());
    let removed_at = row.time("removed_at")?;
    Ok(Schedule {
        id: ScheduleId(row.get("id")?),
        merchant: MerchantId(row.get("merchant")?),
        name: row.get("name")?,
        cron: row.get("cron")?,
        zone: row.get("zone")?,
        catch_up: row.code("catch_up", |code| CatchUp::from_code(code, at_most))?,
        template: row.json("template")?,
        state: row.code("state", ScheduleState::from_code)?,
        next_due_at: row.maybe_time("next_due_at")?,
        last_due_at: row.maybe_time("last_due_at")?,
        last_fired_at: row.maybe_time("last_fired_at")?,
        fired_count: row.get("fired_count")?,
        skipped_count: row.get("skipped_count")?,
        removed_at: Some(removed_at).filter(|at| *at != Timestamp::default()),
        version: row.get("version")?,
        created_at: row.time("created_at")?,
    })
}

/// When a schedule was removed, as its column has it.
pub fn removed_at(schedule: &Schedule) -> i64 {
    schedule.removed_at.map_or(0, Timestamp::as_millis)
}

/// The bound of a schedule's policy, as its column has it.
pub fn at_most(schedule: &Schedule) -> Option<i32> {
    schedule.catch_up.at_most().and_then(|n| i32::try_from(n).ok())
}

/// A row of `schedule_fire`.
pub fn fire(record: &Record) -> Result<Fire> {
    let row = Reading { record, table: "schedule_fire" };
    Ok(Fire {
        schedule: ScheduleId(row.get("schedule")?),
        due_at: row.time("due_at")?,
        order: OrderId(row.get("order_id")?),
        kind: row.code("kind", FireKind::from_code)?,
        fired_at: row.time("fired_at")?,
    })
}
