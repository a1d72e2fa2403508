//! Messages of the channel: it knows their envelope and what each is about, and must never look inside before the
//! signature over the raw bytes was checked.
//!
//! Messages come twice and overtake each other, and their shape follows the endpoint's version of the API, which is
//! none of ours. So of a payment or a refund only the number is read: how it stands is asked for.

use bursar_core::Timestamp;
use bursar_core::observation::Dispute;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Stripe;
use super::object::{AGREEMENT, LEG, Metadata, PAYMENT, instant, is_id};
use super::signature;
use crate::headers::HeaderLookup;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::outcome::shorten;

#[derive(Deserialize)]
struct Event {
    id: String,
    r#type: String,
    created: i64,
    livemode: bool,
    /// Only in messages about accounts that are connected to another.
    #[serde(default)]
    account: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

/// What is read of an intent, a charge or a refund.
#[derive(Deserialize)]
struct Marked {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Disputed {
    id: String,
    amount: i64,
    reason: String,
    status: String,
    /// Missing where the charge was made without an intent, which we never do.
    #[serde(default)]
    payment_intent: Option<Intent>,
}

/// The id, or the object where the endpoint's version expands it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Intent {
    Id(String),
    Object { id: String },
    Other(IgnoredAny),
}

fn unreadable(what: impl std::fmt::Display) -> NotificationRefusal {
    NotificationRefusal::Unreadable(shorten(&what.to_string()))
}

impl Stripe {
    /// `now` is `None` for a message that was fresh when it was stored.
    pub(super) fn read_message(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Option<Timestamp>,
    ) -> Result<Notice, NotificationRefusal> {
        signature::verify(&self.webhook, headers, body, now)?;
        let event: Event = serde_json::from_slice(body).map_err(unreadable)?;
        if !is_id(&event.id, "evt") {
            return Err(unreadable("its id is none of a message"));
        }
        let of_another = event.account.is_some() && event.account != self.own_account;
        if event.livemode != self.secret.livemode || of_another {
            return Err(NotificationRefusal::Foreign);
        }
        let at = instant(event.created);
        let other = |event: &Event| Notice::Other { channel_id: event.id.clone(), event: shorten(&event.r#type) };
        let kind = event.r#type.as_str();
        if kind.starts_with("charge.dispute.") {
            let disputed: Disputed = serde_json::from_value(event.data.object.clone()).map_err(unreadable)?;
            let Some((intent, dispute)) = disputed.read() else { return Ok(other(&event)) };
            return Ok(Notice::Dispute { channel_id: event.id, about: About::ChannelsPayment(intent), dispute, at });
        }
        let about = if kind.starts_with("payment_intent.") || kind == "charge.refunded" {
            marked(&event, PAYMENT)?.map(About::Payment)
        } else if kind.starts_with("refund.") || kind == "charge.refund.updated" {
            marked(&event, LEG)?.map(About::Refund)
        } else if kind.starts_with("setup_intent.") {
            marked(&event, AGREEMENT)?.map(About::Agreement)
        } else {
            None
        };
        // Without our mark it belongs to another system that uses the account.
        Ok(match about {
            Some(about) => Notice::Look { channel_id: event.id, about, at },
            None => other(&event),
        })
    }
}

fn marked(event: &Event, name: &str) -> Result<Option<String>, NotificationRefusal> {
    let marked = Marked::deserialize(&event.data.object).map_err(unreadable)?;
    Ok(marked.metadata.get(name).map(str::to_owned))
}

impl Disputed {
    /// The intent, and where the dispute stands. `None` for what is not about an intent, and for mere inquiries, by
    /// which no money is withdrawn: when one becomes a dispute, that is told.
    fn read(self) -> Option<(String, Dispute)> {
        let intent = match self.payment_intent? {
            Intent::Id(id) | Intent::Object { id } => id,
            Intent::Other(_) => return None,
        };
        if self.status.starts_with("warning_") {
            return None;
        }
        let won = match self.status.as_str() {
            "won" | "prevented" => Some(true),
            "lost" => Some(false),
            // needs_response, under_review, and what the channel may add: open.
            _ => None,
        };
        Some((intent, Dispute { id: self.id, amount_minor: self.amount, reason: shorten(&self.reason), won }))
    }
}
