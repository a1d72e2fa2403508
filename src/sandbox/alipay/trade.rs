//! The calls about trades: it knows what is lawful in Alipay's words; what happens to the money is the common
//! books'.

use serde_json::{Value, json};

use crate::alipay::biz::Which;
use crate::alipay::front::TradeFacts;
use crate::alipay::order_body::{Kind, OrderBody};
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::Verified;
use crate::alipay::{refund, view};
use crate::books::State;
use crate::orders::{NewOrder, Order, Orders};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::shared::Shared;
use crate::{Channel, dice};

/// A code to scan dies after two hours, whatever the order's life is.
const CODE_LIFE_MS: i64 = 2 * 3_600_000;
/// How long after its payment a trade can be cancelled; documented only as "the same day".
const CANCEL_WINDOW_MS: i64 = 24 * 3_600_000;

/// A trade that is there now.
pub(crate) struct Created {
    pub(crate) position: usize,
    /// It was not there before.
    pub(crate) fresh: bool,
}

/// The position of a trade that exists. `trade_no` wins.
pub(crate) fn find(orders: &mut Orders, app_id: &str, which: &Which, now_ms: i64) -> Result<usize, Refusal> {
    let position = locate(orders, app_id, which).ok_or_else(Refusal::no_such_trade)?;
    let order = orders.at(position, now_ms).ok_or_else(Refusal::no_such_trade)?;
    order.met_at_ms.map(|_| position).ok_or_else(Refusal::no_such_trade)
}

/// The same, whether a payer has met it or not.
fn locate(orders: &Orders, app_id: &str, which: &Which) -> Option<usize> {
    match (&which.trade_no, &which.out_trade_no) {
        (Some(trade_no), _) => orders.position_of(Channel::Alipay, app_id, trade_no),
        (None, Some(number)) => orders.position(Channel::Alipay, app_id, number),
        (None, None) => None,
    }
}

/// Enters an order, or finds it again.
pub(crate) fn create(world: &Shared, request: &Verified<'_>, body: OrderBody, fate: u64) -> Result<Created, Refusal> {
    let now_ms = world.pace.now_ms();
    let account = &request.app.account;
    if body.seller_id.as_ref().is_some_and(|seller| *seller != account.seller_id) {
        return Err(Refusal::member("seller_id", "is not the merchant's"));
    }
    let mut orders = world.orders();
    if let Some(position) = orders.position(Channel::Alipay, &account.app_id, &body.out_trade_no) {
        let known = orders.at(position, now_ms).ok_or_else(Refusal::no_such_trade)?;
        may_reenter(known, &body)?;
        if now_ms >= known.expires_at_ms {
            return Err(Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭"));
        }
        return Ok(Created { position, fresh: false });
    }
    let ends_ms = body.ends_ms(now_ms);
    if ends_ms <= now_ms {
        return Err(Refusal::member("time_expire", "is in the past"));
    }
    let scanned = body.kind == Kind::Qr;
    // Who scanned a code in time could pay until the order's end; here the code's end is the payer's too.
    let expires_at_ms = if scanned { ends_ms.min(now_ms.saturating_add(CODE_LIFE_MS)) } else { ends_ms };
    let serial = orders.next_serial();
    let day: String = beijing_digits(now_ms).chars().take(8).collect();
    let trade_no = format!("{day}22001{:05}{serial:010}", fate % 100_000);
    let qr_code = scanned.then(|| format!("https://qr.alipay.com/bax{:016x}", dice::draw(&[fate, 2, serial])));
    let names = [Some(trade_no.clone()), qr_code.clone()];
    let position = orders.insert(NewOrder {
        channel: Channel::Alipay,
        account: account.app_id.clone(),
        number: body.out_trade_no.clone(),
        description: body.subject.clone(),
        amount_minor: body.total_fen,
        holds: false,
        behaviour: world.payers.choose(&body.subject, dice::draw(&[fate, 1])),
        fate,
        created_at_ms: now_ms,
        met: !scanned,
        expires_at_ms,
        dies_at_ms: ends_ms,
        own: Own::new(TradeFacts {
            trade_no,
            qr_code,
            seller_id: account.seller_id.clone(),
            mode: request.mode,
            notify_url: request.notify_url.clone(),
            body,
        }),
    });
    for name in names.into_iter().flatten() {
        orders.call(position, &name);
    }
    Ok(Created { position, fresh: true })
}

/// The same number again: the same order is welcome while it is open.
fn may_reenter(known: &Order, body: &OrderBody) -> Result<(), Refusal> {
    let same = known.own.get::<TradeFacts>().is_some_and(|facts| facts.body == *body);
    match known.tab.state() {
        State::Success => Err(Refusal::business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")),
        State::Closed => Err(Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")),
        State::NotPay | State::Authorized if same => Ok(()),
        State::NotPay | State::Authorized => Err(Refusal::business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改")),
    }
}

/// What precreate answers.
pub(crate) fn code(orders: &Orders, position: usize) -> Result<Value, Refusal> {
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let facts = order.own.get::<TradeFacts>();
    let qr_code = facts.and_then(|facts| facts.qr_code.clone());
    // A number that was used for a page is not a code's.
    let qr_code = qr_code.ok_or_else(|| Refusal::business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"))?;
    Ok(json!({ "out_trade_no": order.number, "qr_code": qr_code }))
}

pub(crate) fn query(world: &Shared, request: &Verified<'_>, which: &Which) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let mut orders = world.orders();
    let position = find(&mut orders, &account.app_id, which, now_ms)?;
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let facts = order.own.get::<TradeFacts>().ok_or_else(Refusal::no_such_trade)?;
    let status = view::status(order, &orders.refunds, &account.refund_limits, now_ms);
    Ok(view::queried(order, facts, status.ok_or_else(Refusal::no_such_trade)?))
}

/// Closes a trade that waits for its payer. One that nobody has met cannot be closed: its code or page stays
/// alive until its end.
pub(crate) fn close(world: &Shared, request: &Verified<'_>, which: &Which) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let mut orders = world.orders();
    let position = find(&mut orders, &account.app_id, which, now_ms)?;
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    if order.tab.state() == State::Closed {
        return Err(Refusal::business("ACQ.REASON_TRADE_STATUS_INVALID", "交易状态异常"));
    }
    let named = named(order)?;
    let closing = orders.close(position, now_ms).ok_or_else(Refusal::no_such_trade)?;
    drop(orders);
    if world.carry_out(closing) {
        Ok(named)
    } else {
        Err(Refusal::business("ACQ.TRADE_STATUS_ERROR", "交易状态不合法"))
    }
}

/// Undoes a trade, whatever became of it: closes it, or gives the money back.
pub(crate) fn cancel(world: &Shared, request: &Verified<'_>, which: &Which) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let mut orders = world.orders();
    let with = |named: Value, action: Option<&str>| {
        let mut written = named;
        if let Some(members) = written.as_object_mut() {
            members.insert("retry_flag".to_owned(), "N".into());
            if let Some(action) = action {
                members.insert("action".to_owned(), action.into());
            }
        }
        written
    };
    // Not confirmed: a trade that nobody has met has nothing to be undone; the code stays payable here, as the worse case.
    let Ok(position) = find(&mut orders, &account.app_id, which, now_ms) else {
        return Ok(with(json!({ "out_trade_no": which.out_trade_no }), None));
    };
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let named = named(order)?;
    if order.tab.state() == State::Success {
        if now_ms.saturating_sub(order.tab.paid_at_ms.unwrap_or(now_ms)) > CANCEL_WINDOW_MS {
            return Err(Refusal::business("ACQ.TRADE_CANCEL_TIME_OUT", "超过撤销时间范围"));
        }
        drop(orders);
        refund::undo(world, position, now_ms);
        return Ok(with(named, Some("refund")));
    }
    let closing = orders.close(position, now_ms).ok_or_else(Refusal::no_such_trade)?;
    drop(orders);
    if world.carry_out(closing) {
        return Ok(with(named, Some("close")));
    }
    refund::undo(world, position, now_ms);
    Ok(with(named, Some("refund")))
}

/// The two numbers of a trade.
pub(crate) fn named(order: &Order) -> Result<Value, Refusal> {
    let facts = order.own.get::<TradeFacts>().ok_or_else(Refusal::no_such_trade)?;
    Ok(json!({ "trade_no": facts.trade_no, "out_trade_no": order.number }))
}
