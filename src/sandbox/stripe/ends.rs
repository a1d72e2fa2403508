//! The ends of an intent: cancel, capture, the payer's confirmation and the lapse of a hold. It knows in which state
//! each is possible and what it does to the books.

use serde_json::Value;

use crate::books::State;
use crate::front::Front;
use crate::orders::{Closing, Happened, Orders};
use crate::payer::Behaviour;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::front::OrderFacts;
use crate::stripe::installments;
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, Expand};
use crate::timers::Due;
use crate::{Channel, PayMode, dice};

/// How long a bank holds an amount that is not captured, in milliseconds. Source: the documents, for cards.
pub(crate) const HOLD_LASTS_MS: i64 = 7 * 24 * 3_600_000;

/// With what the payer confirms. Names of the documents' test cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Card {
    Good,
    Declined,
    AsksPayer,
}

impl Card {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "pm_card_visa" => Some(Self::Good),
            "pm_card_visa_chargeDeclined" | "pm_card_chargeDeclined" => Some(Self::Declined),
            "pm_card_threeDSecure2Required" | "pm_card_authenticationRequired" => Some(Self::AsksPayer),
            _ => None,
        }
    }
}

fn find(orders: &Orders, account: &Account, id: &str) -> Result<usize, Refusal> {
    let found = orders.position_of(Channel::Stripe, &account.given.id, id);
    found.ok_or_else(|| Refusal::no_such("payment_intent", id))
}

/// The intent as it stands, in a refusal to do something to it.
fn wrong_state(orders: &Orders, position: usize, doing: &str) -> Refusal {
    show::intent(orders, position, Expand::default()).map_or_else(Refusal::broken, |shown| Refusal::state(doing, shown))
}

fn shown(orders: &Orders, position: usize, expand: Expand) -> Result<Value, Refusal> {
    show::intent(orders, position, expand).ok_or_else(Refusal::broken)
}

impl Shared {
    pub(super) fn stripe_retrieve(&self, account: &Account, id: &str, expand: Expand) -> Result<Value, Refusal> {
        let orders = self.orders();
        shown(&orders, find(&orders, account, id)?, expand)
    }

    /// Cancels an intent; what is held is let go.
    pub(super) fn stripe_cancel(
        &self,
        account: &Account,
        id: &str,
        reason: &'static str,
        expand: Expand,
    ) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let position = find(&orders, account, id)?;
        let order = orders.list.get_mut(position).ok_or_else(Refusal::broken)?;
        let decided = order.debit.is_none_or(|debit| !debit.pending);
        let open = decided && matches!(order.tab.state(), State::NotPay | State::Authorized);
        // The payer's bank is being asked at this very moment: nothing can be done until it has answered.
        if order.tab.state() == State::NotPay && order.behaviour == Behaviour::InFlight {
            let wait_ms = dice::within(dice::draw(&[order.fate, 12]), self.payers.landing_ms);
            if let Some(facts) = order.own.get_mut::<OrderFacts>().filter(|facts| !facts.processing) {
                facts.processing = true;
                self.timers.add(now_ms.saturating_add(wait_ms), Due::Land(position));
            }
            return Err(wrong_state(&orders, position, "cancel"));
        }
        if !open {
            return Err(wrong_state(&orders, position, "cancel"));
        }
        let mut closing = orders.close(position, now_ms);
        if let Some(just_now @ Closing::PaidJustNow(_)) = closing {
            drop(orders);
            self.carry_out(just_now);
            orders = self.orders();
            // What is only held can be let go.
            let held = orders.list.get(position).is_some_and(|order| order.tab.state() == State::Authorized);
            closing = if held { orders.close(position, now_ms) } else { None };
        }
        if closing != Some(Closing::Closed) {
            return Err(wrong_state(&orders, position, "cancel"));
        }
        self.canceled(&mut orders, position, reason, Happened::Closed);
        shown(&orders, position, expand)
    }

    fn canceled(&self, orders: &mut Orders, position: usize, reason: &'static str, what: Happened) {
        let Some(order) = orders.list.get_mut(position) else { return };
        if let Some(facts) = order.own.get_mut::<OrderFacts>() {
            facts.cancel_reason = Some(reason);
        }
        self.tell(position, order, what);
    }

    /// Nobody has captured in time: the bank lets the amount go.
    pub(super) fn hold_lapses(&self, position: usize) {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let Some(order) = orders.list.get_mut(position) else { return };
        let due = order.tab.authorized_at_ms.is_some_and(|at| now_ms >= at.saturating_add(HOLD_LASTS_MS));
        if order.tab.state() == State::Authorized && due {
            order.tab.close(now_ms);
            self.canceled(&mut orders, position, "automatic", Happened::Expired);
        }
    }

    /// Takes what is held, or a part of it; the rest is let go.
    pub(super) fn stripe_capture(
        &self,
        account: &Account,
        id: &str,
        amount_minor: Option<i64>,
        expand: Expand,
    ) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let position = find(&orders, account, id)?;
        let order = orders.list.get_mut(position).ok_or_else(Refusal::broken)?;
        if order.tab.state() != State::Authorized {
            return Err(wrong_state(&orders, position, "capture"));
        }
        let amount_minor = amount_minor.unwrap_or(order.amount_minor);
        if !(1..=order.amount_minor).contains(&amount_minor) {
            let message = "The amount to capture is greater than what is held, or nothing.";
            return Err(Refusal::refused(Some("amount_too_large"), message));
        }
        order.tab.take_money(now_ms, id.to_owned(), amount_minor);
        self.tally.change(|counters| counters.payments += 1);
        self.stripe.takes_note(self, position, order, Happened::Paid);
        self.tell(position, order, Happened::Paid);
        shown(&orders, position, expand)
    }

    /// The payer's page gives a card, and in how many installments it shall be charged, if in any.
    pub(super) fn stripe_confirm(
        &self,
        account: &Account,
        id: &str,
        (card, plan): (Card, Option<u8>),
        expand: Expand,
    ) -> Result<Value, Refusal> {
        let mut orders = self.orders();
        let position = find(&orders, account, id)?;
        let open = orders
            .list
            .get(position)
            .is_some_and(|order| order.tab.state() == State::NotPay && order.debit.is_none_or(|debit| !debit.pending));
        if !open {
            return Err(wrong_state(&orders, position, "confirm"));
        }
        let facts = orders.list.get_mut(position).and_then(|order| order.own.get_mut::<OrderFacts>());
        if let (Some(count), Some(facts)) = (plan, facts) {
            installments::choose(facts, count)?;
            orders.split(position, plan);
        }
        drop(orders);
        let now_ms = self.pace.now_ms();
        let mode = match card {
            Card::Good => PayMode::Normal,
            Card::Declined => PayMode::Fail,
            Card::AsksPayer => {
                let mut orders = self.orders();
                let order = orders.list.get_mut(position).ok_or_else(Refusal::broken)?;
                order.met_at_ms.get_or_insert(now_ms);
                if let Some(facts) = order.own.get_mut::<OrderFacts>() {
                    facts.asks_payer = true;
                }
                return shown(&orders, position, expand);
            }
        };
        let done = self.pay_by_hand(position, mode);
        let orders = self.orders();
        if done.is_err() {
            return Err(wrong_state(&orders, position, "confirm"));
        }
        if card == Card::Declined {
            return Err(Refusal::declined("generic_decline", shown(&orders, position, Expand::default())?));
        }
        shown(&orders, position, expand)
    }
}
