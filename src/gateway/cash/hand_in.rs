//! POST /v1/cash/{account}/hand-ins: it knows how a worker's cash is counted by somebody else, and must never know
//! what it should be (the drawer does).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::cash::{Counting, HandIn};
use bursar_core::id::HandInId;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::act::Deed;
use super::view::HandInView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::limits::AMOUNT_MAX_MINOR;
use crate::orders::view::to_json;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// A worker's cash, counted.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = HandInCash)]
pub struct HandInCash {
    /// Whose drawer.
    #[schema(example = "w-1007", max_length = 64)]
    pub worker: String,
    /// What was there, in minor units.
    #[schema(example = 12_800, minimum = 0)]
    pub counted_minor: i64,
    /// Who received and counted it: not the worker.
    #[schema(example = "Li Na", max_length = 64)]
    pub received_by: String,
    /// The bag or receipt that it went into: letters, digits, spaces, `_ . : / -`.
    #[schema(nullable = false, example = "B-0042", max_length = 64)]
    pub bag: Option<String>,
}

/// Takes a worker's cash over: all confirmed collections that he has not handed in, less what he paid out.
///
/// Each collection is handed in once. What was counted is compared with what it must be; when it differs, a third
/// person approves it (`/v1/hand-ins/{id}/approve`), otherwise it is approved at once.
#[utoipa::path(
    post, path = "/v1/cash/{account}/hand-ins", tag = "cash", security(("api_key" = [])),
    params(
        ("account" = String, Path, description = "The cash account (`acc_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = HandInCash,
    responses(
        (status = 201, description = "Counted.", body = HandInView),
        ChangeErrors,
        (status = 403, description = "The worker cannot receive his own cash.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is nothing of the worker to hand in, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn hand_in(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let account = super::account(&app, caller, path).await?.id;
    let path = format!("/v1/cash/{account}/hand-ins");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let HandInCash { worker, counted_minor, received_by, bag } = read(&body)?;
        let at = app.clock.now();
        let id = HandInId::fresh(at, app.chance.as_ref());
        let counting = Counting { id, by: received_by, at, counted_minor, bag };
        let view = |row: &HandIn| to_json(&HandInView::from(row));
        let deed = Deed::new(&app, &keyed, StatusCode::CREATED, &view);
        let end = app.desk.hand_in(account, &worker, &counting, &deed.complete()).await?;
        deed.answer(end, super::no_hand_in).await
    };
    keyed.once(&app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<HandInCash, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = HandInCash {
        worker: people::person("worker", &mut reader),
        counted_minor: reader.integer("counted_minor").unwrap_or_default(),
        received_by: people::person("received_by", &mut reader),
        bag: people::optional_label("bag", &mut reader),
    };
    let counted = request.counted_minor;
    if !(0..=AMOUNT_MAX_MINOR).contains(&counted) {
        reader.refuse(
            "counted_minor",
            format!("`counted_minor` must be 0 to {AMOUNT_MAX_MINOR} minor units, not {counted}"),
        );
    }
    reader.finish()?;
    Ok(request)
}
