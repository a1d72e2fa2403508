//! Queries: it knows how a transaction is found and what of it the asker is told, and must never change it.

use crate::Channel;
use crate::shared::Shared;
use crate::unionpay::account::UnionpayMerchant;
use crate::unionpay::back::find_order;
use crate::unionpay::fields::Fields;
use crate::unionpay::front::{OrderFacts, RefundFacts};
use crate::unionpay::refusal::{Refusal, message, numbered};
use crate::unionpay::request::Named;
use crate::unionpay::story::{self, Story};
use crate::unionpay::token::TokenFacts;

impl Shared {
    /// Answers a query of `merchant`. `asked`: the fields of its request.
    pub(super) fn unionpay_query(
        &self,
        merchant: &UnionpayMerchant,
        named: &Named,
        asked: &Fields,
    ) -> Result<Fields, Refusal> {
        let story = self.find_story(&merchant.mer_id, named).ok_or_else(Refusal::no_such_transaction)?;
        let code = story.code;
        let told = story.with_card(merchant).map_err(|error| Refusal::new("04", error.to_string()))?;
        let mut fields = told;
        // These are the query's own; all others are the original transaction's.
        fields.copy(asked, &["version", "encoding", "bizType", "accessType"]);
        fields.set("origRespCode", code);
        fields.set("origRespMsg", numbered(code, message(code)));
        Ok(fields)
    }

    fn find_story(&self, mer_id: &str, named: &Named) -> Option<Story> {
        let now_ms = self.pace.now_ms();
        let mut orders = self.orders();
        if let Some(position) = find_order(&orders, mer_id, named) {
            let order = orders.at(position, now_ms)?;
            return story::of_order(order, order.own.get::<OrderFacts>()?, now_ms);
        }
        if let Named::Name(name) = named
            && let Some(position) = orders.agreements.position(Channel::Unionpay, mer_id, &name.unique())
        {
            let one = orders.agreements.list.get(position).filter(|one| one.signed_at_ms.is_some())?;
            let facts = one.own.get::<TokenFacts>().filter(|facts| facts.name == *name)?;
            return Some(story::of_token(one, facts));
        }
        let position = match named {
            Named::QueryId(id) => orders.refunds.position_of(Channel::Unionpay, mer_id, id)?,
            Named::Name(name) => orders.refunds.position(Channel::Unionpay, mer_id, &name.unique())?,
        };
        let refund = orders.refunds.list.get(position)?;
        let facts = refund.own.get::<RefundFacts>()?;
        let is_it = matches!(named, Named::QueryId(_)) || matches!(named, Named::Name(name) if facts.name == *name);
        is_it.then(|| story::of_refund(refund, facts))
    }
}
