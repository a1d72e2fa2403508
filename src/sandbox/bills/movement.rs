//! Movements: each time that money moved on a channel, read from the books of orders and refunds. It knows what moved,
//! when and what the channel kept of it, and must never know how a channel writes that.

use crate::Channel;
use crate::FeeTerms;
use crate::books::Taking;
use crate::front::Front;
use crate::orders::{Order, Orders};
use crate::refund_books::RefundState;
use crate::refunds::Refund;

/// What moved money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum What {
    /// From a payer to the merchant.
    Payment,
    /// Back to him.
    Refund,
    /// The payer's bank sent a refund back.
    Return,
    /// The payer's bank withdrew a payment.
    Dispute,
    /// It gave it back.
    DisputeWon,
}

/// Money that moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Movement {
    pub(crate) what: What,
    pub(crate) at_ms: i64,
    /// The position of its order.
    pub(crate) order: usize,
    /// Of its refund.
    pub(crate) refund: Option<usize>,
    /// The how-manieth of its kind for the order or refund, from 0.
    pub(crate) nth: usize,
    /// The channel's number of the charge.
    pub(crate) transaction_id: String,
    /// In minor units, whichever way it went.
    pub(crate) amount_minor: i64,
    /// What the channel keeps of it; below 0 it gives back.
    pub(crate) fee_minor: i64,
    /// As the channel writes it.
    pub(crate) currency: String,
    /// It is told a second time, on request.
    pub(crate) again: bool,
}

impl What {
    /// Whether money came to the merchant.
    pub(crate) const fn comes(self) -> bool {
        matches!(self, Self::Payment | Self::Return | Self::DisputeWon)
    }
}

impl Movement {
    /// What the merchant's balance with the channel changes by, before fees.
    pub(crate) const fn signed_minor(&self) -> i64 {
        if self.what.comes() { self.amount_minor } else { self.amount_minor.saturating_neg() }
    }

    /// The same after fees.
    pub(crate) const fn net_minor(&self) -> i64 {
        self.signed_minor().saturating_sub(self.fee_minor)
    }
}

/// Something that happened to a refund of an order's.
struct Step {
    at_ms: i64,
    refund: usize,
    nth: usize,
    gave: bool,
}

/// All movements of one order.
fn of_order(orders: &Orders, position: usize, order: &Order, front: &dyn Front, fees: &FeeTerms) -> Vec<Movement> {
    if order.tab.forgotten || order.tab.takings.is_empty() {
        return Vec::new();
    }
    let currency = front.currency(order);
    let one = |what, at_ms, refund, nth, taking: &Taking, amount_minor, fee_minor| Movement {
        what,
        at_ms,
        order: position,
        refund,
        nth,
        transaction_id: taking.transaction_id.clone(),
        amount_minor,
        fee_minor,
        currency: currency.clone(),
        again: false,
    };
    let mut found = Vec::with_capacity(order.tab.takings.len());
    for (nth, taking) in order.tab.takings.iter().enumerate() {
        let amount = taking.amount_minor;
        found.push(one(What::Payment, taking.at_ms, None, nth, taking, amount, fees.of(amount)));
    }
    let mut refunded_minor = 0_i64;
    for step in steps(orders, order) {
        let Some(refund) = orders.refunds.list.get(step.refund) else { continue };
        let Some(taking) = charge_of(order, refund) else { continue };
        let (amount, fee) = (taking.amount_minor, fees.of(taking.amount_minor));
        let before = fees.given_back(fee, amount, refunded_minor);
        let change = if step.gave { refund.tab.amount_minor } else { refund.tab.amount_minor.saturating_neg() };
        refunded_minor = refunded_minor.saturating_add(change);
        let after = fees.given_back(fee, amount, refunded_minor);
        let what = if step.gave { What::Refund } else { What::Return };
        let fee_minor = before.saturating_sub(after);
        let amount = refund.tab.amount_minor;
        found.push(one(what, step.at_ms, Some(step.refund), step.nth, taking, amount, fee_minor));
    }
    if let Some(taking) = order.tab.takings.last() {
        for (what, at_ms, amount_minor) in front.complaints(order) {
            found.push(one(what, at_ms, None, 0, taking, amount_minor, 0));
        }
    }
    found
}

/// The charge that a refund gives back.
fn charge_of<'a>(order: &'a Order, refund: &Refund) -> Option<&'a Taking> {
    let named = order.tab.takings.iter().find(|taking| taking.transaction_id == refund.transaction_id);
    named.or_else(|| order.tab.takings.last())
}

/// What happened to the refunds of an order, in the order of time.
fn steps(orders: &Orders, order: &Order) -> Vec<Step> {
    let mut found = Vec::new();
    for position in &order.refunds {
        let Some(refund) = orders.refunds.list.get(*position) else { continue };
        let (mut gave, mut back, mut holds) = (0, 0, false);
        for event in &refund.events {
            match event.state {
                RefundState::Success => {
                    found.push(Step { at_ms: event.at_ms, refund: *position, nth: gave, gave: true });
                    (gave, holds) = (gave + 1, true);
                }
                RefundState::Abnormal | RefundState::Closed if holds => {
                    found.push(Step { at_ms: event.at_ms, refund: *position, nth: back, gave: false });
                    (back, holds) = (back + 1, false);
                }
                RefundState::Processing | RefundState::Abnormal | RefundState::Closed => {}
            }
        }
    }
    found.sort_by_key(|step| step.at_ms);
    found
}

impl Orders {
    /// The movements of one order of a channel.
    pub(crate) fn movements_of(&self, position: usize, front: &dyn Front, fees: &FeeTerms) -> Vec<Movement> {
        self.list.get(position).map(|order| of_order(self, position, order, front, fees)).unwrap_or_default()
    }

    /// The movements of an account before `end_ms`, in the order of time.
    pub(crate) fn movements(
        &self,
        (channel, account): (Channel, &str),
        front: &dyn Front,
        fees: &FeeTerms,
        (begin_ms, end_ms): (i64, i64),
    ) -> Vec<Movement> {
        let mut found = Vec::new();
        for (position, order) in self.list.iter().enumerate() {
            if order.channel == channel && order.account == account {
                let of_it = of_order(self, position, order, front, fees);
                found.extend(of_it.into_iter().filter(|one| (begin_ms..end_ms).contains(&one.at_ms)));
            }
        }
        found.sort_by_key(|one| (one.at_ms, one.order, one.what, one.refund, one.nth));
        found
    }

    /// The merchant's number of what moved: of the refund, else of the order.
    pub(crate) fn number_of(&self, one: &Movement) -> &str {
        let refund = one.refund.and_then(|position| self.refunds.list.get(position)).map(|refund| &refund.number);
        let order = || self.list.get(one.order).map(|order| &order.number);
        refund.or_else(order).map_or("", String::as_str)
    }
}
