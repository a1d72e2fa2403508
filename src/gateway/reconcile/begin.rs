//! POST /v1/reconciliations: it knows how a day is asked to be looked at, once or once more, and must never look
//! itself.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bursar_core::bank::Day;
use bursar_core::id::ChannelAccountId;
use bursar_core::reconcile::Reconciliation;
use bursar_store::Change;
use bursar_store::desk::books::Begun;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::ReconciliationView;
use crate::App;
use crate::auth::Caller;
use crate::errors::CreateErrors;
use crate::idempotency::json;
use crate::json::Reader;
use crate::limits::shown;
use crate::orders::view::to_json;
use crate::posted::{self, Posted};
use crate::problem::{Kind, Problem, ProblemBody};

/// A wish to reconcile a day.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[schema(as = BeginReconciliation)]
pub struct BeginReconciliation {
    /// Of which account (`acc_…`).
    pub account: String,
    /// Of which of the channel's business days.
    #[schema(format = Date, example = "2026-11-22")]
    pub day: String,
}

/// Reconciles a day, or reconciles it once more: its bills are fetched again, and only what differs is looked at.
///
/// Days are reconciled by themselves as soon as the channel's bills are due; nobody has to ask.
#[utoipa::path(
    post, path = "/v1/reconciliations", tag = "reconciliation", security(("api_key" = [])),
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters; the same for each retry.")),
    request_body = BeginReconciliation,
    responses(
        (status = 202, description = "A worker does it.", body = ReconciliationView),
        CreateErrors,
        (status = 409, description = "The day is not over for the channel, or the first request with this key still runs.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "A member is not valid, or the key belongs to another request.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub async fn begin(
    State(app): State<Arc<App>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let Posted { body, keyed } = posted::json(&app, caller, &headers, "/v1/reconciliations", body).await?;
    let work = async {
        let (id, day) = read(&body)?;
        // The account may have been added a moment ago.
        let entries = app.desk.directory.entries_with(|e| e.accounts.contains_key(&id)).await?;
        let account = entries.accounts.get(&id).filter(|a| a.merchant == caller.merchant);
        let none = || Problem::member("/account", format!("{id} is not an account of yours"));
        let account = account.ok_or_else(none)?;
        let said = Mutex::new(String::new());
        let complete = |run: &Reconciliation, change: &mut Change| {
            let answer = to_json(&ReconciliationView::from(run));
            change.idempotency = Some(keyed.row(StatusCode::ACCEPTED, answer.clone(), app.clock.now()));
            *said.lock().unwrap_or_else(PoisonError::into_inner) = answer;
        };
        match app.desk.begin_reconciliation(account, day, true, complete).await? {
            Some(Begun::Runs(_)) => {
                Ok(json(StatusCode::ACCEPTED, said.into_inner().unwrap_or_else(PoisonError::into_inner)))
            }
            Some(Begun::Duplicate) => keyed.again(&app).await,
            None => {
                let (_, ends_at) = account.channel.day_bounds(day);
                let name = account.channel.name();
                let detail = format!("{day} ends at {ends_at} for {name}; its bills are made after that.");
                Err(Problem::new(Kind::DayNotOver, detail))
            }
        }
    };
    keyed.once(&app, work).await
}

/// The members of the body.
///
/// # Errors
/// See [`Reader::parse`] and [`Reader::finish`].
pub fn read(body: &[u8]) -> Result<(ChannelAccountId, Day), Problem> {
    let mut reader = Reader::parse(body)?;
    let account = reader.text("account").and_then(|text| {
        shown(&text).parse::<ChannelAccountId>().map_err(|message| reader.refuse("account", message)).ok()
    });
    let day =
        reader.text("day").and_then(|text| text.parse::<Day>().map_err(|message| reader.refuse("day", message)).ok());
    reader.finish()?;
    account.zip(day).ok_or_else(|| Problem::internal("a missing member was not refused"))
}
