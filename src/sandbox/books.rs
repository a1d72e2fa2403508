//! The sandbox's own books, kept naively: it knows when money was taken from a payer and when an order
//! was closed, and must never know a channel's wire format nor anything of the merchant's books.

use serde::{Deserialize, Serialize};

use crate::Channel;

/// One order as the channel's books have it, for comparison with the merchant's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookEntry {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the agreement under which it was debited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<String>,
    /// In how many installments the payer pays it to the channel, as the merchant asked or the payer chose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installments: Option<u8>,
    /// What the order is for, as the merchant described it.
    pub description: String,
    /// The amount of one charge, in minor units.
    pub amount_minor: i64,
    /// The same words for all channels: `NOTPAY`, `AUTHORIZED` (the payer's money is reserved, not taken),
    /// `SUCCESS`, `REFUND` (some refund succeeded or is under way) or `CLOSED`.
    pub state: String,
    /// How many times money was really taken from the payer. More than one is a double charge.
    pub charges: u32,
    /// How many attempts of the payer failed.
    pub failed_attempts: u32,
    /// What was really taken from the payer, in minor units: every charge counted.
    pub captured_minor: i64,
    /// What the payer got back and kept, in minor units: succeeded refunds less those that were reversed.
    pub refunded_minor: i64,
    /// The channel's number of the (last) charge or hold.
    pub transaction_id: Option<String>,
    /// When the order was first created, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When money was (last) taken.
    pub paid_at_ms: Option<i64>,
    /// When the order was closed; stays when late money makes it `SUCCESS` afterwards.
    pub closed_at_ms: Option<i64>,
    /// Notifications of this order that the merchant acknowledged.
    pub notifications_accepted: u32,
    /// It was paid on the channel, but not asked for by the merchant's requests to this sandbox.
    #[serde(default, skip_serializing_if = "is_false")]
    pub foreign: bool,
    /// The channel has forgotten its payment: `charges` and `captured_minor` tell what was really taken, while
    /// `state`, queries and bills know of no payment.
    #[serde(default, skip_serializing_if = "is_false")]
    pub forgotten: bool,
}

pub(crate) const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What happened to the money of one order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tab {
    pub(crate) charges: u32,
    pub(crate) captured_minor: i64,
    pub(crate) failed_attempts: u32,
    pub(crate) transaction_id: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) authorized_at_ms: Option<i64>,
    pub(crate) paid_at_ms: Option<i64>,
    pub(crate) closed_at_ms: Option<i64>,
    /// Each time that money was taken, in order.
    pub(crate) takings: Vec<Taking>,
    /// The channel does not know of them any more.
    pub(crate) forgotten: bool,
}

/// One time that money was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taking {
    pub(crate) at_ms: i64,
    pub(crate) amount_minor: i64,
    /// The channel's number of it.
    pub(crate) transaction_id: String,
}

/// An order's state as the books imply it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    NotPay,
    Authorized,
    Success,
    Closed,
}

impl Tab {
    pub(crate) fn opened(created_at_ms: i64) -> Self {
        Self { created_at_ms, ..Self::default() }
    }

    /// The one place where money is taken: every call is an effect and is counted.
    pub(crate) fn take_money(&mut self, now_ms: i64, transaction_id: String, amount_minor: i64) {
        self.charges += 1;
        self.captured_minor = self.captured_minor.saturating_add(amount_minor);
        self.paid_at_ms = Some(now_ms);
        self.takings.push(Taking { at_ms: now_ms, amount_minor, transaction_id: transaction_id.clone() });
        self.transaction_id = Some(transaction_id);
    }

    /// The channel loses every trace of the payment; what was really taken stays counted.
    pub(crate) fn forget(&mut self) {
        self.forgotten = true;
        (self.paid_at_ms, self.authorized_at_ms, self.transaction_id) = (None, None, None);
    }

    /// The payer's money is reserved.
    pub(crate) fn authorize(&mut self, now_ms: i64, transaction_id: String) {
        self.authorized_at_ms = Some(now_ms);
        self.transaction_id = Some(transaction_id);
    }

    /// Also gives back what was only reserved.
    pub(crate) fn close(&mut self, now_ms: i64) {
        self.closed_at_ms.get_or_insert(now_ms);
    }

    /// Money taken beats closed: that is what late money means.
    pub(crate) fn state(&self) -> State {
        let charges = if self.forgotten { 0 } else { self.charges };
        match (charges, self.closed_at_ms, self.authorized_at_ms) {
            (0, None, None) => State::NotPay,
            (0, None, Some(_)) => State::Authorized,
            (0, Some(_), _) => State::Closed,
            (_, _, _) => State::Success,
        }
    }
}

impl State {
    /// The word of the books. `refunded`: some refund succeeded or is under way.
    pub(crate) const fn word(self, refunded: bool) -> &'static str {
        match self {
            Self::Success if refunded => "REFUND",
            Self::NotPay => "NOTPAY",
            Self::Authorized => "AUTHORIZED",
            Self::Success => "SUCCESS",
            Self::Closed => "CLOSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_charge_is_counted_and_late_money_shows_as_success() {
        let mut tab = Tab::opened(1);
        assert_eq!(tab.state(), State::NotPay);
        tab.close(2);
        tab.close(3);
        assert_eq!((tab.state(), tab.closed_at_ms), (State::Closed, Some(2)));
        tab.take_money(4, "a".into(), 7);
        tab.take_money(5, "b".into(), 7);
        assert_eq!((tab.state(), tab.charges, tab.closed_at_ms), (State::Success, 2, Some(2)));
        assert_eq!(tab.captured_minor, 14);
    }

    #[test]
    fn reserved_money_is_not_taken_until_it_is_captured_and_a_close_gives_it_back() {
        let mut tab = Tab::opened(1);
        tab.authorize(2, "a".into());
        assert_eq!((tab.state(), tab.charges, tab.captured_minor), (State::Authorized, 0, 0));
        let mut released = tab.clone();
        released.close(3);
        assert_eq!((released.state(), released.charges), (State::Closed, 0));
        tab.take_money(3, "a".into(), 5);
        assert_eq!((tab.state(), tab.captured_minor), (State::Success, 5));
    }
}
