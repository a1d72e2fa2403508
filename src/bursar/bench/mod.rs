//! The benchmark: whole payments through real processes over loopback HTTP, on SQLite and PostgreSQL. It
//! knows how to start, load and measure them, and must never count what did not finish.

pub mod cluster;
pub mod cpu;
pub mod histogram;
pub mod run;
