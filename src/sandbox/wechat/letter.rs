//! What a notification says: it knows the envelope and what is sealed inside, for payments and refunds,
//! and must never know when or how often it is sent.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::keys::SigningKey;
use crate::pace::beijing;
use crate::shared::Shared;
use crate::timers::About;
use crate::wechat::platform::SignWith;
use crate::wechat::{aead, refund, transaction};
use crate::{SandboxError, dice};

/// A notification ready to be sent.
pub(crate) struct Letter {
    pub(crate) url: String,
    pub(crate) body: Vec<u8>,
    pub(crate) signer: (Arc<SigningKey>, String),
}

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

impl Shared {
    /// The seeded number from which everything about a notification is drawn.
    pub(crate) fn fate_of(&self, about: About) -> u64 {
        let orders = self.orders();
        match about {
            About::Payment(order) => orders.list.get(order).map_or(0, |order| order.fate),
            About::Refund { refund, event } => {
                let nth = u64::try_from(event).unwrap_or(u64::MAX);
                orders.refunds.list.get(refund).map_or(0, |refund| dice::draw(&[refund.fate, 5, nth]))
            }
        }
    }

    /// `None` when there is nobody to write to.
    pub(crate) fn write_letter(&self, about: About) -> Result<Option<Letter>, SandboxError> {
        let Some(news) = self.news(about) else { return Ok(None) };
        let Some(merchant) = self.merchants.get(&news.mchid) else { return Ok(None) };
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
        let signer = self.platform().signer(news.sign_with);
        Ok(Some(Letter { url: news.url, body: body.to_string().into_bytes(), signer }))
    }

    fn news(&self, about: About) -> Option<News> {
        let orders = self.orders();
        match about {
            About::Payment(order) => {
                let order = orders.list.get(order)?;
                Some(News {
                    url: order.body.notify_url.clone(),
                    mchid: order.body.mchid.clone(),
                    sign_with: order.sign_with,
                    id: notification_id(order.fate, u64::from(order.tab.charges)),
                    at_ms: order.tab.paid_at_ms.unwrap_or_default(),
                    event_type: "TRANSACTION.SUCCESS".to_owned(),
                    summary: "支付成功",
                    original_type: "transaction",
                    // It tells of the payment, however late it comes: refunds have their own.
                    plain: transaction::write(order, false),
                })
            }
            About::Refund { refund: position, event } => {
                let one = orders.refunds.list.get(position)?;
                let happened = *one.events.get(event)?;
                Some(News {
                    url: one.body.notify_url.clone()?,
                    mchid: one.mchid.clone(),
                    sign_with: one.sign_with,
                    id: notification_id(one.fate, u64::try_from(event).unwrap_or(u64::MAX)),
                    at_ms: happened.at_ms,
                    event_type: format!("REFUND.{}", happened.state.name()),
                    summary: refund::summary(happened.state),
                    original_type: "refund",
                    plain: refund::write_event(one, happened),
                })
            }
        }
    }

    /// The merchant accepted a notification.
    pub(crate) fn note_accepted(&self, about: About) {
        let mut orders = self.orders();
        let count = match about {
            About::Payment(order) => orders.list.get_mut(order).map(|order| &mut order.notifications_accepted),
            About::Refund { refund, .. } => {
                orders.refunds.list.get_mut(refund).map(|refund| &mut refund.notifications_accepted)
            }
        };
        if let Some(count) = count {
            *count += 1;
        }
    }
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
