//! Refunds: it knows what may be asked for, what is lawful and in which words it is refused; what happens to the money
//! is the common books'.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::books::State;
use crate::orders::{Order, Orders};
use crate::own::Own;
use crate::refund::RefundBehaviour;
use crate::refund_books::RefundState;
use crate::refunds::{NewRefund, Refund};
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::front::{OrderFacts, RefundFacts};
use crate::stripe::params::{Paging, Params};
use crate::stripe::refusal::Refusal;
use crate::stripe::show;
use crate::{Channel, dice};

/// A well-formed request.
#[derive(Debug)]
pub(crate) struct Wish {
    intent: String,
    amount_minor: Option<i64>,
    reason: Option<&'static str>,
    metadata: BTreeMap<String, String>,
}

impl Wish {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        let known = ["amount", "charge", "currency", "expand", "metadata", "payment_intent", "reason"];
        params.only(&known)?;
        let reasons = ["duplicate", "fraudulent", "requested_by_customer"];
        let intent = match (params.text("payment_intent")?, params.text("charge")?) {
            (Some(intent), None) => intent.to_owned(),
            (None, Some(charge)) => charge.replacen("ch_", "pi_", 1),
            (None, None) => return Err(Refusal::missing("payment_intent")),
            (Some(_), Some(_)) => {
                return Err(Refusal::invalid("charge", "give a charge or a payment_intent, not both"));
            }
        };
        let amount_minor = params.integer("amount")?;
        if amount_minor == Some(0) {
            return Err(Refusal::invalid("amount", "Amount must be at least 1."));
        }
        Ok(Self { intent, amount_minor, reason: params.word("reason", &reasons)?, metadata: params.metadata()? })
    }

    /// The merchant's own number, as far as he wrote one.
    pub(crate) fn number(&self, account: &Account) -> Option<&str> {
        self.metadata.get(&account.given.refund_number_member).map(String::as_str)
    }

    /// The texts in which a fate may be asked for.
    fn words(&self) -> String {
        self.metadata.values().map(String::as_str).collect::<Vec<_>>().join(" ")
    }
}

/// What of the charge can still go back: refunds that failed have given theirs back.
fn left_of(orders: &Orders, order: &Order) -> i64 {
    let claims = |refund: &&Refund| matches!(refund.tab.state, RefundState::Processing | RefundState::Success);
    let claimed =
        orders.refunds.of(order).filter(claims).fold(0_i64, |sum, one| sum.saturating_add(one.tab.amount_minor));
    order.tab.captured_minor.saturating_sub(claimed)
}

fn lawful(orders: &Orders, order: &Order, facts: &OrderFacts, amount_minor: Option<i64>) -> Result<i64, Refusal> {
    if order.tab.state() != State::Success {
        let message = format!("This PaymentIntent ({}) does not have a successful charge to refund.", facts.id);
        return Err(Refusal::refused(None, message));
    }
    if facts.dispute.as_ref().is_some_and(|dispute| dispute.won != Some(true)) {
        let message = format!("Charge {} has been charged back; cannot issue a refund.", facts.charge_id());
        return Err(Refusal::refused(Some("charge_disputed"), message));
    }
    let left = left_of(orders, order);
    if left <= 0 {
        let message = format!("Charge {} has already been refunded.", facts.charge_id());
        return Err(Refusal::refused(Some("charge_already_refunded"), message));
    }
    let amount = amount_minor.unwrap_or(left);
    if amount > left {
        let message = format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).");
        return Err(Refusal::refused(None, message));
    }
    Ok(amount)
}

/// What becomes of a refund here: there is no abnormal end that waits for the merchant, only a failure.
const fn played(behaviour: RefundBehaviour) -> RefundBehaviour {
    match behaviour {
        RefundBehaviour::Abnormal | RefundBehaviour::Stubborn => RefundBehaviour::Closed,
        other => other,
    }
}

fn shown(orders: &Orders, position: Option<usize>, id: &str) -> Result<Value, Refusal> {
    let refund = position.and_then(|position| orders.refunds.list.get(position));
    let found = refund.and_then(|one| Some(show::refund(one, one.own.get::<RefundFacts>()?, one.tab.state)));
    found.ok_or_else(|| Refusal::no_such("refund", id))
}

impl Shared {
    pub(super) fn stripe_refund(&self, account: &Account, wish: Wish, fate: u64) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        let owner = account.given.id.as_str();
        let mut orders = self.orders();
        let unknown = || Refusal::no_such("payment_intent", &wish.intent);
        let position = orders.position_of(Channel::Stripe, owner, &wish.intent).ok_or_else(unknown)?;
        let order = orders.list.get(position).ok_or_else(unknown)?;
        let facts = order.own.get::<OrderFacts>().ok_or_else(unknown)?;
        let amount_minor = lawful(&orders, order, facts, wish.amount_minor)?;
        let own = RefundFacts {
            intent: facts.id.clone(),
            charge: facts.charge_id(),
            currency: facts.currency.clone(),
            reason: wish.reason,
            metadata: wish.metadata.clone(),
        };
        let behaviour = played(self.refunds.choose(&wish.words(), fate));
        let serial = orders.next_serial();
        let refund_id = format!("re_3S{:016x}{serial:06}", dice::draw(&[fate, 43]));
        let number = wish.number(account).unwrap_or(&refund_id).to_owned();
        if orders.refunds.is_short((Channel::Stripe, owner, &number), (behaviour, fate), &self.refunds, now_ms) {
            let message = "Insufficient funds in your Stripe balance to refund this amount.";
            return Err(Refusal::refused(Some("balance_insufficient"), message));
        }
        let accepted = orders.accept_refund(NewRefund {
            order: position,
            scope: number.clone(),
            number,
            refund_id: refund_id.clone(),
            transaction_id: None,
            amount_minor,
            reason: Some(wish.words()).filter(|words| !words.is_empty()),
            behaviour,
            fate,
            now_ms,
            own: Own::new(own),
        });
        drop(orders);
        let position = accepted.ok_or_else(unknown)?;
        self.tally.change(|counters| counters.refunds += 1);
        // Most refunds are taken at once; the others are under way for a while.
        if matches!(behaviour, RefundBehaviour::Success | RefundBehaviour::Reversed | RefundBehaviour::NoFunds) {
            self.refund_moves(position, 0);
        } else {
            self.refund_under_way(position);
        }
        shown(&self.orders(), Some(position), &refund_id)
    }

    pub(super) fn stripe_retrieve_refund(&self, account: &Account, id: &str) -> Result<Value, Refusal> {
        let orders = self.orders();
        shown(&orders, orders.refunds.position_of(Channel::Stripe, &account.given.id, id), id)
    }

    /// The refunds of an account, or of one intent, newest first.
    pub(super) fn stripe_list_refunds(
        &self,
        account: &Account,
        intent: Option<&str>,
        paging: &Paging,
    ) -> Result<Value, Refusal> {
        let orders = self.orders();
        let ours = |one: &&Refund| one.channel == Channel::Stripe && one.account == account.given.id;
        let all = orders.refunds.list.iter().rev().filter(ours);
        let found: Vec<_> = all
            .filter_map(|one| Some((one, one.own.get::<RefundFacts>()?)))
            .filter(|(_, facts)| intent.is_none_or(|intent| facts.intent == intent))
            .collect();
        let (page, has_more) = paging.cut(found, |(one, _)| &one.refund_id)?;
        let data = page.into_iter().map(|(one, facts)| show::refund(one, facts, one.tab.state)).collect();
        Ok(show::list("list", "/v1/refunds", data, has_more))
    }
}
