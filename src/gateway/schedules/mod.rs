//! Schedules in the API: one file per verb; it knows whose a schedule is, and must never know when one is due
//! (`bursar_core::schedule` does).

pub(crate) mod backfill;
pub(crate) mod create;
pub(crate) mod fires;
pub(crate) mod gauges;
mod intake;
pub(crate) mod list;
pub(crate) mod run;
pub(crate) mod show;
pub(crate) mod state;
pub mod view;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::Timestamp;
use bursar_core::channel::Method;
use bursar_core::id::{MerchantId, ScheduleId};
use bursar_core::schedule::{Schedule, Unschedulable};

use bursar_store::Desk;
use bursar_store::directory::Entries;

use crate::App;
use crate::auth::Caller;
use crate::json::Reader;
use crate::limits::{GatewaySettings, shown};
use crate::orders::intake::Scene;
use crate::problem::{Kind, Problem};

pub use crate::orders::intake::CreatePayer;
pub use intake::{CreateOrderTemplate, CreateSchedule, read};

/// The schedule of `merchant` that a request asks for, checked and not yet written. For the command line, too.
///
/// # Errors
/// [`Kind::InvalidRequest`] naming every member that is wrong, or when the database cannot be read.
pub async fn draft(
    desk: &Desk,
    settings: &GatewaySettings,
    merchant: MerchantId,
    request: &CreateSchedule,
) -> Result<Schedule, Problem> {
    let method: Option<Method> = request.order.method.as_deref().and_then(|name| name.parse().ok());
    let of_method = |entries: &Entries, method: Method| {
        entries.accounts.values().any(|a| a.merchant == merchant && a.channel == method.channel())
    };
    // The account may have been added a moment ago.
    let entries = desk.directory.entries_with(|e| method.is_none_or(|method| of_method(e, method))).await?;
    let (now, chance) = (desk.clock.now(), desk.chance.as_ref());
    let scene = Scene { merchant, entries: &entries, agreements: &[], settings, now, chance };
    intake::draft(request, scene)
}

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
        Unschedulable::TooMany { .. } => Problem::new(Kind::BackfillTooLong, why.to_string()),
        Unschedulable::Calendar(_)
        | Unschedulable::Fraction(_)
        | Unschedulable::Ahead(_)
        | Unschedulable::TooOld(_)
        | Unschedulable::Backwards { .. } => Problem::member(member, why.to_string()),
    }
}
