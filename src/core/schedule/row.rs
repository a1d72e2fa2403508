//! A schedule and its fires: it knows where a schedule stands and what each deed makes of it, and must never know
//! how it is stored.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::calendar::{Calendar, CalendarError};
use super::template::Template;
use super::{AHEAD_MAX_MS, BACKFILL_MAX, CATCH_UP_DEFAULT, CATCH_UP_MAX, GRACE_MS, OLDEST_MS};
use crate::clock::{SECOND_MS, Timestamp};
use crate::id::{MerchantId, OrderId, ScheduleId};

/// What becomes of instants that were missed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CatchUp {
    /// Each is fired, the oldest first; of more than so many the oldest are skipped.
    All {
        /// At most so many at once, 1 to [`CATCH_UP_MAX`].
        at_most: u32,
    },
    /// Only the latest is fired.
    Once,
    /// Those that are older than [`GRACE_MS`] are skipped.
    Skip,
}

impl Default for CatchUp {
    fn default() -> Self {
        Self::All { at_most: CATCH_UP_DEFAULT }
    }
}

impl CatchUp {
    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::All { .. } => 1,
            Self::Once => 2,
            Self::Skip => 3,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All { .. } => "all",
            Self::Once => "once",
            Self::Skip => "skip",
        }
    }

    /// The bound of [`CatchUp::All`].
    pub const fn at_most(self) -> Option<u32> {
        match self {
            Self::All { at_most } => Some(at_most),
            Self::Once | Self::Skip => None,
        }
    }

    /// The policy of this code and bound.
    pub fn from_code(code: i16, at_most: Option<u32>) -> Option<Self> {
        match (code, at_most) {
            (1, Some(at_most)) => Some(Self::All { at_most }),
            (2, None) => Some(Self::Once),
            (3, None) => Some(Self::Skip),
            _ => None,
        }
    }

    /// The policy of this name, with the bound that was given.
    ///
    /// # Errors
    /// A sentence that says what is possible.
    pub fn new(name: &str, at_most: Option<i64>) -> Result<Self, String> {
        let wrong = || format!("expected `all` (with a bound of 1 to {CATCH_UP_MAX}), `once` or `skip`");
        match (name, at_most) {
            ("all", None) => Ok(Self::default()),
            ("all", Some(bound)) => {
                let bound = u32::try_from(bound).ok().filter(|n| (1..=CATCH_UP_MAX).contains(n));
                bound.map(|at_most| Self::All { at_most }).ok_or_else(wrong)
            }
            ("once", None) => Ok(Self::Once),
            ("skip", None) => Ok(Self::Skip),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for CatchUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at_most() {
            Some(bound) => write!(f, "{}={bound}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}

/// As it is written on the command line: `all=31`, `once`, `skip`.
impl FromStr for CatchUp {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, bound) = text.split_once('=').map_or((text, None), |(name, bound)| (name, Some(bound)));
        Self::new(name, bound.map(|b| b.parse().unwrap_or(0)))
    }
}

/// Where a schedule stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ScheduleState {
    /// It fires.
    Active,
    /// It does not fire by itself. What falls due meanwhile is not missed: it was not wanted.
    Paused,
    /// It is kept for its history only, and its name is free again.
    Removed,
}

impl ScheduleState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Active, Self::Paused, Self::Removed];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Active => 1,
            Self::Paused => 2,
            Self::Removed => 3,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Removed => "removed",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

impl FromStr for ScheduleState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|s| s.name() == text);
        found.ok_or_else(|| "a schedule is active, paused or removed".to_owned())
    }
}

/// Why a schedule fired.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FireKind {
    /// It was due.
    Regular,
    /// It was missed and made up for.
    CatchUp,
    /// A person wanted it now.
    RunNow,
    /// A person wanted a range of the past.
    Backfill,
    /// A scheduler outside named the instant.
    External,
}

impl FireKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Regular, Self::CatchUp, Self::RunNow, Self::Backfill, Self::External];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Regular => 1,
            Self::CatchUp => 2,
            Self::RunNow => 3,
            Self::Backfill => 4,
            Self::External => 5,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::CatchUp => "catch_up",
            Self::RunNow => "run_now",
            Self::Backfill => "backfill",
            Self::External => "external",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

/// One fire of a schedule. There is at most one of a schedule and a due instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fire {
    /// Whose.
    pub schedule: ScheduleId,
    /// The instant that it is for, in whole seconds.
    pub due_at: Timestamp,
    /// What it opened.
    pub order: OrderId,
    /// Why.
    pub kind: FireKind,
    /// When.
    pub fired_at: Timestamp,
}

/// A schedule of a merchant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// Whose.
    pub merchant: MerchantId,
    /// Its name, unique among the merchant's schedules that are not removed.
    pub name: String,
    /// When, as a [`super::Cron`] expression.
    pub cron: String,
    /// In which IANA time zone the expression is read.
    pub zone: String,
    /// What becomes of missed instants.
    pub catch_up: CatchUp,
    /// What a fire does.
    pub template: Template,
    /// Where it stands.
    pub state: ScheduleState,
    /// The first instant that was neither fired nor skipped; exactly active schedules have it.
    pub next_due_at: Option<Timestamp>,
    /// The last instant that fell due and was fired, by itself.
    pub last_due_at: Option<Timestamp>,
    /// When it was fired last, for whatever reason.
    pub last_fired_at: Option<Timestamp>,
    /// How many fires it has.
    pub fired_count: i64,
    /// How many missed instants its policy left out.
    pub skipped_count: i64,
    /// When it was removed.
    pub removed_at: Option<Timestamp>,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a schedule cannot become, or fire for.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Unschedulable {
    /// It is removed.
    #[error("the schedule is removed")]
    Removed,
    /// It can never be due again.
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// Not a whole second.
    #[error("a due instant is a whole second, not {0}")]
    Fraction(Timestamp),
    /// It lies ahead.
    #[error("{0} is still to come: a schedule is fired for instants that have come")]
    Ahead(Timestamp),
    /// A range that ends before it begins.
    #[error("{until} is before {from}")]
    Backwards {
        /// Its beginning.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// More than anybody means.
    #[error("the range has {count} due instants, a backfill takes at most {BACKFILL_MAX}: is the expression right?")]
    TooMany {
        /// How many.
        count: u64,
    },
    /// Longer ago than [`OLDEST_MS`].
    #[error("{0} is more than ten years ago")]
    TooOld(Timestamp),
}

impl Schedule {
    /// When it is due.
    ///
    /// # Errors
    /// When this program knows its zone or its expression no more.
    pub fn calendar(&self) -> Result<Calendar, CalendarError> {
        Calendar::new(&self.cron, &self.zone)
    }

    /// The number of the order that a fire for `due_at` opens: the same for the same instant, whoever fires.
    pub fn order_number(&self, due_at: Timestamp) -> String {
        // 2026-11-22T01:30:00.000Z, without what is no letter or digit and without the milliseconds.
        let stamp: String = due_at.to_string().chars().filter(char::is_ascii_alphanumeric).collect();
        format!("{}-{}Z", self.name, stamp.get(..15).unwrap_or(&stamp))
    }

    /// Whether it should have fired and has not.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.next_due_at.is_some_and(|due| now.since_ms(due) > GRACE_MS)
    }

    /// Whether somebody whose clock was wrong has fired what is not due yet. It sleeps until its clock is reached;
    /// to resume it sets that right.
    pub fn is_ahead(&self, now: Timestamp) -> bool {
        self.last_due_at.is_some_and(|due| due.since_ms(now) > AHEAD_MAX_MS)
    }

    /// Whether it can be fired for `due_at`, and for what it then is.
    ///
    /// # Errors
    /// Why not.
    pub fn check_fire(&self, due_at: Timestamp, now: Timestamp) -> Result<(), Unschedulable> {
        if self.state == ScheduleState::Removed {
            return Err(Unschedulable::Removed);
        }
        if due_at.as_millis().rem_euclid(SECOND_MS) != 0 {
            return Err(Unschedulable::Fraction(due_at));
        }
        if due_at.since_ms(now) > AHEAD_MAX_MS {
            return Err(Unschedulable::Ahead(due_at));
        }
        if now.since_ms(due_at) > OLDEST_MS {
            return Err(Unschedulable::TooOld(due_at));
        }
        Ok(())
    }

    /// The same after a fire.
    #[must_use]
    pub fn fired(&self, now: Timestamp) -> Self {
        let last_fired_at = Some(self.last_fired_at.map_or(now, |at| at.max(now)));
        Self { last_fired_at, fired_count: self.fired_count.saturating_add(1), ..self.clone() }
    }

    /// The same after it went on by itself: `due_at` was fired, so many were skipped, and `next_due_at` is next. An
    /// expression that names no instant any more rests.
    #[must_use]
    pub fn advanced(&self, due_at: Option<Timestamp>, skipped: u64, next_due_at: Option<Timestamp>) -> Self {
        Self {
            next_due_at,
            state: if next_due_at.is_some() { self.state } else { ScheduleState::Paused },
            last_due_at: due_at.or(self.last_due_at),
            skipped_count: self.skipped_count.saturating_add(i64::try_from(skipped).unwrap_or(i64::MAX)),
            ..self.clone()
        }
    }

    /// The same, not firing by itself any more.
    ///
    /// # Errors
    /// When it is removed.
    pub fn paused(&self) -> Result<Self, Unschedulable> {
        self.check_there()?;
        Ok(Self { state: ScheduleState::Paused, next_due_at: None, ..self.clone() })
    }

    /// The same, firing from the first instant after `now` on. One that is active already goes on where it stands,
    /// unless somebody with a wrong clock has fired it ahead of time.
    ///
    /// # Errors
    /// When it is removed, or can never be due again.
    pub fn resumed(&self, now: Timestamp) -> Result<Self, Unschedulable> {
        self.check_there()?;
        if self.state == ScheduleState::Active && !self.is_ahead(now) {
            return Ok(self.clone());
        }
        let next = self.calendar()?.next(now).ok_or_else(|| CalendarError::Never(self.cron.clone()))?;
        let last_due_at = self.last_due_at.filter(|_| !self.is_ahead(now));
        Ok(Self { state: ScheduleState::Active, next_due_at: Some(next), last_due_at, ..self.clone() })
    }

    /// The same, for its history only.
    ///
    /// # Errors
    /// When it is removed already.
    pub fn removed(&self, now: Timestamp) -> Result<Self, Unschedulable> {
        self.check_there()?;
        Ok(Self { state: ScheduleState::Removed, next_due_at: None, removed_at: Some(now), ..self.clone() })
    }

    fn check_there(&self) -> Result<(), Unschedulable> {
        if self.state == ScheduleState::Removed { Err(Unschedulable::Removed) } else { Ok(()) }
    }
}
