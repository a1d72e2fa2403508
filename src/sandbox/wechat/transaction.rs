//! A transaction as the channel writes it, the same in a query's answer and inside a notification: it
//! knows the members and their words, and must never change an order.

use serde_json::{Value, json};

use crate::Decline;
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
        "trade_state": word(order, refunded),
        "trade_state_desc": describe(order, refunded),
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

/// A debit is accepted until it is decided; then it is paid, or has failed for good.
fn word(order: &Order, refunded: bool) -> &'static str {
    match (order.tab.state(), order.debit) {
        (State::NotPay, Some(_)) => "ACCEPT",
        (State::Closed, Some(debit)) if debit.declined.is_some() => "PAYERROR",
        (state, _) => state.word(refunded),
    }
}

fn describe(order: &Order, refunded: bool) -> &'static str {
    let (state, failed_attempts) = (order.tab.state(), order.tab.failed_attempts);
    if let (State::NotPay | State::Closed, Some(debit)) = (state, order.debit) {
        match debit.declined {
            Some(decline) => return declined(decline),
            None if state == State::NotPay => return "已接收，等待扣款",
            None => {}
        }
    }
    match (state, failed_attempts) {
        (State::Success, _) if refunded => "转入退款",
        (State::Success, _) => "支付成功",
        (State::Closed, _) => "订单已关闭",
        (State::NotPay | State::Authorized, 0) => "订单未支付",
        // PAYERROR belongs to code payments: here the payer may simply try again.
        (State::NotPay | State::Authorized, _) => "支付失败，请重试",
    }
}

/// Why a debit failed. The documents give no list: these words say it so that a person understands.
const fn declined(decline: Decline) -> &'static str {
    match decline {
        Decline::InsufficientFunds => "扣款失败，用户余额不足",
        Decline::Hard => "扣款失败，用户账户异常或已注销",
        Decline::Risk => "扣款失败，交易存在风险，已被拦截",
        Decline::Technical => "扣款失败，银行系统异常，请稍后重试",
        Decline::Authentication => "扣款失败，需用户确认身份",
    }
}
