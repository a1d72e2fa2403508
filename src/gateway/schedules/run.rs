//! POST /v1/schedules/{id}/run: it knows how somebody else than its own clock fires a schedule, and must never fire
//! an instant twice.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::Timestamp;
use bursar_core::clock::SECOND_MS;
use bursar_core::schedule::{Fire, FireKind, Schedule};
use bursar_store::desk::schedules::Fired;
use bursar_store::{Answer, Change};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::FireView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::json;
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// A wish to fire a schedule.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = RunSchedule)]
pub struct RunSchedule {
    /// For which instant, RFC 3339, in whole seconds, not ahead and not ten years ago. Left out: now, whatever is due by itself.
    #[schema(nullable = false, format = DateTime)]
    pub due_at: Option<String>,
}

/// Fires a schedule now, or for an instant that a scheduler outside names.
///
/// An instant is fired once, whoever fires it: the same instant again, under whatever key, is answered with the same
/// fire. So several schedulers may trigger the same. A paused schedule can be run, too: one that is paused for good is
/// driven from outside only.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/run", tag = "schedules", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The schedule (`sch_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = RunSchedule,
    responses(
        (status = 200, description = "The fire of that instant.", body = FireView),
        ChangeErrors,
        (status = 409, description = "The schedule is removed, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The instant is still to come or not a whole second, a member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn run(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/schedules/{id}/run");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let named = read(&body)?;
        super::owned(&app, caller, id).await?;
        let now = app.clock.now();
        let (due_at, kind) = match named {
            Some(due_at) => (due_at, FireKind::External),
            None => (Timestamp::from_millis(now.as_seconds().saturating_mul(SECOND_MS)), FireKind::RunNow),
        };
        let said = Mutex::new(String::new());
        let take_key = |schedule: &Schedule, fire: &Fire, change: &mut Change| {
            let answer = to_json(&FireView::new(schedule, fire));
            change.idempotency = Some(keyed.row(StatusCode::OK, answer.clone(), now));
            *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        };
        let end = app.desk.fire_schedule(id, due_at, kind, take_key).await?;
        match end {
            Fired::Written(..) => {}
            // Fired before: the same answer, and the key of this request stands for it too.
            Fired::Known(schedule, fire) => {
                let mut change = Change::default();
                take_key(&schedule, &fire, &mut change);
                if app.desk.gatherer.commit(change).await? == Answer::Duplicate {
                    return keyed.again(&app).await;
                }
            }
            Fired::Duplicate => return keyed.again(&app).await,
            Fired::Missing => return Err(super::no_schedule()),
            Fired::Refused(why) => return Err(super::refused("/due_at", &why)),
        }
        Ok(json(StatusCode::OK, said.into_inner().unwrap_or_else(PoisonError::into_inner)))
    };
    keyed.once(&app, work).await
}

/// The instant that the body names.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<Option<Timestamp>, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = RunSchedule { due_at: reader.optional_text("due_at") };
    let due_at = request.due_at.and_then(|text| super::time("due_at", &text, &mut reader));
    reader.finish()?;
    Ok(due_at)
}
