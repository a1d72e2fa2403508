//! Stripe as its documents describe it: intents for cards (with holds), refunds, disputes, idempotency keys and signed
//! messages. It knows that wire protocol, and shares nothing with the adapter that calls it.

pub(crate) mod account;
pub(crate) mod answer;
pub(crate) mod api;
pub(crate) mod balance;
pub(crate) mod by_hand;
pub(crate) mod cards;
pub(crate) mod create;
pub(crate) mod customers;
pub(crate) mod debit;
pub(crate) mod disputes;
pub(crate) mod ends;
pub(crate) mod form;
pub(crate) mod front;
pub(crate) mod idempotency;
pub(crate) mod installments;
pub(crate) mod letter;
pub(crate) mod listing;
pub(crate) mod operation;
pub(crate) mod params;
pub(crate) mod provision;
pub(crate) mod refunds;
pub(crate) mod refusal;
pub(crate) mod setup;
pub(crate) mod show;
pub(crate) mod sign;
