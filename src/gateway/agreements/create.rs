//! POST /v1/agreements: it knows the way from a request to a committed agreement and its answer, and must never call a
//! channel (a job does that after the commit).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bursar_core::agreement::Agreement;
use bursar_store::Answer;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::intake::{self, CreateAgreement};
use super::view::AgreementView;
use crate::App;
use crate::auth::Caller;
use crate::errors::CreateErrors;
use crate::idempotency::json;
use crate::orders;
use crate::orders::intake::Scene;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// Has a payer asked for his standing consent to be charged.
///
/// The answer comes when the agreement is safely stored; the channel is called after that. Ask again for the agreement,
/// or listen for `agreement.offered`: its `code` is what the payer needs in order to sign. Charge him by plans
/// (`POST /v1/plans`), or by single orders that name the agreement.
#[utoipa::path(
    post, path = "/v1/agreements", tag = "agreements", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; fresh for each new agreement, the same for each retry.")),
    request_body = CreateAgreement,
    responses(
        (status = 202, description = "Taken. `Idempotency-Replayed: true` when this is the stored answer of an earlier request.", body = AgreementView),
        CreateErrors,
        (status = 409, description = "The first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Posted { body, keyed } = posted::json(&app, caller, &headers, "/v1/agreements", body).await?;
    let work = async {
        let agreement = draft(&app, caller, intake::read(&body)?).await?;
        let id = agreement.id;
        let mut said = String::new();
        let opened = app.desk.open_agreement(agreement, |agreement, change| {
            said = to_json(&AgreementView::from(agreement));
            change.idempotency = Some(keyed.row(StatusCode::ACCEPTED, said.clone(), app.clock.now()));
        });
        match opened.await? {
            Answer::Committed => {
                let mut response = json(StatusCode::ACCEPTED, said);
                if let Ok(location) = HeaderValue::try_from(format!("/v1/agreements/{id}")) {
                    response.headers_mut().insert(header::LOCATION, location);
                }
                Ok(response)
            }
            Answer::Duplicate => keyed.again(&app).await,
            Answer::Stale | Answer::Fenced => {
                Err(Problem::internal("a new agreement was answered as only updates can be"))
            }
        }
    };
    keyed.once(&app, work).await
}

async fn draft(app: &App, caller: Caller, request: CreateAgreement) -> Result<Agreement, Problem> {
    let merchant = caller.merchant;
    let entries = orders::entries(app, merchant, [request.method.as_str()]).await?;
    let scene = Scene {
        merchant,
        entries: &entries,
        agreements: &[],
        settings: &app.settings,
        now: app.clock.now(),
        chance: app.chance.as_ref(),
    };
    intake::draft(request, scene)
}
