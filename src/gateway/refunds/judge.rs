//! POST /v1/refunds/{id}/approve and /reject: it knows how a second person decides about a refund, and must
//! never let the first one do it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::observation::Subject;
use bursar_core::refund::{Refund, RefundClaim, RefundState};
use http::HeaderMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::say::say;
use super::view::RefundView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::json::Reader;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Facts, Kind, Problem, ProblemBody};

/// A second person's agreement.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = ApproveRefund)]
pub struct ApproveRefund {
    /// Who approves: not who asked for it.
    #[schema(example = "Wang Fang", max_length = 64)]
    pub by: String,
}

/// A second person's refusal.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = RejectRefund)]
pub struct RejectRefund {
    /// Who rejects: not who asked for it.
    #[schema(example = "Wang Fang", max_length = 64)]
    pub by: String,
    /// Why.
    #[schema(example = "the service was rendered", max_length = 127)]
    pub reason: String,
}

/// Approves a refund that waits for a second person: it runs.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/approve", tag = "refunds", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The refund (`rfd_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = ApproveRefund,
    responses(
        (status = 200, description = "Approved; the refund as it stands now.", body = RefundView),
        ChangeErrors,
        (status = 403, description = "Whoever asked for it cannot approve it.", body = ProblemBody, content_type = "application/problem+json"),
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
    let id = super::id(path)?;
    let path = format!("/v1/refunds/{id}/approve");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let by = read_approval(&body)?.by;
        let done =
            |after: &Refund, at| after.evidence.approved == Some((at, by.clone())) && after.evidence.rejected.is_none();
        let claim = RefundClaim::Approved { by: by.clone() };
        say(&app, caller, id, &keyed, claim, |refund| check(refund, &by), done).await
    };
    keyed.once(&app, work).await
}

/// Rejects a refund that waits for a second person: its money is free again.
#[utoipa::path(
    post, path = "/v1/refunds/{id}/reject", tag = "refunds", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The refund (`rfd_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = RejectRefund,
    responses(
        (status = 200, description = "Rejected; the refund as it stands now.", body = RefundView),
        ChangeErrors,
        (status = 403, description = "Whoever asked for it cannot reject it.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It does not wait for approval, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn reject(
    State(app): State<Arc<App>>,
    caller: Caller,
    path: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = super::id(path)?;
    let path = format!("/v1/refunds/{id}/reject");
    let Posted { body, keyed } = posted::json(&app, caller, &headers, &path, body).await?;
    let work = async {
        let RejectRefund { by, reason } = read_rejection(&body)?;
        let done = |after: &Refund, at| {
            let mine = after.evidence.rejected == Some((at, (by.clone(), reason.clone())));
            mine && after.state == RefundState::Rejected
        };
        let claim = RefundClaim::Rejected { by: by.clone(), reason: reason.clone() };
        say(&app, caller, id, &keyed, claim, |refund| check(refund, &by), done).await
    };
    keyed.once(&app, work).await
}

/// The members of an approval.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_approval(body: &[u8]) -> Result<ApproveRefund, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = ApproveRefund { by: people::person("by", &mut reader) };
    reader.finish()?;
    Ok(request)
}

/// The members of a rejection.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read_rejection(body: &[u8]) -> Result<RejectRefund, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = RejectRefund { by: people::person("by", &mut reader), reason: people::reason(&mut reader) };
    reader.finish()?;
    Ok(request)
}

/// Whether `by` may decide about the refund now.
fn check(refund: &Refund, by: &str) -> Result<Subject, Problem> {
    let state = refund.state;
    if state != RefundState::AwaitingApproval {
        let detail = format!("The refund is {} and does not wait for approval.", state.name());
        let facts = Facts { state: Some(state.name()), ..Facts::default() };
        return Err(Problem::new(Kind::RefundNotAwaitingApproval, detail).with(facts));
    }
    refund.check_approver(by).map_err(|words| Problem::new(Kind::SecondPersonNeeded, words))?;
    Ok(refund.id.into())
}
