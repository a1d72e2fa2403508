//! The calls about refunds: it knows what is lawful in Alipay's words and how a refund is answered; what
//! happens to the money is the common books'.

use serde_json::{Value, json};

use crate::alipay::front::TradeFacts;
use crate::alipay::refund_body::{RefundBody, RefundQuery};
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::Verified;
use crate::alipay::{amount, moment, trade, view};
use crate::books::State;
use crate::orders::{Order, Orders};
use crate::own::Own;
use crate::refund_books::RefundState;
use crate::refunds::{NewRefund, Refund, Unlawful};
use crate::shared::Shared;
use crate::{Channel, RefundBehaviour, RefundLimits};

/// Asks for a refund. The same number of the same trade is one refund.
///
/// Most refunds take effect at once. Slow ones answer "no change" and take effect later; those that the mix
/// wants closed are refused for good. A bank that sends money back later is between Alipay and the payer, and
/// no fate of a refund here.
pub(crate) fn ask(world: &Shared, request: &Verified<'_>, body: &RefundBody, fate: u64) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let mut orders = world.orders();
    let position = trade::find(&mut orders, &account.app_id, &body.which, now_ms)?;
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let whole = body.refund_fen == order.amount_minor;
    let number = match &body.out_request_no {
        Some(number) => number.clone(),
        None if whole => order.number.clone(),
        None => return Err(Refusal::member("out_request_no", "is compulsory for a part")),
    };
    let scope = scope(order, &number);
    if let Some(known) = orders.refunds.position(Channel::Alipay, &account.app_id, &scope) {
        let refund = orders.refunds.list.get(known).ok_or_else(Refusal::no_such_trade)?;
        if refund.tab.amount_minor != body.refund_fen {
            return Err(Refusal::business("ACQ.DISCORDANT_REPEAT_REQUEST", "请求信息不一致"));
        }
        return answer(&orders, position, false);
    }
    if order.tab.state() != State::Success {
        return Err(Refusal::business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"));
    }
    may_be_refunded(&orders, order, body.refund_fen, now_ms, &account.refund_limits)?;

    let behaviour = match world.refunds.choose(body.reason.as_deref().unwrap_or_default(), fate) {
        RefundBehaviour::Closed => {
            return Err(Refusal::business("ACQ.TRADE_NOT_ALLOW_REFUND", "当前交易不允许退款"));
        }
        kept @ (RefundBehaviour::Slow | RefundBehaviour::NoFunds) => kept,
        _ => RefundBehaviour::Success,
    };
    let whose = (Channel::Alipay, account.app_id.as_str(), scope.as_str());
    if orders.refunds.is_short(whose, (behaviour, fate), &world.refunds, now_ms) {
        return Err(Refusal::business("ACQ.SELLER_BALANCE_NOT_ENOUGH", "卖家余额不足"));
    }
    let accepted = orders.accept_refund(NewRefund {
        order: position,
        refund_id: scope.clone(),
        scope,
        number,
        transaction_id: None,
        amount_minor: body.refund_fen,
        reason: body.reason.clone(),
        behaviour,
        fate,
        now_ms,
        own: Own::new(()),
    });
    let accepted = accepted.ok_or_else(Refusal::no_such_trade)?;
    drop(orders);
    world.tally.change(|counters| counters.refunds += 1);
    let at_once = behaviour != RefundBehaviour::Slow;
    if at_once {
        world.refund_moves(accepted, 0);
    } else {
        world.refund_under_way(accepted);
    }
    answer(&world.orders(), position, at_once)
}

/// Under what a refund's number is found again: it is unique for its trade only.
pub(super) fn scope(order: &Order, number: &str) -> String {
    format!("{}\n{number}", order.number)
}

fn may_be_refunded(
    orders: &Orders,
    order: &Order,
    fen: i64,
    now_ms: i64,
    limits: &RefundLimits,
) -> Result<(), Refusal> {
    if orders.refunds.refunded_minor(order) >= order.amount_minor {
        return Err(Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"));
    }
    orders.refunds.lawful(order, fen, now_ms, limits).map_err(|why| match why {
        Unlawful::Late => Refusal::business("ACQ.TRADE_HAS_FINISHED", "交易已完结"),
        Unlawful::Often => Refusal::business("ACQ.TRADE_NOT_ALLOW_REFUND", "当前交易不允许退款"),
        Unlawful::Excessive => Refusal::business("ACQ.REASON_TRADE_REFUND_FEE_ERR", "退款金额无效"),
        // Not confirmed: the real code is not known; the same number may be tried again in any case.
        Unlawful::Soon => Refusal::business("ACQ.SYSTEM_ERROR", "系统错误"),
    })
}

/// What a refund is answered: `refund_fee` is what the trade gave back in all.
fn answer(orders: &Orders, position: usize, changed: bool) -> Result<Value, Refusal> {
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let facts = order.own.get::<TradeFacts>().ok_or_else(Refusal::no_such_trade)?;
    let back = orders.refunds.refunded_minor(order);
    let mut written = json!({
        "trade_no": facts.trade_no,
        "out_trade_no": order.number,
        "buyer_logon_id": "san***@sandbox.example",
        "buyer_user_id": view::buyer(order),
        "fund_change": if changed { "Y" } else { "N" },
        "refund_fee": amount::write(back),
        "send_back_fee": amount::write(back),
    });
    let last_ms = orders.refunds.of(order).filter_map(|one| one.tab.succeeded_at_ms).max();
    if let (Some(members), Some(ms)) = (written.as_object_mut(), last_ms) {
        members.insert("gmt_refund_pay".to_owned(), moment::write(ms).into());
    }
    Ok(written)
}

/// Shows a refund. One that is unknown or under way is answered without a status.
pub(crate) fn query(world: &Shared, request: &Verified<'_>, query: &RefundQuery) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let mut orders = world.orders();
    let position = trade::find(&mut orders, &account.app_id, &query.which, now_ms)?;
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let facts = order.own.get::<TradeFacts>().ok_or_else(Refusal::no_such_trade)?;
    let scope = scope(order, &query.out_request_no);
    let found = orders.refunds.position(Channel::Alipay, &account.app_id, &scope);
    let found = found.and_then(|position| orders.refunds.list.get(position));
    let succeeded = |refund: &&Refund| refund.tab.state == RefundState::Success;
    let Some(refund) = found.filter(succeeded) else { return Ok(json!({})) };
    let mut written = json!({
        "trade_no": facts.trade_no,
        "out_trade_no": order.number,
        "out_request_no": refund.number,
        "refund_status": "REFUND_SUCCESS",
        "refund_amount": amount::write(refund.tab.amount_minor),
        "total_amount": amount::write(order.amount_minor),
    });
    if let (Some(members), Some(ms)) = (written.as_object_mut(), refund.tab.succeeded_at_ms.filter(|_| query.with_time))
    {
        members.insert("gmt_refund_pay".to_owned(), moment::write(ms).into());
    }
    Ok(written)
}

/// Gives everything back that is left: what a cancel of a paid trade does.
pub(crate) fn undo(world: &Shared, position: usize, now_ms: i64) {
    let mut orders = world.orders();
    let Some(order) = orders.list.get(position) else { return };
    let rest = order.amount_minor.saturating_sub(orders.refunds.of(order).map(|one| one.tab.claimed_minor()).sum());
    if rest <= 0 {
        return;
    }
    let number = format!("cancel_{}", order.number);
    let (scope, fate) = (scope(order, &number), order.fate);
    let accepted = orders.accept_refund(NewRefund {
        order: position,
        refund_id: scope.clone(),
        scope,
        number,
        transaction_id: None,
        amount_minor: rest,
        reason: None,
        behaviour: RefundBehaviour::Success,
        fate,
        now_ms,
        own: Own::new(()),
    });
    drop(orders);
    if let Some(refund) = accepted {
        world.tally.change(|counters| counters.refunds += 1);
        world.refund_moves(refund, 0);
    }
}
