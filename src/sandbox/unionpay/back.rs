//! Refunds and voids: it knows when they are lawful; what then happens to the money is the common books'.

use crate::books::State;
use crate::orders::{Order, Orders};
use crate::own::Own;
use crate::refund::RefundBehaviour;
use crate::refund_books::RefundState;
use crate::refunds::{NewRefund, Unlawful};
use crate::shared::Shared;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::front::{OrderFacts, RefundFacts};
use crate::unionpay::refusal::Refusal;
use crate::unionpay::request::{Named, Return};
use crate::unionpay::{story, time};
use crate::{Channel, RefundLimits};

/// How long after its payment an order can be refunded: eleven months, counted as 330 days. It depends on
/// the product and is not confirmed.
const WINDOW_MS: i64 = 330 * 24 * 3_600_000;

impl Shared {
    /// Carries out a refund or void, and gives the network's number of it.
    pub(super) fn unionpay_return(
        &self,
        merchant: &UnionpayMerchant,
        back: Return,
        fate: u64,
    ) -> Result<String, Refusal> {
        let void = back.void;
        let (position, query_id) = self.accept(&mut self.orders(), &merchant.mer_id, back, fate)?;
        self.tally.change(|counters| counters.refunds += 1);
        if void {
            // A void is on the card at once.
            self.refund_moves(position, 0);
        } else {
            self.refund_under_way(position);
        }
        Ok(query_id)
    }

    fn accept(&self, orders: &mut Orders, mer_id: &str, back: Return, fate: u64) -> Result<(usize, String), Refusal> {
        let (channel, now_ms, unique) = (Channel::Unionpay, self.pace.now_ms(), back.name.unique());
        let used = orders.refunds.position(channel, mer_id, &unique).is_some()
            || orders.position_of(channel, mer_id, &unique).is_some();
        if used {
            return Err(Refusal::duplicate());
        }
        let position = find_order(orders, mer_id, &back.of).ok_or_else(Refusal::no_such_transaction)?;
        orders.at(position, now_ms).ok_or_else(Refusal::no_such_transaction)?;
        let order = orders.list.get(position).ok_or_else(Refusal::no_such_transaction)?;
        if order.tab.state() != State::Success {
            return Err(Refusal::original("the original transaction has not succeeded"));
        }
        if back.void {
            may_be_voided(orders, order, &back, now_ms)?;
        }
        let limits = RefundLimits {
            window_ms: self.refund_limits.window_ms.min(WINDOW_MS),
            // The documents ask for no pause between refunds.
            interval_ms: 0,
            ..self.refund_limits
        };
        orders.refunds.lawful(order, back.amount_fen, now_ms, &limits).map_err(in_words)?;
        let behaviour = match self.refunds.choose(&back.said, fate) {
            _ if back.void => RefundBehaviour::Success,
            // What the payer's bank sends back ends at the merchant: there is no second way to the payer.
            RefundBehaviour::Abnormal | RefundBehaviour::Stubborn => RefundBehaviour::Closed,
            // Nor is there a word for a success that does not last.
            RefundBehaviour::Reversed => RefundBehaviour::Success,
            other => other,
        };
        let scope = (channel, mer_id, unique.as_str());
        if orders.refunds.is_short(scope, (behaviour, fate), &self.refunds, now_ms) {
            // Which code the real network gives here is not confirmed.
            return Err(Refusal::new("64", "the balance of the merchant is too low"));
        }
        let query_id = story::query_id(fate, now_ms, orders.next_serial());
        let transaction_id = match back.of {
            Named::QueryId(id) => Some(id),
            Named::Name(_) => None,
        };
        let accepted = orders.accept_refund(NewRefund {
            order: position,
            number: back.name.order_id.clone(),
            scope: unique,
            refund_id: query_id.clone(),
            transaction_id,
            amount_minor: back.amount_fen,
            reason: (!back.said.is_empty()).then_some(back.said),
            behaviour,
            fate,
            now_ms,
            own: Own::new(RefundFacts { request: back.fields, name: back.name }),
        });
        Ok((accepted.ok_or_else(Refusal::no_such_transaction)?, query_id))
    }
}

/// The purchase that a merchant names.
pub(crate) fn find_order(orders: &Orders, mer_id: &str, named: &Named) -> Option<usize> {
    match named {
        Named::QueryId(id) => orders.position_of(Channel::Unionpay, mer_id, id),
        Named::Name(name) => {
            let position = orders.position_of(Channel::Unionpay, mer_id, &name.unique())?;
            let facts = orders.list.get(position)?.own.get::<OrderFacts>()?;
            (facts.name == *name).then_some(position)
        }
    }
}

/// The whole amount, on the same day of the network, and nothing was given back before.
fn may_be_voided(orders: &Orders, order: &Order, back: &Return, now_ms: i64) -> Result<(), Refusal> {
    if back.amount_fen != order.amount_minor {
        return Err(Refusal::new("36", "a void is of the whole amount"));
    }
    let same_day = order.tab.paid_at_ms.is_some_and(|at_ms| time::day(at_ms) == time::day(now_ms));
    if !same_day {
        return Err(Refusal::original("the day of the original transaction is over"));
    }
    if orders.refunds.of(order).any(|one| one.tab.state != RefundState::Closed) {
        return Err(Refusal::original("the original transaction was refunded or voided"));
    }
    Ok(())
}

fn in_words(why: Unlawful) -> Refusal {
    match why {
        Unlawful::Late => Refusal::original("the original transaction is too old"),
        // Whether the real network says 33 or 36 here is not confirmed.
        Unlawful::Excessive => Refusal::new("33", "the refunds exceed the original transaction"),
        Unlawful::Often => Refusal::new("33", "the original transaction was refunded too many times"),
        Unlawful::Soon => Refusal::new("37", "too many requests"),
    }
}
