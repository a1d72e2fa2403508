//! POST /v1/refunds/{id}/paid-out: it knows how cash goes back to a payer out of a worker's drawer, and must never
//! know whether there is enough in it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::id::LegId;
use bursar_core::order::Dossier;
use bursar_store::desk::cash::Handover;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::act::Deed;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};
use crate::refunds::{self, view::RefundView};

/// Cash that a worker gives back.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = PayOutInCash)]
pub struct PayOut {
    /// The leg (`rfl_…`), of a payment by cash.
    #[schema(value_type = String)]
    pub leg: LegId,
    /// Out of whose drawer.
    #[schema(example = "w-1007", max_length = 64)]
    pub worker: String,
    /// Who says so: not the worker.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// What the payer signed, or the code that he was sent: letters, digits, spaces, `_ . : / -`. Bursar keeps it
    /// and cannot check it.
    #[schema(example = "receipt 0042", max_length = 64)]
    pub proof: String,
}

/// Says that the money of a leg was given back in cash, out of a worker's drawer. Say it before he hands it over:
/// it is refused when there is not enough in the drawer, or the leg does not wait any more.
///
/// The other way is a bank transfer (`/v1/refunds/{id}/transferred`).
#[utoipa::path(
    post, path = "/v1/refunds/{id}/paid-out", tag = "cash", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The refund (`rfd_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = PayOut,
    responses(
        (status = 200, description = "Paid out; the refund as it stands now.", body = RefundView),
        ChangeErrors,
        (status = 403, description = "The worker cannot say so himself.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "There is not enough in the drawer, the leg does not wait for it, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn paid_out(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = refunds::id(path)?;
    let path = format!("/v1/refunds/{id}/paid-out");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let PayOut { leg, worker, by, proof } = read(&body)?;
        let (_, refund) = refunds::owned(&app, caller, id).await?;
        if !refund.legs.iter().any(|l| l.id == leg) {
            return Err(Problem::member("/leg", format!("{leg} is not a leg of this refund")));
        }
        let now = app.clock.now();
        let view = |after: &Dossier| match after.refund(id) {
            Some(refund) => to_json(&RefundView::new(refund, &[], now)),
            None => String::new(),
        };
        let missing = || Problem::not_found("refund");
        let handover = Handover { worker, by, proof };
        let deed = Deed::new(&app, &keyed, StatusCode::OK, &view);
        let end = app.desk.pay_out(leg, &handover, &deed.complete()).await?;
        deed.answer(end, missing).await
    };
    keyed.once(&app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<PayOut, Problem> {
    let mut reader = Reader::parse(body)?;
    let leg = refunds::legs::leg_id(&mut reader);
    let worker = people::person("worker", &mut reader);
    let by = people::person("by", &mut reader);
    let proof = people::label("proof", &mut reader);
    reader.finish()?;
    let leg = leg.ok_or_else(|| Problem::internal("a checked request has no leg"))?;
    Ok(PayOut { leg, worker, by, proof })
}
