//! The bodies of requests about contracts and debits: it knows which members the documents allow and what their
//! values must look like by themselves, and must never look at the books.

use serde_json::Value;

use crate::wechat::body::{CreateBody, FEN, Kind, check_notify_url, check_number, read_json};
use crate::wechat::refusal::Refusal;
use crate::wechat::shape::Shape::{Flag, List, Number, Object, Text};
use crate::wechat::shape::{Shape, check, may, must};

const AMOUNT: Shape = Object(&[must("total", FEN), may("currency", Text(1, 16))]);
static SIGN: Shape = Object(&[
    must("appid", Text(1, 32)),
    may("mchid", Text(1, 32)),
    may("openid", Text(1, 128)),
    must("plan_id", Number(1, i64::MAX)),
    must("out_contract_code", Text(1, 32)),
    must("contract_display_account", Text(1, 32)),
    must("contract_notify_url", Text(1, 255)),
    may("out_user_code", Text(1, 64)),
    may("return_web", Flag),
    may("return_app", Flag),
    may(
        "deduct_schedule",
        Object(&[
            must("estimated_deduct_date", Text(10, 10)),
            may("estimated_deduct_amount", AMOUNT),
            may("description", Text(1, 64)),
        ]),
    ),
]);
static TERMINATE: Shape =
    Object(&[may("mchid", Text(1, 32)), may("appid", Text(1, 32)), must("contract_termination_remark", Text(1, 256))]);
static NOTICE: Shape = Object(&[
    must("mchid", Text(1, 32)),
    must("appid", Text(1, 32)),
    must("estimated_amount", Object(&[must("amount", FEN), must("currency", Text(1, 16))])),
    must("deduct_duration", Object(&[must("count", Number(1, 3)), must("unit", Text(1, 16))])),
]);
static APPLY: Shape = Object(&[
    must("appid", Text(1, 32)),
    may("mchid", Text(1, 32)),
    must("out_trade_no", Text(6, 32)),
    must("description", Text(1, 127)),
    may("attach", Text(1, 128)),
    must("transaction_notify_url", Text(1, 255)),
    may("goods_tag", Text(1, 32)),
    must("contract_id", Text(1, 64)),
    must("amount", AMOUNT),
    may("limit_pay", List(&Text(1, 32))),
    may("scene_info", Object(&[may("payer_client_ip", Text(1, 45)), may("device_id", Text(1, 32))])),
    may("device_info", Object(&[may("payer_client_ip", Text(1, 45)), may("device_id", Text(1, 32))])),
]);

/// A contract as the merchant asks for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SignBody {
    pub(crate) appid: String,
    pub(crate) openid: Option<String>,
    pub(crate) plan_id: i64,
    pub(crate) code: String,
    pub(crate) display: String,
    pub(crate) notify_url: String,
    pub(crate) out_user_code: Option<String>,
    /// Everything as sent, to compare a repeated request with.
    pub(crate) whole: Value,
}

/// A debit as the merchant asks for it.
#[derive(Clone, Debug)]
pub(crate) struct ApplyBody {
    pub(crate) contract_id: String,
    /// As if it were an order.
    pub(crate) order: CreateBody,
}

fn text(whole: &Value, at: &str) -> Option<String> {
    whole.pointer(at).and_then(Value::as_str).map(str::to_owned)
}

fn known(whole: &Value, at: &str) -> String {
    text(whole, at).unwrap_or_default()
}

fn number(whole: &Value, at: &str) -> i64 {
    whole.pointer(at).and_then(Value::as_i64).unwrap_or_default()
}

/// The merchant that a body names, where it names one.
pub(crate) fn merchant_in(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok().and_then(|whole| text(&whole, "/mchid"))
}

/// The application that a body names, where it names one.
pub(crate) fn app_in(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok().and_then(|whole| text(&whole, "/appid"))
}

/// `needs_openid`: the payer signs inside an application of the merchant's.
pub(crate) fn read_sign(body: &[u8], needs_openid: bool) -> Result<SignBody, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &SIGN, "")?;
    let read = SignBody {
        appid: known(&whole, "/appid"),
        openid: text(&whole, "/openid"),
        plan_id: number(&whole, "/plan_id"),
        code: known(&whole, "/out_contract_code"),
        display: known(&whole, "/contract_display_account"),
        notify_url: known(&whole, "/contract_notify_url"),
        out_user_code: text(&whole, "/out_user_code"),
        whole: Value::Null,
    };
    if !read.code.chars().all(|c| c.is_ascii_alphanumeric() || "_-|*".contains(c)) {
        return Err(Refusal::parameter("/out_contract_code", "may hold 0-9 A-Z a-z _ - | * only"));
    }
    check_notify_url(&read.notify_url)?;
    if needs_openid && read.openid.is_none() {
        return Err(Refusal::parameter("/openid", "is missing, and this way to sign needs it"));
    }
    if let Some(date) = text(&whole, "/deduct_schedule/estimated_deduct_date")
        && date.parse::<jiff::civil::Date>().is_err()
    {
        return Err(Refusal::parameter("/deduct_schedule/estimated_deduct_date", "must look like 2018-06-08"));
    }
    Ok(SignBody { whole, ..read })
}

/// Gives the remark.
pub(crate) fn read_terminate(body: &[u8]) -> Result<String, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &TERMINATE, "")?;
    Ok(known(&whole, "/contract_termination_remark"))
}

/// Gives the announced amount in fen and for how many days it is announced.
pub(crate) fn read_notice(body: &[u8]) -> Result<(i64, i64), Refusal> {
    let whole = read_json(body)?;
    check(&whole, &NOTICE, "")?;
    if known(&whole, "/estimated_amount/currency") != "CNY" {
        return Err(Refusal::parameter("/estimated_amount/currency", "must be CNY"));
    }
    if known(&whole, "/deduct_duration/unit") != "DAY" {
        return Err(Refusal::parameter("/deduct_duration/unit", "must be DAY"));
    }
    Ok((number(&whole, "/estimated_amount/amount"), number(&whole, "/deduct_duration/count")))
}

/// `mchid`: the merchant who signed the request.
pub(crate) fn read_apply(body: &[u8], mchid: &str) -> Result<ApplyBody, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &APPLY, "")?;
    let order = CreateBody {
        kind: Kind::Debit,
        appid: known(&whole, "/appid"),
        mchid: mchid.to_owned(),
        description: known(&whole, "/description"),
        out_trade_no: known(&whole, "/out_trade_no"),
        total_fen: number(&whole, "/amount/total"),
        notify_url: known(&whole, "/transaction_notify_url"),
        attach: text(&whole, "/attach"),
        openid: None,
        expires_at_ms: None,
        whole: Value::Null,
    };
    check_number(&order.out_trade_no)?;
    check_notify_url(&order.notify_url)?;
    if whole.pointer("/amount/currency").is_some_and(|currency| currency != "CNY") {
        return Err(Refusal::parameter("/amount/currency", "must be CNY"));
    }
    let contract_id = known(&whole, "/contract_id");
    Ok(ApplyBody { contract_id, order: CreateBody { whole, ..order } })
}
