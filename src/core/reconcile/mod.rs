//! Whether the books agree: it knows what a channel's bill may say about our payments and refunds and what follows
//! from it, and must never know how a bill is written, fetched or stored.
//!
//! A line of a bill is an observation like any other: where it proves that money moved, it goes through
//! [`mod@crate::decide`], and so mends what we had missed. Where it contradicts us it opens a *break*: a difference with
//! a kind, an amount and an age, which a machine clears or a person answers.

mod bill;
mod booked;
mod breaks;
mod business_day;
mod fee;
mod judge;
mod movement;
mod payout;
mod run;

pub use bill::{BillKind, BillLine, BillSums, EntryKind, EntryStatus};
pub use booked::{event_body, postings_of, postings_of_bill};
pub use breaks::{Break, BreakKind, BreakState, BreakSubject, Proposal, Resolution};
pub use fee::FeeRule;
pub use judge::{
    Difference, LegSide, Ours, PaymentSide, Verdict, about_stranger, duplicate, judge, judge_fee, our_number,
};
pub use movement::{Movement, MovementKind, movements};
pub use payout::{is_from_channel, payout_subject};
pub use run::{Bill, BillState, Reconciliation, RunFigures, RunState};
