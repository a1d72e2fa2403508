//! A SetupIntent, its customer and its payment method, by which a saved card is charged: it knows what their states
//! mean and how they are found, and must never charge. Of a card nothing is read.

use bursar_core::agreement::{Agreement, Signature};
use bursar_core::observation::PayCode;
use serde::Deserialize;

use super::Stripe;
use super::call::{Trouble, unreadable};
use super::form::Form;
use super::lookup::{CLOCKS_APART_SECONDS, LIST_WITHIN_MS, MAX_PAGES};
use super::object::{AGREEMENT, Metadata, Named, Page, instant, is_id};
use crate::outcome::AgreementStanding;

/// The field of the code that holds the id of the intent.
pub(super) const SETUP_FIELD: &str = "setup_intent";
pub(super) const SETUPS: &str = "/v1/setup_intents";
pub(super) const CUSTOMERS: &str = "/v1/customers";
pub(super) const METHODS: &str = "/v1/payment_methods";

/// Members that are not needed are not read: the channel adds some with each version.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Setup {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) livemode: bool,
    #[serde(default)]
    pub(super) metadata: Metadata,
    /// What the payer's page needs.
    #[serde(default)]
    pub(super) client_secret: Option<String>,
    #[serde(default)]
    pub(super) payment_method: Option<Named>,
    #[serde(default)]
    cancellation_reason: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Customer {
    pub(super) id: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct PaymentMethod {
    id: String,
    created: i64,
    /// Whose it is; nobody's once it was detached.
    #[serde(default)]
    pub(super) customer: Option<Named>,
}

impl Setup {
    /// How far it has come. Of several for one number the farthest counts.
    fn progress(&self) -> u8 {
        match self.status.as_str() {
            "succeeded" => 3,
            "processing" => 2,
            "canceled" => 0,
            _ => 1,
        }
    }

    /// Why it is canceled.
    pub(super) fn end(&self) -> String {
        let reason = self.cancellation_reason.as_deref().unwrap_or("without a reason");
        crate::outcome::shorten(&format!("canceled: {reason}"))
    }
}

impl PaymentMethod {
    /// What it is to an agreement. It is made in the moment in which the payer types his card in; of the moment at
    /// which his bank confirmed it the channel keeps no time on the object.
    pub(super) fn standing(&self) -> Result<AgreementStanding, String> {
        let Some(customer) = &self.customer else {
            return Ok(AgreementStanding::Ended("the payment method was detached".to_owned()));
        };
        if !is_id(&self.id, "pm") || !is_id(customer.id(), "cus") {
            return Err("the payment method or its customer has no id".into());
        }
        Ok(AgreementStanding::Signed(Signature {
            channel_id: self.id.clone(),
            payer_id: Some(customer.id().to_owned()),
            signed_at: instant(self.created),
            ends_at: None,
        }))
    }
}

/// The id of the intent, as far as it is known.
fn known_id(agreement: &Agreement) -> Option<&str> {
    match &agreement.evidence.offered {
        Some((_, PayCode::Sdk { fields })) => {
            fields.get(SETUP_FIELD).map(String::as_str).filter(|id| is_id(id, "seti"))
        }
        _ => None,
    }
}

impl Stripe {
    /// The intent of `agreement`; `None` when the channel does not know it, which right after a call may change.
    pub(super) async fn setup(&self, agreement: &Agreement) -> Result<Option<Setup>, Trouble> {
        let found = match known_id(agreement) {
            Some(id) => self.read::<Setup>(&format!("{SETUPS}/{id}"), &Form::default()).await?,
            None => self.find_setup(agreement).await?,
        };
        match found {
            Some(setup) if setup.metadata.get(AGREEMENT) != Some(agreement.number().as_str()) => {
                Err(unreadable("it is about another number").into())
            }
            Some(setup) if setup.livemode != self.secret.livemode => {
                Err(unreadable("it is of the other mode, live or test").into())
            }
            found => Ok(found),
        }
    }

    /// The same by the number alone. The channel searches customers, but not these intents: they are listed by their
    /// customer.
    pub(super) async fn find_setup(&self, agreement: &Agreement) -> Result<Option<Setup>, Trouble> {
        let number = agreement.number();
        let mut found: Vec<Setup> = Vec::new();
        for customer in self.customers(agreement).await? {
            let query = Form::default().with("customer", customer.id);
            let listed = self.pages(SETUPS, query, MAX_PAGES, |setup: &Setup| &setup.id).await?;
            found.extend(listed.into_iter().filter(|setup| setup.metadata.get(AGREEMENT) == Some(number.as_str())));
        }
        Ok(found.into_iter().max_by_key(|setup| (setup.progress(), setup.id.clone())))
    }

    /// The customer that was made for `agreement`: one, unless keys were forgotten on the way.
    pub(super) async fn find_customer(&self, agreement: &Agreement) -> Result<Option<Customer>, Trouble> {
        Ok(self.customers(agreement).await?.into_iter().min_by(|a, b| a.id.cmp(&b.id)))
    }

    async fn customers(&self, agreement: &Agreement) -> Result<Vec<Customer>, Trouble> {
        let number = agreement.number();
        let ours = |customers: Vec<Customer>| -> Vec<Customer> {
            let ours = |c: &Customer| c.metadata.get(AGREEMENT) == Some(number.as_str()) && is_id(&c.id, "cus");
            customers.into_iter().filter(ours).collect()
        };
        let query = Form::default().with("query", format!("metadata['{AGREEMENT}']:'{number}'")).with("limit", 10);
        self.search_limit.acquire(&*self.parts().clock).await?;
        let page: Option<Page<Customer>> = self.read(&format!("{CUSTOMERS}/search"), &query).await?;
        let found = page.map(|page| ours(page.data)).unwrap_or_default();
        if !found.is_empty() || self.now().since_ms(agreement.created_at) > LIST_WITHIN_MS {
            return Ok(found);
        }
        let since = agreement.created_at.as_seconds().saturating_sub(CLOCKS_APART_SECONDS);
        let query = Form::default().within("created", "gte", since);
        Ok(ours(self.pages(CUSTOMERS, query, MAX_PAGES, |customer: &Customer| &customer.id).await?))
    }

    /// The payment method with this id; `None` when the channel does not know it.
    pub(super) async fn payment_method(&self, id: &str) -> Result<Option<PaymentMethod>, Trouble> {
        if !is_id(id, "pm") {
            return Err(unreadable("the payment method has no id").into());
        }
        match self.read::<PaymentMethod>(&format!("{METHODS}/{id}"), &Form::default()).await? {
            Some(method) if method.id != id => Err(unreadable("it is another payment method").into()),
            found => Ok(found),
        }
    }
}
