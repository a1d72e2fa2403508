//! Money that comes by bank transfer: it knows how a line of a bank's statement finds its payment, and must
//! never know how a statement is written, stored or fetched.
//!
//! A transfer cannot be called, asked after or pulled back. The payer is given a [`reference()`] to write into
//! his transfer; the bank's statement says what arrived; [`find`] says whose it is, or why it is nobody's.
//! Nobody's money waits for a person: it is never guessed.

mod day;
mod intake;
mod ladder;
mod line;
mod reference;
mod row;

#[cfg(test)]
mod ladder_tests;

pub use day::Day;
pub use intake::{KnownLines, Sheet, lookups, news};
pub use ladder::{Candidates, EarlierLine, LegCandidate, Match, PaymentCandidate, Rung, Why, Window, find, same_name};
pub use line::{Direction, Party, StatementLine};
pub use reference::{
    REFERENCE_LENGTH, VIRTUAL_DIGITS, find_references, is_reference, reference, reference_of_virtual, virtual_number,
};
pub use row::{LineRow, LineState, LineSubject, StatementRow, Unassignable};
