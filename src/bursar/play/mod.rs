//! Plays: orders against the sandbox, from the API to the compared books. The demonstration, the
//! benchmark and the crash campaigns are plays. It knows all faces from outside, and must never look
//! inside a room.

pub mod accounts;
pub mod audit;
pub mod cast;
pub mod leap;
pub mod month;
pub mod operator;
pub mod races;
pub mod reconcile;
