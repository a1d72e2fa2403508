//! The workers: apalis runs them, everything that touches the database is ours. This room knows leases,
//! slots and wake-ups, and must never know what a job does.
//!
//! The flow of a job: the `claimer` claims due jobs in batches, as many as there are free slots; they
//! enter apalis through a channel ([`backend`]), already claimed and decoded, so apalis' stream never
//! fails; the innermost service (`run`) turns every ending of a handler — done, error, time-out,
//! panic, lost lease — into a settlement with its fence; apalis sees only `Ok`. `lease` renews what
//! is held, and stops what was lost.
//!
//! Why not apalis' own stores: they lose or repeat jobs in ways that money cannot bear (retry without
//! back-off, orphans after a restart, a worker that ends at the first database error). Its worker
//! builder, layers and graceful stop are good. What we gave up: its dashboards and its cron.

pub mod backend;
mod claimer;
mod hints;
mod lease;
pub mod metrics;
mod redis_hints;
mod run;
mod slots;
mod start;
mod wake;

pub use metrics::WorkerMetrics;
pub use start::{Worker, WorkerSettings, announce, start};
pub use wake::Wake;
