//! Saved cards (payment methods): it knows how one is found, shown and taken off its customer, and must never charge
//! one.

use serde_json::{Value, json};

use crate::agreements::{Agreement, Agreements};
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::params::Paging;
use crate::stripe::refusal::Refusal;
use crate::stripe::setup::{SetupFacts, find};
use crate::stripe::show::{self, seconds};
use crate::{Channel, EndedBy};

/// The saved card.
pub(crate) fn card(one: &Agreement, facts: &SetupFacts) -> Value {
    json!({
        "id": one.id,
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": { "address": null, "email": null, "name": null, "phone": null },
        "card": {
            "brand": "visa", "country": "HK", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": "4242",
        },
        "created": seconds(one.signed_at_ms.unwrap_or(one.offered_at_ms)),
        "customer": facts.customer.as_ref().filter(|_| one.is_signed()),
        "livemode": false,
        "metadata": {},
        "type": "card",
    })
}

/// The saved card of this number, whether it is still attached or not.
pub(crate) fn find_card<'a>(
    agreements: &'a Agreements,
    account: &Account,
    id: &str,
) -> Option<(usize, &'a Agreement, &'a SetupFacts)> {
    find(agreements, account, id).filter(|(_, one, _)| one.id == id && one.signed_at_ms.is_some())
}

impl Shared {
    pub(super) fn stripe_card(&self, account: &Account, id: &str) -> Result<Value, Refusal> {
        let orders = self.orders();
        let found = find_card(&orders.agreements, account, id);
        let (_, one, facts) = found.ok_or_else(|| Refusal::no_such("PaymentMethod", id))?;
        Ok(card(one, facts))
    }

    /// The cards that are attached to a customer, newest first.
    pub(super) fn stripe_cards(&self, account: &Account, customer: &str, paging: &Paging) -> Result<Value, Refusal> {
        let orders = self.orders();
        let ours =
            |one: &&Agreement| one.channel == Channel::Stripe && one.account == account.given.id && one.is_signed();
        let all = orders.agreements.list.iter().rev().filter(ours);
        let found = all.filter_map(|one| Some((one, one.own.get::<SetupFacts>()?)));
        let found = found.filter(|(_, facts)| facts.customer.as_deref() == Some(customer));
        let (page, has_more) = paging.cut(found.collect(), |(one, _)| &one.id)?;
        let data = page.into_iter().map(|(one, facts)| card(one, facts)).collect();
        Ok(show::list("list", "/v1/payment_methods", data, has_more))
    }

    /// Takes a card off its customer: it can never be debited again.
    pub(super) fn stripe_detach(&self, account: &Account, id: &str) -> Result<Value, Refusal> {
        let mut orders = self.orders();
        let found = find_card(&orders.agreements, account, id);
        let (position, one, _) = found.ok_or_else(|| Refusal::no_such("PaymentMethod", id))?;
        if !one.is_signed() {
            let message = "The payment method you provided is not attached to a customer so detachment is impossible.";
            return Err(Refusal::refused(None, message));
        }
        self.ends_in(&mut orders.agreements, position, EndedBy::Merchant);
        drop(orders);
        self.stripe_card(account, id)
    }
}
