//! POST /v1/agreements/{id}/end: it knows how the wish to end an agreement is put down, and must never call a channel.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use bursar_core::agreement::{Agreement, AgreementClaim, AgreementState};
use bursar_core::observation::{Claim, Observation, Source};
use bursar_store::desk::billing::AgreementTaken;
use bursar_store::{Answer, Change};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::AgreementView;
use crate::App;
use crate::auth::Caller;
use crate::errors::ChangeErrors;
use crate::idempotency::{KeyedRequest, json};
use crate::json::Reader;
use crate::orders::view::to_json;
use crate::people;
use crate::posted::{self, Posted};
use crate::problem::{Problem, ProblemBody};

/// A wish to end an agreement.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = EndAgreement)]
pub struct EndAgreement {
    /// Who wants it.
    #[schema(example = "Li Na", max_length = 64)]
    pub by: String,
    /// Why.
    #[schema(example = "the family has moved", max_length = 127)]
    pub reason: String,
}

/// Ends an agreement: nothing is charged by it any more, and the channel is told.
///
/// Plans that charge by it stop, and a person is asked about each. One that was never shown to the payer, or has ended
/// already, is answered with 200.
#[utoipa::path(
    post, path = "/v1/agreements/{id}/end", tag = "agreements", security(("api_key" = [])),
    params(
        ("id" = String, Path, description = "The agreement (`agr_…`)."),
        ("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry."),
    ),
    request_body = EndAgreement,
    responses(
        (status = 200, description = "It has ended, or was never signed.", body = AgreementView),
        (status = 202, description = "It is being ended.", body = AgreementView),
        ChangeErrors,
        (status = 409, description = "The first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
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
    let id = super::id(path)?;
    let Posted { body, keyed } =
        posted::json(&app, caller, &headers, &format!("/v1/agreements/{id}/end"), body).await?;
    let work = async {
        let EndAgreement { by, reason } = read(&body)?;
        let agreement = super::owned(&app, caller, id).await?;
        if agreement.state.is_final() || agreement.state == AgreementState::Ending {
            return unchanged(&app, &keyed, &agreement).await;
        }
        let claim = Claim::Agreement(AgreementClaim::EndRequested { by: format!("{by}: {reason}") });
        let wish = Observation::new(Source::Merchant, app.clock.now(), claim);
        let said = Mutex::new((StatusCode::OK, String::new()));
        let complete = |after: &Agreement, change: &mut Change| {
            let (status, answer) = answer(after);
            change.idempotency = Some(keyed.row(status, answer.clone(), app.clock.now()));
            *said.lock().unwrap_or_else(PoisonError::into_inner) = (status, answer);
        };
        match app.desk.observe_agreement(id, &wish, None, complete).await? {
            AgreementTaken::Written(_) => {
                let (status, answer) = said.into_inner().unwrap_or_else(PoisonError::into_inner);
                Ok(json(status, answer))
            }
            AgreementTaken::Duplicate => keyed.again(&app).await,
            AgreementTaken::NoSuchAgreement => Err(super::no_such_agreement()),
            AgreementTaken::Fenced => Err(Problem::internal("a wish without a lease was fenced")),
        }
    };
    keyed.once(&app, work).await
}

fn answer(agreement: &Agreement) -> (StatusCode, String) {
    let status = if agreement.state.is_final() { StatusCode::OK } else { StatusCode::ACCEPTED };
    (status, to_json(&AgreementView::from(agreement)))
}

/// Nothing is to be done: only the key is taken.
async fn unchanged(app: &App, keyed: &KeyedRequest, agreement: &Agreement) -> Result<Response, Problem> {
    let (status, body) = answer(agreement);
    let row = keyed.row(status, body.clone(), app.clock.now());
    let change = Change { idempotency: Some(row), ..Change::default() };
    match app.desk.gatherer.commit(change).await? {
        Answer::Committed => Ok(json(status, body)),
        Answer::Duplicate => keyed.again(app).await,
        Answer::Stale | Answer::Fenced => {
            Err(Problem::internal("an idempotency key was answered as only updates can be"))
        }
    }
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<EndAgreement, Problem> {
    let mut reader = Reader::parse(body)?;
    let request = EndAgreement { by: people::person("by", &mut reader), reason: people::reason(&mut reader) };
    reader.finish()?;
    Ok(request)
}
