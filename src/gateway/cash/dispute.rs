//! POST /v1/collections/{id}/dispute and /refuse: it knows how people contradict a worker's word, and must never
//! decide who is right.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::Collection;
use bursar_core::id::CollectionId;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::act::Deed;
use super::view::CollectionView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// Somebody says that a collection is not as the worker says.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ContradictCollection)]
pub struct Contradiction {
    /// Who says so.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// Why.
    #[schema(example = "the customer says he paid 100 yuan", max_length = 127)]
    pub reason: String,
}

/// Says that a collection is not as the worker says: the customer paid another amount, or nothing.
///
/// A person is asked; it is not handed in until it is confirmed (again) or refused. Money of a confirmed collection
/// stays on its payment meanwhile.
#[utoipa::path(
    post, path = "/v1/collections/{id}/dispute", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The collection (`col_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = Contradiction,
    responses(
        (status = 200, description = "The collection as it stands now.", body = CollectionView),
        ChangeErrors,
        (status = 409, description = "It was handed in or refused, or is disputed already; or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn dispute(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::collection_id(path)?;
    let posted = posted::json(&app, caller, &headers, &format!("/v1/collections/{id}/dispute"), body).await?;
    say(&app, caller, id, posted, Verb::Dispute).await
}

/// Says that a collection never was.
///
/// One that was confirmed must be disputed first, and refused by another person than who disputed it; neither may be
/// the worker. Its money is then taken from its payment.
#[utoipa::path(
    post, path = "/v1/collections/{id}/refuse", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The collection (`col_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = Contradiction,
    responses(
        (status = 200, description = "The collection as it stands now.", body = CollectionView),
        ChangeErrors,
        (status = 403, description = "Another person must refuse it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is confirmed (dispute it first), was handed in or is refused; or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
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
    let id = super::collection_id(path)?;
    let posted = posted::json(&app, caller, &headers, &format!("/v1/collections/{id}/refuse"), body).await?;
    say(&app, caller, id, posted, Verb::Refuse).await
}

#[derive(Clone, Copy)]
enum Verb {
    Dispute,
    Refuse,
}

async fn say(app: &App, caller: Caller, id: CollectionId, posted: Posted, verb: Verb) -> Result<Response, Problem> {
    let Posted { body, keyed } = posted;
    let work = async {
        let Contradiction { by, reason } = read(&body)?;
        super::collection(app, caller, id).await?;
        let view = |row: &Collection| to_json(&CollectionView::from(row));
        let deed = Deed::new(app, &keyed, StatusCode::OK, &view);
        let end = match verb {
            Verb::Dispute => app.desk.dispute_collection(id, &by, &reason, &deed.complete()).await?,
            Verb::Refuse => app.desk.refuse_collection(id, &by, &reason, &deed.complete()).await?,
        };
        deed.answer(end, super::no_collection).await
    };
    keyed.once(app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<Contradiction, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = Contradiction { by: people::person("by", &mut reader), reason: people::reason(&mut reader) };
    reader.finish()?;
    Ok(request)
}
