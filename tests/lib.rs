//! What the stories share: it knows processes, servers and the stage that a play needs, and must never
//! know what a story asserts.

mod support;

pub use support::*;
