//! Messages of the channel: it knows how they come, and must never look at their meaning before the signature
//! was checked.
//!
//! The channel writes no time of sending into them, so that none can be called stale: a copy of an old message
//! is as genuine as the first. It says what was true then, and a payment or refund that was done stays done:
//! joined with what is known already it changes nothing. Its id is that of the first copy, too, so that it is
//! not even taken in twice.

use bursar_core::Timestamp;

use super::Unionpay;
use super::codes::Said;
use super::fields::Fields;
use super::transaction::Transaction;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::outcome::{RefundStanding, Standing, Why, WhyKind, shorten};

fn unreadable(what: impl Into<String>) -> NotificationRefusal {
    NotificationRefusal::Unreadable(shorten(&what.into()))
}

/// The same for each repetition of a message, and another for each turn that a transaction takes. Not a digest
/// of the message: members that are sealed for us are sealed anew for each repetition.
fn id_of(fields: &Fields) -> String {
    let transaction = match fields.get("queryId") {
        Some(id) => id.to_owned(),
        None => format!("{}-{}", fields.text("orderId"), fields.text("txnTime")),
    };
    shorten(&format!("{transaction}-{}-{}", fields.text("txnType"), fields.text("respCode")))
}

impl Unionpay {
    /// `now` is `None` for a message whose certificate was in force when it was stored.
    pub(super) fn read_message(&self, body: &[u8], now: Option<Timestamp>) -> Result<Notice, NotificationRefusal> {
        let fields = Fields::read_form(body).map_err(unreadable)?;
        self.keyring.verify(&fields, now).inspect_err(|doubt| tracing::warn!(?doubt, "a message is not believed"))?;
        let said = Said::about_call(&fields);
        let or_at = now.unwrap_or_else(|| self.now());
        let transaction = Transaction::new(&fields, &said, &self.own.mer_id, or_at);
        // One key of the channel signs for all merchants.
        if !transaction.is_ours() {
            return Err(NotificationRefusal::Foreign);
        }
        let number = fields.get("orderId").ok_or_else(|| unreadable("it has no orderId"))?.to_owned();
        let (channel_id, at) = (id_of(&fields), transaction.at());
        // What is not sure, by a code that is known or by one that is not, is asked about.
        let look = |why: Why, about| match why.kind {
            WhyKind::Unreadable if said.is_success() => Err(unreadable(why.detail)),
            _ => Ok(Notice::Look { channel_id: channel_id.clone(), about, at }),
        };
        // A token stands in it, which is not read here: what was opened is asked for.
        if transaction.is_opening() {
            return Ok(Notice::Look { channel_id, about: About::Agreement(number), at });
        }
        if transaction.is_payment() {
            match transaction.standing(transaction.debits()) {
                // That it knows nothing of it is no message: it has written one.
                Ok(Standing::Absent) => look(said.why(), About::Payment(number)),
                Ok(standing) => Ok(Notice::Payment { channel_id, number, standing, at }),
                Err(why) => look(why, About::Payment(number)),
            }
        } else if transaction.is_refund() {
            match transaction.refund_standing() {
                Ok(RefundStanding::Absent) => look(said.why(), About::Refund(number)),
                Ok(standing) => Ok(Notice::Refund { channel_id, number, standing, at }),
                Err(why) => look(why, About::Refund(number)),
            }
        } else {
            Ok(Notice::Other { channel_id, event: shorten(&format!("txnType {}", fields.text("txnType"))) })
        }
    }
}
