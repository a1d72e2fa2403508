//! The sandbox's own books of refunds, kept naively: it knows when money went back to a payer, came back
//! from there, or will not go; it must never know a channel's wire format nor anything of the merchant's
//! books.

use serde::{Deserialize, Serialize};

use crate::Channel;

/// One refund as the channel's books have it, for comparison with the merchant's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundEntry {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The merchant's number of the refund.
    pub out_refund_no: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The channel's number of the refund.
    pub refund_id: String,
    /// Why, as the merchant said.
    pub reason: Option<String>,
    /// What was asked for, in minor units.
    pub amount_minor: i64,
    /// The same words for all channels: `PROCESSING`, `SUCCESS`, `ABNORMAL` or `CLOSED`.
    pub state: String,
    /// What the payer got by this refund and kept, in minor units: effects less reversals, times the amount.
    pub succeeded_minor: i64,
    /// How many times money went to the payer.
    pub effects: u32,
    /// How many times it came back.
    pub reversals: u32,
    /// Requests of the merchant to send an abnormal refund to a bank card that were accepted.
    pub applications: u32,
    /// When the refund was accepted, in milliseconds since the epoch.
    pub created_at_ms: i64,
    /// When money (last) went to the payer; stays when it comes back.
    pub succeeded_at_ms: Option<i64>,
    /// Notifications of this refund that the merchant acknowledged.
    pub notifications_accepted: u32,
    /// A person made it on the channel's own pages: no request of the merchant asked for it.
    #[serde(default, skip_serializing_if = "crate::books::is_false")]
    pub by_hand: bool,
}

/// What happened to the money of one refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefundTab {
    pub(crate) amount_minor: i64,
    pub(crate) state: RefundState,
    pub(crate) effects: u32,
    pub(crate) reversals: u32,
    pub(crate) applications: u32,
    pub(crate) created_at_ms: i64,
    pub(crate) succeeded_at_ms: Option<i64>,
}

/// A refund's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundState {
    Processing,
    Success,
    Abnormal,
    Closed,
}

impl RefundTab {
    pub(crate) fn opened(amount_minor: i64, created_at_ms: i64) -> Self {
        Self {
            amount_minor,
            state: RefundState::Processing,
            effects: 0,
            reversals: 0,
            applications: 0,
            created_at_ms,
            succeeded_at_ms: None,
        }
    }

    /// The one place where money goes back to a payer: every call is an effect and is counted.
    pub(crate) fn give_back(&mut self, now_ms: i64) {
        self.effects += 1;
        self.succeeded_at_ms = Some(now_ms);
        self.state = RefundState::Success;
    }

    /// The bank refuses the money, or sends back what had arrived.
    pub(crate) fn bounce(&mut self) {
        if self.state == RefundState::Success {
            self.reversals += 1;
        }
        self.state = RefundState::Abnormal;
    }

    /// It will not happen.
    pub(crate) fn close(&mut self) {
        self.state = RefundState::Closed;
    }

    /// On its way again, to a bank card.
    pub(crate) fn apply(&mut self) {
        self.applications += 1;
        self.state = RefundState::Processing;
    }

    /// Whether the payer holds this refund's money more than once.
    pub(crate) fn is_doubled(&self) -> bool {
        self.effects > self.reversals.saturating_add(1)
    }

    /// What the payer got and kept.
    pub(crate) fn succeeded_minor(&self) -> i64 {
        self.amount_minor.saturating_mul(i64::from(self.effects.saturating_sub(self.reversals)))
    }

    /// What counts against the order's total.
    pub(crate) fn claimed_minor(&self) -> i64 {
        if self.state == RefundState::Closed { 0 } else { self.amount_minor }
    }
}

impl RefundState {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Processing => "PROCESSING",
            Self::Success => "SUCCESS",
            Self::Abnormal => "ABNORMAL",
            Self::Closed => "CLOSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reversed_refund_gave_nothing_until_it_arrives_again() {
        let mut tab = RefundTab::opened(500, 1);
        assert_eq!((tab.succeeded_minor(), tab.claimed_minor()), (0, 500));
        tab.give_back(2);
        assert_eq!((tab.succeeded_minor(), tab.state), (500, RefundState::Success));
        tab.bounce();
        assert_eq!((tab.succeeded_minor(), tab.reversals, tab.claimed_minor()), (0, 1, 500));
        tab.apply();
        assert_eq!(tab.state, RefundState::Processing);
        tab.give_back(3);
        assert_eq!((tab.succeeded_minor(), tab.effects, tab.is_doubled()), (500, 2, false));
    }

    #[test]
    fn a_refund_given_twice_shows_as_doubled() {
        let mut tab = RefundTab::opened(500, 1);
        tab.give_back(2);
        tab.give_back(2);
        assert_eq!((tab.succeeded_minor(), tab.is_doubled()), (1_000, true));
    }

    #[test]
    fn a_refund_that_never_arrived_is_not_reversed_and_a_closed_one_claims_nothing() {
        let mut tab = RefundTab::opened(500, 1);
        tab.bounce();
        assert_eq!((tab.reversals, tab.state), (0, RefundState::Abnormal));
        let mut tab = RefundTab::opened(500, 1);
        tab.close();
        assert_eq!((tab.claimed_minor(), tab.succeeded_minor()), (0, 0));
    }
}
