//! Charges through an agreement as a way to pay an order, at the merchant's own pace: it knows what an agreement must
//! be for that, and must never know of plans.

use bursar_core::agreement::Agreement;
use bursar_core::channel::Method;
use bursar_core::{Currency, Money};

use super::intake::Scene;
use super::tender::{Named, Way};
use crate::json::Reader;
use crate::limits::shown;

/// The way that is named, when its method debits or it names an agreement. `None` was noted.
pub fn way(
    named: Named<'_>,
    method: Method,
    currency: Currency,
    scene: Scene<'_>,
    errors: &mut Reader<'_>,
) -> Option<Way> {
    let Some(text) = named.agreement else {
        errors.refuse("agreement", format!("`{method}` charges the payer by an agreement: name one in `agreement`"));
        return None;
    };
    if !method.debits() {
        errors.refuse("agreement", format!("`agreement` is for methods that debit; `{method}` is paid by the payer"));
        return None;
    }
    for (name, given) in [("account_id", named.account_id.is_some()), ("payer", named.payer.is_some())] {
        if given {
            errors.refuse(name, format!("`{name}` is the agreement's: leave it out"));
        }
    }
    let Some(agreement) = scene.agreements.iter().find(|a| a.id.to_string() == text) else {
        errors.refuse("agreement", format!("`{}` is not one of your agreements", shown(text)));
        return None;
    };
    let amount = Money::new(named.amount_minor, currency);
    if let Err(why) = check(agreement, method, named.customer, amount, scene) {
        errors.refuse("agreement", why);
        return None;
    }
    Some(Way {
        method,
        account: agreement.account,
        payer: agreement.details.clone(),
        installments: None,
        agreement: Some(agreement.id),
        amount_minor: named.amount_minor,
    })
}

fn check(
    agreement: &Agreement,
    method: Method,
    customer: Option<&str>,
    amount: Money,
    scene: Scene<'_>,
) -> Result<(), String> {
    if agreement.method != method {
        return Err(format!("the agreement is for `{}`, not for `{method}`", agreement.method));
    }
    if customer.is_some_and(|payer| payer != agreement.payer) {
        return Err("the agreement is of another payer than the order".to_owned());
    }
    if !agreement.can_be_charged(scene.now) {
        return Err(crate::agreements::why_not(agreement, scene.now));
    }
    if agreement.limit.currency != amount.currency {
        return Err(format!("the agreement is in {}, the order in {}", agreement.limit.currency, amount.currency));
    }
    if amount.minor > agreement.limit.minor {
        return Err(format!("the agreement allows {} for one charge, not {amount}", agreement.limit));
    }
    Ok(())
}
