//! Schedules: it knows when something is due, what was missed and what a fire opens, and must never read a clock
//! or run anything.
//!
//! A [`Schedule`] is a merchant's: a [`Cron`] expression, read in a time zone, and a [`Template`] of what a fire
//! does. The *due instant* is the identity of a fire: whoever fires it (any number of workers, a person, a
//! scheduler outside) it is one row and one order number, so it happens once. [`step`] tells what is to be done
//! next; what was missed is fired or counted as skipped, as the schedule's [`CatchUp`] says, never forgotten.

mod backfill;
mod calendar;
mod cron;
mod draft;
mod due;
mod row;
mod template;

#[cfg(test)]
mod tests;

pub use calendar::{Calendar, CalendarError};
pub use cron::Cron;
pub use draft::{Draft, Wrong};
pub use due::{Fires, Step, due, step};
pub use row::{CatchUp, Fire, FireKind, Schedule, ScheduleState, Unschedulable};
pub use template::{OrderTemplate, Template, Tender};

use crate::clock::{DAY_MS, MINUTE_MS};

/// A fire that comes later than this was missed: it is made up for, or skipped, by the schedule's policy. It is
/// also how late an active schedule may be before it is shown as overdue.
pub const GRACE_MS: i64 = 5 * MINUTE_MS;
/// Most missed instants that a schedule makes up for: each becomes an order at once.
pub const CATCH_UP_MAX: u32 = 1_000;
/// Missed instants that are made up for when nothing is said: a month of days.
pub const CATCH_UP_DEFAULT: u32 = 31;
/// Most instants of one backfill: a year of days. More is a mistake in the expression.
pub const BACKFILL_MAX: u64 = 366;
/// How long ago an instant may be that is fired by name, in milliseconds: ten years. Nobody's bookings are older.
pub const OLDEST_MS: i64 = 3_660 * DAY_MS;
/// Longest name, in characters: with the due instant it must fit into an order's number.
pub const NAME_MAX_CHARS: usize = 40;
/// How many of the next instants are shown.
pub const UPCOMING: usize = 5;
/// How far ahead of the present instant an instant may be that is fired by name: clocks differ.
pub const AHEAD_MAX_MS: i64 = GRACE_MS;
