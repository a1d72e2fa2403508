//! What a notification says: a url-encoded form with the fields of the transaction, signed. It must never
//! know when or how often it is sent.

use http::{HeaderMap, HeaderValue, header};

use crate::SandboxError;
use crate::front::Letter;
use crate::shared::Shared;
use crate::timers::About;
use crate::unionpay::front::{OrderFacts, RefundFacts, Unionpay};
use crate::unionpay::refusal::{message, numbered};
use crate::unionpay::story::{self, Story};
use crate::unionpay::token::TokenFacts;

/// What goes into one.
struct News {
    url: String,
    mer_id: String,
    /// Which forger writes, if one does.
    draw: u64,
    story: Story,
}

impl Unionpay {
    /// `None` when there is nobody to write to.
    pub(super) fn write_letter(
        &self,
        world: &Shared,
        about: About,
        forged: bool,
    ) -> Result<Option<Letter>, SandboxError> {
        let Some(news) = news(world, about) else { return Ok(None) };
        let Some(merchant) = self.merchant(&news.mer_id) else { return Ok(None) };
        let code = news.story.code;
        let mut fields = news.story.with_card(merchant)?;
        fields.set("respCode", code);
        fields.set("respMsg", numbered(code, message(code)));
        fields.set("exchangeRate", "0");
        let keys = self.keys();
        let signer = if forged { keys.forger(news.draw) } else { &keys.genuine };
        signer.sign(&mut fields)?;
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded;charset=UTF-8");
        headers.insert(header::CONTENT_TYPE, form);
        Ok(Some(Letter { url: news.url, headers, body: fields.form().into_bytes() }))
    }
}

fn news(world: &Shared, about: About) -> Option<News> {
    let orders = world.orders();
    match about {
        About::Order { order, .. } => {
            let order = orders.list.get(order)?;
            let facts = order.own.get::<OrderFacts>()?;
            Some(News {
                url: facts.request.text("backUrl").to_owned(),
                mer_id: order.account.clone(),
                draw: order.fate,
                // Only payments are told of orders.
                story: story::paid(order, facts),
            })
        }
        About::Agreement { agreement, .. } => {
            let one = orders.agreements.list.get(agreement)?;
            let facts = one.own.get::<TokenFacts>()?;
            Some(News {
                url: facts.request.text("backUrl").to_owned(),
                mer_id: one.account.clone(),
                draw: one.fate,
                // Only openings are told of tokens.
                story: story::of_token(one, facts),
            })
        }
        About::Refund { refund, .. } => {
            let refund = orders.refunds.list.get(refund)?;
            let facts = refund.own.get::<RefundFacts>()?;
            Some(News {
                url: facts.request.text("backUrl").to_owned(),
                mer_id: refund.account.clone(),
                draw: refund.fate,
                story: story::of_refund(refund, facts),
            })
        }
    }
}
