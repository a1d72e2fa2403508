//! Schedules at the desk: it knows that a fire, its order and where its schedule then stands are one commit, and must
//! never know when something is due ([`bursar_core::schedule`] does).
//!
//! There is no leader. Whoever fires compares the schedule's version and swaps; a fire is one row of (schedule, due
//! instant), and its order's number is made of the same two. So of many who fire at once one writes, and the others
//! find it written.

use bursar_core::Timestamp;
use bursar_core::id::ScheduleId;
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::schedule::{Fire, FireKind, Schedule, Step, Template, Tender, Unschedulable, step};

use super::{Desk, MAX_RACES, Run, opening, too_many_races};
use crate::{Answer, Change, Result, ScheduleRows, Settle, Settlement, StoreError};

/// What became of a wish to fire a schedule.
#[derive(Clone, Debug)]
pub enum Fired {
    /// It is fired now; this is how the schedule stands.
    Written(Box<Schedule>, Fire),
    /// It was fired for that instant before.
    Known(Box<Schedule>, Fire),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such schedule.
    Missing,
    /// The rules refuse it; nothing was written.
    Refused(Unschedulable),
}

/// What became of a wish about a schedule.
#[derive(Clone, Debug)]
pub enum Rescheduled {
    /// It is written; this is how the schedule stands.
    Written(Box<Schedule>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such schedule.
    Missing,
    /// The rules refuse it; nothing was written.
    Refused(Unschedulable),
}

/// How a run of a schedule's job goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ran {
    /// Something was written, and the job settled with it.
    Settled,
    /// The lease was lost; nothing was written.
    Fenced,
    /// Nothing before this instant.
    Wait(Timestamp),
    /// Nothing by itself any more.
    Rest,
}

impl Desk {
    /// Takes a new schedule down, with its job. `complete` may add to the change (an idempotency key).
    /// [`Answer::Duplicate`]: the merchant has a schedule of that name, or the key was taken.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_schedule(
        &self,
        schedule: Schedule,
        complete: impl FnOnce(&Schedule, &mut Change),
    ) -> Result<(Answer, Schedule)> {
        let mut change = Change { jobs: job(&schedule).into_iter().collect(), ..Change::default() };
        change.schedules.new.push(schedule.clone());
        complete(&schedule, &mut change);
        let answer = self.gatherer.commit(change).await?;
        Ok((answer, Schedule { version: 1, ..schedule }))
    }

    /// Makes of a schedule what `judge` says (paused, resumed, removed). `complete` may add to the change.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn reschedule(
        &self,
        id: ScheduleId,
        judge: impl Fn(&Schedule, Timestamp) -> std::result::Result<Schedule, Unschedulable> + Send + Sync,
        complete: impl Fn(&Schedule, &mut Change) + Send + Sync,
    ) -> Result<Rescheduled> {
        for _ in 0..MAX_RACES {
            let Some(before) = self.gatherer.store().schedule(id).await? else { return Ok(Rescheduled::Missing) };
            let next = match judge(&before, self.clock.now()) {
                Ok(next) => next,
                Err(why) => return Ok(Rescheduled::Refused(why)),
            };
            let mut change = Change::default();
            match job(&next) {
                // Whoever runs it now finds the schedule changed.
                Some(job) if before.next_due_at != next.next_due_at => {
                    change.cancel.push(job.key);
                    change.jobs.push(job);
                }
                Some(_) => {}
                None => change.cancel.push(JobKey::schedule(JobKind::FireSchedule, id)),
            }
            let after = Schedule { version: next.version.saturating_add(1), ..next.clone() };
            change.schedules.updated.push(next);
            complete(&after, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Rescheduled::Written(Box::new(after))),
                Answer::Duplicate => return Ok(Rescheduled::Duplicate),
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(id))
    }

    /// Fires a schedule for `due_at`, whatever is due by itself. The same instant fires once, whoever asks, and is
    /// answered with what it opened. `complete` may add to the change.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn fire_schedule(
        &self,
        id: ScheduleId,
        due_at: Timestamp,
        kind: FireKind,
        complete: impl Fn(&Schedule, &Fire, &mut Change) + Send + Sync,
    ) -> Result<Fired> {
        let mut taken = false;
        for _ in 0..MAX_RACES {
            let Some(schedule) = self.gatherer.store().schedule(id).await? else { return Ok(Fired::Missing) };
            if let Some(fire) = self.fire_of(id, due_at).await? {
                return Ok(Fired::Known(Box::new(schedule), fire));
            }
            let now = self.clock.now();
            if let Err(why) = schedule.check_fire(due_at, now) {
                return Ok(Fired::Refused(why));
            }
            let (mut change, fire) = self.firing(&schedule, due_at, kind, now).await?;
            // Neither the instant nor the number was what was taken before.
            if taken && !change.new_orders.is_empty() {
                return Ok(Fired::Duplicate);
            }
            let next = schedule.fired(now);
            let after = Schedule { version: next.version.saturating_add(1), ..next.clone() };
            change.schedules.updated.push(next);
            complete(&after, &fire, &mut change);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Fired::Written(Box::new(after), fire)),
                Answer::Duplicate if taken => return Ok(Fired::Duplicate),
                Answer::Duplicate => taken = true,
                Answer::Stale | Answer::Fenced => {}
            }
        }
        Err(too_many_races(id))
    }

    /// Fires a schedule for each of `instants` that it was not fired for, one commit each: what was done stays done
    /// when it breaks off, and to ask again does the rest. The fires of all, in their order.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn backfill(
        &self,
        id: ScheduleId,
        instants: &[Timestamp],
    ) -> Result<std::result::Result<Vec<Fire>, Fired>> {
        let mut fires = Vec::with_capacity(instants.len());
        for due_at in instants {
            match self.fire_schedule(id, *due_at, FireKind::Backfill, |_, _, _| {}).await? {
                Fired::Written(_, fire) | Fired::Known(_, fire) => fires.push(fire),
                other => return Ok(Err(other)),
            }
        }
        Ok(Ok(fires))
    }

    /// Takes the next step of a schedule for the job that runs for it: at most one fire, in one commit with the
    /// job's settlement.
    ///
    /// # Errors
    /// When the database cannot be read or written, or the schedule's expression or zone is not known any more.
    pub async fn run_schedule(&self, id: ScheduleId, run: &Run) -> Result<Ran> {
        for _ in 0..MAX_RACES {
            let Some(schedule) = self.gatherer.store().schedule(id).await? else { return Ok(Ran::Rest) };
            let now = self.clock.now();
            let calendar = schedule.calendar().map_err(|why| StoreError::Misuse(format!("{id}: {why}")))?;
            let (mut change, next) = match step(&schedule, &calendar, now) {
                Step::Rest => return Ok(Ran::Rest),
                Step::Wait(due_at) => return Ok(Ran::Wait(due_at)),
                Step::Skip { skipped, next_due_at } => {
                    tracing::warn!(schedule = %id, skipped, "a schedule skips what it missed");
                    (Change::default(), schedule.advanced(None, skipped, next_due_at))
                }
                Step::Fire { due_at, kind, skipped, next_due_at } => {
                    if skipped > 0 {
                        tracing::warn!(schedule = %id, skipped, "a schedule skips what it missed");
                    }
                    let advanced = schedule.advanced(Some(due_at), skipped, next_due_at);
                    // Somebody has named this very instant before.
                    if self.fire_of(id, due_at).await?.is_some() {
                        (Change::default(), advanced)
                    } else {
                        let (change, _) = self.firing(&schedule, due_at, kind, now).await?;
                        (change, advanced.fired(now))
                    }
                }
            };
            change.settle = Some(Settle { how: going_on(&next), ..run.settle.clone() });
            change.schedules.updated.push(next);
            match self.gatherer.commit(change).await? {
                Answer::Committed => return Ok(Ran::Settled),
                Answer::Fenced => return Ok(Ran::Fenced),
                Answer::Stale | Answer::Duplicate => {}
            }
        }
        Err(too_many_races(id))
    }

    /// The fire of a schedule for an instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn fire_of(&self, id: ScheduleId, due_at: Timestamp) -> Result<Option<Fire>> {
        Ok(self.gatherer.store().fires_between(id, due_at, due_at).await?.pop())
    }

    /// The rows of a fire, without the schedule's. When the merchant has an order of that number (by an earlier
    /// schedule of the same name), that is what the instant has brought: it is not charged again.
    async fn firing(
        &self,
        schedule: &Schedule,
        due_at: Timestamp,
        kind: FireKind,
        now: Timestamp,
    ) -> Result<(Change, Fire)> {
        let number = schedule.order_number(due_at);
        let known = self.gatherer.store().order_by_number(schedule.merchant, &number).await?;
        let (mut change, order) = match known {
            Some(order) => (Change::default(), order),
            None => {
                self.check_account(schedule).await?;
                let (order, payments) = schedule.template.open(schedule, due_at, now, self.chance.as_ref());
                let (change, dossier) = opening(order, payments, now);
                (change, dossier.order.id)
            }
        };
        let fire = Fire { schedule: schedule.id, due_at, order, kind, fired_at: now };
        change.schedules = ScheduleRows { fires: vec![fire], ..ScheduleRows::default() };
        Ok((change, fire))
    }

    /// Whether the account that a template names is its merchant's.
    async fn check_account(&self, schedule: &Schedule) -> Result<()> {
        let Template::Order(template) = &schedule.template;
        let Tender::Named { account, .. } = &template.tender else { return Ok(()) };
        let entries = self.directory.entries_with(|e| e.accounts.contains_key(account)).await?;
        let own = entries.accounts.get(account).filter(|a| a.merchant == schedule.merchant);
        own.map(drop).ok_or_else(|| StoreError::missing("channel account", account))
    }
}

/// The job that a schedule has.
fn job(schedule: &Schedule) -> Option<NewJob> {
    let key = JobKey::schedule(JobKind::FireSchedule, schedule.id);
    schedule.next_due_at.map(|due_at| NewJob::new(key, schedule.merchant, due_at))
}

/// How the job of a schedule goes on.
fn going_on(schedule: &Schedule) -> Settlement {
    match schedule.next_due_at {
        Some(due_at) => Settlement::Again { due_at, step: 0, why: "due next".to_owned() },
        None => Settlement::Done,
    }
}
