//! The body of a refund request: it knows which members the documents allow and what their values must
//! look like by themselves, and must never look at the books.

use serde_json::Value;

use crate::wechat::body::{FEN, check_notify_url, check_number, read_json};
use crate::wechat::refusal::Refusal;
use crate::wechat::shape::Shape::{Bytes, List, Number, Object, Text};
use crate::wechat::shape::{Shape, check, may, must};

const FROM: Shape = Object(&[must("account", Text(1, 32)), must("amount", FEN)]);
const GOODS: Shape = Object(&[
    must("merchant_goods_id", Text(1, 32)),
    may("wechatpay_goods_id", Text(1, 32)),
    may("goods_name", Text(1, 256)),
    must("unit_price", Number(0, i64::MAX)),
    must("refund_amount", Number(0, i64::MAX)),
    must("refund_quantity", Number(1, i64::MAX)),
]);
static REFUND: Shape = Object(&[
    may("transaction_id", Text(1, 32)),
    may("out_trade_no", Text(6, 32)),
    must("out_refund_no", Text(1, 64)),
    // The documents count this one in bytes: a reason in Chinese is a third as long.
    may("reason", Bytes(1, 80)),
    may("notify_url", Text(8, 256)),
    may("funds_account", Text(1, 32)),
    must(
        "amount",
        Object(&[must("refund", FEN), must("total", FEN), must("currency", Text(1, 16)), may("from", List(&FROM))]),
    ),
    may("goods_detail", List(&GOODS)),
]);

/// How the order is named.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Of {
    Number(String),
    Transaction(String),
}

/// The body of a refund request, as far as it can be judged by itself.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RefundBody {
    pub(crate) of: Of,
    pub(crate) out_refund_no: String,
    pub(crate) reason: Option<String>,
    pub(crate) notify_url: Option<String>,
    pub(crate) refund_fen: i64,
    pub(crate) total_fen: i64,
    /// Everything as sent, to compare a repeated request with.
    pub(crate) whole: Value,
}

/// Reads it.
pub(crate) fn read_refund(body: &[u8]) -> Result<RefundBody, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &REFUND, "")?;
    let text = |at: &str| whole.pointer(at).and_then(Value::as_str).map(str::to_owned);
    let fen = |at: &str| whole.pointer(at).and_then(Value::as_i64).unwrap_or_default();
    let of = match (text("/transaction_id"), text("/out_trade_no")) {
        (Some(id), None) => Of::Transaction(id),
        (None, Some(number)) => {
            check_number(&number)?;
            Of::Number(number)
        }
        _ => return Err(Refusal::parameter("/transaction_id", "give either transaction_id or out_trade_no")),
    };
    let read = RefundBody {
        of,
        out_refund_no: text("/out_refund_no").unwrap_or_default(),
        reason: text("/reason"),
        notify_url: text("/notify_url"),
        refund_fen: fen("/amount/refund"),
        total_fen: fen("/amount/total"),
        whole: Value::Null,
    };
    check_refund_number(&read.out_refund_no)?;
    read.notify_url.as_deref().map_or(Ok(()), check_notify_url)?;
    check_funds(&whole, read.refund_fen)?;
    Ok(RefundBody { whole, ..read })
}

/// As an order's number, but `@` is allowed too.
pub(crate) fn check_refund_number(number: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-|*@".contains(c);
    let fits = number.chars().all(allowed);
    fits.then_some(()).ok_or_else(|| Refusal::parameter("/out_refund_no", "may hold 0-9 A-Z a-z _ - | * @ only"))
}

fn check_funds(whole: &Value, refund_fen: i64) -> Result<(), Refusal> {
    if whole.pointer("/amount/currency").is_none_or(|currency| currency != "CNY") {
        return Err(Refusal::parameter("/amount/currency", "must be CNY"));
    }
    let account = whole.pointer("/funds_account").and_then(Value::as_str);
    if account.is_some_and(|word| !["AVAILABLE", "UNSETTLED"].contains(&word)) {
        return Err(Refusal::parameter("/funds_account", "must be AVAILABLE or UNSETTLED"));
    }
    let Some(from) = whole.pointer("/amount/from").and_then(Value::as_array) else { return Ok(()) };
    let known = |item: &Value| item.get("account").is_some_and(|word| word == "AVAILABLE" || word == "UNAVAILABLE");
    if !from.iter().all(known) {
        return Err(Refusal::parameter("/amount/from", "accounts must be AVAILABLE or UNAVAILABLE"));
    }
    let parts = from.iter().filter_map(|item| item.get("amount").and_then(Value::as_i64));
    if parts.fold(0_i64, i64::saturating_add) != refund_fen {
        return Err(Refusal::parameter("/amount/from", "must add up to the refund"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn body() -> Value {
        json!({
            "out_trade_no": "order-0001", "out_refund_no": "r@1|*", "reason": "二十六个字的理由",
            "amount": { "refund": 10, "total": 100, "currency": "CNY" },
        })
    }

    fn read(body: &Value) -> Result<RefundBody, Refusal> {
        read_refund(body.to_string().as_bytes())
    }

    #[test]
    fn a_refund_names_its_order_in_one_of_two_ways() {
        assert_eq!(read(&body()).unwrap().of, Of::Number("order-0001".into()));
        let mut by_id = body();
        by_id["transaction_id"] = "4200".into();
        assert_eq!(read(&by_id).unwrap_err().code, "PARAM_ERROR", "both");
        by_id.as_object_mut().unwrap().remove("out_trade_no");
        assert_eq!(read(&by_id).unwrap().of, Of::Transaction("4200".into()));
        by_id.as_object_mut().unwrap().remove("transaction_id");
        assert_eq!(read(&by_id).unwrap_err().code, "PARAM_ERROR", "neither");
    }

    #[test]
    fn accounts_to_refund_from_must_add_up() {
        let mut split = body();
        let part = |account: &str, fen: i64| json!({ "account": account, "amount": fen });
        split["amount"]["from"] = json!([part("AVAILABLE", 4), part("UNAVAILABLE", 6)]);
        assert_eq!(read(&split).unwrap().refund_fen, 10);
        split["amount"]["from"] = json!([part("AVAILABLE", 4), part("UNAVAILABLE", 5)]);
        assert!(read(&split).is_err());
        split["amount"]["from"] = json!([part("POCKET", 10)]);
        assert!(read(&split).is_err());
    }
}
