//! Plans over HTTP: one file per verb; `view` is how a plan looks to its merchant, `body` what a request for one says,
//! `draft` and `terms` what may become one, `upcoming` what will fall due, `story` what happened.

pub mod body;
pub(crate) mod create;
pub mod draft;
pub(crate) mod list;
pub(crate) mod show;
pub mod story;
pub mod terms;
pub(crate) mod timeline;
pub mod upcoming;
pub mod view;
pub(crate) mod wishes;

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use bursar_core::billing::PlanFile;
use bursar_core::id::PlanId;
use bursar_store::Extent;

use crate::App;
use crate::auth::Caller;
use crate::problem::Problem;

pub use wishes::largest_minor;

fn no_such_plan() -> Problem {
    Problem::not_found("plan")
}

/// The caller's plan with all its installments. Another merchant's plan is as absent as none.
pub(crate) async fn owned(app: &App, caller: Caller, id: PlanId) -> Result<PlanFile, Problem> {
    let found = app.desk.gatherer.store().plan(id, Extent::All).await?;
    found.filter(|f| f.plan.merchant == caller.merchant).ok_or_else(no_such_plan)
}

/// The id of the path. What cannot be an id is a plan that does not exist.
fn id(path: Result<Path<String>, PathRejection>) -> Result<PlanId, Problem> {
    let text = path.map_or_else(|_| String::new(), |Path(text)| text);
    text.parse().map_err(|_| no_such_plan())
}
