//! Pre-authorisations: it knows how money is frozen, paid from and let go in Alipay's words; that a payer agrees is
//! the common payers'.

use serde_json::{Value, json};

use crate::alipay::account::App;
use crate::alipay::freeze_body::{FreezeBody, Frozen, Unfreeze};
use crate::alipay::keys::Mode;
use crate::alipay::params::Params;
use crate::alipay::refusal::Refusal;
use crate::alipay::verify::{self, Verified};
use crate::alipay::{amount, moment, view};
use crate::books::State;
use crate::fates::Subject;
use crate::orders::{NewOrder, Order, Orders};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::shared::Shared;
use crate::{Channel, dice};

/// The method whose order string the payer's app opens.
pub(crate) const APP_METHOD: &str = "alipay.fund.auth.order.app.freeze";

/// What Alipay keeps of a pre-authorisation.
pub(crate) struct HoldFacts {
    body: FreezeBody,
    pub(crate) auth_no: String,
    pub(crate) mode: Mode,
    pub(crate) notify_url: Option<String>,
    code: Option<String>,
    /// What is left of it.
    pub(crate) rest_fen: i64,
    pub(crate) paid_fen: i64,
    /// What was let go, by the merchant's number.
    released: Vec<(String, i64)>,
    cancelled: bool,
}

pub(super) fn no_such_hold() -> Refusal {
    Refusal::business("AUTH_ORDER_NOT_EXIST", "授权订单不存在")
}

fn name(out_order_no: &str) -> String {
    format!("freeze/{out_order_no}")
}

pub(super) fn find(orders: &mut Orders, app_id: &str, frozen: &Frozen, now_ms: i64) -> Result<usize, Refusal> {
    let position = match frozen {
        Frozen::AuthNo(no) => orders.position_of(Channel::Alipay, app_id, no),
        Frozen::Pair(pair) => orders.position_of(Channel::Alipay, app_id, &name(&pair.out_order_no)),
    };
    let position = position.ok_or_else(no_such_hold)?;
    let order = orders.at(position, now_ms).ok_or_else(no_such_hold)?;
    let facts = order.own.get::<HoldFacts>().ok_or_else(no_such_hold)?;
    let same = match frozen {
        Frozen::Pair(pair) => facts.body.pair == *pair,
        Frozen::AuthNo(_) => order.tab.authorized_at_ms.is_some(),
    };
    same.then_some(position).ok_or_else(no_such_hold)
}

/// Enters a pre-authorisation, or finds the same again; gives its position and whether it is new.
fn enter(
    world: &Shared,
    app: &App,
    request: &Verified<'_>,
    body: FreezeBody,
    scanned: bool,
) -> Result<(usize, bool), Refusal> {
    let (now_ms, app_id) = (world.pace.now_ms(), app.account.app_id.as_str());
    let label = name(&body.pair.out_order_no);
    let subject = Subject::Create { number: &label, description: &body.title, amount_minor: body.fen };
    let fate = world.draw(app.asker(), subject).fate;
    let mut orders = world.orders();
    if let Some(position) = orders.position_of(Channel::Alipay, app_id, &label) {
        let known = orders.at(position, now_ms).ok_or_else(no_such_hold)?;
        // A repetition has the same pair and the same amount; the rest of it is not looked at.
        let same = known.own.get::<HoldFacts>().is_some_and(|facts| {
            facts.body.pair == body.pair && facts.body.fen == body.fen && facts.code.is_some() == scanned
        });
        return match known.tab.state() {
            _ if !same => Err(Refusal::business("ORDER_ALREADY_EXISTS", "订单已存在，且参数不一致")),
            State::NotPay => Ok((position, false)),
            State::Authorized | State::Success => Err(Refusal::business("ORDER_ALREADY_FREEZE", "订单已冻结")),
            State::Closed => Err(Refusal::business("ORDER_ALREADY_CLOSED", "订单已关闭")),
        };
    }
    let day: String = beijing_digits(now_ms).chars().take(8).collect();
    let serial = orders.next_serial();
    let auth_no = format!("{day}10002{:05}{serial:010}", fate % 100_000);
    let code = scanned.then(|| format!("https://qr.alipay.com/fba{:016x}", dice::draw(&[fate, 2, serial])));
    let names = [Some(label), Some(auth_no.clone()), code.clone()];
    let ends_ms = now_ms.saturating_add(body.life_ms);
    let position = orders.insert(NewOrder {
        channel: Channel::Alipay,
        account: app_id.to_owned(),
        number: body.pair.out_order_no.clone(),
        description: body.title.clone(),
        amount_minor: body.fen,
        holds: true,
        behaviour: world.payers.choose(&body.title, dice::draw(&[fate, 1])),
        fate,
        created_at_ms: now_ms,
        met: !scanned,
        expires_at_ms: ends_ms,
        dies_at_ms: ends_ms,
        own: Own::new(HoldFacts {
            auth_no,
            mode: request.mode,
            notify_url: request.notify_url.clone(),
            code,
            rest_fen: body.fen,
            paid_fen: 0,
            released: Vec::new(),
            cancelled: false,
            body,
        }),
    });
    names.into_iter().flatten().for_each(|name| orders.call(position, &name));
    drop(orders);
    world.payer_arrives(position);
    Ok((position, true))
}

/// A code for the payer to scan.
pub(crate) fn voucher(world: &Shared, request: &Verified<'_>, body: FreezeBody) -> Result<Value, Refusal> {
    let pair = body.pair.clone();
    let (position, _) = enter(world, request.app, request, body, true)?;
    let orders = world.orders();
    let facts = orders.list.get(position).and_then(|order| order.own.get::<HoldFacts>()).ok_or_else(no_such_hold)?;
    Ok(json!({
        "out_order_no": pair.out_order_no,
        "out_request_no": pair.out_request_no,
        "code_type": "qrCode",
        "code_value": facts.code,
        "code_url": "https://mobilecodec.alipay.com/show.htm",
    }))
}

/// The pre-authorisation of a signed order string, which the payer's app opens.
pub(crate) fn open(world: &Shared, params: &Params) -> Result<usize, Refusal> {
    let app = verify::app(&world.alipay, params)?;
    let request = verify::verify(&world.alipay, app, params, None)?;
    let body = FreezeBody::read(&request.biz_content, "PRE_AUTH_ONLINE")?;
    Ok(enter(world, app, &request, body, false)?.0)
}

/// The members that answers and notifications share.
pub(crate) fn members(order: &Order, facts: &HoldFacts) -> Vec<(&'static str, String)> {
    let mut members = vec![
        ("auth_no", facts.auth_no.clone()),
        ("out_order_no", facts.body.pair.out_order_no.clone()),
        ("operation_id", format!("{}01", facts.auth_no)),
        ("out_request_no", facts.body.pair.out_request_no.clone()),
        ("operation_type", "FREEZE".to_owned()),
        ("amount", amount::write(facts.body.fen)),
        ("gmt_create", moment::write(order.tab.created_at_ms)),
        ("payer_user_id", view::buyer(order)),
        ("payer_logon_id", "san***@sandbox.example".to_owned()),
        ("total_freeze_amount", amount::write(facts.body.fen)),
        ("total_pay_amount", amount::write(facts.paid_fen)),
        ("rest_amount", amount::write(facts.rest_fen)),
    ];
    members.extend(order.tab.authorized_at_ms.map(|at_ms| ("gmt_trans", moment::write(at_ms))));
    members
}

/// Shows a pre-authorisation. One that no payer's device has met does not exist.
pub(crate) fn query(world: &Shared, request: &Verified<'_>, frozen: &Frozen) -> Result<Value, Refusal> {
    let now_ms = world.pace.now_ms();
    let mut orders = world.orders();
    let position = find(&mut orders, &request.app.account.app_id, frozen, now_ms)?;
    let order = orders.list.get(position).filter(|order| order.met_at_ms.is_some()).ok_or_else(no_such_hold)?;
    let facts = order.own.get::<HoldFacts>().ok_or_else(no_such_hold)?;
    let (whole, part) = match order.tab.state() {
        State::NotPay => ("INIT", "INIT"),
        State::Authorized | State::Success => ("AUTHORIZED", "SUCCESS"),
        State::Closed if order.tab.authorized_at_ms.is_some() => ("FINISH", "SUCCESS"),
        State::Closed => ("CLOSED", "CLOSED"),
    };
    let mut written = json!({ "order_status": whole, "status": part, "order_title": order.description });
    if let Some(content) = written.as_object_mut() {
        content.extend(members(order, facts).into_iter().map(|(name, text)| (name.to_owned(), text.into())));
    }
    Ok(written)
}

pub(super) fn finish_if_empty(order: &mut Order, now_ms: i64) {
    if order.own.get::<HoldFacts>().is_some_and(|facts| facts.rest_fen == 0) {
        order.tab.close(now_ms);
    }
}

/// Lets a part go. The same number with the same amount is one part.
pub(crate) fn unfreeze(world: &Shared, request: &Verified<'_>, wish: &Unfreeze) -> Result<Value, Refusal> {
    let now_ms = world.pace.now_ms();
    let mut orders = world.orders();
    let frozen = Frozen::AuthNo(wish.auth_no.clone());
    let position = find(&mut orders, &request.app.account.app_id, &frozen, now_ms)?;
    let order = orders.list.get_mut(position).ok_or_else(no_such_hold)?;
    let open = order.tab.state() == State::Authorized;
    let facts = order.own.get_mut::<HoldFacts>().ok_or_else(no_such_hold)?;
    let known = facts.released.iter().find(|(number, _)| *number == wish.out_request_no).map(|(_, fen)| *fen);
    match known {
        Some(fen) if fen == wish.fen => {}
        Some(_) => return Err(Refusal::business("REQUEST_AMOUNT_EXCEED", "请求信息不一致")),
        None if !open => return Err(Refusal::business("ORDER_ALREADY_FINISHED", "授权订单已完结")),
        None if wish.fen > facts.rest_fen => return Err(Refusal::business("REQUEST_AMOUNT_EXCEED", "请求金额超限")),
        None => {
            facts.rest_fen -= wish.fen;
            facts.released.push((wish.out_request_no.clone(), wish.fen));
        }
    }
    let out_order_no = facts.body.pair.out_order_no.clone();
    finish_if_empty(order, now_ms);
    Ok(json!({
        "auth_no": wish.auth_no,
        "out_order_no": out_order_no,
        "operation_id": format!("{}02", wish.auth_no),
        "out_request_no": wish.out_request_no,
        "amount": amount::write(wish.fen),
        "status": "SUCCESS",
        "gmt_trans": moment::write(now_ms),
    }))
}

/// Undoes a pre-authorisation from which nothing was paid.
pub(crate) fn cancel(world: &Shared, request: &Verified<'_>, frozen: &Frozen) -> Result<Value, Refusal> {
    let now_ms = world.pace.now_ms();
    let mut orders = world.orders();
    let position = find(&mut orders, &request.app.account.app_id, frozen, now_ms)?;
    let order = orders.list.get_mut(position).ok_or_else(no_such_hold)?;
    let was_frozen = order.tab.authorized_at_ms.is_some();
    let over = order.tab.state() == State::Closed;
    let facts = order.own.get_mut::<HoldFacts>().ok_or_else(no_such_hold)?;
    if facts.paid_fen > 0 || !facts.released.is_empty() || (over && was_frozen && !facts.cancelled) {
        return Err(Refusal::business("ORDER_ALREADY_FINISHED", "授权订单不可撤销"));
    }
    facts.cancelled = true;
    facts.rest_fen = 0;
    let (auth_no, pair) = (facts.auth_no.clone(), facts.body.pair.clone());
    order.tab.close(now_ms);
    Ok(json!({
        "auth_no": auth_no,
        "out_order_no": pair.out_order_no,
        "operation_id": format!("{auth_no}01"),
        "out_request_no": pair.out_request_no,
        "action": if was_frozen { "unfreeze" } else { "close" },
    }))
}
