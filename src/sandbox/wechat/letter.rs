//! What a notification says: it knows the envelope and what is sealed inside, for payments and refunds,
//! and must never know when or how often it is sent.

use http::{HeaderValue, header};
use serde_json::{Value, json};

use crate::agreements::AgreementNews;
use crate::front::Letter;
use crate::orders::{Happened, Order};
use crate::pace::beijing;
use crate::shared::Shared;
use crate::timers::About;
use crate::wechat::front::{ContractFacts, OrderFacts, RefundFacts, Wechat};
use crate::wechat::platform::SignWith;
use crate::wechat::service::ServiceFacts;
use crate::wechat::{aead, contract, refund, service_view, sign, transaction};
use crate::{SandboxError, dice};

/// What goes into one.
struct News {
    url: String,
    mchid: String,
    sign_with: SignWith,
    id: String,
    at_ms: i64,
    event_type: String,
    summary: &'static str,
    /// The word for what is inside, sealed with it.
    original_type: &'static str,
    plain: Value,
}

impl Wechat {
    /// `None` when there is nobody to write to.
    pub(super) fn write_letter(
        &self,
        world: &Shared,
        about: About,
        forged: bool,
    ) -> Result<Option<Letter>, SandboxError> {
        let Some(news) = news(world, about) else { return Ok(None) };
        let Some(merchant) = self.merchant(&news.mchid) else { return Ok(None) };
        let plain = news.plain.to_string();
        let mut resource = aead::seal(&merchant.account.apiv3_key, news.original_type, plain.as_bytes())?;
        if let Some(members) = resource.as_object_mut() {
            members.insert("original_type".to_owned(), news.original_type.into());
        }
        let body = json!({
            "id": news.id,
            "create_time": beijing(news.at_ms),
            "resource_type": "encrypt-resource",
            "event_type": news.event_type,
            "summary": news.summary,
            "resource": resource,
        });
        let body = body.to_string().into_bytes();
        let signer = self.platform().signer(news.sign_with);
        let mut headers = sign::headers(&signer, world.pace.now_seconds(), &body)?;
        if forged {
            sign::spoil(&mut headers, true);
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
        Ok(Some(Letter { url: news.url, headers, body }))
    }
}

fn news(world: &Shared, about: About) -> Option<News> {
    let orders = world.orders();
    match about {
        About::Order { order, event } => {
            let order = orders.list.get(order)?;
            if let Some(facts) = order.own.get::<ServiceFacts>() {
                return of_service(order, facts, event);
            }
            let facts = order.own.get::<OrderFacts>()?;
            let failed = order.events.get(event)?.what == Happened::Declined;
            Some(News {
                url: facts.body.notify_url.clone(),
                mchid: order.account.clone(),
                sign_with: facts.sign_with,
                // Of an order only its end is told, so the first event is the first charge or the failure.
                id: notification_id(order.fate, u64::try_from(event).unwrap_or(u64::MAX).saturating_add(1)),
                at_ms: order.events.get(event)?.at_ms,
                event_type: if failed { "TRANSACTION.FAIL" } else { "TRANSACTION.SUCCESS" }.to_owned(),
                summary: if failed { "扣款失败" } else { "支付成功" },
                original_type: "transaction",
                // It tells of the payment, however late it comes: refunds have their own.
                plain: transaction::write(order, facts, false),
            })
        }
        About::Agreement { agreement, event } => {
            let one = orders.agreements.list.get(agreement)?;
            let facts = one.own.get::<ContractFacts>()?;
            let happened = *one.events.get(event)?;
            let signed = happened.what == AgreementNews::Signed;
            Some(News {
                url: facts.body.notify_url.clone(),
                mchid: one.account.clone(),
                sign_with: facts.sign_with,
                id: notification_id(one.fate, u64::try_from(event).unwrap_or(u64::MAX).saturating_add(1_000)),
                at_ms: happened.at_ms,
                event_type: if signed { "ENTRUST.SIGN" } else { "ENTRUST.TERMINATE" }.to_owned(),
                summary: if signed { "签约成功" } else { "解约成功" },
                original_type: "contract",
                plain: contract::write(one, facts, signed),
            })
        }
        About::Refund { refund: position, event } => {
            let one = orders.refunds.list.get(position)?;
            let facts = one.own.get::<RefundFacts>()?;
            let happened = *one.events.get(event)?;
            Some(News {
                url: facts.body.notify_url.clone()?,
                mchid: one.account.clone(),
                sign_with: facts.sign_with,
                id: notification_id(one.fate, u64::try_from(event).unwrap_or(u64::MAX)),
                at_ms: happened.at_ms,
                event_type: format!("REFUND.{}", happened.state.name()),
                summary: refund::summary(happened.state),
                original_type: "refund",
                plain: refund::write_event(one, facts, happened),
            })
        }
    }
}

/// A payer has confirmed, or paid.
fn of_service(order: &Order, facts: &ServiceFacts, event: usize) -> Option<News> {
    let happened = *order.events.get(event)?;
    let confirmed = happened.what == Happened::Authorized;
    Some(News {
        url: facts.body.notify_url.clone(),
        mchid: order.account.clone(),
        sign_with: facts.sign_with,
        id: notification_id(order.fate, u64::try_from(event).unwrap_or(u64::MAX).saturating_add(1)),
        at_ms: happened.at_ms,
        event_type: if confirmed { "PAYSCORE.USER_CONFIRM" } else { "PAYSCORE.USER_PAID" }.to_owned(),
        summary: if confirmed { "用户确认订单" } else { "用户支付成功" },
        original_type: "payscore",
        plain: service_view::write(order, facts),
    })
}

/// In the form of a UUID, the same in every attempt; `nth`: the charge of an order, the event of a refund.
fn notification_id(fate: u64, nth: u64) -> String {
    let a = dice::draw(&[fate, 30, nth]);
    let b = dice::draw(&[fate, 31, nth]);
    let hex = format!("{a:016x}{b:016x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-5{}-a{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_uuid_and_belongs_to_one_charge() {
        let id = notification_id(5, 1);
        assert_eq!(id.len(), 36);
        assert_eq!(id, notification_id(5, 1));
        assert_ne!(id, notification_id(5, 2));
    }
}
