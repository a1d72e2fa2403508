//! Customers: it knows what a merchant writes of one and how one is found, and must never know a card or an amount.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::keys::random_text;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::listing::Sought;
use crate::stripe::params::{Paging, Params};
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, seconds};

const KNOWN: [&str; 7] = ["description", "email", "expand", "metadata", "name", "phone", "preferred_locales"];

/// A customer of an account.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    /// `cus_…`.
    id: String,
    account: String,
    created_ms: i64,
    wish: CustomerWish,
}

/// A well-formed request.
#[derive(Clone, Debug)]
pub(crate) struct CustomerWish {
    name: Option<String>,
    email: Option<String>,
    phone: Option<String>,
    description: Option<String>,
    metadata: BTreeMap<String, String>,
}

/// All customers of all accounts, in the order of creation.
#[derive(Debug, Default)]
pub(crate) struct Customers(Mutex<Vec<Customer>>);

impl Customers {
    fn list(&self) -> MutexGuard<'_, Vec<Customer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has(&self, account: &str, id: &str) -> bool {
        self.list().iter().any(|one| one.id == id && one.account == account)
    }
}

impl CustomerWish {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&KNOWN)?;
        let text = |name: &str| params.text(name).map(|text| text.map(str::to_owned));
        Ok(Self {
            name: text("name")?,
            email: text("email")?,
            phone: text("phone")?,
            description: text("description")?,
            metadata: params.metadata()?,
        })
    }
}

impl Customer {
    fn show(&self) -> Value {
        json!({
            "id": self.id,
            "object": "customer",
            "created": seconds(self.created_ms),
            "delinquent": false,
            "description": self.wish.description,
            "email": self.wish.email,
            "invoice_settings": { "default_payment_method": null },
            "livemode": false,
            "metadata": self.wish.metadata,
            "name": self.wish.name,
            "phone": self.wish.phone,
        })
    }
}

impl Shared {
    pub(super) fn stripe_new_customer(&self, account: &Account, wish: CustomerWish) -> Value {
        let id = format!("cus_{}", random_text(14));
        let customer = Customer { id, account: account.given.id.clone(), created_ms: self.pace.now_ms(), wish };
        let shown = customer.show();
        self.stripe.customers.list().push(customer);
        shown
    }

    pub(super) fn stripe_customer(&self, account: &Account, id: &str) -> Result<Value, Refusal> {
        let list = self.stripe.customers.list();
        let found = list.iter().find(|one| one.id == id && one.account == account.given.id);
        found.map(Customer::show).ok_or_else(|| Refusal::no_such("customer", id))
    }

    /// The customers of an account, newest first; `sought` narrows them to what a merchant wrote.
    pub(super) fn stripe_customers(
        &self,
        account: &Account,
        sought: Option<&Sought>,
        paging: &Paging,
    ) -> Result<Value, Refusal> {
        let list = self.stripe.customers.list();
        let ours = list.iter().rev().filter(|one| one.account == account.given.id);
        let fits = |one: &&Customer| sought.is_none_or(|sought| sought.fits_metadata(&one.wish.metadata));
        let (page, has_more) = paging.cut(ours.filter(fits).collect(), |one| &one.id)?;
        let object = if sought.is_some() { "search_result" } else { "list" };
        Ok(show::list(object, "/v1/customers", page.into_iter().map(Customer::show).collect(), has_more))
    }
}
