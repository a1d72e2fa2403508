//! What the sandbox tells of shares of orders: shapes only. It must never know how any of it came about.

use serde::{Deserialize, Serialize};

use crate::Channel;

/// What became of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareResult {
    /// Under way.
    Pending,
    /// The receiver has it.
    Success,
    /// It was refused; the merchant keeps the money.
    Closed,
}

/// A share as the channel's books have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareEntry {
    /// The channel.
    pub channel: Channel,
    /// The merchant's account on it.
    pub account: String,
    /// The merchant's number of the order.
    pub out_trade_no: String,
    /// The merchant's number of the call that shared.
    pub number: String,
    /// `MERCHANT_ID` or `PERSONAL_OPENID`.
    pub receiver_kind: String,
    /// Who got it.
    pub receiver: String,
    /// How much, in minor units.
    pub amount_minor: i64,
    /// What became of it.
    pub result: ShareResult,
    /// What was given back, in minor units.
    pub returned_minor: i64,
    /// How many returns were asked for.
    pub returns: u32,
}
