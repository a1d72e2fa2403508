//! POST /v1/hand-ins/{id}/approve: it knows how a third person agrees to a count, and must never know who may.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::HandIn;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::act::Deed;
use super::view::HandInView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// An agreement to a count.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ApproveHandIn)]
pub struct ApproveHandIn {
    /// Who agrees: not the worker, nor who counted it or confirmed any of its collections.
    #[schema(example = "Wang Fang", max_length = 64)]
    pub by: String,
}

/// Agrees to a hand-in that was not what it should be.
#[utoipa::path(
    post, path = "/v1/hand-ins/{id}/approve", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The hand-in (`hin_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = ApproveHandIn,
    responses(
        (status = 200, description = "The hand-in as it stands now.", body = HandInView),
        ChangeErrors,
        (status = 403, description = "Another person must approve it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It does not wait for approval, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::hand_in_id(path)?;
    let path = format!("/v1/hand-ins/{id}/approve");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let ApproveHandIn { by } = read(&body)?;
        super::counted(&app, caller, id).await?;
        let view = |row: &HandIn| to_json(&HandInView::from(row));
        let deed = Deed::new(&app, &keyed, StatusCode::OK, &view);
        let end = app.desk.approve_hand_in(id, &by, &deed.complete()).await?;
        deed.answer(end, super::no_hand_in).await
    };
    keyed.once(&app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<ApproveHandIn, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = ApproveHandIn { by: people::person("by", &mut reader) };
    reader.finish()?;
    Ok(request)
}
