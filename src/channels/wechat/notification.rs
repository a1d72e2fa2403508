//! Messages of the channel: it knows their envelope, and must never look inside before the signature
//! over the raw bytes was checked.

use bursar_core::Timestamp;
use serde::Deserialize;

use super::Wechat;
use super::aead::Sealed;
use super::refunded::Refunded;
use super::service_order::ServiceOrder;
use super::transaction::Transaction;
use crate::headers::HeaderLookup;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::outcome::shorten;

/// The events about payments: money came; a charge by an agreement failed; the payer of such a charge paid later.
const PAID: [&str; 3] = ["TRANSACTION.SUCCESS", "TRANSACTION.FAIL", "TRANSACTION.PAY_BACK"];
/// How events about agreements begin: signed, ended, and what the channel adds to that.
const AGREEMENTS: &str = "ENTRUST.";
/// The events about pay after service: the payer has agreed, the payer has paid.
const SCORE: [&str; 2] = ["PAYSCORE.USER_CONFIRM", "PAYSCORE.USER_PAID"];
/// The events about refunds.
const REFUNDED: [&str; 3] = ["REFUND.SUCCESS", "REFUND.ABNORMAL", "REFUND.CLOSED"];
/// Longest id of a message that is taken; the channel's have 36 characters.
const MAX_ID_BYTES: usize = 128;

#[derive(Deserialize)]
struct Envelope {
    id: String,
    create_time: String,
    event_type: String,
    resource: Sealed,
}

/// What is read of a contract in a message.
#[derive(Deserialize)]
struct ContractName {
    #[serde(default)]
    out_contract_code: Option<String>,
    #[serde(default)]
    mchid: Option<String>,
    #[serde(default)]
    appid: Option<String>,
}

fn unreadable(what: impl std::fmt::Display) -> NotificationRefusal {
    NotificationRefusal::Unreadable(shorten(&what.to_string()))
}

impl Wechat {
    /// `now` is `None` for a message that was fresh when it was stored.
    pub(super) fn read_message(
        &self,
        headers: &dyn HeaderLookup,
        body: &[u8],
        now: Option<Timestamp>,
    ) -> Result<Notice, NotificationRefusal> {
        self.keyring.verify(headers, body, now)?;
        let envelope: Envelope = serde_json::from_slice(body).map_err(unreadable)?;
        if envelope.id.is_empty() || envelope.id.len() > MAX_ID_BYTES {
            return Err(unreadable("its id is empty or too long"));
        }
        let at = Timestamp::parse_rfc3339(&envelope.create_time).map_err(unreadable)?;
        // Opened whatever it is about: a key of the channel may sign for many merchants, but only the
        // channel and we can seal with ours.
        let plain = self.api.open(&envelope.resource).map_err(unreadable)?;
        if REFUNDED.contains(&envelope.event_type.as_str()) {
            return self.read_refund(envelope.id, at, &plain);
        }
        if envelope.event_type.starts_with(AGREEMENTS) {
            return self.read_contract(envelope, at, &plain);
        }
        if SCORE.contains(&envelope.event_type.as_str()) {
            return self.read_service_order(envelope.id, at, &plain);
        }
        if !PAID.contains(&envelope.event_type.as_str()) {
            return Ok(Notice::Other { channel_id: envelope.id, event: shorten(&envelope.event_type) });
        }
        let transaction: Transaction = serde_json::from_slice(&plain).map_err(unreadable)?;
        if !self.payee.is_of(&transaction) {
            return Err(NotificationRefusal::Foreign);
        }
        let number = transaction.out_trade_no.clone();
        let debits = transaction.debits();
        let standing = transaction.standing(&self.payee, debits, at).map_err(unreadable)?;
        Ok(Notice::Payment { channel_id: envelope.id, number, standing, at })
    }

    /// Messages about agreements overtake each other: where it stands is asked for.
    fn read_contract(&self, envelope: Envelope, at: Timestamp, plain: &[u8]) -> Result<Notice, NotificationRefusal> {
        let contract: ContractName = serde_json::from_slice(plain).map_err(unreadable)?;
        // One of another product of the same family may name neither a merchant like ours nor a code of ours.
        let Some(number) = contract.out_contract_code.filter(|code| !code.is_empty()) else {
            return Ok(Notice::Other { channel_id: envelope.id, event: shorten(&envelope.event_type) });
        };
        if contract.mchid.as_deref() != Some(self.payee.mchid.as_str())
            || contract.appid.as_deref().is_some_and(|named| named != self.payee.appid)
        {
            return Err(NotificationRefusal::Foreign);
        }
        Ok(Notice::Look { channel_id: envelope.id, about: About::Agreement(number), at })
    }

    /// The two messages of an order overtake each other: where it stands is asked for.
    fn read_service_order(
        &self,
        channel_id: String,
        at: Timestamp,
        plain: &[u8],
    ) -> Result<Notice, NotificationRefusal> {
        let order: ServiceOrder = serde_json::from_slice(plain).map_err(unreadable)?;
        if order.mchid != self.payee.mchid || order.appid != self.payee.appid {
            return Err(NotificationRefusal::Foreign);
        }
        Ok(Notice::Look { channel_id, about: About::Payment(order.out_order_no), at })
    }

    /// Where the refund stands is read from what was sealed; the event's name adds nothing to it.
    fn read_refund(&self, channel_id: String, at: Timestamp, plain: &[u8]) -> Result<Notice, NotificationRefusal> {
        let refunded: Refunded = serde_json::from_slice(plain).map_err(unreadable)?;
        // Refunds name no app; in a message they always name the merchant.
        if refunded.mchid.as_deref() != Some(self.payee.mchid.as_str()) {
            return Err(NotificationRefusal::Foreign);
        }
        let number = refunded.out_refund_no.clone();
        let standing = refunded.standing(at).map_err(unreadable)?;
        Ok(Notice::Refund { channel_id, number, standing, at })
    }
}
