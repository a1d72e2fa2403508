//! WeChat Pay API v3 as its documents describe it: orders (native, JSAPI, app, H5), query, close,
//! refunds, contracts and debits under them, platform certificates, notifications and bills. It knows that wire
//! protocol; other channels get rooms of their own beside this one.

pub(crate) mod account;
pub(crate) mod aead;
pub(crate) mod answer;
pub(crate) mod api;
pub(crate) mod application;
pub(crate) mod authorization;
pub(crate) mod bill_calls;
pub(crate) mod bill_text;
pub(crate) mod body;
pub(crate) mod by_hand;
pub(crate) mod certificates;
pub(crate) mod contract;
pub(crate) mod contract_body;
pub(crate) mod contract_calls;
pub(crate) mod create;
pub(crate) mod debit;
pub(crate) mod front;
pub(crate) mod fund_bill;
pub(crate) mod letter;
pub(crate) mod notice;
pub(crate) mod operation;
pub(crate) mod platform;
pub(crate) mod refund;
pub(crate) mod refund_body;
pub(crate) mod refund_calls;
pub(crate) mod refusal;
pub(crate) mod service;
pub(crate) mod service_body;
pub(crate) mod service_calls;
pub(crate) mod service_view;
pub(crate) mod shape;
pub(crate) mod share_body;
pub(crate) mod share_calls;
pub(crate) mod sign;
pub(crate) mod trade_bill;
pub(crate) mod transaction;
pub(crate) mod verify;
