//! Reads and administration whose statements are the same on both databases: they know tables, and must
//! never take a lock or know which database answers.

pub mod bank;
pub mod billing;
pub mod books;
pub mod cash;
pub mod certificate;
pub mod dossier;
pub mod history;
pub mod ledger;
pub mod merchant;
pub mod message;
pub mod operator;
pub mod payer;
pub mod plan_history;
pub mod queue;
pub mod refund;
pub mod reports;
pub mod schedule;
pub mod upkeep;
