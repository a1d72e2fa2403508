//! The refunds of all channels, and what is true of them everywhere: numbers, sums, the merchant's balance.
//! It must never know a channel's words, read a clock, send anything or draw faults.

use std::collections::HashMap;

use crate::orders::{Order, Orders, key};
use crate::own::Own;
use crate::refund::{RefundBehaviour, RefundMix};
use crate::refund_books::{RefundEntry, RefundState, RefundTab};
use crate::{Channel, RefundLimits};

/// One refund.
#[derive(Debug)]
pub(crate) struct Refund {
    pub(crate) channel: Channel,
    pub(crate) account: String,
    /// The position of its order.
    pub(crate) order: usize,
    /// The merchant's number of the refund: unique for what `scope` of [`NewRefund`] says.
    pub(crate) number: String,
    /// The merchant's number of the order.
    pub(crate) out_trade_no: String,
    /// The channel's number of the refunded charge.
    pub(crate) transaction_id: String,
    /// The channel's number of the refund.
    pub(crate) refund_id: String,
    pub(crate) reason: Option<String>,
    pub(crate) tab: RefundTab,
    pub(crate) behaviour: RefundBehaviour,
    /// The refund's own seeded number, from which everything about it is drawn.
    pub(crate) fate: u64,
    /// What happened to it, in order; each is told to the merchant by itself.
    pub(crate) events: Vec<RefundEvent>,
    pub(crate) notifications_accepted: u32,
    /// A person made it on the channel's own pages: the merchant is not told.
    pub(crate) by_hand: bool,
    /// What only its front knows.
    pub(crate) own: Own,
}

/// What a front says of a new refund that it has judged lawful.
pub(crate) struct NewRefund {
    pub(crate) order: usize,
    /// The merchant's number.
    pub(crate) number: String,
    /// Under what the number is found again: the number itself where it is unique for an account, else the
    /// number with the order's.
    pub(crate) scope: String,
    pub(crate) refund_id: String,
    /// `None`: the order's last charge.
    pub(crate) transaction_id: Option<String>,
    pub(crate) amount_minor: i64,
    pub(crate) reason: Option<String>,
    pub(crate) behaviour: RefundBehaviour,
    pub(crate) fate: u64,
    pub(crate) now_ms: i64,
    pub(crate) own: Own,
}

/// Something that happened to a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RefundEvent {
    pub(crate) state: RefundState,
    pub(crate) at_ms: i64,
}

/// All refunds; one is named by its position, which never changes.
#[derive(Debug, Default)]
pub(crate) struct Refunds {
    pub(crate) list: Vec<Refund>,
    by_scope: HashMap<String, usize>,
    by_id: HashMap<String, usize>,
    /// When a number was first refused because the balance was too low.
    first_short_ms: HashMap<String, i64>,
}

/// Why a refund of an order is not lawful.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unlawful {
    /// The order was paid too long ago.
    Late,
    /// The order was refunded too many times.
    Often,
    /// The refunds exceed what was paid.
    Excessive,
    /// The refund before was a moment ago.
    Soon,
}

impl Orders {
    /// Enters a refund, and gives its position. `None` when its order does not exist.
    pub(crate) fn accept_refund(&mut self, new: NewRefund) -> Option<usize> {
        let position = self.refunds.list.len();
        let order = self.list.get_mut(new.order)?;
        order.refunds.push(position);
        let (channel, account) = (order.channel, order.account.clone());
        self.refunds.by_scope.insert(key(channel, &account, &new.scope), position);
        self.refunds.by_id.insert(key(channel, &account, &new.refund_id), position);
        self.refunds.list.push(Refund {
            channel,
            account,
            order: new.order,
            number: new.number,
            out_trade_no: order.number.clone(),
            transaction_id: new.transaction_id.or_else(|| order.tab.transaction_id.clone()).unwrap_or_default(),
            refund_id: new.refund_id,
            reason: new.reason,
            tab: RefundTab::opened(new.amount_minor, new.now_ms),
            behaviour: new.behaviour,
            fate: new.fate,
            events: Vec::new(),
            notifications_accepted: 0,
            by_hand: false,
            own: new.own,
        });
        Some(position)
    }
}

impl Refunds {
    pub(crate) fn position(&self, channel: Channel, account: &str, scope: &str) -> Option<usize> {
        self.by_scope.get(&key(channel, account, scope)).copied()
    }

    pub(crate) fn position_of(&self, channel: Channel, account: &str, refund_id: &str) -> Option<usize> {
        self.by_id.get(&key(channel, account, refund_id)).copied()
    }

    pub(crate) fn of<'a>(&'a self, order: &'a Order) -> impl Iterator<Item = &'a Refund> {
        order.refunds.iter().filter_map(|position| self.list.get(*position))
    }

    /// The rules between a new refund of a paid order and those before it.
    pub(crate) fn lawful(
        &self,
        order: &Order,
        amount_minor: i64,
        now_ms: i64,
        limits: &RefundLimits,
    ) -> Result<(), Unlawful> {
        if now_ms.saturating_sub(order.tab.paid_at_ms.unwrap_or(now_ms)) > limits.window_ms {
            return Err(Unlawful::Late);
        }
        if order.refunds.len() >= limits.per_order {
            return Err(Unlawful::Often);
        }
        let claimed = self.of(order).fold(amount_minor, |sum, one| sum.saturating_add(one.tab.claimed_minor()));
        // What one charge took: a second one is a planted mistake.
        let paid_minor = order.tab.captured_minor.checked_div(i64::from(order.tab.charges)).unwrap_or(0);
        if claimed > paid_minor {
            return Err(Unlawful::Excessive);
        }
        let since = |one: &Refund| now_ms.saturating_sub(one.tab.created_at_ms);
        if self.of(order).any(|one| since(one) < limits.interval_ms) {
            return Err(Unlawful::Soon);
        }
        Ok(())
    }

    /// Whether the merchant's balance is too low for the refund `scope` of this account: for a while, for
    /// refunds that are fated so.
    pub(crate) fn is_short(
        &mut self,
        (channel, account, scope): (Channel, &str, &str),
        (behaviour, fate): (RefundBehaviour, u64),
        mix: &RefundMix,
        now_ms: i64,
    ) -> bool {
        let Some(short_ms) = mix.without_funds_ms(behaviour, fate) else { return false };
        let first_ms = *self.first_short_ms.entry(key(channel, account, scope)).or_insert(now_ms);
        now_ms < first_ms.saturating_add(short_ms)
    }

    /// Whether some refund of the order succeeded or is under way.
    pub(crate) fn stand_against(&self, order: &Order) -> bool {
        self.of(order).any(|refund| refund.tab.state != RefundState::Closed)
    }

    /// What the payer of the order got back and kept.
    pub(crate) fn refunded_minor(&self, order: &Order) -> i64 {
        self.of(order).fold(0, |sum, refund| sum.saturating_add(refund.tab.succeeded_minor()))
    }

    /// The books, in the order of acceptance.
    pub(crate) fn entries(&self) -> Vec<RefundEntry> {
        self.list.iter().map(Refund::entry).collect()
    }
}

impl Refund {
    fn entry(&self) -> RefundEntry {
        RefundEntry {
            channel: self.channel,
            account: self.account.clone(),
            out_refund_no: self.number.clone(),
            out_trade_no: self.out_trade_no.clone(),
            refund_id: self.refund_id.clone(),
            reason: self.reason.clone(),
            amount_minor: self.tab.amount_minor,
            state: self.tab.state.name().to_owned(),
            succeeded_minor: self.tab.succeeded_minor(),
            effects: self.tab.effects,
            reversals: self.tab.reversals,
            applications: self.tab.applications,
            created_at_ms: self.tab.created_at_ms,
            succeeded_at_ms: self.tab.succeeded_at_ms,
            notifications_accepted: self.notifications_accepted,
            by_hand: self.by_hand,
        }
    }
}
