//! Ways to pay: it knows how the members of a request become payments, and must never know how an order
//! goes on once it has them.

use bursar_core::channel::Method;
use bursar_core::id::{AgreementId, ChannelAccountId, PaymentId};
use bursar_core::installments::Installments;
use bursar_core::order::Order;
use bursar_core::payment::{Evidence, PayerDetails, Payment, PaymentState};
use bursar_core::{Currency, Money};

use super::intake::{CreateInstallments, CreateOrder, CreatePart, CreatePayer, Scene};
use super::{checks, debit};
use crate::json::Reader;
use crate::limits;

/// One checked way to pay a part of an order.
#[derive(Clone, Debug)]
pub struct Way {
    /// How.
    pub method: Method,
    /// Through which account.
    pub account: ChannelAccountId,
    /// What the channel must know of the payer.
    pub payer: PayerDetails,
    /// In what installments the channel shall offer it.
    pub installments: Option<Installments>,
    /// By which agreement he is charged.
    pub agreement: Option<AgreementId>,
    /// How much, in minor units.
    pub amount_minor: i64,
}

/// One way as a request names it.
#[derive(Clone, Copy, Debug)]
pub struct Named<'a> {
    /// How.
    pub method: &'a str,
    /// Through which account.
    pub account_id: Option<&'a str>,
    /// What was said of the payer.
    pub payer: Option<&'a CreatePayer>,
    /// The installments.
    pub installments: Option<&'a CreateInstallments>,
    /// The agreement.
    pub agreement: Option<&'a str>,
    /// The merchant's number of the payer, when the order names one.
    pub customer: Option<&'a str>,
    /// How much, in minor units.
    pub amount_minor: i64,
}

/// The way that is named. `None` was noted.
pub fn way(named: Named<'_>, currency: Currency, scene: Scene<'_>, errors: &mut Reader<'_>) -> Option<Way> {
    let method: Option<Method> = checks::take(errors, "method", named.method.parse());
    let payer = checks::payer("payer", named.payer, method, errors);
    let method = method?;
    let installments = checks::installments(named.installments, method, currency, errors);
    if method.debits() || named.agreement.is_some() {
        return debit::way(named, method, currency, scene, errors);
    }
    if !method.channel().takes(currency) {
        errors.refuse("currency", format!("{} does not take {currency}", method.channel().name()));
    }
    let account = checks::account(named.account_id, method.channel(), scene, errors)?;
    Some(Way { method, account, payer, installments, agreement: None, amount_minor: named.amount_minor })
}

/// The methods among which the payer may choose; none when the request names the payments.
pub fn offers(request: &CreateOrder, currency: Currency, errors: &mut Reader<'_>) -> Vec<Method> {
    let Some(names) = &request.offers else {
        let parts = request.payments.iter().flatten();
        let debits = request.agreement.is_some() || parts.into_iter().any(|p| p.agreement.is_some());
        match &request.customer {
            Some(customer) if debits => checks::plain_number("customer", customer, errors),
            Some(_) => errors.refuse(
                "customer",
                "`customer` belongs to `offers` or an `agreement`: otherwise nothing is remembered",
            ),
            None => {}
        }
        return Vec::new();
    };
    for (name, given) in [
        ("method", request.method.is_some()),
        ("account_id", request.account_id.is_some()),
        ("payer", request.payer.is_some()),
        ("installments", request.installments.is_some()),
        ("agreement", request.agreement.is_some()),
        ("payments", request.payments.is_some()),
    ] {
        if given {
            errors.refuse(name, format!("`{name}` is for orders without `offers`; the payer's pick names it"));
        }
    }
    if let Some(customer) = &request.customer {
        checks::plain_number("customer", customer, errors);
    }
    if names.is_empty() {
        errors.refuse("offers", "`offers` must name at least one method");
    }
    offered(names, currency, errors)
}

/// The methods named in the member `offers`.
pub fn offered(names: &[String], currency: Currency, errors: &mut Reader<'_>) -> Vec<Method> {
    let mut offers = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let pointer = format!("/offers/{index}");
        match name.parse::<Method>() {
            Ok(method) if offers.contains(&method) => {
                errors.refuse_at(&pointer, format!("`{method}` is offered twice"));
            }
            Ok(method) if method.debits() => {
                errors
                    .refuse_at(&pointer, format!("`{method}` charges the payer by an agreement; he cannot choose it"));
            }
            Ok(method) if !method.channel().takes(currency) => {
                errors.refuse_at(&pointer, format!("{} does not take {currency}", method.channel().name()));
            }
            Ok(method) => offers.push(method),
            Err(message) => errors.refuse_at(&pointer, message),
        }
    }
    offers
}

/// All ways that a request for an order names.
pub fn ways(request: &CreateOrder, currency: Currency, scene: Scene<'_>, errors: &mut Reader<'_>) -> Vec<Way> {
    let Some(parts) = &request.payments else {
        let Some(method) = request.method.as_deref() else {
            errors.refuse("method", "`method` is missing (or `payments`, for a combined order)");
            return Vec::new();
        };
        let named = Named {
            method,
            account_id: request.account_id.as_deref(),
            payer: request.payer.as_ref(),
            installments: request.installments.as_ref(),
            agreement: request.agreement.as_deref(),
            customer: request.customer.as_deref(),
            amount_minor: request.amount_minor,
        };
        return way(named, currency, scene, errors).into_iter().collect();
    };
    for (name, given) in [
        ("method", request.method.is_some()),
        ("account_id", request.account_id.is_some()),
        ("payer", request.payer.is_some()),
        ("installments", request.installments.is_some()),
        ("agreement", request.agreement.is_some()),
    ] {
        if given {
            errors.refuse(name, format!("`{name}` belongs into each of `payments` when these are given"));
        }
    }
    if parts.is_empty() || parts.len() > limits::PARTS_MAX {
        let (max, given) = (limits::PARTS_MAX, parts.len());
        errors.refuse("payments", format!("`payments` must be 1 to {max} parts, not {given}"));
        return Vec::new();
    }
    let customer = request.customer.as_deref();
    let one = |(index, part)| one_of(index, part, customer, currency, scene, errors);
    let ways = parts.iter().enumerate().filter_map(one);
    let ways: Vec<Way> = ways.collect();
    let sum = parts.iter().map(|p| p.amount_minor).fold(0, i64::saturating_add);
    let whole = request.amount_minor;
    // With part payment the rest may be ordered later: a deposit alone is lawful.
    let deposit = request.part_payment.unwrap_or_default() && sum < whole;
    if sum != whole && !deposit {
        errors.refuse("payments", format!("the parts add up to {sum} minor units, not to the order's {whole}"));
    }
    ways
}

fn one_of(
    index: usize,
    part: &CreatePart,
    customer: Option<&str>,
    currency: Currency,
    scene: Scene<'_>,
    errors: &mut Reader<'_>,
) -> Option<Way> {
    let mut own = Reader::blank_at(format!("/payments/{index}"));
    checks::amount("amount_minor", part.amount_minor, &mut own);
    let named = Named {
        method: &part.method,
        account_id: part.account_id.as_deref(),
        payer: part.payer.as_ref(),
        installments: part.installments.as_ref(),
        agreement: part.agreement.as_deref(),
        customer,
        amount_minor: part.amount_minor,
    };
    let way = way(named, currency, scene, &mut own);
    errors.absorb(own);
    way
}

/// The payments of a new order. Their ids grow in the order in which they are taken, because that is how
/// they are read back: as given, but what cannot be undone comes last.
pub fn payments(order: &Order, mut ways: Vec<Way>, scene: Scene<'_>) -> Vec<Payment> {
    ways.sort_by_key(|w| !w.method.reversible());
    let ids = growing(ways.len(), || PaymentId::fresh(scene.now, scene.chance));
    ids.into_iter().zip(ways).map(|(id, way)| payment(id, order, way, scene)).collect()
}

/// A payment by `way` that nobody has started yet.
pub fn payment(id: PaymentId, order: &Order, way: Way, scene: Scene<'_>) -> Payment {
    Payment {
        id,
        order: order.id,
        merchant: order.merchant,
        account: way.account,
        method: way.method,
        amount: Money::new(way.amount_minor, order.amount.currency),
        payer: way.payer,
        state: PaymentState::New,
        evidence: Evidence::default(),
        returned_minor: 0,
        installments: way.installments,
        agreement: way.agreement,
        version: 0,
        due_at: None,
        created_at: scene.now,
    }
}

/// So many ids, strictly growing. Those of one millisecond are in no order by themselves.
fn growing(count: usize, fresh: impl Fn() -> PaymentId) -> Vec<PaymentId> {
    let mut ids = std::collections::BTreeSet::new();
    // Two equal ones need a broken source of chance; the bound keeps that from going on for ever.
    for _ in 0..count.saturating_mul(8) {
        if ids.len() == count {
            break;
        }
        ids.insert(fresh());
    }
    ids.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use bursar_core::Timestamp;
    use bursar_core::chance::SeededChance;

    #[test]
    fn ids_of_one_millisecond_grow_and_a_repeated_one_is_drawn_again() {
        let now = Timestamp::from_millis(1_795_338_000_000);
        for seed in 0..50 {
            let chance = SeededChance::new(seed);
            let ids = growing(10, || PaymentId::fresh(now, &chance));
            assert!(ids.len() == 10 && ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        }
        let draws = std::cell::Cell::new(0_u128);
        let ids = growing(3, || {
            draws.set(draws.get() + 1);
            PaymentId(uuid::Uuid::from_u128(draws.get() / 2))
        });
        assert_eq!(ids.len(), 3);
    }
}
