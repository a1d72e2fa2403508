//! Schedules in the API: one file per verb; it knows whose a schedule is, and must never know when one is due
//! (`bursar_core::schedule` does).

pub(crate) mod backfill;
pub(crate) mod create;
pub(crate) mod fires;
pub(crate) mod gauges;
pub(crate) mod intake;
pub(crate) mod list;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod state;
pub mod view;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::Timestamp;
use bursar_core::id::ScheduleId;
use bursar_core::schedule::{Schedule, Unschedulable};

use crate::App;
use crate::auth::Caller;
use crate::json::Reader;
use crate::limits::shown;
use crate::problem::{Kind, Problem};

fn no_schedule() -> Problem {
    Problem::not_found("schedule")
}

/// The caller's schedule. Another merchant's is as absent as none.
async fn owned(app: &App, caller: Caller, id: ScheduleId) -> Result<Schedule, Problem> {
    let found = app.desk.gatherer.store().schedule(id).await?;
    found.filter(|s| s.merchant == caller.merchant).ok_or_else(no_schedule)
}

/// The schedule of the path.
fn id(path: Result<Path<String>, PathRejection>) -> Result<ScheduleId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_schedule())
}

/// A time in the member `name`, that was given as `text`. `None` was noted.
fn time(name: &str, text: &str, reader: &mut Reader<'_>) -> Option<Timestamp> {
    Timestamp::parse_rfc3339(&shown(text)).map_err(|message| reader.refuse(name, message)).ok()
}

/// Why a schedule does not do what was asked; `member` of the request is to blame.
fn refused(member: &str, why: &Unschedulable) -> Problem {
    match why {
        Unschedulable::Removed => Problem::new(Kind::ScheduleRemoved, "The schedule is removed."),
        Unschedulable::TooMany { .. } | Unschedulable::TooLong => Problem::new(Kind::BackfillTooLong, why.to_string()),
        Unschedulable::Calendar(_)
        | Unschedulable::Fraction(_)
        | Unschedulable::Ahead(_)
        | Unschedulable::Backwards { .. } => Problem::member(member, why.to_string()),
    }
}
