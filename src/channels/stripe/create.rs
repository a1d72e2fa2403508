//! Making a payment payable: it knows the members of an intent and what the payer's page needs, and must never
//! know what happens to the payment.
//!
//! The number is the idempotency key (see `making`), and a call that comes so late that the channel may have forgotten
//! it looks for the intent first. Should this ever make two intents, the payer has been given the secret of one of them
//! only, and can pay only that. A charge by an agreement is confirmed by the call that makes it, so that two intents
//! would be two charges: there the look must be right, and is, because the search has caught up long before keys are
//! forgotten.

use std::collections::BTreeMap;

use bursar_core::channel::Method;
use bursar_core::clock::MINUTE_MS;
use bursar_core::money::Money;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;

use super::Stripe;
use super::call::unreadable;
use super::form::Form;
use super::intent::Intent;
use super::lookup::{INTENT_FIELD, INTENTS};
use super::making::{MAX_KEYS, Made, may_be_forgotten};
use super::object::{ORDER, ORDER_NUMBER, PAYMENT, is_id};
use crate::channel::CreateRequest;
use crate::debit::signature;
use crate::outcome::{Outcome, Refusal, RefusalClass};
use crate::parts::passed;

/// So long after a charge is first called for it is not called for under a second key, in milliseconds: more than
/// twice the time that the channel's facts allow for things to show.
const SETTLED_MS: i64 = 5 * MINUTE_MS;
/// The member by which the payer's page learns in how many installments it is to confirm, if the payer's card has such a
/// plan.
const INSTALLMENT_COUNT: &str = "installment_count";
/// Longest description. Source: the channel's documents say 1000 for lists on its pages; the merchant's texts are
/// shorter.
pub(super) const MAX_DESCRIPTION_CHARS: usize = 500;

/// Amount and currency as the channel takes them. It counts in minor units as ISO 4217 does, but of currencies
/// with three decimals takes only tens.
pub(super) fn money(form: Form, amount: Money) -> Result<Form, Refusal> {
    if amount.currency.decimals() == 3 && amount.minor % 10 != 0 {
        return Err(Refusal::ours("AMOUNT", "of a currency with three decimals the channel takes only two"));
    }
    Ok(form.with("amount", amount.minor).with("currency", amount.currency.code().to_ascii_lowercase()))
}

fn refused(code: &str, message: &str, class: RefusalClass) -> Refusal {
    Refusal { code: code.into(), message: message.into(), class }
}

/// A line of at most `most` characters.
pub(super) fn line(text: &str, most: usize) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    line.trim().chars().take(most).collect()
}

impl Stripe {
    /// The members of the intent: a function of the request, the same for every attempt.
    fn intent_form(&self, request: &CreateRequest<'_>) -> Result<Form, Refusal> {
        let (order, payment) = (request.order, request.payment);
        let capture = match payment.method {
            Method::Card | Method::CardDebit => "automatic",
            Method::CardHold => "manual",
            _ => return Err(Refusal::ours("METHOD", "this account takes card, card_hold and card_debit only")),
        };
        if payment.amount.minor <= 0 {
            return Err(Refusal::ours("AMOUNT", "at least one minor unit is paid"));
        }
        let mut form = money(Form::default(), payment.amount)?
            .push("payment_method_types", "card")
            .with("capture_method", capture)
            .with("description", line(&order.description, MAX_DESCRIPTION_CHARS))
            .within("metadata", PAYMENT, payment.number())
            .within("metadata", ORDER, order.id)
            .within("metadata", ORDER_NUMBER, &order.number);
        if payment.installments.is_some() {
            // Not the plan: that is said by who confirms, and here the payer's page does.
            form = form.with("payment_method_options[card][installments][enabled]", true);
        }
        if let Some(suffix) = &self.statement_descriptor_suffix {
            form = form.with("statement_descriptor_suffix", suffix);
        }
        if payment.method.debits() { self.charged_now(form, request) } else { Ok(form) }
    }

    /// The members by which the intent charges a saved card without its payer, in the same call.
    fn charged_now(&self, form: Form, request: &CreateRequest<'_>) -> Result<Form, Refusal> {
        let signature = signature(request, self.now())?;
        let customer = signature.payer_id.as_deref().filter(|id| is_id(id, "cus"));
        let (Some(customer), true) = (customer, is_id(&signature.channel_id, "pm")) else {
            return Err(Refusal::ours("AGREEMENT", "the agreement names no customer or no payment method"));
        };
        Ok(form
            .with("customer", customer)
            .with("payment_method", &signature.channel_id)
            .with("off_session", true)
            .with("confirm", true))
    }

    pub(super) async fn create_intent(&self, request: &CreateRequest<'_>) -> Outcome<PayCode> {
        let payment = request.payment;
        let form = match self.intent_form(request) {
            Ok(form) => form,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        if may_be_forgotten(payment.created_at, self.now()) {
            match self.find(payment).await {
                Ok(None) => {}
                Ok(Some(intent)) => return self.code(payment, &intent),
                Err(trouble) => return Outcome::Unknown(trouble.before()),
            }
        }
        // What comes of a charge that was answered with trouble shows within this time, or nothing does.
        let may_show = payment.method.debits() && !passed(Some(payment.created_at), self.now(), SETTLED_MS);
        let most = if may_show { 1 } else { MAX_KEYS };
        match self.make(INTENTS, &form, &payment.number(), most, || self.find(payment)).await {
            Made::Object(intent) => self.code(payment, &intent),
            // A decline answers the confirmation: this intent took nothing, and nobody else can confirm it.
            Made::Error(error) => match error.decline.filter(|_| payment.method.debits()) {
                Some(class) => Outcome::Refused(error.refusal(RefusalClass::Declined(class))),
                None => error.outcome(),
            },
            Made::Unknown(why) => Outcome::Unknown(why),
        }
    }

    /// What the payer's page needs of `intent`.
    fn code(&self, payment: &Payment, intent: &Intent) -> Outcome<PayCode> {
        if intent.number() != Some(payment.number().as_str()) || !is_id(&intent.id, "pi") {
            return Outcome::Unknown(unreadable("it is about another number"));
        }
        let currency = payment.amount.currency.code();
        if intent.amount != payment.amount.minor || !intent.currency.eq_ignore_ascii_case(currency) {
            let message = "the channel has this number with another amount or currency";
            return Outcome::Refused(refused("NUMBER_IN_USE", message, RefusalClass::NumberInUse));
        }
        match intent.status.as_str() {
            // Whatever came of it: a question tells.
            status if payment.method.debits() && status != "canceled" => return Outcome::Done(PayCode::Debit),
            "succeeded" | "requires_capture" => {
                let message = "the payer has paid already";
                return Outcome::Refused(refused("PAID", message, RefusalClass::AlreadyPaid));
            }
            "canceled" => {
                let message = "the channel has canceled it";
                return Outcome::Refused(refused("CANCELED", message, RefusalClass::NumberClosed));
            }
            _ => {}
        }
        let Some(secret) = intent.client_secret.clone().filter(|secret| !secret.is_empty()) else {
            return Outcome::Unknown(unreadable("it holds no client_secret for the payer"));
        };
        let mut fields =
            BTreeMap::from([("client_secret".to_owned(), secret), (INTENT_FIELD.to_owned(), intent.id.clone())]);
        if let Some(installments) = payment.installments {
            fields.insert(INSTALLMENT_COUNT.to_owned(), installments.count.to_string());
        }
        if let Some(key) = &self.publishable_key {
            fields.insert("publishable_key".to_owned(), key.clone());
        }
        Outcome::Done(PayCode::Sdk { fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_minor_units_of_the_currency() {
        let form = |minor, code: &str| money(Form::default(), Money::new(minor, code.parse().unwrap()));
        assert_eq!(form(1234, "CNY").unwrap().encoded(), "amount=1234&currency=cny");
        assert_eq!(form(500, "JPY").unwrap().encoded(), "amount=500&currency=jpy");
        assert_eq!(form(5120, "KWD").unwrap().encoded(), "amount=5120&currency=kwd");
        assert!(form(5124, "KWD").is_err(), "the third decimal must be nought");
    }

    proptest::proptest! {
        #[test]
        fn an_amount_is_sent_as_its_minor_units_or_not_at_all(minor in 1..=i64::MAX) {
            for (code, tens) in [("CNY", false), ("JPY", false), ("KRW", false), ("USD", false), ("KWD", true)] {
                let sent = money(Form::default(), Money::new(minor, code.parse().unwrap()));
                let expected = (!tens || minor % 10 == 0)
                    .then(|| format!("amount={minor}&currency={}", code.to_ascii_lowercase()));
                proptest::prop_assert_eq!(sent.ok().map(|form| form.encoded()), expected, "{} {}", minor, code);
            }
        }
    }

    #[test]
    fn a_text_is_one_line_of_whole_characters() {
        assert_eq!(line(" 保洁\n2 小时\u{7} ", 500), "保洁 2 小时");
        assert_eq!(line(&"保".repeat(600), 500).chars().count(), 500);
    }
}
