//! A refund as the channel writes it, in an answer and inside a notification: it knows the members and
//! their words, and must never change a refund.

use serde_json::{Value, json};

use crate::pace::beijing;
use crate::refund_books::RefundState;
use crate::refunds::{Refund, RefundEvent};
use crate::wechat::front::RefundFacts;

/// The members of an answer; those that do not apply are absent, never null.
pub(crate) fn write(refund: &Refund, facts: &RefundFacts) -> Value {
    let (total, part) = (facts.body.total_fen, facts.body.refund_fen);
    let state = refund.tab.state;
    let mut written = json!({
        "refund_id": refund.refund_id,
        "out_refund_no": refund.number,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "channel": if refund.tab.applications > 0 { "OTHER_BANKCARD" } else { "ORIGINAL" },
        "user_received_account": account(refund),
        "create_time": beijing(refund.tab.created_at_ms),
        "status": state.name(),
        "funds_account": "AVAILABLE",
        "amount": {
            "total": total,
            "refund": part,
            "from": [],
            "payer_total": total,
            "payer_refund": part,
            "settlement_refund": part,
            "settlement_total": total,
            "discount_refund": 0,
            "currency": "CNY",
            "refund_fee": 0,
        },
        "promotion_detail": [],
    });
    let arrived_ms = refund.tab.succeeded_at_ms.filter(|_| state == RefundState::Success);
    put_success_time(&mut written, arrived_ms);
    written
}

/// The resource of the notification about `event`: what was true when it happened.
pub(crate) fn write_event(refund: &Refund, facts: &RefundFacts, event: RefundEvent) -> Value {
    let (total, part) = (facts.body.total_fen, facts.body.refund_fen);
    let mut written = json!({
        "mchid": refund.account,
        "transaction_id": refund.transaction_id,
        "out_trade_no": refund.out_trade_no,
        "refund_id": refund.refund_id,
        "out_refund_no": refund.number,
        "refund_status": event.state.name(),
        "user_received_account": account(refund),
        "amount": { "total": total, "refund": part, "payer_total": total, "payer_refund": part },
    });
    put_success_time(&mut written, (event.state == RefundState::Success).then_some(event.at_ms));
    written
}

/// The `summary` of a notification.
pub(crate) const fn summary(state: RefundState) -> &'static str {
    match state {
        RefundState::Processing => "退款处理中",
        RefundState::Success => "退款成功",
        RefundState::Abnormal => "退款异常",
        RefundState::Closed => "退款关闭",
    }
}

fn account(refund: &Refund) -> &'static str {
    if refund.tab.applications > 0 { "银行卡" } else { "支付用户零钱" }
}

fn put_success_time(written: &mut Value, at_ms: Option<i64>) {
    if let (Some(members), Some(at_ms)) = (written.as_object_mut(), at_ms) {
        members.insert("success_time".to_owned(), beijing(at_ms).into());
    }
}
