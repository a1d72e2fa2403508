//! The pure core: it knows the rules of money, and must never know of async, IO, clocks, randomness,
//! channels' dialects or SQL. Everything here is a function of its arguments.
//!
//! Start reading at [`decide::decide`]: an observation goes in, the next state, ledger postings and effects
//! come out. [`payment::Evidence`] explains why the order of observations does not matter.

pub mod agreement;
pub mod bank;
pub mod billing;
pub mod cash;
pub mod certificate;
pub mod chance;
pub mod channel;
pub mod choosing;
pub mod clock;
mod compact;
pub mod decide;
pub mod decline;
pub mod diagram;
pub mod event;
pub mod held;
pub mod id;
pub mod insights;
pub mod installments;
pub mod job;
mod join;
pub mod ledger;
pub mod merchant;
pub mod money;
pub mod observation;
pub mod order;
pub mod payment;
pub mod plan;
pub mod reconcile;
pub mod refund;
pub mod schedule;
pub mod sharing;
pub mod text;

pub use chance::Chance;
pub use clock::{Clock, Timestamp};
pub use decide::{Decision, Effect, Policy, decide};
pub use money::{Currency, Money};
