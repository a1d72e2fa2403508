//! Charges without the payer: it knows when a saved card may be charged in Stripe's words and how a decline is told;
//! whether the payer's side pays is the common payers'.

use serde_json::Value;

use crate::agreements::DebitCall;
use crate::books::State;
use crate::debiting::When;
use crate::orders::{NewOrder, Orders};
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::cards::find_card;
use crate::stripe::front::OrderFacts;
use crate::stripe::refusal::Refusal;

use crate::stripe::show::{self, Expand};
use crate::{Channel, DebitOutcome, Decline, dice};

/// One of so many charges is not decided at once.
const SLOW_IN: u64 = 8;

/// The card that an intent is to be charged to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Saved {
    pub(crate) customer: String,
    pub(crate) method: String,
}

/// How a decline is told: code, decline code, advice and sentence.
pub(crate) const fn words(decline: Decline) -> (&'static str, &'static str, Option<&'static str>, &'static str) {
    match decline {
        Decline::InsufficientFunds => {
            ("card_declined", "insufficient_funds", Some("try_again_later"), "Your card has insufficient funds.")
        }
        Decline::Hard => ("card_declined", "stolen_card", Some("do_not_try_again"), "Your card was declined."),
        Decline::Risk => ("card_declined", "fraudulent", Some("do_not_try_again"), "Your card was declined."),
        Decline::Technical => (
            "processing_error",
            "processing_error",
            Some("try_again_later"),
            "An error occurred while processing your card. Try again in a little bit.",
        ),
        Decline::Authentication => (
            "authentication_required",
            "authentication_required",
            None,
            "Your card was declined. This transaction requires authentication.",
        ),
    }
}

fn call<'a>(owner: &'a str, agreement: &'a str, number: &'a str, amount_minor: i64, at_ms: i64) -> DebitCall<'a> {
    DebitCall { channel: Channel::Stripe, account: owner, agreement, number, amount_minor, at_ms }
}

impl Shared {
    /// The saved card may be charged: gives the position of its agreement.
    fn stripe_chargeable(&self, orders: &Orders, account: &Account, saved: &Saved) -> Result<usize, Refusal> {
        let found = find_card(&orders.agreements, account, &saved.method);
        let (position, one, facts) = found.ok_or_else(|| Refusal::no_such_param("payment_method", &saved.method))?;
        if facts.customer.as_deref() != Some(saved.customer.as_str()) {
            let message = "The customer does not have a payment method with this ID.";
            return Err(Refusal::invalid("payment_method", message));
        }
        if !one.is_signed() {
            let message = "The provided PaymentMethod was detached from a Customer. It may not be used again.";
            return Err(Refusal::refused(Some("payment_method_unexpected_state"), message));
        }
        Ok(position)
    }

    /// Enters an intent that is charged at once.
    pub(super) fn stripe_charge(
        &self,
        account: &Account,
        saved: &Saved,
        new: NewOrder,
        id: &str,
        expand: Expand,
    ) -> Result<Value, Refusal> {
        let (owner, now_ms, fate) = (account.given.id.as_str(), self.pace.now_ms(), new.fate);
        let mut orders = self.orders();
        let agreement = match self.stripe_chargeable(&orders, account, saved) {
            Ok(agreement) => agreement,
            Err(refusal) => {
                let known = find_card(&orders.agreements, account, &saved.method);
                let name = known.map_or_else(|| saved.method.clone(), |(_, one, _)| one.number.clone());
                let outcome = DebitOutcome::Refused(refusal.name().to_owned());
                orders.agreements.note(call(owner, &name, &new.number, new.amount_minor, now_ms), outcome);
                return Err(refusal);
            }
        };
        let position = orders.enter_debit(agreement, new);
        orders.call(position, id);
        drop(orders);
        self.stripe_decide(position, fate, expand)
    }

    /// Charges an intent whose charge was declined once more.
    pub(super) fn stripe_charge_again(
        &self,
        account: &Account,
        id: &str,
        method: &str,
        expand: Expand,
    ) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        let unknown = || Refusal::no_such("payment_intent", id);
        let position = orders.position_of(Channel::Stripe, &account.given.id, id).ok_or_else(unknown)?;
        let order = orders.list.get(position).ok_or_else(unknown)?;
        let (fate, attempts) = (order.fate, u64::from(order.tab.failed_attempts));
        let saved = order.own.get::<OrderFacts>().and_then(|facts| facts.saved.clone());
        let open = order.tab.state() == State::NotPay && order.debit.is_some_and(|debit| !debit.pending);
        let Some(saved) = saved.filter(|saved| open && saved.method == method) else {
            let shown = show::intent(&orders, position, Expand::default()).ok_or_else(Refusal::broken)?;
            return Err(Refusal::state("confirm", shown));
        };
        self.stripe_chargeable(&orders, account, &saved)?;
        orders.enter_debit_again(position, now_ms);
        drop(orders);
        self.stripe_decide(position, dice::draw(&[fate, attempts]), expand)
    }

    fn stripe_decide(&self, position: usize, draw: u64, expand: Expand) -> Result<Value, Refusal> {
        let slow = dice::below(dice::draw(&[draw, 68]), SLOW_IN) == 0;
        self.debit_entered(position, if slow { When::Later } else { When::Now });
        let orders = self.orders();
        let declined = orders.list.get(position).and_then(|order| order.debit).and_then(|debit| debit.declined);
        let shown = show::intent(&orders, position, expand).ok_or_else(Refusal::broken)?;
        match declined {
            None => Ok(shown),
            Some(decline) => Err(Refusal::declined_off_session(words(decline), shown)),
        }
    }
}
