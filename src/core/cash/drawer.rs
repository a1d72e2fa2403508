//! What a collector has not handed in: it knows how that adds up and how much it may be, and must never know
//! what becomes of it.

use std::collections::BTreeMap;

use super::{CashError, Collection, CollectionState, Payout};
use crate::clock::{HOUR_MS, Timestamp};
use crate::id::{ChannelAccountId, MerchantId};
use crate::money::Currency;

/// How much a collector may carry, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DrawerLimits {
    /// Minor units at most.
    pub most_minor: i64,
    /// Milliseconds since the oldest collection at most.
    pub within_ms: i64,
}

/// A collector's cash of one account and currency. Amounts are minor units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drawer {
    /// Whose money.
    pub merchant: MerchantId,
    /// The merchant's cash account.
    pub account: ChannelAccountId,
    /// The collector.
    pub worker: String,
    /// The currency.
    pub currency: Currency,
    /// Confirmed and not handed in.
    pub confirmed_minor: i64,
    /// Said to be taken, and not confirmed yet.
    pub claimed_minor: i64,
    /// Disputed.
    pub disputed_minor: i64,
    /// Given back to payers and not settled.
    pub paid_out_minor: i64,
    /// When the oldest of its collections was taken.
    pub oldest_at: Option<Timestamp>,
}

impl Drawer {
    /// An empty one.
    pub const fn empty(merchant: MerchantId, account: ChannelAccountId, worker: String, currency: Currency) -> Self {
        Self {
            merchant,
            account,
            worker,
            currency,
            confirmed_minor: 0,
            claimed_minor: 0,
            disputed_minor: 0,
            paid_out_minor: 0,
            oldest_at: None,
        }
    }

    /// The drawers that these rows are in, one for each collector, account and currency. Rows that were handed in
    /// or refused count for nothing.
    pub fn sums<'a>(
        collections: impl IntoIterator<Item = &'a Collection>,
        payouts: impl IntoIterator<Item = &'a Payout>,
    ) -> Vec<Self> {
        let mut drawers: BTreeMap<(ChannelAccountId, &str, &str), Self> = BTreeMap::new();
        for c in collections.into_iter().filter(|c| c.state.in_drawer()) {
            let key = (c.account, c.worker.as_str(), c.amount.currency.code());
            let fresh = || Self::empty(c.merchant, c.account, c.worker.clone(), c.amount.currency);
            drawers.entry(key).or_insert_with(fresh).put(c.state, c.amount.minor, c.collected_at);
        }
        for p in payouts.into_iter().filter(|p| p.hand_in.is_none()) {
            let key = (p.account, p.worker.as_str(), p.amount.currency.code());
            let fresh = || Self::empty(p.merchant, p.account, p.worker.clone(), p.amount.currency);
            let drawer = drawers.entry(key).or_insert_with(fresh);
            drawer.paid_out_minor = drawer.paid_out_minor.saturating_add(p.amount.minor);
        }
        drawers.into_values().collect()
    }

    /// Adds collections of this state, `minor` units in all, the oldest of which was taken at `oldest_at`.
    pub fn put(&mut self, state: CollectionState, minor: i64, oldest_at: Timestamp) {
        let sum = match state {
            CollectionState::Confirmed => &mut self.confirmed_minor,
            CollectionState::Claimed => &mut self.claimed_minor,
            CollectionState::Disputed => &mut self.disputed_minor,
            CollectionState::HandedIn | CollectionState::Banked | CollectionState::Refused => return,
        };
        *sum = sum.saturating_add(minor);
        self.oldest_at = Some(self.oldest_at.map_or(oldest_at, |known| known.min(oldest_at)));
    }

    /// Minor units that must be in it: confirmed, less what went back to payers.
    pub const fn sum_minor(&self) -> i64 {
        self.confirmed_minor.saturating_sub(self.paid_out_minor)
    }

    /// Minor units that its collector carries by his own word: what is not confirmed yet is in his pocket as well.
    pub const fn carried_minor(&self) -> i64 {
        self.sum_minor().saturating_add(self.claimed_minor).saturating_add(self.disputed_minor)
    }

    /// Whether its collector may be sent to collect again. For the next errand; what he has taken all the same is
    /// a fact, and written down.
    ///
    /// # Errors
    /// Says what he carries and may carry.
    pub fn check_limits(&self, limits: DrawerLimits, now: Timestamp) -> Result<(), CashError> {
        let (carried, worker) = (self.carried_minor(), self.worker.clone());
        if carried > limits.most_minor {
            return Err(CashError::TooMuch { worker, carried, most: limits.most_minor });
        }
        let since_ms = self.oldest_at.map_or(0, |at| now.since_ms(at));
        if carried > 0 && since_ms > limits.within_ms {
            let (hours, most) = (since_ms.div_euclid(HOUR_MS), limits.within_ms.div_euclid(HOUR_MS));
            return Err(CashError::TooLong { worker, hours, most });
        }
        Ok(())
    }
}
