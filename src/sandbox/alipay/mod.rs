//! Alipay's open platform as its documents describe it: the gateway (version 2) with trades by QR code and by
//! page, queries, close, cancel, refunds, certificates and form notifications. It knows that wire protocol and
//! nothing of the other channels.

pub(crate) mod account;
pub(crate) mod account_bill;
pub(crate) mod agreement;
pub(crate) mod agreement_body;
pub(crate) mod amount;
pub(crate) mod answer;
pub(crate) mod authority;
pub(crate) mod bill;
pub(crate) mod bill_text;
pub(crate) mod biz;
pub(crate) mod by_hand;
pub(crate) mod call;
pub(crate) mod debit;
pub(crate) mod freeze;
pub(crate) mod freeze_body;
pub(crate) mod freeze_pay;
pub(crate) mod front;
pub(crate) mod gateway;
pub(crate) mod huabei;
pub(crate) mod keys;
pub(crate) mod letter;
pub(crate) mod moment;
pub(crate) mod order_body;
pub(crate) mod page;
pub(crate) mod params;
pub(crate) mod period;
pub(crate) mod provision;
pub(crate) mod refund;
pub(crate) mod refund_body;
pub(crate) mod refusal;
pub(crate) mod serial;
pub(crate) mod sign;
pub(crate) mod trade;
pub(crate) mod trade_bill;
pub(crate) mod verify;
pub(crate) mod view;
