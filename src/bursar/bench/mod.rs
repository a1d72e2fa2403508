//! The benchmark: whole payments through real processes over loopback HTTP, channel by channel, on SQLite and
//! PostgreSQL. It knows how to start, load and measure them, and must never count what did not finish.

pub mod bill;
pub mod cluster;
pub mod cpu;
mod crew;
pub mod histogram;
mod meter;
mod people;
pub mod report;
pub mod run;
mod stage;
