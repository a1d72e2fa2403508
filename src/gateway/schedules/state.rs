//! POST /v1/schedules/{id}/pause, /resume and /remove: it knows how a person says so, and must never know what a
//! schedule then is.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::Timestamp;
use bursar_core::id::ScheduleId;
use bursar_core::schedule::{Schedule, Unschedulable};
use bursar_store::Change;
use bursar_store::desk::schedules::Rescheduled;
use http::{HeaderMap, StatusCode};

use super::view::ScheduleView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::json;
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// Keeps a schedule from firing by itself.
///
/// What falls due until it is resumed is not missed: it is not wanted. It can still be run by name.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/pause", tag = "schedules", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The schedule (`sch_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body(content = Object, description = "An empty object."),
    responses(
        (status = 200, description = "Paused.", body = ScheduleView),
        ChangeErrors,
        (status = 409, description = "It is removed, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "There is a member, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn pause(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let deed = Deed { app: &app, caller, headers: &headers, verb: "pause" };
    deed.done(super::id(path)?, body, |schedule, _| schedule.paused()).await
}

/// Lets a schedule fire again, from the first instant after now on.
///
/// One that is active stays as it is, unless `ahead`: then it goes on from now.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/resume", tag = "schedules", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The schedule (`sch_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body(content = Object, description = "An empty object."),
    responses(
        (status = 200, description = "Active.", body = ScheduleView),
        ChangeErrors,
        (status = 409, description = "It is removed, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "There is a member, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn resume(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let deed = Deed { app: &app, caller, headers: &headers, verb: "resume" };
    deed.done(super::id(path)?, body, Schedule::resumed).await
}

/// Ends a schedule.
///
/// Its history stays, what it opened stays, and its name is free.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/remove", tag = "schedules", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The schedule (`sch_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body(content = Object, description = "An empty object."),
    responses(
        (status = 200, description = "Removed.", body = ScheduleView),
        ChangeErrors,
        (status = 409, description = "It is removed, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "There is a member, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let deed = Deed { app: &app, caller, headers: &headers, verb: "remove" };
    deed.done(super::id(path)?, body, Schedule::removed).await
}

/// What a person wants to become of a schedule.
struct Deed<'a> {
    app: &'a App,
    caller: Caller,
    headers: &'a HeaderMap,
    verb: &'static str,
}

impl Deed<'_> {
    async fn done(
        self,
        id: ScheduleId,
        body: Body,
        judge: impl Fn(&Schedule, Timestamp) -> Result<Schedule, Unschedulable> + Send + Sync,
    ) -> Result<Response, Problem> {
        let Self { app, caller, headers, verb } = self;
        let path = format!("/v1/schedules/{id}/{verb}");
        let Posted { body, keyed } = posted::json(app, caller, headers, &path, body).await?;
        let work = async {
            Reader::parse(&body)?.finish()?;
            super::owned(app, caller, id).await?;
            let said = Mutex::new(String::new());
            let complete = |after: &Schedule, change: &mut Change| {
                let answer = to_json(&ScheduleView::new(after, app.clock.now()));
                change.idempotency = Some(keyed.row(StatusCode::OK, answer.clone(), app.clock.now()));
                *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
            };
            match app.desk.reschedule(id, judge, complete).await? {
                Rescheduled::Written(_) => {
                    Ok(json(StatusCode::OK, said.into_inner().unwrap_or_else(PoisonError::into_inner)))
                }
                Rescheduled::Duplicate => keyed.again(app).await,
                Rescheduled::Missing => Err(super::no_schedule()),
                Rescheduled::Refused(why) => Err(super::refused("", &why)),
            }
        };
        keyed.once(app, work).await
    }
}
