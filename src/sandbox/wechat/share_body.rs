//! The bodies of profit sharing: it knows which members the documents allow and what their values must look like by
//! themselves, and must never look at the books.

use serde_json::Value;

use crate::wechat::body::{FEN, read_json};
use crate::wechat::operation::decode;
use crate::wechat::refund_body::check_refund_number;
use crate::wechat::refusal::Refusal;
use crate::wechat::shape::Shape::{Flag, List, Object, Text};
use crate::wechat::shape::{Shape, check, may, must};
use crate::wechat::share_calls::ShareCall;
use crate::wechat::verify::Received;

static ADD: Shape = Object(&[
    must("appid", Text(1, 32)),
    must("type", Text(1, 32)),
    must("account", Text(1, 64)),
    may("name", Text(1, 1_024)),
    must("relation_type", Text(1, 32)),
    may("custom_relation", Text(1, 10)),
]);
const RECEIVER: Shape = Object(&[
    must("type", Text(1, 32)),
    must("account", Text(1, 64)),
    may("name", Text(1, 1_024)),
    must("amount", FEN),
    must("description", Text(1, 80)),
]);
static SHARE: Shape = Object(&[
    must("appid", Text(1, 32)),
    must("transaction_id", Text(1, 32)),
    must("out_order_no", Text(1, 64)),
    must("receivers", List(&RECEIVER)),
    must("unfreeze_unsplit", Flag),
]);
static UNFREEZE: Shape =
    Object(&[must("transaction_id", Text(1, 32)), must("out_order_no", Text(1, 64)), must("description", Text(1, 80))]);
static RETURN: Shape = Object(&[
    may("order_id", Text(1, 64)),
    may("out_order_no", Text(1, 64)),
    must("out_return_no", Text(1, 64)),
    must("return_mchid", Text(1, 32)),
    must("amount", FEN),
    must("description", Text(1, 80)),
]);
const RELATIONS: [&str; 9] =
    ["STORE", "STAFF", "STORE_OWNER", "PARTNER", "HEADQUARTER", "BRAND", "DISTRIBUTOR", "USER", "SUPPLIER"];

pub(crate) fn text<'a>(whole: &'a Value, name: &str) -> &'a str {
    whole.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn read(body: &[u8], shape: &Shape) -> Result<Value, Refusal> {
    let whole = read_json(body)?;
    check(&whole, shape, "")?;
    for name in ["out_order_no", "out_return_no"] {
        if whole.get(name).is_some() {
            check_refund_number(text(&whole, name))?;
        }
    }
    Ok(whole)
}

fn of_query(query: &str, name: &str) -> Result<String, Refusal> {
    let found = query.split('&').find_map(|pair| pair.strip_prefix(name).and_then(|rest| rest.strip_prefix('=')));
    decode(found.ok_or_else(|| Refusal::parameter(name, "is missing in the query"))?, name)
}

impl ShareCall {
    /// Reads a request below `/v3/profitsharing`.
    pub(crate) fn read(request: &Received<'_>, parts: &[&str], query: &str) -> Result<Self, Refusal> {
        match (request.method, parts.get(2..).unwrap_or_default()) {
            ("POST", ["receivers", "add"]) => {
                let whole = read(request.body, &ADD)?;
                let kind = text(&whole, "type");
                if !["MERCHANT_ID", "PERSONAL_OPENID"].contains(&kind) {
                    return Err(Refusal::parameter("/type", "must be MERCHANT_ID or PERSONAL_OPENID"));
                }
                if kind == "MERCHANT_ID" && whole.get("name").is_none() {
                    return Err(Refusal::parameter("/name", "is missing, and a merchant needs it"));
                }
                if !RELATIONS.contains(&text(&whole, "relation_type")) {
                    return Err(Refusal::parameter("/relation_type", "is not one of the documents"));
                }
                let key = request.header("wechatpay-serial").map(str::to_owned);
                Ok(Self::Add { whole, key })
            }
            ("POST", ["orders"]) => {
                let whole = read(request.body, &SHARE)?;
                let receivers = whole.get("receivers").and_then(Value::as_array).map_or(0, Vec::len);
                if !(1..=50).contains(&receivers) {
                    return Err(Refusal::parameter("/receivers", "must have 1 to 50"));
                }
                Ok(Self::Share(whole))
            }
            ("POST", ["orders", "unfreeze"]) => Ok(Self::Unfreeze(read(request.body, &UNFREEZE)?)),
            ("GET", ["orders", number]) => {
                let transaction_id = of_query(query, "transaction_id")?;
                Ok(Self::Query { number: decode(number, "out_order_no")?, transaction_id })
            }
            ("POST", ["return-orders"]) => Ok(Self::Return(read(request.body, &RETURN)?)),
            ("GET", ["return-orders", number]) => {
                let out_order_no = of_query(query, "out_order_no")?;
                Ok(Self::QueryReturn { number: decode(number, "out_return_no")?, out_order_no })
            }
            _ => Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path")),
        }
    }
}
