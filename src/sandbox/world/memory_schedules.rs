//! Schedules in a simulated history: it knows their rows as the real stores do, and must never know when one is due.

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::id::{MerchantId, ScheduleId};
use bursar_core::schedule::{Fire, GRACE_MS, Schedule, ScheduleState};
use bursar_store::{Change, Result, ScheduleFilter, ScheduleGauges, Schedules};

use super::memory::{Memory, some};
use super::planted::Planted;
use super::tables::Tables;

impl Tables {
    /// Whether a schedule in `change` has moved on.
    pub fn schedules_moved(&self, change: &Change) -> bool {
        let updated = &change.schedules.updated;
        updated.iter().any(|s| self.schedules.get(&s.id).is_none_or(|row| row.version != s.version))
    }

    /// Whether the name of a new schedule is taken, or a fire is there.
    pub fn schedules_known(&self, change: &Change) -> bool {
        let names = |new: &Schedule| {
            let same = |row: &Schedule| row.merchant == new.merchant && row.name == new.name;
            self.schedules.values().any(|row| same(row) && row.state != ScheduleState::Removed)
        };
        let rows = &change.schedules;
        rows.new.iter().any(|s| self.schedules.contains_key(&s.id) || names(s))
            || rows.fires.iter().any(|f| self.fires.contains_key(&(f.schedule, f.due_at)))
    }

    /// Writes the schedules of `change`.
    pub fn write_schedules(&mut self, change: &Change) {
        for schedule in &change.schedules.new {
            self.schedules.insert(schedule.id, Schedule { version: 1, ..schedule.clone() });
        }
        for schedule in &change.schedules.updated {
            self.schedules.insert(schedule.id, Schedule { version: schedule.version + 1, ..schedule.clone() });
        }
        for fire in &change.schedules.fires {
            self.fires.insert((fire.schedule, fire.due_at), *fire);
        }
    }

    fn due_before(&self, before: Timestamp) -> Vec<Schedule> {
        let due = |s: &&Schedule| s.next_due_at.is_some_and(|due| due < before);
        let mut found: Vec<_> = self.schedules.values().filter(due).cloned().collect();
        found.sort_by_key(|s| (s.next_due_at, s.id));
        found
    }
}

#[async_trait]
impl Schedules for Memory {
    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>> {
        self.world.database(self.pid, "read a schedule", |s| s.tables.schedules.get(&id).cloned()).await
    }

    async fn schedules(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>> {
        let wanted = |row: &&Schedule| {
            let state = filter.state.map_or(row.state != ScheduleState::Removed, |state| state == row.state);
            state
                && filter.merchant.is_none_or(|m| m == row.merchant)
                && filter.name.as_ref().is_none_or(|name| *name == row.name)
                && filter.due_before.is_none_or(|before| row.next_due_at.is_some_and(|due| due < before))
                && filter.before.is_none_or(|id| row.id < id)
        };
        let found = |s: &mut super::state::State| {
            s.tables.schedules.values().rev().filter(wanted).take(some(filter.limit)).cloned().collect()
        };
        self.world.database(self.pid, "read schedules", found).await
    }

    async fn fires(&self, id: ScheduleId, before: Option<Timestamp>, limit: u32) -> Result<Vec<Fire>> {
        let found = |s: &mut super::state::State| {
            let fires = s.tables.fires.values().rev().filter(|f| f.schedule == id);
            fires.filter(|f| before.is_none_or(|at| f.due_at < at)).take(some(limit)).copied().collect()
        };
        self.world.database(self.pid, "read fires", found).await
    }

    async fn fires_between(&self, id: ScheduleId, from: Timestamp, until: Timestamp) -> Result<Vec<Fire>> {
        if until < from {
            return Ok(Vec::new());
        }
        let found =
            |s: &mut super::state::State| s.tables.fires.range((id, from)..=(id, until)).map(|(_, f)| *f).collect();
        self.world.database(self.pid, "read fires", found).await
    }

    async fn overdue_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>> {
        let found = |s: &mut super::state::State| {
            s.tables.due_before(now.plus_ms(-GRACE_MS)).into_iter().take(some(limit)).collect()
        };
        self.world.database(self.pid, "read overdue schedules", found).await
    }

    async fn schedule_gauges(&self, now: Timestamp) -> Result<ScheduleGauges> {
        let found = |s: &mut super::state::State| ScheduleGauges {
            overdue: u64::try_from(s.tables.due_before(now.plus_ms(-GRACE_MS)).len()).unwrap_or(u64::MAX),
            last_fired_at: s.tables.schedules.values().filter_map(|row| row.last_fired_at).max(),
        };
        self.world.database(self.pid, "read gauges", found).await
    }

    async fn stuck_schedules(&self, before: Timestamp, limit: u32) -> Result<Vec<(ScheduleId, MerchantId)>> {
        self.world
            .database(self.pid, "upkeep: look for stuck schedules", |s| {
                if s.planted == Some(Planted::NoSweep) {
                    return Vec::new();
                }
                s.tables.stuck_schedules(before).into_iter().take(some(limit)).collect()
            })
            .await
    }
}
