//! Billing from the agreement to the charge, and services that are paid for afterwards, told as stories: over the real
//! program and the sandbox's channels, on a clock that leaps from one thing that is due to the next.

mod after_service;
mod declines;
mod ears;
mod place;
mod steps;
mod stories;
mod sums;
mod town;

pub use after_service::serve;
pub use declines::follow_each_decline;
pub use place::Place;
pub use stories::live_through;
pub use sums::pay_a_hundred_in_parts;
