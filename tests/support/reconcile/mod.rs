//! Days of channels with everything wrong in them, and what reconciliation makes of each: it knows what was seeded,
//! and must never know how a difference is found.

mod seeds;
mod spoilt;
mod town;

pub use seeds::{reconcile_a_seeded_day, restore_from_ten_minutes_ago};
pub use spoilt::refuse_spoilt_bills;
