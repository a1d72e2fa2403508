//! POST /v1/hand-ins/{id}/banked: it knows how a person says that cash is on the bank account, and must never know
//! the bank's own words (a line of its statement may say the same through `Desk::bank_hand_in`).

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

/// A deposit of cash.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = BankHandIn)]
pub struct BankHandIn {
    /// By what the bank knows the deposit: letters, digits, spaces, `_ . : / -`.
    #[schema(example = "2026112200012345", max_length = 64)]
    pub reference: String,
    /// Who brought it there: not the worker.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
}

/// Says that the cash of a hand-in is on the merchant's bank account.
#[utoipa::path(
    post, path = "/v1/hand-ins/{id}/banked", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The hand-in (`hin_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = BankHandIn,
    responses(
        (status = 200, description = "The hand-in as it stands now.", body = HandInView),
        ChangeErrors,
        (status = 403, description = "The worker cannot bank his own cash.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It is not approved, or banked already; or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn banked(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::hand_in_id(path)?;
    let path = format!("/v1/hand-ins/{id}/banked");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let BankHandIn { reference, by } = read(&body)?;
        super::counted(&app, caller, id).await?;
        let view = |row: &HandIn| to_json(&HandInView::from(row));
        let deed = Deed::new(&app, &keyed, StatusCode::OK, &view);
        let end = app.desk.bank_hand_in(id, &reference, &by, &deed.complete()).await?;
        deed.answer(end, super::no_hand_in).await
    };
    keyed.once(&app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<BankHandIn, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = BankHandIn { reference: people::reference(&mut reader), by: people::person("by", &mut reader) };
    reader.finish()?;
    Ok(request)
}
