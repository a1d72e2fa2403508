//! Years of billing in the seeded world: the real jobs follow agreements, plans and schedules of a town of payers
//! while processes die, clocks are wrong and three days of each town's time nobody is at work. It knows both sides'
//! books, and must never use the calendar or the dunning that it judges: what is due when is counted by hand
//! ([`almanac`](self)).
//!
//! Time is skipped, never slept. A town is a history of its own, with its database, its channel and its three
//! workers; a thousand payers are fifty towns. Where towns live for years most steps are taken at once, so that the
//! orders of ten years take seconds; small towns live slower, with every fault and with payers and merchants who
//! change their minds ([`Load::Heavy`]).

mod almanac;
mod call_laws;
pub mod campaign;
mod cast;
mod figures;
mod laws;
#[cfg(test)]
mod laws_tests;
mod ledger;
mod line;
mod moods;
mod people;
pub mod planted;
mod report;
mod schedule_laws;
mod sum_laws;
#[cfg(test)]
mod tests;
mod town;
pub(crate) mod watch;
mod wishes;

pub use figures::Figures;
pub(crate) use ledger::Ledger;
pub use moods::Load;
pub use planted::PlantedBilling;
pub use report::{BillingReport, BillingSetup};
pub(crate) use town::Happening;

use super::process::plans;
use super::state::State;

/// Plays one town. Must not be called on a thread that runs a tokio runtime.
pub fn play(setup: &BillingSetup) -> BillingReport {
    play_and(setup, |_| {})
}

fn play_and(setup: &BillingSetup, forge: impl FnOnce(&mut State)) -> BillingReport {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    match (runtime, plans()) {
        (Ok(runtime), Ok(plans)) => runtime.block_on(town::Town::new(setup, plans).run(forge)),
        (runtime, plans) => {
            let why = format!("the town could not begin: {:?} {:?}", runtime.err(), plans.err());
            BillingReport { violations: vec![why], ..BillingReport::nothing(setup) }
        }
    }
}
