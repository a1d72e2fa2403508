//! Agreements (a card that is saved to be charged without its payer): it knows how one is offered, asked about and
//! ended, and must never charge by one.
//!
//! A customer is made for each agreement, and an intent to save a card on him. Saving succeeds once; what ends the
//! agreement afterwards is that the card is taken away from the customer, which the intent never tells.

use std::collections::BTreeMap;

use bursar_core::agreement::Agreement;
use bursar_core::observation::PayCode;

use super::Stripe;
use super::call::{Answered, Call, unreadable};
use super::create::{MAX_DESCRIPTION_CHARS, line};
use super::errors::Meaning;
use super::form::Form;
use super::making::{MAX_KEYS, Made, may_be_forgotten};
use super::object::{AGREEMENT, Named, is_id};
use super::setup::{CUSTOMERS, Customer, METHODS, SETUP_FIELD, SETUPS, Setup};
use crate::channel::SignRequest;
use crate::outcome::{AgreementStanding, Outcome, Refusal, RefusalClass, Why};

impl Stripe {
    pub(super) async fn offer(&self, request: &SignRequest<'_>) -> Outcome<PayCode> {
        let agreement = request.agreement;
        // The channel may have forgotten the keys of an earlier call, which may have had an effect.
        if may_be_forgotten(agreement.created_at, self.now()) || agreement.evidence.offered.is_some() {
            match self.setup(agreement).await {
                Ok(None) => {}
                Ok(Some(setup)) => return self.setup_code(agreement, &setup),
                Err(trouble) => return Outcome::Unknown(trouble.before()),
            }
        }
        let customer = match self.customer(agreement).await {
            Ok(customer) => customer,
            Err(outcome) => return outcome,
        };
        let number = agreement.number();
        let form = Form::default()
            .with("customer", customer)
            .with("usage", "off_session")
            .push("payment_method_types", "card")
            .with("description", line(&agreement.description, MAX_DESCRIPTION_CHARS))
            .within("metadata", AGREEMENT, &number);
        match self.make(SETUPS, &form, &number, MAX_KEYS, || self.find_setup(agreement)).await {
            Made::Object(setup) => self.setup_code(agreement, &setup),
            Made::Error(error) => error.outcome(),
            Made::Unknown(why) => Outcome::Unknown(why),
        }
    }

    /// The id of the customer of `agreement`, who is made when there is none.
    async fn customer<T>(&self, agreement: &Agreement) -> Result<String, Outcome<T>> {
        if may_be_forgotten(agreement.created_at, self.now()) {
            match self.find_customer(agreement).await {
                Ok(None) => {}
                Ok(Some(customer)) => return Ok(customer.id),
                Err(trouble) => return Err(Outcome::Unknown(trouble.before())),
            }
        }
        let number = agreement.number();
        let form = Form::default()
            .with("description", line(&agreement.description, MAX_DESCRIPTION_CHARS))
            .within("metadata", AGREEMENT, &number);
        match self
            .make(CUSTOMERS, &form, &format!("{number}-customer"), MAX_KEYS, || self.find_customer(agreement))
            .await
        {
            Made::Object(Customer { id, .. }) if is_id(&id, "cus") => Ok(id),
            Made::Object(_) => Err(Outcome::Unknown(unreadable("the customer has no id"))),
            Made::Error(error) => Err(error.outcome()),
            Made::Unknown(why) => Err(Outcome::Unknown(why)),
        }
    }

    /// What the payer's page needs of `setup`.
    fn setup_code(&self, agreement: &Agreement, setup: &Setup) -> Outcome<PayCode> {
        if setup.metadata.get(AGREEMENT) != Some(agreement.number().as_str()) || !is_id(&setup.id, "seti") {
            return Outcome::Unknown(unreadable("it is about another number"));
        }
        if setup.livemode != self.secret.livemode {
            return Outcome::Unknown(unreadable("it is of the other mode, live or test"));
        }
        if setup.status == "canceled" {
            let (code, message, class) = ("CANCELED".to_owned(), setup.end(), RefusalClass::NumberClosed);
            return Outcome::Refused(Refusal { code, message, class });
        }
        let Some(secret) = setup.client_secret.clone().filter(|secret| !secret.is_empty()) else {
            return Outcome::Unknown(unreadable("it holds no client_secret for the payer"));
        };
        let mut fields =
            BTreeMap::from([("client_secret".to_owned(), secret), (SETUP_FIELD.to_owned(), setup.id.clone())]);
        if let Some(key) = &self.publishable_key {
            fields.insert("publishable_key".to_owned(), key.clone());
        }
        Outcome::Done(PayCode::Sdk { fields })
    }

    pub(super) async fn ask_agreement(&self, agreement: &Agreement) -> Outcome<AgreementStanding> {
        match self.setup(agreement).await {
            Ok(None) => Outcome::Done(AgreementStanding::Unsigned),
            Ok(Some(setup)) => self.agreement_standing(&setup).await,
            Err(trouble) => trouble.outcome(),
        }
    }

    async fn agreement_standing(&self, setup: &Setup) -> Outcome<AgreementStanding> {
        match setup.status.as_str() {
            "requires_payment_method" | "requires_confirmation" | "requires_action" | "processing" => {
                return Outcome::Done(AgreementStanding::Unsigned);
            }
            "canceled" => return Outcome::Done(AgreementStanding::Ended(setup.end())),
            "succeeded" => {}
            _ => return Outcome::Unknown(unreadable("its status is not known")),
        }
        let Some(method) = &setup.payment_method else {
            return Outcome::Unknown(unreadable("it succeeded, but has no payment method"));
        };
        match self.payment_method(method.id()).await {
            Ok(Some(method)) => match method.standing() {
                Ok(standing) => Outcome::Done(standing),
                Err(what) => Outcome::Unknown(unreadable(what)),
            },
            Ok(None) => Outcome::Done(AgreementStanding::Ended("the payment method is gone".to_owned())),
            Err(trouble) => trouble.outcome(),
        }
    }

    pub(super) async fn end(&self, agreement: &Agreement) -> Outcome<()> {
        let mut setup = match self.setup(agreement).await {
            Ok(None) => return Outcome::Done(()),
            Ok(Some(setup)) => setup,
            Err(trouble) => return trouble.outcome(),
        };
        if !["succeeded", "canceled"].contains(&setup.status.as_str()) {
            match self.cancel_setup(&setup.id).await {
                Ok(true) => return Outcome::Done(()),
                Err(outcome) => return outcome,
                // The payer has signed in that moment, or somebody else has canceled it.
                Ok(false) => match self.setup(agreement).await {
                    Ok(None) => return Outcome::Done(()),
                    Ok(Some(again)) => setup = again,
                    Err(trouble) => return trouble.outcome(),
                },
            }
        }
        match (setup.status.as_str(), setup.payment_method.as_ref().map(Named::id)) {
            ("canceled", _) => Outcome::Done(()),
            ("succeeded", Some(id)) => self.detach(id).await,
            _ => Outcome::Unknown(unreadable("it can neither be canceled nor is it signed")),
        }
    }

    /// Whether it is canceled now; not when it is in a state in which it cannot be.
    async fn cancel_setup(&self, id: &str) -> Result<bool, Outcome<()>> {
        let form = Form::default().with("cancellation_reason", "abandoned");
        match self.call(Call::post(&format!("{SETUPS}/{id}/cancel"), &form)).await {
            Err(why) => Err(Outcome::Unknown(why)),
            Ok(Answered::Success { .. }) => Ok(true),
            Ok(Answered::Error(error)) => match error.meaning {
                Some(Meaning::Absent) => Ok(true),
                Some(Meaning::State) => Ok(false),
                _ => Err(error.outcome()),
            },
        }
    }

    /// Takes the card away from its customer: it can never be charged again.
    async fn detach(&self, id: &str) -> Outcome<()> {
        if !is_id(id, "pm") {
            return Outcome::Unknown(unreadable("the payment method has no id"));
        }
        let error = match self.call(Call::post(&format!("{METHODS}/{id}/detach"), &Form::default())).await {
            Err(why) => return Outcome::Unknown(why),
            Ok(Answered::Success { .. }) => return Outcome::Done(()),
            Ok(Answered::Error(error)) => error,
        };
        if error.meaning == Some(Meaning::Absent) {
            return Outcome::Done(());
        }
        // Detached before: the channel has no code of its own for that.
        match self.payment_method(id).await {
            Ok(None) => Outcome::Done(()),
            Ok(Some(method)) if method.customer.is_none() => Outcome::Done(()),
            Ok(Some(_)) => error.outcome(),
            Err(trouble) => Outcome::Unknown(Why { not_sent: false, ..trouble.why() }),
        }
    }
}
