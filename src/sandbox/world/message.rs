//! The simulated channel's messages: it knows how one is written, proven and read, and must never know
//! what follows from it.

use bursar_channels::{Notice, NotificationRefusal, Standing};
use bursar_core::Timestamp;
use bursar_core::chance::mix;
use bursar_core::clock::MINUTE_MS;
use bursar_core::id::ChannelAccountId;
use bursar_core::observation::Receipt;
use serde::{Deserialize, Serialize};

use super::books::Charge;

/// The header that proves a message.
pub(crate) const PROOF: &str = "X-World-Proof";
/// Messages that are older or newer are not taken.
const WINDOW_MS: i64 = 5 * MINUTE_MS;

/// A message as it stands in the body.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Message {
    pub id: String,
    pub account: ChannelAccountId,
    pub number: String,
    pub transaction: String,
    pub amount_minor: i64,
    pub payee_matches: bool,
    pub paid_ms: i64,
    pub written_ms: i64,
}

impl Message {
    pub fn paid(id: String, account: ChannelAccountId, number: &str, charge: &Charge, now: i64) -> Self {
        Self {
            id,
            account,
            number: number.to_owned(),
            transaction: charge.transaction.clone(),
            amount_minor: charge.amount_minor,
            payee_matches: charge.payee_matches,
            paid_ms: charge.at_ms,
            written_ms: now,
        }
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

/// Verifies and reads. `now`: judge its age. `verify`: judge its proof.
pub(crate) fn read(
    account: ChannelAccountId,
    given: Option<&str>,
    body: &[u8],
    now: Option<Timestamp>,
    verify: bool,
) -> Result<Notice, NotificationRefusal> {
    let given = given.ok_or(NotificationRefusal::MissingHeader(PROOF))?;
    let unreadable = |why: serde_json::Error| NotificationRefusal::Unreadable(why.to_string());
    let message: Message = serde_json::from_slice(body).map_err(unreadable)?;
    if verify && given != proof(message.account, body) {
        return Err(NotificationRefusal::BadSignature);
    }
    if message.account != account {
        return Err(NotificationRefusal::Foreign);
    }
    if now.is_some_and(|now| now.since_ms(Timestamp::from_millis(message.written_ms)).abs() > WINDOW_MS) {
        return Err(NotificationRefusal::Stale);
    }
    let charge = Charge {
        transaction: message.transaction,
        amount_minor: message.amount_minor,
        payee_matches: message.payee_matches,
        at_ms: message.paid_ms,
    };
    Ok(Notice::Payment {
        channel_id: message.id,
        number: message.number,
        standing: Standing::Paid(receipt(&charge)),
        at: Timestamp::from_millis(message.written_ms),
    })
}
