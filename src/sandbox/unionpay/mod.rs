//! UnionPay's gateway for merchants (ACP 5.1.0) as its documents describe it: browser payments, app
//! payments, queries, refunds, voids and notifications. It knows that wire protocol, and must never read
//! how Bursar understands it.
//!
//! Tags that ask for a payer's or a refund's behaviour are looked for in `orderDesc`, else in `reqReserved`,
//! which may be base64.

pub(crate) mod account;
pub(crate) mod answer;
pub(crate) mod api;
pub(crate) mod back;
pub(crate) mod by_hand;
pub(crate) mod certificate;
pub(crate) mod debit;
pub(crate) mod fields;
pub(crate) mod file;
pub(crate) mod file_line;
pub(crate) mod front;
pub(crate) mod letter;
pub(crate) mod network;
pub(crate) mod pfx;
pub(crate) mod provision;
pub(crate) mod purchase;
pub(crate) mod query;
pub(crate) mod refusal;
pub(crate) mod request;
pub(crate) mod sign;
pub(crate) mod story;
pub(crate) mod time;
pub(crate) mod token;
pub(crate) mod token_request;
pub(crate) mod verify;
