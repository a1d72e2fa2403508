//! The bodies of requests about service orders (pay after service): it knows which members the documents allow and that
//! sums must add up, and must never look at the books.

use serde_json::{Value, json};

use crate::wechat::body::{check_notify_url, read_json};
use crate::wechat::refusal::Refusal;
use crate::wechat::shape::Shape::{Flag, List, Number, Object, Text};
use crate::wechat::shape::{Member, Shape, check, may, must};

const MONEY: Shape = Number(0, 1_000_000_000_000);
const PAYMENT: Shape = Object(&[
    may("name", Text(1, 20)),
    may("amount", MONEY),
    may("description", Text(1, 30)),
    may("count", Number(1, 100)),
]);
const RANGE: Shape = Object(&[
    may("start_time", Text(1, 14)),
    may("end_time", Text(1, 14)),
    may("start_time_remark", Text(1, 20)),
    may("end_time_remark", Text(1, 20)),
]);
const PLACES: Shape = Object(&[may("start_location", Text(1, 50)), may("end_location", Text(1, 50))]);
const APP: Member = must("appid", Text(1, 32));
const SERVICE: Member = must("service_id", Text(1, 32));

static CREATE: Shape = Object(&[
    must("out_order_no", Text(1, 32)),
    APP,
    SERVICE,
    must("service_introduction", Text(1, 20)),
    may("post_payments", List(&PAYMENT)),
    may("post_discounts", List(&PAYMENT)),
    must("time_range", RANGE),
    may("location", PLACES),
    must(
        "risk_fund",
        Object(&[
            must("name", Text(1, 64)),
            must("amount", Number(1, 1_000_000_000_000)),
            may("description", Text(1, 30)),
        ]),
    ),
    may("attach", Text(1, 256)),
    must("notify_url", Text(1, 255)),
    may("openid", Text(1, 128)),
    may("need_user_confirm", Flag),
]);
static COMPLETE: Shape = Object(&[
    APP,
    SERVICE,
    must("post_payments", List(&PAYMENT)),
    may("post_discounts", List(&PAYMENT)),
    must("total_amount", MONEY),
    may("time_range", RANGE),
    may("location", PLACES),
    may("profit_sharing", Flag),
    may("goods_tag", Text(1, 32)),
    may("reason", Text(1, 50)),
]);
static CANCEL: Shape = Object(&[APP, SERVICE, must("reason", Text(1, 50))]);
static SYNC: Shape =
    Object(&[APP, SERVICE, must("type", Text(1, 32)), must("detail", Object(&[may("paid_time", Text(14, 14))]))]);
static PAY: Shape = Object(&[APP, SERVICE]);

/// Kinds of security that a payer is shown. Source: the documents.
const FUNDS: [&str; 4] = ["DEPOSIT", "ADVANCE", "CASH_DEPOSIT", "ESTIMATE_ORDER_COST"];

/// A service order as the merchant asks for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ServiceBody {
    pub(crate) out_order_no: String,
    pub(crate) service_id: String,
    pub(crate) appid: String,
    pub(crate) introduction: String,
    pub(crate) risk_fen: i64,
    pub(crate) notify_url: String,
    pub(crate) attach: Option<String>,
    pub(crate) openid: Option<String>,
    /// Everything as sent.
    pub(crate) whole: Value,
}

/// What is done to a service order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Deed {
    /// The service is done: collect so much. `items`: what it is made of.
    Complete {
        total_fen: i64,
        items: Value,
        /// When it was over, as digits on Beijing's clocks.
        end_time: Option<String>,
    },
    /// Collect less.
    Modify {
        total_fen: i64,
        items: Value,
    },
    Cancel {
        reason: String,
    },
    /// The payer has paid elsewhere, at that time.
    Paid {
        paid_time: String,
    },
    /// Try to collect once more.
    Pay,
}

fn text(whole: &Value, at: &str) -> Option<String> {
    whole.pointer(at).and_then(Value::as_str).map(str::to_owned)
}

pub(crate) fn read_service(body: &[u8]) -> Result<ServiceBody, Refusal> {
    let whole = read_json(body)?;
    check(&whole, &CREATE, "")?;
    let known = |at: &str| text(&whole, at).unwrap_or_default();
    let read = ServiceBody {
        out_order_no: known("/out_order_no"),
        service_id: known("/service_id"),
        appid: known("/appid"),
        introduction: known("/service_introduction"),
        risk_fen: whole.pointer("/risk_fund/amount").and_then(Value::as_i64).unwrap_or_default(),
        notify_url: known("/notify_url"),
        attach: text(&whole, "/attach"),
        openid: text(&whole, "/openid"),
        whole: Value::Null,
    };
    if !read.out_order_no.chars().all(|c| c.is_ascii_alphanumeric() || "_-|*".contains(c)) {
        return Err(Refusal::parameter("/out_order_no", "may hold 0-9 A-Z a-z _ - | * only"));
    }
    if !FUNDS.contains(&known("/risk_fund/name").as_str()) {
        return Err(Refusal::parameter("/risk_fund/name", "is no kind of security"));
    }
    let start = known("/time_range/start_time");
    if start != "OnAccept" && !is_moment(&start) {
        return Err(Refusal::parameter("/time_range/start_time", "must look like 20180608103456 or OnAccept"));
    }
    check_notify_url(&read.notify_url)?;
    Ok(ServiceBody { whole, ..read })
}

fn is_moment(text: &str) -> bool {
    [8, 14].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reads what is to be done, by the last part of the path.
pub(crate) fn read_deed(word: &str, body: &[u8]) -> Result<Deed, Refusal> {
    let whole = read_json(body)?;
    let shape = match word {
        "complete" | "modify" => &COMPLETE,
        "cancel" => &CANCEL,
        "sync" => &SYNC,
        "pay" => &PAY,
        _ => return Err(Refusal::new(404, "RESOURCE_NOT_EXISTS", "there is no such method and path")),
    };
    check(&whole, shape, "")?;
    let total_fen = || {
        let total = whole.pointer("/total_amount").and_then(Value::as_i64).unwrap_or_default();
        let sum = |at: &str| {
            let items = whole.pointer(at).and_then(Value::as_array).into_iter().flatten();
            items.filter_map(|item| item.get("amount").and_then(Value::as_i64)).fold(0_i64, i64::saturating_add)
        };
        let adds_up = sum("/post_payments").saturating_sub(sum("/post_discounts")) == total;
        adds_up.then_some(total).ok_or_else(|| Refusal::parameter("/total_amount", "is not payments less discounts"))
    };
    let items = json!({
        "post_payments": whole.pointer("/post_payments"),
        "post_discounts": whole.pointer("/post_discounts").unwrap_or(&Value::Array(Vec::new())),
    });
    match word {
        "complete" => {
            let end_time = text(&whole, "/time_range/end_time");
            Ok(Deed::Complete { total_fen: total_fen()?, items, end_time })
        }
        "modify" => Ok(Deed::Modify { total_fen: total_fen()?, items }),
        "cancel" => Ok(Deed::Cancel { reason: text(&whole, "/reason").unwrap_or_default() }),
        "sync" if text(&whole, "/type").as_deref() == Some("Order_Paid") => {
            let at = text(&whole, "/detail/paid_time").filter(|at| is_moment(at));
            at.map(|paid_time| Deed::Paid { paid_time })
                .ok_or_else(|| Refusal::parameter("/detail/paid_time", "must look like 20180608103456"))
        }
        "sync" => Err(Refusal::parameter("/type", "must be Order_Paid")),
        _ => Ok(Deed::Pay),
    }
}
