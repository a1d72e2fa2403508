//! The operator's side of bills, below `/_sandbox`: it knows how payouts are shown, flaws are set and what happens
//! without the merchant is made to happen over HTTP, and must never write a bill.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::refuse;
use crate::bills::face::{NO_SUCH_LINE, NOT_FLAWED};
use crate::payment::NO_SUCH_ORDER;
use crate::shared::Shared;
use crate::{BillFlaw, BillName, Channel, LineFlaw};

pub(super) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/payouts", get(payouts))
        .route("/bills/flaws", get(flaws))
        .route("/bills/lines/{number}", put(distort).delete(undistort))
        .route("/bills/spoil", put(spoil))
        .route("/bills/mend", put(mend))
        .route("/foreign", post(foreign))
        .route("/orders/{number}/refund", post(refund))
        .route("/orders/{number}/forget", post(forget))
}

async fn payouts(State(world): State<Arc<Shared>>) -> Response {
    Json(world.payouts()).into_response()
}

async fn flaws(State(world): State<Arc<Shared>>) -> Response {
    Json(world.flaws.all()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    account: String,
}

/// The body is a [`LineFlaw`], such as `"left_out"` or `{"amount":-1}`.
async fn distort(
    State(world): State<Arc<Shared>>,
    Path(number): Path<String>,
    Query(whose): Query<Whose>,
    body: String,
) -> Response {
    match read::<LineFlaw>(&body) {
        Ok(flaw) => done(world.distort(&whose.account, &number, flaw)),
        Err(why) => refuse(StatusCode::BAD_REQUEST, &why),
    }
}

async fn undistort(
    State(world): State<Arc<Shared>>,
    Path(number): Path<String>,
    Query(whose): Query<Whose>,
) -> Response {
    done(world.flaws.mend_line(&whose.account, &number).then_some(()).ok_or(NOT_FLAWED))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spoilt {
    bill: BillName,
    flaw: BillFlaw,
}

/// The body is a bill and its flaw, such as `{"bill":{"channel":"wechat","account":"19…","day":"2026-11-22"},
/// "flaw":"cut_off"}`.
async fn spoil(State(world): State<Arc<Shared>>, body: String) -> Response {
    match read::<Spoilt>(&body) {
        Ok(spoilt) => done(world.spoil_bill(spoilt.bill, spoilt.flaw)),
        Err(why) => refuse(StatusCode::BAD_REQUEST, &why),
    }
}

/// The body is a [`BillName`].
async fn mend(State(world): State<Arc<Shared>>, body: String) -> Response {
    match read::<BillName>(&body) {
        Ok(bill) => done(world.flaws.mend_bill(&bill).then_some(()).ok_or(NOT_FLAWED)),
        Err(why) => refuse(StatusCode::BAD_REQUEST, &why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sale {
    channel: Channel,
    account: String,
    number: String,
    amount_minor: i64,
}

async fn foreign(State(world): State<Arc<Shared>>, body: String) -> Response {
    match read::<Sale>(&body) {
        Ok(sale) => done(world.take_foreign(sale.channel, &sale.account, &sale.number, sale.amount_minor)),
        Err(why) => refuse(StatusCode::BAD_REQUEST, &why),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Without it, the oldest order of this number.
    account: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Amount {
    amount_minor: i64,
}

/// The answer names the refund.
async fn refund(
    State(world): State<Arc<Shared>>,
    Path(number): Path<String>,
    Query(which): Query<Which>,
    body: String,
) -> Response {
    let amount = match read::<Amount>(&body) {
        Ok(amount) => amount,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    match world.refund_by_hand(which.account.as_deref(), &number, amount.amount_minor) {
        Ok(refund) => Json(json!({ "out_refund_no": refund })).into_response(),
        Err(why) => done(Err(why)),
    }
}

async fn forget(State(world): State<Arc<Shared>>, Path(number): Path<String>, Query(which): Query<Which>) -> Response {
    done(world.forget(which.account.as_deref(), &number))
}

fn read<T: DeserializeOwned>(body: &str) -> Result<T, String> {
    serde_json::from_str(body).map_err(|error| error.to_string())
}

fn done(outcome: Result<(), &'static str>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why @ (NO_SUCH_ORDER | NO_SUCH_LINE | NOT_FLAWED)) => refuse(StatusCode::NOT_FOUND, why),
        Err(why) => refuse(StatusCode::CONFLICT, why),
    }
}
