//! A trade as Alipay writes it, in answers and notifications: it knows the members and their words, and must
//! never change a trade.

use serde_json::{Value, json};

use crate::RefundLimits;
use crate::alipay::front::TradeFacts;
use crate::alipay::{amount, moment};
use crate::books::State;
use crate::orders::Order;
use crate::refund_books::RefundState;
use crate::refunds::Refunds;

/// The status of a trade; `None` as long as no payer's device has met it: it does not exist.
pub(crate) fn status(order: &Order, refunds: &Refunds, limits: &RefundLimits, now_ms: i64) -> Option<&'static str> {
    order.met_at_ms?;
    Some(match order.tab.state() {
        State::NotPay | State::Authorized => "WAIT_BUYER_PAY",
        State::Closed => "TRADE_CLOSED",
        State::Success if refunds.refunded_minor(order) >= order.amount_minor => "TRADE_CLOSED",
        State::Success if now_ms.saturating_sub(order.tab.paid_at_ms.unwrap_or(now_ms)) > limits.window_ms => {
            "TRADE_FINISHED"
        }
        State::Success => "TRADE_SUCCESS",
    })
}

/// What the payer got back until `at_ms`.
pub(crate) fn refunded_until(order: &Order, refunds: &Refunds, at_ms: i64) -> i64 {
    let back = refunds.of(order).filter(|one| one.tab.state == RefundState::Success);
    let back = back.filter(|one| one.tab.succeeded_at_ms.is_some_and(|when| when <= at_ms));
    back.fold(0, |sum, one| sum.saturating_add(one.tab.amount_minor))
}

/// A query's answer.
pub(crate) fn queried(order: &Order, facts: &TradeFacts, status: &str) -> Value {
    let total = amount::write(order.amount_minor);
    let paid = order.tab.paid_at_ms;
    let received = if paid.is_some() { total.clone() } else { "0.00".to_owned() };
    let mut written = json!({
        "trade_no": facts.trade_no,
        "out_trade_no": order.number,
        "trade_status": status,
        "total_amount": total,
        "receipt_amount": received,
        "buyer_pay_amount": received,
        "invoice_amount": received,
        "point_amount": "0.00",
        "buyer_logon_id": "san***@sandbox.example",
        "buyer_user_id": buyer(order),
    });
    if let (Some(members), Some(paid_ms)) = (written.as_object_mut(), paid) {
        members.insert("send_pay_date".to_owned(), moment::write(paid_ms).into());
        members.insert("fund_bill_list".to_owned(), json!([{ "fund_channel": "ALIPAYACCOUNT", "amount": total }]));
        if let Some(huabei) = &facts.body.huabei {
            members.insert("hb_fq_pay_info".to_owned(), huabei.told(&amount::write(order.amount_minor)));
        }
        if let Some(text) = &facts.body.passback_params {
            members.insert("passback_params".to_owned(), text.clone().into());
        }
    }
    written
}

/// The payer's number.
pub(crate) fn buyer(order: &Order) -> String {
    format!("2088{:012}", order.fate % 1_000_000_000_000)
}
