//! Schedules in the store: it knows which rows are written together and which questions are asked about them, and
//! must never know when something is due ([`bursar_core::schedule`] does).

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::id::{MerchantId, ScheduleId};
use bursar_core::schedule::{Fire, Schedule, ScheduleState};
use uuid::Uuid;

use crate::Result;
use crate::dialect::Dialect;
use crate::read::schedule;

/// Rows about schedules in a [`crate::Change`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ScheduleRows {
    /// Schedules to insert (version 0 becomes 1). Guard: the merchant has none of that name that is not removed.
    pub new: Vec<Schedule>,
    /// Schedules to update: where they stand and what they have done. Guard: the row still has `version`, which is
    /// counted up. It takes the place of a leader: of many who fire, one writes.
    pub updated: Vec<Schedule>,
    /// Fires to insert. Guard: the schedule has none for that instant.
    pub fires: Vec<Fire>,
}

impl ScheduleRows {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The ids of schedules of which something is written.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + '_ {
        let rows = self.new.iter().chain(&self.updated).map(|s| s.id.uuid());
        rows.chain(self.fires.iter().map(|f| f.schedule.uuid()))
    }
}

/// Which schedules to list.
#[derive(Clone, Debug, Default)]
pub struct ScheduleFilter {
    /// Only this merchant's.
    pub merchant: Option<MerchantId>,
    /// Only in this state; otherwise all but removed ones.
    pub state: Option<ScheduleState>,
    /// Only of this name.
    pub name: Option<String>,
    /// Only active ones that were due before.
    pub due_before: Option<Timestamp>,
    /// Only ids below this one (the cursor of the next page).
    pub before: Option<ScheduleId>,
    /// At most so many.
    pub limit: u32,
}

/// What an operator wants to know of all schedules at a glance.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ScheduleGauges {
    /// Active schedules that were due before the instant in question.
    pub overdue: u64,
    /// When any schedule was fired last.
    pub last_fired_at: Option<Timestamp>,
}

/// What is asked of a database about schedules. Fires are never deleted: they are books.
#[async_trait]
pub trait Schedules: Send + Sync {
    /// One schedule, removed ones included.
    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>>;
    /// Schedules that match, newest first, at most `filter.limit`.
    async fn schedules(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>>;
    /// Fires of a schedule for instants before this one, the latest instant first.
    async fn fires(&self, schedule: ScheduleId, before: Option<Timestamp>, limit: u32) -> Result<Vec<Fire>>;
    /// Fires of a schedule for instants from `from` to `until`, both included, the earliest first, at most 1000.
    async fn fires_between(&self, schedule: ScheduleId, from: Timestamp, until: Timestamp) -> Result<Vec<Fire>>;
    /// Active schedules that have been due for longer than [`bursar_core::schedule::GRACE_MS`] at `now`, of all
    /// merchants, the most overdue first.
    async fn overdue_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>>;
    /// The same in numbers.
    async fn schedule_gauges(&self, now: Timestamp) -> Result<ScheduleGauges>;
    /// Active schedules due before `before` that have no job (not even a parked one), the earliest first, with their
    /// merchant.
    async fn stuck_schedules(&self, before: Timestamp, limit: u32) -> Result<Vec<(ScheduleId, MerchantId)>>;
}

#[async_trait]
impl<D: Dialect> Schedules for D {
    async fn schedule(&self, id: ScheduleId) -> Result<Option<Schedule>> {
        schedule::one(self, id).await
    }
    async fn schedules(&self, filter: &ScheduleFilter) -> Result<Vec<Schedule>> {
        schedule::list(self, filter).await
    }
    async fn fires(&self, id: ScheduleId, before: Option<Timestamp>, limit: u32) -> Result<Vec<Fire>> {
        schedule::fires(self, id, before, limit).await
    }
    async fn fires_between(&self, id: ScheduleId, from: Timestamp, until: Timestamp) -> Result<Vec<Fire>> {
        schedule::fires_between(self, id, from, until).await
    }
    async fn overdue_schedules(&self, now: Timestamp, limit: u32) -> Result<Vec<Schedule>> {
        schedule::overdue(self, now, limit).await
    }
    async fn schedule_gauges(&self, now: Timestamp) -> Result<ScheduleGauges> {
        schedule::gauges(self, now).await
    }
    async fn stuck_schedules(&self, before: Timestamp, limit: u32) -> Result<Vec<(ScheduleId, MerchantId)>> {
        schedule::stuck(self, before, limit).await
    }
}
