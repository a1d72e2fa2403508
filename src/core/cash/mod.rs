//! Cash that is taken on site: it knows who has it, who has counted it and who must not be the same person, and
//! must never know how it is asked for, stored or booked.
//!
//! A collector's word is a [`Collection`]: it may come hours later, from a device that was offline, and more than
//! once. Somebody else confirms it — the payer with his code, or a person — and only then it is money of its
//! payment ([`Collection::claim`]). What a collector has not handed in is his [`Drawer`]; a [`HandIn`] takes it,
//! counted by one person and approved by another. What went back to a payer out of a drawer is a [`Payout`].
//!
//! Facts are never refused: money that was taken is written down however late, and however much its collector
//! carries. What is refused is what a person may not do.

mod code;
mod collection;
mod drawer;
mod error;
mod hand_in;
mod payout;
mod people;

#[cfg(test)]
mod tests;

pub use code::{CODE_DIGITS, MAX_WRONG_CODES, check_code};
pub use collection::{Collection, CollectionState};
pub use drawer::{Drawer, DrawerLimits};
pub use error::CashError;
pub use hand_in::{Counted, Counting, HandIn, HandInState};
pub use payout::Payout;
pub use people::{BY_PAYER, is_same_person, one_spaced};
