//! The simulated channel's messages: it knows how one is written, proven and read, and must never know
//! what follows from it.

use std::collections::BTreeMap;

use bursar_channels::{About as What, Notice, NotificationRefusal, RefundStanding, Standing};
use bursar_core::Timestamp;
use bursar_core::chance::mix;
use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::MINUTE_MS;
use bursar_core::id::ChannelAccountId;
use bursar_core::observation::{Dispute, Hold, PayCode, Receipt};
use bursar_core::refund::RefundReceipt;
use serde::{Deserialize, Serialize};

use super::books::{Charge, Complaint, Entry, Held};
use super::giving::{Giving, Letter, Stage};
use super::planted::Planted;

/// The header that proves a message.
pub(crate) const PROOF: &str = "X-World-Proof";
/// Messages that are older or newer are not taken.
const WINDOW_MS: i64 = 5 * MINUTE_MS;

/// A message as it stands in the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub id: String,
    pub account: ChannelAccountId,
    /// Of the payment or refund.
    pub number: String,
    pub written_ms: i64,
    pub about: About,
}

/// What a message tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum About {
    Paid { transaction: String, amount_minor: i64, payee_matches: bool, paid_ms: i64 },
    RefundSucceeded { refund_id: String, amount_minor: i64, at_ms: i64 },
    RefundAbnormal { refund_id: String, amount_minor: i64, at_ms: i64 },
    RefundClosed,
    Changed { amount_minor: i64 },
    Complained { id: String, amount_minor: i64, won: Option<bool> },
}

impl Message {
    pub fn paid(id: String, account: ChannelAccountId, number: &str, charge: &Charge, now: i64) -> Self {
        let about = About::Paid {
            transaction: charge.transaction.clone(),
            amount_minor: charge.amount_minor,
            payee_matches: charge.payee_matches,
            paid_ms: charge.at_ms,
        };
        Self { id, account, number: number.to_owned(), written_ms: now, about }
    }

    pub fn changed(id: String, account: ChannelAccountId, number: &str, amount_minor: i64, now: i64) -> Self {
        Self { id, account, number: number.to_owned(), written_ms: now, about: About::Changed { amount_minor } }
    }

    pub fn complained(id: String, account: ChannelAccountId, number: &str, complaint: &Complaint, now: i64) -> Self {
        let (name, amount_minor, won) = (complaint.id.clone(), complaint.amount_minor, complaint.won);
        let about = About::Complained { id: name, amount_minor, won };
        Self { id, account, number: number.to_owned(), written_ms: now, about }
    }

    pub fn refund(id: String, number: &str, row: &Giving, letter: &Letter, now: i64) -> Self {
        let (refund_id, amount_minor, at_ms) = (row.refund_id.clone(), row.given_minor, letter.at_ms);
        let about = match letter.stage {
            Stage::Success | Stage::Processing => About::RefundSucceeded { refund_id, amount_minor, at_ms },
            Stage::Closed => About::RefundClosed,
            Stage::Abnormal => About::RefundAbnormal { refund_id, amount_minor, at_ms },
        };
        Self { id, account: row.account, number: number.to_owned(), written_ms: now, about }
    }

    /// Proof and body.
    pub fn sealed(&self) -> (String, String) {
        let body = serde_json::to_string(self).unwrap_or_default();
        (proof(self.account, body.as_bytes()), body)
    }
}

fn proof(account: ChannelAccountId, body: &[u8]) -> String {
    let (high, low) = account.uuid().as_u64_pair();
    let key = mix(high ^ low ^ 0x5ec2_e700);
    format!("{:016x}", body.iter().fold(key, |hash, byte| mix(hash ^ u64::from(*byte))))
}

/// What a charge reads as.
pub(crate) fn receipt(charge: &Charge) -> Receipt {
    Receipt {
        transaction_id: charge.transaction.clone(),
        amount_minor: charge.amount_minor,
        currency: "CNY".to_owned(),
        payee_matches: charge.payee_matches,
        paid_at: Timestamp::from_millis(charge.at_ms),
    }
}

/// What a hold reads as.
pub(crate) fn hold(number: &str, entry: &Entry, held: Held) -> Hold {
    let charge = Charge {
        transaction: format!("pi_{number}"),
        amount_minor: entry.ask.amount_minor,
        payee_matches: true,
        at_ms: held.since_ms,
    };
    let lapses_at = held.says_when.then_some(Timestamp::from_millis(held.lapses_ms));
    Hold { receipt: receipt(&charge), lapses_at }
}

/// What a payer needs in order to pay `number`.
pub(crate) fn code(method: Method, number: String) -> PayCode {
    let fields = |name: &str| BTreeMap::from([(name.to_owned(), number.clone())]);
    match method {
        Method::WechatNative | Method::AlipayQr | Method::AlipayHold => PayCode::QrCode { url: number },
        Method::WechatH5 | Method::AlipayPage | Method::AlipayWap => PayCode::Redirect { url: number },
        Method::WechatJsapi | Method::WechatApp | Method::WechatScore | Method::AlipayApp => {
            PayCode::Sdk { fields: fields("order") }
        }
        Method::UnionpayApp => PayCode::Sdk { fields: fields("tn") },
        Method::Card | Method::CardHold => PayCode::Sdk { fields: fields("client_secret") },
        Method::UnionpayWeb => PayCode::Form { action: "https://world.example".to_owned(), fields: fields("orderId") },
        Method::BankTransfer => PayCode::Transfer { fields: fields("reference") },
        Method::Cash => PayCode::Cash { code: number },
        Method::WechatDebit | Method::AlipayDebit | Method::UnionpayDebit | Method::CardDebit => PayCode::Debit,
    }
}

/// The number that a payer finds in a code.
pub(crate) fn number_in(code: &PayCode) -> Option<String> {
    match code {
        PayCode::QrCode { url } | PayCode::Redirect { url } => Some(url.clone()),
        PayCode::Cash { code } => Some(code.clone()),
        PayCode::Debit => None,
        PayCode::Sdk { fields } | PayCode::Form { fields, .. } | PayCode::Transfer { fields } => {
            fields.values().next().cloned()
        }
    }
}

/// What money given back reads as.
pub(crate) fn refund_receipt(refund_id: String, amount_minor: i64, at_ms: i64) -> RefundReceipt {
    let refunded_at = Timestamp::from_millis(at_ms);
    RefundReceipt { refund_id, amount_minor, currency: "CNY".to_owned(), refunded_at }
}

/// Verifies and reads. `now`: judge its age.
pub(crate) fn read(
    (account, kind): (ChannelAccountId, ChannelKind),
    given: Option<&str>,
    body: &[u8],
    now: Option<Timestamp>,
    planted: Option<Planted>,
) -> Result<Notice, NotificationRefusal> {
    let given = given.ok_or(NotificationRefusal::MissingHeader(PROOF))?;
    let unreadable = |why: serde_json::Error| NotificationRefusal::Unreadable(why.to_string());
    let message: Message = serde_json::from_slice(body).map_err(unreadable)?;
    if planted != Some(Planted::TrustAnybody) && given != proof(message.account, body) {
        return Err(NotificationRefusal::BadSignature);
    }
    let paid = matches!(message.about, About::Paid { .. } | About::Changed { .. } | About::Complained { .. });
    if message.account != account && (paid || planted != Some(Planted::ForeignRefund)) {
        return Err(NotificationRefusal::Foreign);
    }
    if now.is_some_and(|now| now.since_ms(Timestamp::from_millis(message.written_ms)).abs() > WINDOW_MS) {
        return Err(NotificationRefusal::Stale);
    }
    let (channel_id, number, at) = (message.id, message.number, Timestamp::from_millis(message.written_ms));
    if let About::Complained { id, amount_minor, won } = message.about {
        let dispute = Dispute { id, amount_minor, reason: "product_not_received".to_owned(), won };
        return Ok(Notice::Dispute { channel_id, about: What::ChannelsPayment(format!("pi_{number}")), dispute, at });
    }
    // Messages about cards overtake each other: they only say where to look.
    if kind == ChannelKind::Stripe {
        let refund = !paid;
        if let (Some(Planted::LookBelieved), About::Changed { amount_minor }) = (planted, &message.about) {
            let transaction = format!("pi_{number}");
            let charge =
                Charge { transaction, amount_minor: *amount_minor, payee_matches: true, at_ms: message.written_ms };
            return Ok(Notice::Payment { channel_id, number, standing: Standing::Paid(receipt(&charge)), at });
        }
        let about = match (refund, message.written_ms % 2) {
            (true, _) => What::Refund(number),
            (false, 0) => What::Payment(number),
            _ => What::ChannelsPayment(format!("pi_{number}")),
        };
        return Ok(Notice::Look { channel_id, about, at });
    }
    let standing = match message.about {
        About::Changed { .. } | About::Complained { .. } => {
            return Ok(Notice::Other { channel_id, event: "changed".to_owned() });
        }
        About::Paid { transaction, amount_minor, payee_matches, paid_ms } => {
            let charge = Charge { transaction, amount_minor, payee_matches, at_ms: paid_ms };
            return Ok(Notice::Payment { channel_id, number, standing: Standing::Paid(receipt(&charge)), at });
        }
        About::RefundSucceeded { refund_id, amount_minor, at_ms } => {
            RefundStanding::Succeeded(refund_receipt(refund_id, amount_minor, at_ms))
        }
        About::RefundClosed => RefundStanding::Closed("simulated".to_owned()),
        About::RefundAbnormal { refund_id, amount_minor, at_ms } if planted == Some(Planted::AbnormalAsSuccess) => {
            RefundStanding::Succeeded(refund_receipt(refund_id, amount_minor, at_ms))
        }
        About::RefundAbnormal { refund_id, .. } => RefundStanding::Abnormal { refund_id },
    };
    Ok(Notice::Refund { channel_id, number, standing, at })
}
