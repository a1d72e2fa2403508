//! The operator's side of a stand-alone sandbox, below `/_sandbox`: it knows how to show books and
//! change settings over HTTP, and must never speak a channel's protocol.

mod agreements;
mod bills;

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use crate::payment::NO_SUCH_ORDER;
use crate::shared::Shared;
use crate::{Channel, DisputeAct, Door, Faults, PayMode, SandboxError};

pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/books", get(books))
        .route("/refunds", get(refunds))
        .route("/shares", get(shares))
        .route("/counters", get(counters))
        .route("/faults", get(show_faults))
        .route("/faults", put(set_faults))
        .route("/orders/{number}/pay", post(pay))
        .route("/orders/{number}/dispute", post(dispute))
        .route("/disputes", get(disputes))
        .merge(agreements::router())
        .merge(bills::router())
        .route("/stripe/{account}/endpoint", put(stripe_endpoint))
        .route("/open", post(open))
        .route("/rotate-certificate", post(rotate_certificate))
        .route("/outage", post(outage))
}

async fn books(State(world): State<Arc<Shared>>) -> Response {
    let entries = world.orders().entries(world.pace.now_ms());
    Json(entries).into_response()
}

async fn refunds(State(world): State<Arc<Shared>>) -> Response {
    let entries = world.orders().refunds.entries();
    Json(entries).into_response()
}

async fn shares(State(world): State<Arc<Shared>>) -> Response {
    Json(world.share_entries()).into_response()
}

async fn counters(State(world): State<Arc<Shared>>) -> Response {
    Json(world.counters()).into_response()
}

async fn show_faults(State(world): State<Arc<Shared>>) -> Response {
    Json(world.faults()).into_response()
}

/// The body is a preset's name, with or without quotes, or an object of probabilities. Bodies are read
/// as plain text here and below, so that `curl -d` works without a header.
async fn set_faults(State(world): State<Arc<Shared>>, body: String) -> Response {
    let body = body.trim();
    let faults = match Faults::named(body.trim_matches('"')) {
        Some(preset) => preset,
        None => match serde_json::from_str(body) {
            Ok(faults) => faults,
            Err(error) => {
                let why = format!("neither calm, normal, harsh nor an object of probabilities: {error}");
                return refuse(StatusCode::BAD_REQUEST, &why);
            }
        },
    };
    world.set_faults(faults);
    Json(faults).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayQuery {
    mode: Option<PayMode>,
    /// Without it, the oldest order of this number.
    account: Option<String>,
}

async fn pay(State(world): State<Arc<Shared>>, Path(number): Path<String>, Query(query): Query<PayQuery>) -> Response {
    match world.pay_number(query.account.as_deref(), &number, query.mode.unwrap_or(PayMode::Normal)) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(NO_SUCH_ORDER) => refuse(StatusCode::NOT_FOUND, NO_SUCH_ORDER),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeQuery {
    act: DisputeAct,
    /// Without it, the oldest order of this number.
    account: Option<String>,
}

async fn dispute(
    State(world): State<Arc<Shared>>,
    Path(number): Path<String>,
    Query(query): Query<DisputeQuery>,
) -> Response {
    match world.dispute_number(query.account.as_deref(), &number, query.act) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(NO_SUCH_ORDER) => refuse(StatusCode::NOT_FOUND, NO_SUCH_ORDER),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}

async fn disputes(State(world): State<Arc<Shared>>) -> Response {
    Json(world.dispute_entries()).into_response()
}

/// The body is the address to which messages go.
async fn stripe_endpoint(State(world): State<Arc<Shared>>, Path(account): Path<String>, body: String) -> Response {
    match world.stripe.account(&account) {
        Some(account) => {
            account.set_endpoint(body.trim().trim_matches('"'));
            StatusCode::NO_CONTENT.into_response()
        }
        None => refuse(StatusCode::NOT_FOUND, "there is no such account"),
    }
}

/// The body is a [`Door`], such as `{"url": …}`.
async fn open(State(world): State<Arc<Shared>>, body: String) -> Response {
    let door = match serde_json::from_str::<Door>(&body) {
        Ok(door) => door,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    match world.open(&door) {
        Ok(order) => Json(order).into_response(),
        Err(why) => refuse(StatusCode::CONFLICT, &why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateQuery {
    /// Without it, WeChat.
    channel: Option<Channel>,
}

async fn rotate_certificate(State(world): State<Arc<Shared>>, Query(query): Query<RotateQuery>) -> Response {
    let rotated = tokio::task::spawn_blocking(move || match query.channel.unwrap_or(Channel::Wechat) {
        Channel::Wechat => world.wechat.rotate_certificate(world.pace.now_ms()),
        Channel::Alipay => world.alipay.rotate_certificate(world.pace.now_ms()),
        Channel::Unionpay => world.unionpay.rotate_certificate(),
        Channel::Stripe => Err(SandboxError::Config("Stripe has no certificates".to_owned())),
    });
    match rotated.await {
        Ok(Err(SandboxError::Config(why))) => refuse(StatusCode::BAD_REQUEST, &why),
        Ok(Ok(serial)) => Json(json!({ "serial": serial })).into_response(),
        _ => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the certificate could not be issued"),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outage {
    on: bool,
}

async fn outage(State(world): State<Arc<Shared>>, body: String) -> Response {
    match serde_json::from_str::<Outage>(&body) {
        Ok(outage) => {
            world.set_outage(outage.on);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(_) => refuse(StatusCode::BAD_REQUEST, r#"the body must be {"on":true} or {"on":false}"#),
    }
}

pub(crate) fn refuse(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "error": why }))).into_response()
}
