//! A transaction as the channel writes it, the same in a query's answer and inside a notification: it
//! knows the members and their words, and must never change an order.

use serde_json::{Value, json};

use crate::books::State;
use crate::orders::{Order, Orders};
use crate::pace::beijing;
use crate::wechat::front::OrderFacts;
use crate::wechat::refusal::Refusal;

/// The order as a query shows it.
pub(crate) fn show(orders: &mut Orders, position: Option<usize>, now_ms: i64) -> Result<Value, Refusal> {
    let position = position.ok_or_else(Refusal::no_such_order)?;
    orders.at(position, now_ms).ok_or_else(Refusal::no_such_order)?;
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_order)?;
    let facts = order.own.get::<OrderFacts>().ok_or_else(Refusal::no_such_order)?;
    Ok(write(order, facts, orders.refunds.stand_against(order)))
}

/// The members of `order`; those that do not apply are absent, never null. `refunded`: some refund of it
/// succeeded or is under way, and the state says so; everything else stays.
pub(crate) fn write(order: &Order, facts: &OrderFacts, refunded: bool) -> Value {
    let body = &facts.body;
    let state = order.tab.state();
    let mut amount = json!({ "total": body.total_fen, "currency": "CNY", "payer_currency": "CNY" });
    let mut written = json!({
        "appid": body.appid,
        "mchid": body.mchid,
        "out_trade_no": body.out_trade_no,
        "trade_state": state.word(refunded),
        "trade_state_desc": describe(state, order.tab.failed_attempts, refunded),
        "promotion_detail": [],
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let (Some(members), Some(value)) = (written.as_object_mut(), value) {
            members.insert(name.to_owned(), value);
        }
    };
    put("attach", body.attach.clone().map(Value::from));
    if state == State::Success {
        put("transaction_id", order.tab.transaction_id.clone().map(Value::from));
        put("trade_type", Some(body.kind.trade_type().into()));
        put("bank_type", Some("OTHERS".into()));
        put("success_time", order.tab.paid_at_ms.map(|ms| beijing(ms).into()));
        // Native, app and H5 payers are known only once they paid.
        let openid = body.openid.clone().unwrap_or_else(|| format!("oSandbox{:020}", order.fate));
        put("payer", Some(json!({ "openid": openid })));
        if let Some(members) = amount.as_object_mut() {
            members.insert("payer_total".to_owned(), body.total_fen.into());
        }
    }
    put("amount", Some(amount));
    written
}

fn describe(state: State, failed_attempts: u32, refunded: bool) -> &'static str {
    match (state, failed_attempts) {
        (State::Success, _) if refunded => "转入退款",
        (State::Success, _) => "支付成功",
        (State::Closed, _) => "订单已关闭",
        (State::NotPay | State::Authorized, 0) => "订单未支付",
        // PAYERROR belongs to code payments: here the payer may simply try again.
        (State::NotPay | State::Authorized, _) => "支付失败，请重试",
    }
}
