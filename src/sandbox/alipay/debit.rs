//! Debits under an agreement: it knows when one is lawful in Alipay's words and how its result is answered; whether
//! the payer's side pays is the common payers'.

use serde_json::{Value, json};

use crate::agreements::{Agreement, Broken, DebitCall};
use crate::alipay::agreement::AgreementFacts;
use crate::alipay::agreement_body::DebitBody;
use crate::alipay::front::TradeFacts;
use crate::alipay::period::{day_of, is_open};
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::Verified;
use crate::alipay::{moment, view};
use crate::books::State;
use crate::debiting::When;
use crate::orders::{NewOrder, Orders};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::payer::Behaviour;
use crate::shared::Shared;
use crate::{Channel, DebitOutcome, Decline, dice};

/// One of so many debits is not decided at once.
const SLOW_IN: u64 = 8;

/// What is done with a call.
enum Course {
    /// A debit under the agreement at this position.
    New(usize),
    /// A debit that was declined is tried again.
    Again(usize),
    /// It was asked for before.
    Repeated(usize),
}

/// Debits, or shows what became of the same debit before.
pub(crate) fn pay(world: &Shared, request: &Verified<'_>, body: DebitBody, fate: u64) -> Result<Value, Refusal> {
    let (account, now_ms) = (&request.app.account, world.pace.now_ms());
    let (app_id, number, fen) = (account.app_id.as_str(), body.order.out_trade_no.clone(), body.order.total_fen);
    let mut orders = world.orders();
    let found = orders.agreements.position_of(Channel::Alipay, app_id, &body.agreement_no);
    let name = found.and_then(|position| orders.agreements.list.get(position)).map(|one| one.number.clone());
    let name = name.unwrap_or_else(|| body.agreement_no.clone());
    let call = DebitCall {
        channel: Channel::Alipay,
        account: app_id,
        agreement: &name,
        number: &number,
        amount_minor: fen,
        at_ms: now_ms,
    };
    let course = match judge(&mut orders, app_id, &body, found, now_ms) {
        Ok(course) => course,
        Err(refusal) => {
            orders.agreements.note(call, DebitOutcome::Refused(refusal.sub_code.clone()));
            return Err(refusal);
        }
    };
    let slow = body.is_async || dice::below(dice::draw(&[fate, 68]), SLOW_IN) == 0;
    let when = if slow { When::Later } else { When::Now };
    let position = match course {
        Course::Repeated(position) => {
            orders.agreements.note(call, DebitOutcome::Repeated);
            return answer(&orders, position, false);
        }
        Course::Again(position) => {
            orders.enter_debit_again(position, now_ms);
            position
        }
        Course::New(agreement) => enter(&mut orders, request, body, agreement, fate, now_ms),
    };
    // A debit that is under way can be seen; one that is declined at once leaves no trade.
    if let Some(order) = orders.list.get_mut(position).filter(|_| slow) {
        order.met_at_ms.get_or_insert(now_ms);
    }
    drop(orders);
    world.debit_entered(position, when);
    answer(&world.orders(), position, slow)
}

fn judge(
    orders: &mut Orders,
    app_id: &str,
    body: &DebitBody,
    found: Option<usize>,
    now_ms: i64,
) -> Result<Course, Refusal> {
    let agreement = found.and_then(|position| orders.agreements.list.get(position));
    if let Some(position) = orders.position(Channel::Alipay, app_id, &body.order.out_trade_no) {
        let known = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
        let same = known.own.get::<TradeFacts>().is_some_and(|facts| facts.body == body.order);
        let Some(debit) = known.debit.filter(|debit| same && Some(debit.agreement) == found) else {
            return Err(Refusal::business("ACQ.CONTEXT_INCONSISTENT", "交易信息被篡改"));
        };
        return match known.tab.state() {
            State::Success => Err(Refusal::business("ACQ.TRADE_HAS_SUCCESS", "交易已被支付")),
            State::Closed if debit.declined.is_some() && known.met_at_ms.is_none() => {
                lawful(agreement, body, now_ms).map(|()| Course::Again(position))
            }
            State::Closed => Err(Refusal::business("ACQ.TRADE_HAS_CLOSE", "交易已经关闭")),
            State::NotPay | State::Authorized => Ok(Course::Repeated(position)),
        };
    }
    lawful(agreement, body, now_ms)?;
    found.map(Course::New).ok_or_else(|| Refusal::business("ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在"))
}

fn lawful(agreement: Option<&Agreement>, body: &DebitBody, now_ms: i64) -> Result<(), Refusal> {
    let refused = |sub_code: &str, why: &str| Err(Refusal::business(sub_code, why));
    let Some(one) = agreement.filter(|one| one.signed_at_ms.is_some()) else {
        return refused("ACQ.AGREEMENT_NOT_EXIST", "用户协议不存在");
    };
    if !one.is_signed() {
        return refused("ACQ.AGREEMENT_INVALID", "用户协议失效");
    }
    let day = one.own.get::<AgreementFacts>().and_then(|facts| facts.next);
    if day.is_some_and(|day| !is_open(day, day_of(now_ms))) {
        return refused("ACQ.CYCLE_PAY_DATE_NOT_MATCH", "扣款日期不在签约时的允许范围之内");
    }
    match one.allows(body.order.total_fen) {
        Ok(()) => Ok(()),
        Err(Broken::Single) => refused("ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED", "周期扣款金额超过单次扣款最大限额"),
        Err(Broken::Total) => refused("ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED", "周期扣款累计金额超过限额"),
        Err(Broken::Times) => refused("ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED", "周期扣款累计次数超过限制"),
    }
}

fn enter(
    orders: &mut Orders,
    request: &Verified<'_>,
    body: DebitBody,
    agreement: usize,
    fate: u64,
    now_ms: i64,
) -> usize {
    let account = &request.app.account;
    let day: String = beijing_digits(now_ms).chars().take(8).collect();
    let trade_no = format!("{day}22001{:05}{:010}", fate % 100_000, orders.next_serial());
    let position = orders.enter_debit(
        agreement,
        NewOrder {
            channel: Channel::Alipay,
            account: account.app_id.clone(),
            number: body.order.out_trade_no.clone(),
            description: body.order.subject.clone(),
            amount_minor: body.order.total_fen,
            holds: false,
            behaviour: Behaviour::Never,
            fate,
            created_at_ms: now_ms,
            met: false,
            expires_at_ms: now_ms,
            dies_at_ms: i64::MAX,
            own: Own::new(TradeFacts {
                trade_no: trade_no.clone(),
                qr_code: None,
                seller_id: account.seller_id.clone(),
                mode: request.mode,
                notify_url: request.notify_url.clone(),
                body: body.order,
            }),
        },
    );
    orders.call(position, &trade_no);
    position
}

/// What the call is answered. `slow`: it will be decided later.
fn answer(orders: &Orders, position: usize, slow: bool) -> Result<Value, Refusal> {
    let order = orders.list.get(position).ok_or_else(Refusal::no_such_trade)?;
    let facts = order.own.get::<TradeFacts>().ok_or_else(Refusal::no_such_trade)?;
    let debit = order.debit.ok_or_else(Refusal::no_such_trade)?;
    if let Some(decline) = debit.declined {
        return Err(declined(decline));
    }
    let mut written = view::queried(order, facts, "");
    if let Some(members) = written.as_object_mut() {
        members.remove("trade_status");
        if debit.pending {
            members.insert("code".to_owned(), "10003".into());
            members.insert("msg".to_owned(), "order success pay inprocess".into());
            if slow {
                members.insert("async_payment_mode".to_owned(), json!("ASYNC_REALTIME_PAY"));
                members.insert("async_pay_apply_status".to_owned(), json!("S"));
            }
        } else if let Some(at_ms) = order.tab.paid_at_ms {
            members.insert("gmt_payment".to_owned(), moment::write(at_ms).into());
        }
    }
    Ok(written)
}

/// The codes of the documents by class of decline.
fn declined(decline: Decline) -> Refusal {
    match decline {
        Decline::InsufficientFunds => Refusal::business("ACQ.BUYER_BALANCE_NOT_ENOUGH", "买家余额不足"),
        Decline::Hard => Refusal::business("ACQ.BUYER_ENABLE_STATUS_FORBID", "买家状态非法"),
        Decline::Risk | Decline::Authentication => Refusal::business("ACQ.PAYMENT_REQUEST_HAS_RISK", "支付有风险"),
        Decline::Technical => Refusal::business("ACQ.PAYMENT_FAIL", "支付失败"),
    }
}
