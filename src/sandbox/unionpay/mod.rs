//! UnionPay's gateway for merchants (ACP 5.1.0) as its documents describe it: browser payments, app
//! payments, queries, refunds, voids and notifications. It knows that wire protocol, and must never read
//! how Bursar understands it.

pub(crate) mod account;
pub(crate) mod certificate;
pub(crate) mod fields;
pub(crate) mod network;
pub(crate) mod pfx;
pub(crate) mod provision;
pub(crate) mod sign;
