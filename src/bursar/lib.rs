//! The program: it composes all rooms and is the only one that reads the environment. It must never
//! hold a rule, SQL or a dialect of its own.

pub mod bench;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod compose;
pub mod config;
pub mod play;
pub mod secrets;
pub mod serve;
pub mod shutdown;
pub mod telemetry;
