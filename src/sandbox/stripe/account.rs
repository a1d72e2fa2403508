//! An account as the channel knows it: its keys, its webhook endpoint, and by which of its marks its objects are found
//! in the books. It must never hold anything of the merchant's program.

use std::fmt;
use std::sync::{PoisonError, RwLock};

/// An account on the sandbox's Stripe.
#[derive(Clone)]
pub struct StripeAccount {
    /// `acct_…`.
    pub id: String,
    /// `sk_test_…`: with it the merchant calls.
    pub secret_key: String,
    /// `pk_test_…`: with it the payer's page calls.
    pub publishable_key: String,
    /// `whsec_…`: messages are signed with each of them; two while one is rolled.
    pub webhook_secrets: Vec<String>,
    /// Where messages go; none are sent without it. Can be set later, as on the channel's own pages.
    pub webhook_url: Option<String>,
    /// The member of an intent's metadata in which this merchant writes his own number; the books name the order by
    /// it, else by the intent's id.
    pub number_member: String,
    /// The same of a setup intent; without it, the member of payments is looked at, and then its id is the number.
    pub agreement_number_member: String,
    /// The same of a refund.
    pub refund_number_member: String,
}

impl fmt::Debug for StripeAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeAccount").field("id", &self.id).finish_non_exhaustive()
    }
}

/// An account in use.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) given: StripeAccount,
    /// The how-manieth of the configuration: its name in draws.
    pub(crate) ordinal: u64,
    endpoint: RwLock<Option<String>>,
}

impl Account {
    pub(crate) fn new(given: StripeAccount, ordinal: u64) -> Self {
        Self { endpoint: RwLock::new(given.webhook_url.clone()), given, ordinal }
    }

    pub(crate) fn endpoint(&self) -> Option<String> {
        self.endpoint.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_endpoint(&self, url: &str) {
        *self.endpoint.write().unwrap_or_else(PoisonError::into_inner) = Some(url.to_owned());
    }
}
