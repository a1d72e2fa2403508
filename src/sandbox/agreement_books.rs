//! What the sandbox tells of agreements and of the debits that were asked for under them: shapes only. It must
//! never know how any of it came about.

use serde::{Deserialize, Serialize};

use crate::{Channel, Decline};

/// Who ended an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The payer, in the channel's own app.
    Payer,
    /// The merchant, by a call.
    Merchant,
    /// Its time was over.
    Expiry,
}

/// Where an agreement stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementState {
    /// The payer was shown it and has not signed.
    Offered,
    /// In force.
    Signed,
    /// Over.
    Ended(EndedBy),
}

/// What may be debited under an agreement; what is `None` is not limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgreementLimits {
    /// One debit at most, in minor units.
    pub single_minor: Option<i64>,
    /// All debits together, in minor units.
    pub total_minor: Option<i64>,
    /// How many debits may succeed.
    pub times: Option<u32>,
}

/// An agreement as the channel's books have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgreementEntry {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The merchant's number of the agreement.
    pub agreement: String,
    /// The channel's own: `contract_id`, `agreement_no`, token or payment method.
    pub agreement_id: String,
    /// The channel's number of the payer.
    pub payer: String,
    /// Where it stands.
    pub state: AgreementState,
    /// What may be debited.
    pub limits: AgreementLimits,
    /// When the payer was first shown it, in milliseconds since the epoch.
    pub offered_at_ms: i64,
    /// When the payer signed.
    pub signed_at_ms: Option<i64>,
    /// When it ends by itself.
    pub valid_until_ms: Option<i64>,
    /// When it ended.
    pub ended_at_ms: Option<i64>,
    /// How many debits succeeded.
    pub charges: u32,
    /// What they took, in minor units; refunds are not taken off.
    pub charged_minor: i64,
    /// Notifications about it that the merchant acknowledged.
    pub notifications_accepted: u32,
}

/// What came of a call that asked for a debit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DebitOutcome {
    /// Accepted; the payer's bank is being asked.
    Pending,
    /// The money was taken.
    Charged,
    /// The payer's side said no.
    Declined(Decline),
    /// The merchant closed it before it was decided.
    Closed,
    /// A repetition of a call before it, without an effect of its own.
    Repeated,
    /// The channel refused the call, with this code.
    Refused(String),
}

/// One call that asked for a debit, in the order of arrival. Calls that a fault kept from taking effect are not
/// here, as the channel never saw them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DebitEntry {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The merchant's number of the agreement; what the merchant named where there is none such.
    pub agreement: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// When the call came, in milliseconds since the epoch of the sandbox clock.
    pub at_ms: i64,
    /// What was asked for, in minor units.
    pub amount_minor: i64,
    /// What came of it.
    pub outcome: DebitOutcome,
}
