//! Purchases: it knows when a number is free, how long an order lives and when money that was on its way at
//! its end arrives; it must never take money.

use crate::orders::NewOrder;
use crate::own::Own;
use crate::payer::Behaviour;
use crate::shared::Shared;
use crate::timers::Due;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::front::OrderFacts;
use crate::unionpay::refusal::Refusal;
use crate::unionpay::request::{Purchase, Way};
use crate::{Channel, PayerMix, dice, pace};

/// How long an order without `payTimeout` can be paid. What the real network grants is not confirmed.
const LIFE_MS: i64 = 3_600_000;
/// Money in flight that takes the long way comes later than the minutes that a merchant usually waits.
const LONG_WAY_MS: i64 = 6 * 60_000;

/// An order that was placed, now or before.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) position: usize,
    /// What the merchant's app hands to the network's.
    pub(crate) tn: String,
}

impl Shared {
    /// The rules of a purchase.
    pub(super) fn unionpay_purchase(
        &self,
        merchant: &UnionpayMerchant,
        purchase: Purchase,
        fate: u64,
    ) -> Result<Placed, Refusal> {
        let (channel, mer_id) = (Channel::Unionpay, merchant.mer_id.as_str());
        let (now_ms, unique) = (self.pace.now_ms(), purchase.name.unique());
        let mut orders = self.orders();
        if orders.refunds.position(channel, mer_id, &unique).is_some() {
            return Err(Refusal::duplicate());
        }
        if let Some(position) = orders.position_of(channel, mer_id, &unique) {
            let facts = orders.list.get(position).and_then(|order| order.own.get::<OrderFacts>());
            // A payer may post the form again: that is the same page. A merchant's server may not.
            let again = |facts: &&OrderFacts| {
                purchase.way == Way::Front && facts.request.canonical() == purchase.fields.canonical()
            };
            let facts = facts.filter(again).ok_or_else(Refusal::duplicate)?;
            return Ok(Placed { position, tn: facts.tn.clone() });
        }
        let expires_at_ms = purchase.expires_at_ms.unwrap_or_else(|| now_ms.saturating_add(LIFE_MS));
        if expires_at_ms <= now_ms {
            return Err(Refusal::format("payTimeout"));
        }
        let tn = format!("{}{:07}", pace::beijing_digits(now_ms), orders.next_serial() % 10_000_000);
        let behaviour = self.payers.choose(&purchase.said, dice::draw(&[fate, 1]));
        let position = orders.insert(NewOrder {
            channel,
            account: mer_id.to_owned(),
            number: purchase.name.order_id.clone(),
            description: purchase.said,
            amount_minor: purchase.amount_fen,
            holds: false,
            behaviour,
            fate,
            created_at_ms: now_ms,
            met: true,
            expires_at_ms,
            // There is no call that closes an order: it ends here, or is paid by what is under way.
            dies_at_ms: expires_at_ms,
            own: Own::new(OrderFacts { request: purchase.fields, name: purchase.name, tn: tn.clone() }),
        });
        orders.split(position, purchase.installments);
        orders.call(position, &unique);
        orders.call(position, &handed_over(&tn));
        drop(orders);
        self.payer_arrives(position);
        if let Some(at_ms) = lands_at(&self.payers, behaviour, fate, expires_at_ms) {
            self.timers.add(at_ms, Due::Land(position));
        }
        Ok(Placed { position, tn })
    }
}

/// Under what an order is found by the number that its payer's app was given.
pub(crate) fn handed_over(tn: &str) -> String {
    format!("tn/{tn}")
}

/// When money arrives of a payer who pays at the end: at the very last moment, or after it.
fn lands_at(payers: &PayerMix, behaviour: Behaviour, fate: u64, expires_at_ms: i64) -> Option<i64> {
    let landing_ms = dice::within(dice::draw(&[fate, 12]), payers.landing_ms);
    let long = dice::below(dice::draw(&[fate, 42]), 2) == 0;
    match behaviour {
        Behaviour::Closing => Some(expires_at_ms.saturating_sub(1)),
        Behaviour::InFlight => {
            let way_ms = if long { LONG_WAY_MS } else { 0 };
            Some(expires_at_ms.saturating_add(way_ms).saturating_add(landing_ms))
        }
        Behaviour::Soon | Behaviour::Late | Behaviour::Never | Behaviour::Retry => None,
    }
}
