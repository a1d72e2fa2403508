//! POST /v1/schedules/{id}/backfill: it knows that a range of the past is shown before it is fired, and must never
//! fire an instant twice.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::Timestamp;
use bursar_store::desk::schedules::Fired;
use bursar_store::{Answer, Change};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::{BackfillView, FireView};
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::json;
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// A range of the past.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = BackfillSchedule)]
pub struct BackfillSchedule {
    /// The first instant that may be fired, RFC 3339.
    #[schema(format = DateTime)]
    pub from: String,
    /// The last one; not ahead.
    #[schema(format = DateTime)]
    pub until: String,
    /// Whether to do it. Otherwise the answer only shows what would be done.
    #[schema(nullable = false, default = false)]
    pub confirm: Option<bool>,
}

/// Fires a schedule for what fell due in a range of the past and was not fired, at most 366 instants.
///
/// Without `confirm` nothing is written: the answer shows the instants, and the key stays free. Each instant is fired
/// once, whoever fires it; when the call breaks off, the same call again does the rest.
#[utoipa::path(
    post, path = "/v1/schedules/{id}/backfill", tag = "schedules", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The schedule (`sch_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = BackfillSchedule,
    responses(
        (status = 200, description = "What would be fired, or was fired.", body = BackfillView),
        ChangeErrors,
        (status = 409, description = "The schedule is removed, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The range has too many instants or is not in the past, a member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn backfill(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/schedules/{id}/backfill");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let (from, until, confirm) = read(&body)?;
        let schedule = super::owned(&app, caller, id).await?;
        let range = schedule.backfill(from, until, app.clock.now());
        let mut instants = range.map_err(|why| super::refused("/until", &why))?;
        let count = instants.len();
        let known = app.desk.gatherer.store().fires_between(id, from, until).await?;
        let all = instants.clone();
        instants.retain(|at| known.iter().all(|fire| fire.due_at != *at));
        let already_fired = count.saturating_sub(instants.len());
        if !confirm {
            let view = BackfillView { done: false, count, already_fired, instants, fires: Vec::new() };
            return Ok(json(StatusCode::OK, to_json(&view)));
        }
        let fires = match app.desk.backfill(id, &all).await? {
            Ok(fires) => fires.iter().map(|fire| FireView::new(&schedule, fire)).collect(),
            Err(Fired::Refused(why)) => return Err(super::refused("/until", &why)),
            Err(_) => return Err(super::no_schedule()),
        };
        let answer = to_json(&BackfillView { done: true, count, already_fired, instants, fires });
        let idempotency = Some(keyed.row(StatusCode::OK, answer.clone(), app.clock.now()));
        match app.desk.gatherer.commit(Change { idempotency, ..Change::default() }).await? {
            Answer::Duplicate => keyed.again(&app).await,
            Answer::Committed | Answer::Stale | Answer::Fenced => Ok(json(StatusCode::OK, answer)),
        }
    };
    keyed.once(&app, work).await
}

/// The members of the body: from, until, and whether to do it.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<(Timestamp, Timestamp, bool), Problem> {
    let mut reader = Reader::parse(body)?;
    let from = reader.text("from").and_then(|text| super::time("from", &text, &mut reader)).unwrap_or_default();
    let until = reader.text("until").and_then(|text| super::time("until", &text, &mut reader)).unwrap_or_default();
    let confirm = reader.optional_bool("confirm").unwrap_or_default();
    reader.finish()?;
    Ok((from, until, confirm))
}
