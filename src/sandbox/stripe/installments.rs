//! Installments of cards: it knows who may ask for them when, and which plans a card of a country has; it must never
//! take money.
//!
//! The merchant's server only allows them. Which plan it is, the payer's page says when it confirms: only then the card,
//! and with it the plans that it has, are known.

use serde_json::{Value, json};

use crate::stripe::front::OrderFacts;
use crate::stripe::params::Params;
use crate::stripe::refusal::Refusal;

const OPTIONS: [&str; 3] = ["payment_method_options", "card", "installments"];
const MEMBER: &str = "payment_method_options[card][installments]";
const PLAN: &str = "payment_method_options[card][installments][plan]";

/// What Stripe keeps of an intent that allows installments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    /// Into how many the payer has split it.
    plan: Option<u8>,
}

/// The plans that cards in this currency have.
fn counts(currency: &str) -> &'static [u8] {
    match currency {
        "mxn" => &[3, 6, 9, 12, 18, 24],
        "jpy" => &[3, 5, 6, 10, 12, 15, 18, 20, 24],
        _ => &[],
    }
}

/// What the call that makes an intent says of them.
pub(crate) fn allowed(params: &Params) -> Result<Option<Allowed>, Refusal> {
    let Some(said) = params.within(&OPTIONS)? else { return Ok(None) };
    said.only(&["enabled", "plan"])?;
    if said.within(&["plan"])?.is_some() {
        return Err(Refusal::invalid(PLAN, "This parameter can only be provided during confirmation."));
    }
    let enabled = said.word("enabled", &["true", "false"])? == Some("true");
    Ok(enabled.then_some(Allowed { plan: None }))
}

/// The plan that the payer's page confirms with.
pub(crate) fn plan(params: &Params) -> Result<Option<u8>, Refusal> {
    let Some(said) = params.within(&OPTIONS)? else { return Ok(None) };
    said.only(&["enabled", "plan"])?;
    let Some(plan) = said.within(&["plan"])? else { return Ok(None) };
    plan.only(&["count", "interval", "type"])?;
    // Plans that begin with a bonus or revolve are not played here.
    if plan.required("type")? != "fixed_count" || plan.required("interval")? != "month" {
        return Err(Refusal::invalid(PLAN, "this sandbox plays plans of a fixed_count by month"));
    }
    let count = plan.integer("count")?.ok_or_else(|| Refusal::missing("count"))?;
    u8::try_from(count).map(Some).map_err(|_| unavailable())
}

fn unavailable() -> Refusal {
    Refusal::invalid(PLAN, "The installment plan is not available for this payment method.")
}

/// The payer's page has chosen a plan.
pub(crate) fn choose(facts: &mut OrderFacts, count: u8) -> Result<(), Refusal> {
    let Some(allowed) = &mut facts.installments else {
        return Err(Refusal::invalid(MEMBER, "Installments are not enabled for this PaymentIntent."));
    };
    if !counts(&facts.currency).contains(&count) {
        return Err(unavailable());
    }
    allowed.plan = Some(count);
    Ok(())
}

fn written(count: u8) -> Value {
    json!({ "count": count, "interval": "month", "type": "fixed_count" })
}

/// The options of an intent as they are shown.
pub(crate) fn shown(facts: &OrderFacts) -> Value {
    let Some(allowed) = facts.installments else { return Value::Null };
    let plans: Vec<_> = counts(&facts.currency).iter().copied().map(written).collect();
    json!({ "available_plans": plans, "enabled": true, "plan": allowed.plan.map(written) })
}

/// What a charge says of them.
pub(crate) fn of_charge(facts: &OrderFacts) -> Value {
    let plan = facts.installments.and_then(|allowed| allowed.plan);
    plan.map_or(Value::Null, |count| json!({ "plan": written(count) }))
}
