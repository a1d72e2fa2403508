//! Saving a payer's card for charges without him: it knows setup intents; what the payer does is the common payers'.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::agreements::{Agreement, Agreements, NewAgreement};
use crate::keys::random_text;
use crate::own::Own;
use crate::purse::asked_for;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::cards::card;
use crate::stripe::ends::Card;
use crate::stripe::params::{Paging, Params};
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, seconds};
use crate::{AgreementLimits, AgreementState, Channel, EndedBy, dice};

const KNOWN: [&str; 14] = [
    "attach_to_self",
    "automatic_payment_methods",
    "confirm",
    "customer",
    "description",
    "expand",
    "flow_directions",
    "metadata",
    "on_behalf_of",
    "payment_method_options",
    "payment_method_types",
    "return_url",
    "usage",
    "use_stripe_sdk",
];

/// What Stripe keeps of a saved card, and of the wish to save one.
#[derive(Debug)]
pub(crate) struct SetupFacts {
    /// `seti_…`; the agreement's own number is the payment method's, `pm_…`.
    pub(crate) id: String,
    pub(crate) client_secret: String,
    pub(crate) customer: Option<String>,
    usage: &'static str,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
    /// The payer's last try to save a card failed.
    failed: bool,
}

/// A well-formed request.
#[derive(Debug)]
pub(crate) struct SetupWish {
    customer: Option<String>,
    usage: &'static str,
    pub(crate) description: Option<String>,
    metadata: BTreeMap<String, String>,
    pub(crate) whole: bool,
}

/// What a list is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SetupsOf {
    customer: Option<String>,
    method: Option<String>,
    paging: Paging,
}

/// Whether the card is shown whole, instead of its number.
pub(crate) fn expands_method(params: &Params) -> Result<bool, Refusal> {
    let mut whole = false;
    for path in params.list("expand")? {
        match path {
            "payment_method" | "data.payment_method" => whole = true,
            _ => return Err(Refusal::invalid("expand", &format!("This property cannot be expanded ({path})."))),
        }
    }
    Ok(whole)
}

impl SetupWish {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&KNOWN)?;
        let types = params.list("payment_method_types")?;
        let automatic = params.hash("automatic_payment_methods")?;
        if !types.is_empty() && !types.contains(&"card") {
            return Err(Refusal::invalid("payment_method_types", "this sandbox plays cards only; ask for `card`"));
        }
        if !types.is_empty() && automatic.contains_key("enabled") {
            return Err(Refusal::invalid("payment_method_types", "give types or automatic_payment_methods, not both"));
        }
        if params.word("confirm", &["true", "false"])? == Some("true") {
            return Err(Refusal::invalid("confirm", "this sandbox's setup intents are confirmed by the payer's page"));
        }
        Ok(Self {
            customer: params.text("customer")?.map(str::to_owned),
            usage: params.word("usage", &["off_session", "on_session"])?.unwrap_or("off_session"),
            description: params.text("description")?.map(str::to_owned),
            metadata: params.metadata()?,
            whole: expands_method(params)?,
        })
    }

    /// The merchant's own number, as far as he wrote one.
    pub(crate) fn number(&self, account: &Account) -> Option<&str> {
        let given = &account.given;
        let member = |name: &String| self.metadata.get(name).map(String::as_str);
        member(&given.agreement_number_member).or_else(|| member(&given.number_member))
    }
}

impl SetupsOf {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&["customer", "expand", "limit", "payment_method", "starting_after"])?;
        let text = |name: &str| params.text(name).map(|text| text.map(str::to_owned));
        Ok(Self { customer: text("customer")?, method: text("payment_method")?, paging: params.paging()? })
    }
}

/// Where a setup intent stands. What became of the card later is not its matter.
fn status(one: &Agreement) -> &'static str {
    match (one.signed_at_ms, one.state) {
        (Some(_), _) => "succeeded",
        (None, AgreementState::Ended(_)) => "canceled",
        (None, _) => "requires_payment_method",
    }
}

/// A setup intent as it stood when its status was this.
pub(crate) fn intent(one: &Agreement, facts: &SetupFacts, status: &str, whole: bool) -> Value {
    let failed = facts.failed && status == "requires_payment_method";
    let error = json!({
        "code": "card_declined", "decline_code": "generic_decline", "message": "Your card was declined.",
        "type": "card_error",
    });
    let method = if whole { card(one, facts) } else { one.id.clone().into() };
    json!({
        "id": facts.id,
        "object": "setup_intent",
        "cancellation_reason": null,
        "client_secret": facts.client_secret,
        "created": seconds(one.offered_at_ms),
        "customer": facts.customer,
        "description": facts.description,
        "last_setup_error": if failed { error } else { Value::Null },
        "latest_attempt": null,
        "livemode": false,
        "mandate": null,
        "metadata": facts.metadata,
        "next_action": null,
        "payment_method": if status == "succeeded" { method } else { Value::Null },
        "payment_method_options": { "card": { "request_three_d_secure": "automatic" } },
        "payment_method_types": ["card"],
        "status": status,
        "usage": facts.usage,
    })
}

pub(super) fn find<'a>(
    agreements: &'a Agreements,
    account: &Account,
    id: &str,
) -> Option<(usize, &'a Agreement, &'a SetupFacts)> {
    let position = agreements.position_of(Channel::Stripe, &account.given.id, id)?;
    let one = agreements.list.get(position)?;
    Some((position, one, one.own.get::<SetupFacts>()?))
}

impl Shared {
    /// Asks for a card; the payer decides what follows.
    pub(super) fn stripe_new_setup(&self, account: &Account, wish: SetupWish, fate: u64) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        let owner = account.given.id.as_str();
        if let Some(customer) = &wish.customer
            && !self.stripe.customers.has(owner, customer)
        {
            return Err(Refusal::no_such_param("customer", customer));
        }
        let mut orders = self.orders();
        let serial = orders.next_serial();
        let id = format!("seti_1S{:016x}{serial:06}", dice::draw(&[fate, 40]));
        let said = wish.description.clone().unwrap_or_default();
        let number = wish.number(account).unwrap_or(&id).to_owned();
        let position = orders.agreements.insert(NewAgreement {
            channel: Channel::Stripe,
            account: owner.to_owned(),
            scope: id.clone(),
            number,
            id: format!("pm_1S{:016x}{serial:06}", dice::draw(&[fate, 41])),
            payer: wish.customer.clone().unwrap_or_default(),
            limits: AgreementLimits::default(),
            signs: self.payers.agreements.signs(&said, dice::draw(&[fate, 67])),
            purse: asked_for(&said),
            fate,
            now_ms,
            lasts_ms: None,
            own: Own::new(SetupFacts {
                client_secret: format!("{id}_secret_{}", random_text(25)),
                id: id.clone(),
                customer: wish.customer,
                usage: wish.usage,
                description: wish.description,
                metadata: wish.metadata,
                failed: false,
            }),
        });
        orders.agreements.call(position, &id);
        drop(orders);
        self.signer_arrives(position);
        self.stripe_setup(account, &id, wish.whole)
    }

    pub(super) fn stripe_setup(&self, account: &Account, id: &str, whole: bool) -> Result<Value, Refusal> {
        let orders = self.orders();
        let found = find(&orders.agreements, account, id).filter(|(_, _, facts)| facts.id == id);
        let (_, one, facts) = found.ok_or_else(|| Refusal::no_such("setupintent", id))?;
        Ok(intent(one, facts, status(one), whole))
    }

    /// The setup intents of an account, newest first.
    pub(super) fn stripe_setups(&self, account: &Account, of: &SetupsOf) -> Result<Value, Refusal> {
        let orders = self.orders();
        let ours = |one: &&Agreement| one.channel == Channel::Stripe && one.account == account.given.id;
        let all = orders.agreements.list.iter().rev().filter(ours);
        let found = all.filter_map(|one| Some((one, one.own.get::<SetupFacts>()?))).filter(|(one, facts)| {
            of.customer.as_ref().is_none_or(|customer| facts.customer.as_ref() == Some(customer))
                && of.method.as_ref().is_none_or(|method| one.signed_at_ms.is_some() && one.id == *method)
        });
        let (page, has_more) = of.paging.cut(found.collect(), |(_, facts)| &facts.id)?;
        let data = page.into_iter().map(|(one, facts)| intent(one, facts, status(one), false)).collect();
        Ok(show::list("list", "/v1/setup_intents", data, has_more))
    }

    /// The payer's page gives a card.
    pub(super) fn stripe_confirm_setup(&self, account: &Account, id: &str, card: Card) -> Result<Value, Refusal> {
        let mut orders = self.orders();
        let found = find(&orders.agreements, account, id).filter(|(_, _, facts)| facts.id == id);
        let (position, one, facts) = found.ok_or_else(|| Refusal::no_such("setupintent", id))?;
        if one.state != AgreementState::Offered {
            return Err(Refusal::setup_state("confirm", intent(one, facts, status(one), false)));
        }
        if card != Card::Declined {
            drop(orders);
            self.payer_signs(position);
            return self.stripe_setup(account, id, false);
        }
        let own = orders.agreements.list.get_mut(position).and_then(|one| one.own.get_mut::<SetupFacts>());
        if let Some(facts) = own {
            facts.failed = true;
        }
        drop(orders);
        self.signature_fails(position);
        Err(Refusal::setup_declined(self.stripe_setup(account, id, false)?))
    }

    /// Nobody is asked for a card any more.
    pub(super) fn stripe_cancel_setup(&self, account: &Account, id: &str) -> Result<Value, Refusal> {
        let mut orders = self.orders();
        let found = find(&orders.agreements, account, id).filter(|(_, _, facts)| facts.id == id);
        let (position, one, facts) = found.ok_or_else(|| Refusal::no_such("setupintent", id))?;
        if one.state != AgreementState::Offered {
            return Err(Refusal::setup_state("cancel", intent(one, facts, status(one), false)));
        }
        self.ends_in(&mut orders.agreements, position, EndedBy::Merchant);
        drop(orders);
        self.stripe_setup(account, id, false)
    }
}
