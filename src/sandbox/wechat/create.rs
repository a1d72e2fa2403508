//! Creating an order, and creating it again: it knows when a number is free, re-entrant or dead, and
//! what the payer is given to pay with; it must never take money.

use serde_json::{Value, json};

use crate::books::State;
use crate::orders::{NewOrder, Order, Orders};
use crate::own::Own;
use crate::pace::beijing_digits;
use crate::payer::PayerMix;
use crate::wechat::body::{CreateBody, Kind};
use crate::wechat::front::OrderFacts;
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::{Channel, dice};

/// A code or prepay id is valid for two hours; without `time_expire` that ends the order's life too.
const CODE_LIFE_MS: i64 = 2 * 3_600_000;
/// Unpaid orders close by themselves after seven days.
const UNPAID_LIFE_MS: i64 = 7 * 24 * 3_600_000;

/// What a create needs besides its body.
pub(crate) struct Terms<'a> {
    pub(crate) now_ms: i64,
    pub(crate) fate: u64,
    pub(crate) sign_with: SignWith,
    pub(crate) payers: &'a PayerMix,
}

/// A created order.
pub(crate) struct Created {
    /// The position of an order that was not there before.
    pub(crate) fresh: Option<usize>,
    pub(crate) answer: Value,
}

pub(crate) fn create(orders: &mut Orders, body: CreateBody, terms: &Terms<'_>) -> Result<Created, Refusal> {
    let expired = body.expires_at_ms.is_some_and(|at| at <= terms.now_ms);
    let code_ends_ms = terms.now_ms.saturating_add(CODE_LIFE_MS);
    let expires_at_ms = body.expires_at_ms.unwrap_or(code_ends_ms);
    let kind = body.kind;
    let known = orders.by_number(Channel::Wechat, &body.mchid, &body.out_trade_no, terms.now_ms);
    if let Some(known) = &known {
        may_reenter(known, &body)?;
    }
    if expired {
        return Err(Refusal::parameter("/time_expire", "is in the past"));
    }
    let fresh = if let Some(known) = known {
        known.expires_at_ms = expires_at_ms;
        None
    } else {
        Some(orders.insert(NewOrder {
            channel: Channel::Wechat,
            account: body.mchid.clone(),
            number: body.out_trade_no.clone(),
            description: body.description.clone(),
            amount_minor: body.total_fen,
            holds: false,
            behaviour: terms.payers.choose(&body.description, dice::draw(&[terms.fate, 1])),
            fate: terms.fate,
            created_at_ms: terms.now_ms,
            met: true,
            expires_at_ms,
            dies_at_ms: terms.now_ms.saturating_add(UNPAID_LIFE_MS),
            own: Own::new(OrderFacts { body, sign_with: terms.sign_with }),
        }))
    };
    let serial = orders.next_serial();
    Ok(Created { fresh, answer: ticket(kind, terms.now_ms, dice::draw(&[terms.fate, 2, serial])) })
}

/// The same number again: the same parameters are welcome while the order is open.
fn may_reenter(known: &Order, body: &CreateBody) -> Result<(), Refusal> {
    let facts = known.own.get::<OrderFacts>();
    let same = facts.is_some_and(|known| known.body.kind == body.kind && known.body.whole == body.whole);
    match known.tab.state() {
        State::Success if same => Err(Refusal::new(400, "ORDER_PAID", "the order is paid")),
        State::Success => Err(Refusal::new(403, "OUT_TRADE_NO_USED", "out_trade_no is used by a paid order")),
        State::Closed => Err(Refusal::new(400, "ORDER_CLOSED", "the order is closed; use a new number")),
        State::NotPay | State::Authorized if same => Ok(()),
        State::NotPay | State::Authorized => {
            Err(Refusal::invalid("out_trade_no was used with other parameters").with_number(268_498_688))
        }
    }
}

/// What the payer is given, always a fresh one.
fn ticket(kind: Kind, now_ms: i64, draw: u64) -> Value {
    let prepay_id = format!("wx{}{draw:016x}{:02x}00", beijing_digits(now_ms), draw % 251);
    match kind {
        Kind::Native => json!({ "code_url": format!("weixin://wxpay/bizpayurl?pr={draw:016x}") }),
        Kind::Jsapi | Kind::App | Kind::Debit => json!({ "prepay_id": prepay_id }),
        Kind::H5 => {
            let address = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb";
            json!({ "h5_url": format!("{address}?prepay_id={prepay_id}&package={}", draw % 10_000_000_000) })
        }
    }
}
