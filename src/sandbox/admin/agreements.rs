//! The operator's side of agreements, below `/_sandbox`: it knows how they are shown, signed and ended and how
//! purses are filled over HTTP, and must never speak a channel's protocol.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;

use super::refuse;
use crate::shared::Shared;
use crate::signing::NO_SUCH_AGREEMENT;
use crate::{EndedBy, Purse};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/agreements", get(agreements))
        .route("/debits", get(debits))
        .route("/agreements/{number}/sign", post(sign))
        .route("/agreements/{number}/end", post(end))
        .route("/agreements/{number}/purse", put(purse))
}

async fn agreements(State(world): State<Arc<Shared>>) -> Response {
    let entries = world.orders().agreements.entries();
    Json(entries).into_response()
}

async fn debits(State(world): State<Arc<Shared>>) -> Response {
    let entries = world.orders().agreements.debits.clone();
    Json(entries).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Without it, the newest agreement of this number.
    account: Option<String>,
    /// Who ends it; without it, the payer.
    by: Option<EndedBy>,
}

async fn sign(State(world): State<Arc<Shared>>, Path(number): Path<String>, Query(which): Query<Which>) -> Response {
    done(world.sign_number(which.account.as_deref(), &number))
}

async fn end(State(world): State<Arc<Shared>>, Path(number): Path<String>, Query(which): Query<Which>) -> Response {
    done(world.end_number(which.account.as_deref(), &number, which.by.unwrap_or(EndedBy::Payer)))
}

/// The body is a [`Purse`], such as `{"decline":"insufficient_funds","times":2}`.
async fn purse(
    State(world): State<Arc<Shared>>,
    Path(number): Path<String>,
    Query(which): Query<Which>,
    body: String,
) -> Response {
    match serde_json::from_str::<Purse>(&body) {
        Ok(purse) => done(world.set_purse_of(which.account.as_deref(), &number, purse)),
        Err(error) => refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn done(outcome: Result<(), &'static str>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(NO_SUCH_AGREEMENT) => refuse(StatusCode::NOT_FOUND, NO_SUCH_AGREEMENT),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}
