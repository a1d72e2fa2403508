//! Flows: how an account's balance with a channel changed, each fee and payout by itself. It knows sums, and must
//! never know how a channel writes them. Flaws of lines do not strike here: a bill of funds ties to the payouts.

use bursar_core::bank::Day;

use crate::Channel;
use crate::bills::movement::{Movement, What};
use crate::bills::payouts::Payout;
use crate::orders::Orders;
use crate::shared::Shared;

/// What an account with a channel starts with, in minor units.
const OPENING_MINOR: i64 = 10_000_000;

/// Why a balance changed.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// Money moved.
    Moved(Movement),
    /// The fee of a movement.
    Fee(Movement),
    Paid(Payout),
}

/// A change of the balance.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) cause: Cause,
    pub(crate) at_ms: i64,
    /// Below 0: the balance shrank.
    pub(crate) signed_minor: i64,
    /// Afterwards.
    pub(crate) balance_minor: i64,
    /// The how-manieth of the account.
    pub(crate) nth: usize,
}

impl Flow {
    /// The movement that it is about.
    pub(crate) fn movement(&self) -> Option<&Movement> {
        match &self.cause {
            Cause::Moved(one) | Cause::Fee(one) => Some(one),
            Cause::Paid(_) => None,
        }
    }

    /// A number of the channel for it, always the same for one flow: digits.
    pub(crate) fn serial(&self, account: &str) -> String {
        let nth = u64::try_from(self.nth).unwrap_or(u64::MAX);
        format!("{:018}{nth:08}", crate::dice::draw(&[crate::dice::text(account), nth, 73]) % 1_000_000_000_000_000_000)
    }
}

impl Cause {
    /// Money that came because of what the payer did, and not of a bank or the channel.
    pub(crate) fn what(&self) -> Option<What> {
        match self {
            Self::Moved(one) => Some(one.what),
            Self::Fee(_) | Self::Paid(_) => None,
        }
    }
}

impl Shared {
    /// The flows of a day of an account. Whoever calls holds the orders.
    pub(crate) fn flows(&self, orders: &Orders, whose: (Channel, &str), day: Day) -> Vec<Flow> {
        let (front, fees) = (self.front(whose.0), self.fee_terms(whose.0, whose.1));
        let (begin_ms, end_ms) = front.bills().span(day);
        let mut all: Vec<(i64, Cause, i64)> = Vec::new();
        for one in orders.movements(whose, front, &fees, (i64::MIN, end_ms)) {
            let (at_ms, fee_minor) = (one.at_ms, one.fee_minor);
            all.push((at_ms, Cause::Moved(one.clone()), one.signed_minor()));
            if fee_minor != 0 {
                all.push((at_ms, Cause::Fee(one), fee_minor.saturating_neg()));
            }
        }
        let paid = self.payouts_in(orders, Some(whose)).into_iter().filter(|paid| paid.at_ms < end_ms);
        all.extend(paid.map(|paid| (paid.at_ms, Cause::Paid(paid.clone()), paid.amount_minor.saturating_neg())));
        // Stable: a fee stays behind its payment.
        all.sort_by_key(|(at_ms, _, _)| *at_ms);
        let mut balance_minor = OPENING_MINOR;
        let mut found = Vec::new();
        for (nth, (at_ms, cause, signed_minor)) in all.into_iter().enumerate() {
            balance_minor = balance_minor.saturating_add(signed_minor);
            if at_ms >= begin_ms {
                found.push(Flow { cause, at_ms, signed_minor, balance_minor, nth });
            }
        }
        found
    }
}
