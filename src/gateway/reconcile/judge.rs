//! POST /v1/breaks/{id}/end, /agree and /refuse: it knows how people say how a break ends, and must never decide
//! whether one person is enough (the desk does).

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::reconcile::{Break, Resolution};
use bursar_store::Change;
use bursar_store::desk::books::{Ended, Word};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::BreakView;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::json;
use crate::json::Reader;
use crate::limits::shown;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};
use crate::{App, people};

/// How a break shall end.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = EndBreak)]
pub struct EndBreak {
    /// `accept`: it was looked into, and the books are right as they are. `write_off`: the money is given up, or kept.
    #[schema(example = "accept")]
    pub how: String,
    /// Who says so.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// Why.
    #[schema(example = "the channel confirmed it on the telephone", max_length = 127)]
    pub reason: String,
}

/// A second person's word.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = JudgeBreak)]
pub struct JudgeBreak {
    /// Who says so: not the one who proposed it.
    #[schema(example = "Wang Fang", max_length = 64)]
    pub by: String,
}

/// Ends a break, or proposes how it shall end.
///
/// Money that is given up, and what is above the merchant's `approval_above_minor`, wants a second person: the break
/// stays as it is, with a `proposal`, until somebody else agrees.
#[utoipa::path(
    post, path = "/v1/breaks/{id}/end", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The break (`brk_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = EndBreak,
    responses(
        (status = 200, description = "The break as it stands now: ended, or with a proposal.", body = BreakView),
        ChangeErrors,
        (status = 409, description = "It has ended, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn end(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    say(&app, caller, path, &headers, body, "end", read_end).await
}

/// Agrees to what another person has proposed: the break ends so.
#[utoipa::path(
    post, path = "/v1/breaks/{id}/agree", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The break (`brk_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = JudgeBreak,
    responses(
        (status = 200, description = "The break as it stands now.", body = BreakView),
        ChangeErrors,
        (status = 409, description = "The same person has proposed it, nobody has proposed anything, it has ended, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn agree(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    say(&app, caller, path, &headers, body, "agree", |body| Ok(Word::Agree { by: read_by(body)? })).await
}

/// Does not agree to what another person has proposed: the break waits for a better answer.
#[utoipa::path(
    post, path = "/v1/breaks/{id}/refuse", tag = "reconciliation", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The break (`brk_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = JudgeBreak,
    responses(
        (status = 200, description = "The break as it stands now.", body = BreakView),
        ChangeErrors,
        (status = 409, description = "The same person has proposed it, nobody has proposed anything, it has ended, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    say(&app, caller, path, &headers, body, "refuse", |body| Ok(Word::Refuse { by: read_by(body)? })).await
}

/// The members of the body: how it shall end, who says so, and why.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_end(body: &[u8]) -> Result<Word, Problem> {
    let mut reader = Reader::parse(body)?;
    let how = reader
        .text("how")
        .and_then(|text| shown(&text).parse::<Resolution>().map_err(|message| reader.refuse("how", message)).ok());
    let (by, reason) = (people::person("by", &mut reader), people::reason(&mut reader));
    reader.finish()?;
    let how = how.ok_or_else(|| Problem::internal("a missing member was not refused"))?;
    Ok(Word::End { how, by, reason })
}

/// The member of the body: who says so.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_by(body: &[u8]) -> Result<String, Problem> {
    let mut reader = Reader::parse(body)?;
    let by = people::person("by", &mut reader);
    reader.finish()?;
    Ok(by)
}

async fn say(
    app: &App,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: &HeaderMap,
    body: Body,
    verb: &str,
    read: impl Fn(&[u8]) -> Result<Word, Problem>,
) -> Result<Response, Problem> {
    let id = super::break_id(path)?;
    let path = format!("/v1/breaks/{id}/{verb}");
    let Posted { body, keyed } = posted::json(app, caller, headers, &path, body).await?;
    let work = async {
        let word = read(&body)?;
        super::owned_break(app, caller, id).await?;
        let said = Mutex::new(String::new());
        let complete = |found: &Break, change: &mut Change| {
            let answer = to_json(&BreakView::from(found));
            change.idempotency = Some(keyed.row(StatusCode::OK, answer.clone(), app.clock.now()));
            *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        };
        match app.desk.end_break(id, &word, complete).await? {
            Ended::Written(_) => Ok(json(StatusCode::OK, said.into_inner().unwrap_or_else(PoisonError::into_inner))),
            Ended::Duplicate => keyed.again(app).await,
            Ended::NoSuchBreak => Err(super::no_break()),
            Ended::Refused(why) => {
                let state = super::owned_break(app, caller, id).await?.state.name();
                let facts = Facts { state: Some(state), ..Facts::default() };
                Err(Problem::new(Kind::BreakRefuses, format!("{why}.")).with(facts))
            }
        }
    };
    keyed.once(app, work).await
}
