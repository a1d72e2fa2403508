//! Finding what belongs to a payment: it knows by which ids and marks, and must never judge what it finds.
//!
//! The id of an intent is known once the answer to the create call has come. Without it the intent is found by the
//! number that we wrote on it: by a search, which shows what is older than a minute or so, and for what is younger
//! by the list of the newest, which shows all but only so many.

use bursar_core::clock::MINUTE_MS;
use bursar_core::observation::PayCode;
use bursar_core::payment::Payment;

use super::Stripe;
use super::call::{Trouble, unreadable};
use super::form::Form;
use super::intent::{EXPAND, Intent};
use super::object::{PAYMENT, Page, is_id};

/// The field of the code that holds the id of the intent.
pub(super) const INTENT_FIELD: &str = "payment_intent";
pub(super) const INTENTS: &str = "/v1/payment_intents";
/// How long after a call the list of the newest is read as well, in milliseconds. The channel says "less than a
/// minute" of its search, and more during outages.
pub(super) const LIST_WITHIN_MS: i64 = 10 * MINUTE_MS;
/// How far the channel's clock and ours may be apart, in seconds.
pub(super) const CLOCKS_APART_SECONDS: i64 = 300;
/// Longest page. Source: the channel's documents.
pub(super) const PAGE: usize = 100;
/// Most pages of the newest that are read: beyond these the search has caught up, or the account is so busy that
/// reading on would cost its quota.
pub(super) const MAX_PAGES: usize = 3;

/// The id of the intent, as far as it is known.
pub(super) fn known_id(payment: &Payment) -> Option<&str> {
    let evidence = &payment.evidence;
    let of_code = match evidence.code() {
        Some(PayCode::Sdk { fields }) => fields.get(INTENT_FIELD).map(String::as_str),
        _ => None,
    };
    let of_paid = evidence.paid.as_ref().map(|receipt| receipt.transaction_id.as_str());
    let of_held = evidence.authorized.as_ref().map(|hold| hold.receipt.transaction_id.as_str());
    of_paid.or(of_held).or(of_code).filter(|id| is_id(id, "pi"))
}

pub(super) fn expanded(within: &str) -> Form {
    Form::default().push("expand", format!("{within}{EXPAND}"))
}

impl Stripe {
    /// The intent of `payment`; `None` when the channel does not know it, which right after a call may change.
    pub(super) async fn intent(&self, payment: &Payment) -> Result<Option<Intent>, Trouble> {
        let Some(id) = known_id(payment) else { return self.find(payment).await };
        let found: Option<Intent> = self.read(&format!("{INTENTS}/{id}"), &expanded("")).await?;
        match found {
            Some(intent) if intent.number() != Some(payment.number().as_str()) => {
                Err(unreadable("it is about another number").into())
            }
            found => Ok(found),
        }
    }

    /// The same by the number alone.
    pub(super) async fn find(&self, payment: &Payment) -> Result<Option<Intent>, Trouble> {
        let number = payment.number();
        let query = expanded("data.").with("query", format!("metadata['{PAYMENT}']:'{number}'")).with("limit", 10);
        self.search_limit.acquire(&*self.parts().clock).await?;
        let found: Option<Page<Intent>> = self.read(&format!("{INTENTS}/search"), &query).await?;
        let found = found.and_then(|page| farthest(page.data, &number));
        let last_call = payment.evidence.sent_at.unwrap_or(payment.created_at);
        if found.is_some() || self.now().since_ms(last_call) > LIST_WITHIN_MS {
            return Ok(found);
        }
        let since = last_call.as_seconds().saturating_sub(CLOCKS_APART_SECONDS);
        let query = expanded("data.").within("created", "gte", since);
        let newest = self.pages(INTENTS, query, MAX_PAGES, |intent: &Intent| &intent.id).await?;
        Ok(farthest(newest, &number))
    }

    /// Reads a list, newest first, of at most so many pages.
    pub(super) async fn pages<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        query: Form,
        most: usize,
        id: impl Fn(&T) -> &str,
    ) -> Result<Vec<T>, Trouble> {
        let mut all: Vec<T> = Vec::new();
        for _ in 0..most {
            let mut query = query.clone().with("limit", PAGE);
            if let Some(last) = all.last() {
                query = query.with("starting_after", id(last));
            }
            let page: Page<T> = self.read(path, &query).await?.ok_or_else(|| unreadable("there is no such list"))?;
            let is_last = !page.has_more || page.data.is_empty();
            all.extend(page.data);
            if is_last {
                break;
            }
        }
        Ok(all)
    }
}

/// Of the intents that bear `number` the one that has come farthest.
fn farthest(intents: Vec<Intent>, number: &str) -> Option<Intent> {
    let ours = intents.into_iter().filter(|intent| intent.number() == Some(number));
    ours.max_by_key(|intent| (intent.progress(), intent.id.clone()))
}
