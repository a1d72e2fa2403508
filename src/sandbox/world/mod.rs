//! The seeded world: the real core and the real jobs against a simulated channel, database and time, on one
//! thread. It knows both sides' books, and must never look at a real clock or draw a real random number.
//!
//! A history is decided by its [`Setup`]: two runs give the same [`Report::hash`]. Each call of a process to
//! database, channel or merchant is two steps on an agenda (arrive, come back) whose times the seed draws,
//! so that load, ask and commit of different workers happen in every order; faults strike at these steps.
//! After the storm comes quiet, time passes until nothing is left to do, and then the invariants must hold.
//!
//! Unlike the rest of this crate, the world uses Bursar's own rooms: it is what is tried here. The
//! channel's books (`books`) stay naive: they are what we are judged by.

mod acts;
mod agenda;
mod bank;
pub mod billing;
mod books;
pub mod campaign;
mod cast;
mod channel;
mod clerk;
pub mod coverage;
pub mod crash;
mod crew;
mod crowd;
mod ears;
pub mod faults;
mod gateway;
mod giving;
mod giving_line;
mod hands;
mod history;
mod holds;
mod laws;
mod leases;
mod ledger_laws;
mod memory;
mod memory_billing;
mod memory_books;
mod memory_ledger;
mod memory_schedules;
mod memory_sharings;
mod memory_statements;
mod memory_till;
mod message;
mod money_laws;
mod monitor;
pub mod planted;
mod process;
mod rates;
mod refund_laws;
mod refund_monitor;
pub mod report;
mod script;
pub mod setup;
pub mod shrink;
mod state;
mod tables;
mod tables_billing;
pub mod temperament;
mod troubles;
mod wants;
mod ways_laws;
mod wishes;

pub use coverage::Coverage;
pub use crash::{CrashAt, CrashWhen};
pub use faults::Fault;
pub use planted::Planted;
pub use process::plans;
pub use report::Report;
pub use setup::Setup;
pub use shrink::shrink;
pub use temperament::Temperament;

/// Plays one history. Must not be called on a thread that runs a tokio runtime.
pub fn play(setup: &Setup) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    match (runtime, plans()) {
        (Ok(runtime), Ok(plans)) => runtime.block_on(history::History::new(setup, plans).run()),
        (runtime, plans) => Report {
            setup: setup.clone(),
            hash: 0,
            violations: vec![format!("the world could not begin: {:?} {:?}", runtime.err(), plans.err())],
            coverage: Coverage::default(),
            trace: Vec::new(),
        },
    }
}
