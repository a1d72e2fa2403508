//! Days of channels with everything wrong in them, and what reconciliation makes of each: it knows what was seeded,
//! and must never know how a difference is found.

mod by_hand;
mod issues;
mod paper;
mod payouts;
mod seeds;
mod spoilt;
mod town;

pub use by_hand::{reconcile_days_of_a_bank, reconcile_days_of_cash};
pub use issues::{ask_about_many_by_and_by, follow_issues_of_a_bill, take_a_long_bill_back, wait_for_every_bill};
pub use payouts::follow_payouts_to_the_bank;
pub use seeds::{reconcile_a_seeded_day, restore_from_ten_minutes_ago};
pub use spoilt::refuse_spoilt_bills;
