//! Lists and searches of intents: it knows their filters, their pages and that a search shows what is not quite new;
//! it must never change anything.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::orders::Order;
use crate::shared::Shared;
use crate::stripe::account::Account;
use crate::stripe::front::OrderFacts;
use crate::stripe::params::{Paging, Params};
use crate::stripe::refusal::Refusal;
use crate::stripe::show::{self, Expand, seconds};
use crate::{Channel, dice};

/// After how many milliseconds of the sandbox clock a search shows a new intent. Source: "in less than a minute" of the
/// documents.
const SEARCHED_AFTER_MS: (i64, i64) = (1_000, 40_000);

/// What a list is narrowed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    paging: Paging,
    /// Seconds since the epoch: at least, below.
    created: (i64, i64),
    expand: Expand,
}

impl Listed {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&["created", "customer", "ending_before", "expand", "limit", "starting_after"])?;
        let created = created(params)?;
        Ok(Self { paging: params.paging()?, created, expand: Expand::read(params, "data.")? })
    }
}

/// The bounds of `created`, in seconds since the epoch: at least, below.
pub(crate) fn created(params: &Params) -> Result<(i64, i64), Refusal> {
    let bounds = params.hash("created")?;
    let mut created = (i64::MIN, i64::MAX);
    for (name, text) in &bounds {
        let at: i64 = text.parse().map_err(|_| Refusal::not_an_integer("created"))?;
        match name.as_str() {
            "gte" => created.0 = created.0.max(at),
            "gt" => created.0 = created.0.max(at.saturating_add(1)),
            "lt" => created.1 = created.1.min(at),
            "lte" => created.1 = created.1.min(at.saturating_add(1)),
            _ => return Err(Refusal::unknown("created")),
        }
    }
    Ok(created)
}

/// What is searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sought {
    clauses: Vec<(Field, String)>,
    limit: usize,
    expand: Expand,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Field {
    Metadata(String),
    Status,
    Currency,
}

impl Sought {
    pub(crate) fn read(params: &Params) -> Result<Self, Refusal> {
        params.only(&["query", "limit", "page", "expand"])?;
        let query = params.required("query")?;
        let clauses: Option<Vec<_>> = query.split(" AND ").map(clause).collect();
        let wrong = || Refusal::invalid("query", "We were unable to parse your search query.");
        Ok(Self {
            clauses: clauses.ok_or_else(wrong)?,
            limit: params.paging()?.limit,
            expand: Expand::read(params, "data.")?,
        })
    }

    /// The merchant's number, when it is searched for.
    pub(crate) fn number<'a>(&'a self, account: &Account) -> Option<&'a str> {
        let is_number = |field: &Field| matches!(field, Field::Metadata(name) if *name == account.given.number_member);
        self.clauses.iter().find(|(field, _)| is_number(field)).map(|(_, value)| value.as_str())
    }

    /// Whether what a merchant wrote on an object is all that is searched for.
    pub(crate) fn fits_metadata(&self, metadata: &BTreeMap<String, String>) -> bool {
        self.clauses.iter().all(|(field, value)| match field {
            Field::Metadata(name) => metadata.get(name) == Some(value),
            Field::Status | Field::Currency => false,
        })
    }

    pub(crate) fn paging(&self) -> Paging {
        Paging { limit: self.limit, starting_after: None }
    }

    fn fits(&self, order: &Order, facts: &OrderFacts) -> bool {
        self.clauses.iter().all(|(field, value)| match field {
            Field::Metadata(name) => facts.metadata.get(name) == Some(value),
            Field::Status => show::status(order, facts) == value,
            Field::Currency => facts.currency == *value,
        })
    }
}

/// `metadata['name']:'value'`, `status:'value'` or `currency:'value'`, with either kind of quotes.
fn clause(text: &str) -> Option<(Field, String)> {
    let (field, value) = text.trim().split_once(':')?;
    let field = match field {
        "status" => Field::Status,
        "currency" => Field::Currency,
        _ => Field::Metadata(quoted(field.strip_prefix("metadata[")?.strip_suffix(']')?)?),
    };
    Some((field, quoted(value)?))
}

fn quoted(text: &str) -> Option<String> {
    let inner = ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))?;
    (!inner.contains(['\'', '"'])).then(|| inner.to_owned())
}

impl Shared {
    pub(super) fn stripe_list(&self, account: &Account, listed: &Listed) -> Result<Value, Refusal> {
        let (least, below) = listed.created;
        self.stripe_page(account, &listed.paging, listed.expand, "list", |order, _| {
            (least..below).contains(&seconds(order.tab.created_at_ms))
        })
    }

    pub(super) fn stripe_search(&self, account: &Account, sought: &Sought) -> Result<Value, Refusal> {
        let now_ms = self.pace.now_ms();
        self.stripe_page(account, &sought.paging(), sought.expand, "search_result", |order, facts| {
            let lag_ms = dice::within(dice::draw(&[dice::text(&facts.id), 42]), SEARCHED_AFTER_MS);
            now_ms.saturating_sub(order.tab.created_at_ms) >= lag_ms && sought.fits(order, facts)
        })
    }

    /// The intents of an account that fit, newest first.
    fn stripe_page(
        &self,
        account: &Account,
        paging: &Paging,
        expand: Expand,
        object: &str,
        fits: impl Fn(&Order, &OrderFacts) -> bool,
    ) -> Result<Value, Refusal> {
        let orders = self.orders();
        let ours = |order: &Order| order.channel == Channel::Stripe && order.account == account.given.id;
        let found: Vec<_> = orders
            .list
            .iter()
            .rev()
            .filter(|order| ours(order))
            .filter_map(|order| Some((order, order.own.get::<OrderFacts>()?)))
            .filter(|(order, facts)| fits(order, facts))
            .collect();
        let (page, has_more) = paging.cut(found, |(_, facts)| &facts.id)?;
        let data = page
            .into_iter()
            .map(|(order, facts)| show::intent_in(&orders, order, facts, show::status(order, facts), expand))
            .collect();
        Ok(show::list(object, "/v1/payment_intents", data, has_more))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_read_and_what_is_no_search_is_refused() {
        let field = |name: &str| Field::Metadata(name.to_owned());
        assert_eq!(clause("metadata['a b']:'x'"), Some((field("a b"), "x".into())));
        assert_eq!(clause(" metadata[\"a\"]:\"x\" "), Some((field("a"), "x".into())));
        assert_eq!(clause("status:'succeeded'"), Some((Field::Status, "succeeded".into())));
        for bad in ["", "metadata[a]:'x'", "metadata['a']='x'", "metadata['a']:x", "amount>100", "metadata['a']:'x'y'"]
        {
            assert_eq!(clause(bad), None, "{bad}");
        }
    }
}
