//! Billing from the agreement to the charge, and services paid for afterwards, told as stories: over the real program and the sandbox's channels, on a
//! clock that leaps from one thing that is due to the next.

mod after_service;
mod ears;
mod place;
mod steps;
mod stories;
mod town;

pub use after_service::serve;
pub use place::Place;
pub use stories::live_through;
