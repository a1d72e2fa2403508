//! What Stripe keeps of what the merchant did not ask for through this sandbox: it knows the facts that lists and
//! answers need, and must never decide whether it is lawful.

use std::collections::BTreeMap;

use crate::by_hand::{HandMade, HandRefund, Sale, Sold};
use crate::keys::random_text;
use crate::orders::{Order, Orders};
use crate::own::Own;
use crate::stripe::account::Account;
use crate::stripe::front::{OrderFacts, RefundFacts};
use crate::{Channel, dice};

/// What is sold in, as long as the account has sold nothing.
const CURRENCY: &str = "hkd";

/// An intent of another of the merchant's programs, with his number where he writes it; in the currency of his last
/// one.
pub(super) fn sold(orders: &Orders, account: &Account, sale: &Sale<'_>) -> Sold {
    let ours = |order: &&Order| order.channel == Channel::Stripe && order.account == sale.account;
    let last = orders.list.iter().rev().find(ours).and_then(|order| order.own.get::<OrderFacts>());
    let id = format!("pi_3S{:016x}{:06}", dice::draw(&[sale.fate, 40]), sale.serial);
    let facts = OrderFacts {
        client_secret: format!("{id}_secret_{}", random_text(25)),
        id: id.clone(),
        currency: last.map_or_else(|| CURRENCY.to_owned(), |facts| facts.currency.clone()),
        capture_method: "automatic",
        metadata: BTreeMap::from([(account.given.number_member.clone(), sale.number.to_owned())]),
        suffix: None,
        asks_payer: false,
        processing: false,
        saved: None,
        installments: None,
        cancel_reason: None,
        dispute: None,
    };
    Sold { own: Own::new(facts), names: vec![id] }
}

/// A refund on the merchant's pages: there is no number of the merchant's on it.
pub(super) fn refunded(order: &Order, wish: &HandRefund<'_>) -> Option<HandMade> {
    let facts = order.own.get::<OrderFacts>()?;
    let refund_id = format!("re_3S{:016x}{:06}", dice::draw(&[wish.fate, 43]), wish.serial);
    let own = RefundFacts {
        intent: facts.id.clone(),
        charge: facts.charge_id(),
        currency: facts.currency.clone(),
        reason: Some("requested_by_customer"),
        metadata: BTreeMap::new(),
    };
    Some(HandMade { own: Own::new(own), number: refund_id.clone(), scope: refund_id.clone(), refund_id })
}
