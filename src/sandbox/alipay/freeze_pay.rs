//! Payments from what is frozen: it knows when one is lawful in Alipay's words, and that each is a trade of its own.

use serde_json::Value;

use crate::Channel;
use crate::alipay::freeze::{HoldFacts, find, finish_if_empty, no_such_hold};
use crate::alipay::freeze_body::Frozen;
use crate::alipay::front::TradeFacts;
use crate::alipay::order_body::OrderBody;
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::Verified;
use crate::alipay::{moment, view};
use crate::books::State;
use crate::orders::{NewOrder, Orders};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::payer::Behaviour;
use crate::shared::Shared;

/// Pays from what is frozen. `complete`: what is left is let go.
pub(crate) fn pay(
    world: &Shared,
    request: &Verified<'_>,
    body: OrderBody,
    auth_no: &str,
    complete: bool,
    fate: u64,
) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let mut orders = world.orders();
    let known = orders.position(Channel::Alipay, &account.app_id, &body.out_trade_no);
    let known = known.and_then(|position| orders.list.get(position));
    if let Some(facts) = known.and_then(|order| order.own.get::<TradeFacts>()) {
        let (code, why) = match facts.body == body {
            true => ("ACQ.TRADE_HAS_SUCCESS", "交易已被支付"),
            false => ("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"),
        };
        return Err(Refusal::business(code, why));
    }
    let hold = find(&mut orders, &account.app_id, &Frozen::AuthNo(auth_no.to_owned()), now_ms);
    let hold = hold.map_err(|_| Refusal::business("ACQ.AUTH_NO_ERROR", "授权号错误"))?;
    let order = orders.list.get_mut(hold).ok_or_else(no_such_hold)?;
    let open = order.tab.state() == State::Authorized;
    let facts = order.own.get_mut::<HoldFacts>().filter(|_| open);
    let facts = facts.ok_or_else(|| Refusal::business("ACQ.AUTH_ORDER_HAS_FINISHED", "授权订单已完结"))?;
    if body.total_fen > facts.rest_fen {
        return Err(Refusal::business("ACQ.AUTH_AMOUNT_NOT_ENOUGH", "授权金额不足"));
    }
    facts.rest_fen = if complete { 0 } else { facts.rest_fen - body.total_fen };
    facts.paid_fen = facts.paid_fen.saturating_add(body.total_fen);
    finish_if_empty(order, now_ms);
    let position = enter_trade(&mut orders, request, body, fate, now_ms);
    world.collect(&mut orders, position, true);
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let facts = order.own.get::<TradeFacts>().ok_or_else(Refusal::no_such_trade)?;
    let mut written = view::queried(order, facts, "");
    if let Some(members) = written.as_object_mut() {
        members.remove("trade_status");
        members.insert("gmt_payment".to_owned(), moment::write(now_ms).into());
    }
    Ok(written)
}

fn enter_trade(orders: &mut Orders, request: &Verified<'_>, body: OrderBody, fate: u64, now_ms: i64) -> usize {
    let account = &request.app.account;
    let day: String = beijing_digits(now_ms).chars().take(8).collect();
    let trade_no = format!("{day}22001{:05}{:010}", fate % 100_000, orders.next_serial());
    let position = orders.insert(NewOrder {
        channel: Channel::Alipay,
        account: account.app_id.clone(),
        number: body.out_trade_no.clone(),
        description: body.subject.clone(),
        amount_minor: body.total_fen,
        holds: false,
        behaviour: Behaviour::Never,
        fate,
        created_at_ms: now_ms,
        met: true,
        expires_at_ms: now_ms,
        dies_at_ms: i64::MAX,
        own: Own::new(TradeFacts {
            trade_no: trade_no.clone(),
            qr_code: None,
            seller_id: account.seller_id.clone(),
            mode: request.mode,
            notify_url: request.notify_url.clone(),
            body,
        }),
    });
    orders.call(position, &trade_no);
    position
}
