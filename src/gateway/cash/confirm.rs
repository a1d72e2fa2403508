//! POST /v1/collections/{id}/confirm: it knows how a worker's word is confirmed, and must never say the payer's code
//! or how near a wrong one came.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::{CODE_DIGITS, Collection};
use bursar_store::desk::cash::Confirmer;
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

/// Who says that the cash was taken. Exactly one of `by` and `code`.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ConfirmCollection)]
pub struct ConfirmCollection {
    /// A person of the merchant, who is not the worker.
    #[schema(nullable = false, example = "Li Na", max_length = 64)]
    pub by: Option<String>,
    /// What the payer told the worker: six digits. Five wrong ones for a payment, and only a person can confirm.
    #[schema(nullable = false, example = "204813")]
    pub code: Option<String>,
}

/// Confirms a collection, by a person or with the payer's code. Its payment has the money with the same commit.
#[utoipa::path(
    post, path = "/v1/collections/{id}/confirm", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The collection (`col_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = ConfirmCollection,
    responses(
        (status = 200, description = "The collection as it stands now.", body = CollectionView),
        ChangeErrors,
        (status = 403, description = "The worker cannot confirm his own collection.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It does not wait to be confirmed, its code was wrong too often, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "The code is wrong, a member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn confirm(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::collection_id(path)?;
    let path = format!("/v1/collections/{id}/confirm");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let confirmer = read(&body)?;
        super::collection(&app, caller, id).await?;
        let view = |row: &Collection| to_json(&CollectionView::from(row));
        let deed = Deed::new(&app, &keyed, StatusCode::OK, &view);
        let end = app.desk.confirm_collection(id, &confirmer, &deed.complete()).await?;
        deed.answer(end, super::no_collection).await
    };
    keyed.once(&app, work).await
}

/// The member of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<Confirmer, Problem> {
    let mut reader = Reader::parse(body)?;
    let by = people::optional_person("by", &mut reader);
    let code = reader.optional_text("code");
    let digits = |code: &String| code.len() == CODE_DIGITS && code.bytes().all(|b| b.is_ascii_digit());
    if code.as_ref().is_some_and(|code| !digits(code)) {
        // What was typed may be somebody's code: it is not repeated.
        reader.refuse("code", format!("`code` must be {CODE_DIGITS} digits"));
    }
    reader.finish()?;
    match (by, code) {
        (Some(by), None) => Ok(Confirmer::Person(by)),
        (None, Some(code)) => Ok(Confirmer::Payer { code }),
        _ => Err(Problem::member("", "exactly one of `by` and `code` must be there")),
    }
}
