//! Making an intent: it knows what may be asked for and what is kept of it, and must never take money.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::keys::random_text;
use crate::orders::NewOrder;
use crate::own::Own;
use crate::payer::Behaviour;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::debit::Saved;
use crate::stripe::front::OrderFacts;
use crate::stripe::installments::{self, Allowed};
use crate::stripe::params::Params;
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, Expand};
use crate::{Channel, dice};

/// Members that the documents know of this call, those that nothing is done with included.
const KNOWN: [&str; 24] = [
    "amount",
    "currency",
    "automatic_payment_methods",
    "capture_method",
    "confirm",
    "confirmation_method",
    "customer",
    "description",
    "expand",
    "mandate",
    "metadata",
    "off_session",
    "on_behalf_of",
    "payment_method",
    "payment_method_options",
    "payment_method_types",
    "receipt_email",
    "return_url",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
    "use_stripe_sdk",
];
/// Largest amount: eight digits. Source: the documents.
const MOST: i64 = 99_999_999;
/// Currencies whose minor unit is the thousandth, of which only tens are taken. Source: the documents.
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];
/// How long a payer keeps the page open, in milliseconds of the sandbox clock: the channel itself sets no end.
const PATIENCE_MS: i64 = 30 * 60_000;
/// One of so many payers is asked by his bank to identify himself.
const ASKED: u64 = 4;

/// A well-formed request.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) amount_minor: i64,
    currency: String,
    capture_method: &'static str,
    pub(crate) description: String,
    metadata: BTreeMap<String, String>,
    suffix: Option<String>,
    expand: Expand,
    /// Charge this card now, without the payer.
    saved: Option<Saved>,
    /// The payer may pay in installments.
    installments: Option<Allowed>,
}

impl Wish {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&KNOWN)?;
        let amount_minor = params.integer("amount")?.ok_or_else(|| Refusal::missing("amount"))?;
        if !(1..=MOST).contains(&amount_minor) {
            return Err(Refusal::invalid("amount", "Amount must be at least 1 and at most 99999999."));
        }
        let currency = params.required("currency")?.to_ascii_lowercase();
        if currency.len() != 3 || !currency.bytes().all(|b| b.is_ascii_lowercase()) {
            return Err(Refusal::invalid("currency", "Invalid currency."));
        }
        if THOUSANDTHS.contains(&currency.as_str()) && amount_minor % 10 != 0 {
            return Err(Refusal::invalid("amount", "The last digit of an amount in this currency must be 0."));
        }
        let types = params.list("payment_method_types")?;
        let automatic = params.hash("automatic_payment_methods")?;
        if !types.contains(&"card") && automatic.get("enabled").map(String::as_str) != Some("true") {
            return Err(Refusal::invalid("payment_method_types", "this sandbox plays cards only; ask for `card`"));
        }
        let saved = saved(params)?;
        let installments = installments::allowed(params)?;
        if params.text("statement_descriptor")?.is_some() {
            let message = "statement_descriptor is not supported for card payments; use statement_descriptor_suffix.";
            return Err(Refusal::invalid("statement_descriptor", message));
        }
        let suffix = params.text("statement_descriptor_suffix")?.map(str::to_owned);
        if suffix.as_ref().is_some_and(|text| text.chars().count() > 22) {
            return Err(Refusal::invalid("statement_descriptor_suffix", "at most 22 characters"));
        }
        let methods = ["automatic", "automatic_async", "manual"];
        Ok(Self {
            amount_minor,
            currency,
            capture_method: params.word("capture_method", &methods)?.unwrap_or("automatic_async"),
            description: params.text("description")?.unwrap_or_default().to_owned(),
            metadata: params.metadata()?,
            suffix,
            expand: Expand::read(params, "")?,
            saved,
            installments,
        })
    }

    /// The merchant's own number, as far as he wrote one.
    pub(crate) fn number(&self, account: &Account) -> Option<&str> {
        self.metadata.get(&account.given.number_member).map(String::as_str)
    }
}

/// The card that is to be charged without the payer, when one is.
fn saved(params: &Params) -> Result<Option<Saved>, Refusal> {
    let says = |name: &str| Ok::<_, Refusal>(params.word(name, &["true", "false"])? == Some("true"));
    match (says("confirm")?, says("off_session")?) {
        (false, false) => Ok(None),
        (false, true) => Err(Refusal::invalid("off_session", "You cannot use `off_session` without `confirm`.")),
        (true, false) => {
            let message = "this sandbox's intents are confirmed by the payer's page, or without him (`off_session`)";
            Err(Refusal::invalid("confirm", message))
        }
        (true, true) => Ok(Some(Saved {
            customer: params.required("customer")?.to_owned(),
            method: params.required("payment_method")?.to_owned(),
        })),
    }
}

impl Shared {
    /// Makes an intent; its payer decides what follows.
    pub(super) fn stripe_create(&self, account: &Account, wish: Wish, fate: u64) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        // Two intents may bear the same number: their ids differ all the same.
        let serial = self.orders().next_serial();
        let id = format!("pi_3S{:016x}{serial:06}", dice::draw(&[fate, 40]));
        let expand = wish.expand;
        let number = wish.number(account).unwrap_or(&id).to_owned();
        let (saved, off) = (wish.saved.clone(), wish.saved.is_some());
        let by_tag = wish.description.contains("[card:3ds]");
        let facts = OrderFacts {
            client_secret: format!("{id}_secret_{}", random_text(25)),
            id: id.clone(),
            currency: wish.currency,
            capture_method: wish.capture_method,
            metadata: wish.metadata,
            suffix: wish.suffix,
            asks_payer: !off && (by_tag || dice::below(dice::draw(&[fate, 41]), ASKED) == 0),
            saved: wish.saved,
            installments: wish.installments,
            processing: false,
            cancel_reason: None,
            dispute: None,
        };
        let behaviour = self.payers.choose(&wish.description, dice::draw(&[fate, 1]));
        let new = NewOrder {
            channel: Channel::Stripe,
            account: account.given.id.clone(),
            number,
            // Who is not there does nothing.
            behaviour: if off { Behaviour::Never } else { behaviour },
            description: wish.description,
            amount_minor: wish.amount_minor,
            holds: facts.capture_method == "manual",
            fate,
            created_at_ms: now_ms,
            // The payer has opened the page only when he is met.
            met: false,
            expires_at_ms: now_ms.saturating_add(PATIENCE_MS),
            dies_at_ms: i64::MAX,
            own: Own::new(facts),
        };
        if let Some(saved) = saved {
            return self.stripe_charge(account, &saved, new, &id, expand);
        }
        let mut orders = self.orders();
        let position = orders.insert(new);
        orders.call(position, &id);
        let shown = show::intent(&orders, position, expand);
        drop(orders);
        self.payer_arrives(position);
        shown.ok_or_else(Refusal::broken)
    }
}
