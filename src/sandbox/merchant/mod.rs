//! A pretend merchant: a backend that places orders through the API, and a receiver of webhooks. It
//! knows the API's and the webhooks' documents, and must never share code with the sides that it talks
//! to.

mod feed;
mod sink;

pub use feed::{Backend, Feed, Placed, place};
pub use sink::{Sink, Told};
