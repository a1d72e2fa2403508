//! A service order as it is written, in answers and inside notifications: it knows the members and the words of its
//! state, and must never change one.

use serde_json::{Value, json};

use crate::books::State;
use crate::orders::Order;
use crate::pace::beijing_digits;
use crate::wechat::service::ServiceFacts;

/// Where a service order stands: two words.
pub(super) fn state(order: &Order, facts: &ServiceFacts) -> (&'static str, Option<&'static str>) {
    match order.tab.state() {
        _ if facts.elsewhere.is_some() => ("DONE", None),
        State::Success => ("DONE", None),
        State::NotPay => ("CREATED", None),
        State::Authorized if facts.completed.is_some() => ("DOING", Some("MCH_COMPLETE")),
        State::Authorized => ("DOING", Some("USER_CONFIRM")),
        // Nothing was to be collected.
        State::Closed if facts.completed.is_some() => ("DONE", None),
        State::Closed if facts.reason.is_some() => ("REVOKED", None),
        State::Closed => ("EXPIRED", None),
    }
}

/// A service order as it is written, in answers and inside notifications.
pub(crate) fn write(order: &Order, facts: &ServiceFacts) -> Value {
    let mut written = json!({ "mchid": order.account, "order_id": facts.order_id });
    let mut put = |name: &str, value: Value| {
        if let Some(members) = written.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    for name in [
        "out_order_no",
        "appid",
        "service_id",
        "service_introduction",
        "post_payments",
        "post_discounts",
        "time_range",
        "location",
        "risk_fund",
        "attach",
        "notify_url",
        "openid",
    ] {
        if let Some(value) = facts.body.whole.get(name) {
            put(name, value.clone());
        }
    }
    let (word, description) = state(order, facts);
    put("state", word.into());
    if let Some(description) = description {
        put("state_description", description.into());
    }
    if order.tab.authorized_at_ms.is_some() {
        let openid = facts.body.openid.clone().unwrap_or_else(|| format!("oSandbox{:020}", order.fate));
        put("openid", openid.into());
    }
    if let Some((total_fen, items)) = &facts.completed {
        put("total_amount", (*total_fen).into());
        put("need_collection", (*total_fen > 0).into());
        for (name, value) in items.as_object().into_iter().flatten() {
            put(name, value.clone());
        }
        if *total_fen > 0 {
            put("collection", collection(order, facts, *total_fen));
        }
    }
    written
}

fn collection(order: &Order, facts: &ServiceFacts, total_fen: i64) -> Value {
    let paid = order.tab.paid_at_ms.is_some() || facts.elsewhere.is_some();
    let mut written = json!({
        "state": if paid { "USER_PAID" } else { "USER_PAYING" },
        "total_amount": total_fen,
        "paying_amount": if paid { 0 } else { total_fen },
        "paid_amount": if paid { total_fen } else { 0 },
    });
    let detail = match (order.tab.paid_at_ms, &facts.elsewhere) {
        (Some(at_ms), _) => Some(json!({
            "seq": 1,
            "amount": total_fen,
            "paid_type": "NEWTON",
            "paid_time": beijing_digits(at_ms),
            "transaction_id": order.tab.transaction_id,
        })),
        // By the merchant's ways.
        (None, Some(paid_time)) => {
            Some(json!({ "seq": 1, "amount": total_fen, "paid_type": "MCH", "paid_time": paid_time }))
        }
        (None, None) => None,
    };
    if let (Some(members), Some(detail)) = (written.as_object_mut(), detail) {
        members.insert("details".to_owned(), json!([detail]));
    }
    written
}
