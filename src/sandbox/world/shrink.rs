//! Shrinking: it knows how a failing history is made smaller with the same seed, and must never turn one
//! failure into none.

use super::faults::Fault;
use super::play;
use super::report::Report;
use super::setup::Setup;

/// The smallest failing history that leaving out orders and faults one by one finds, with its trace.
pub fn shrink(failed: &Report) -> Report {
    let mut best = failed.clone();
    for orders in 1..=4 {
        let fewer = Setup { orders: Some(orders), ..best.setup.clone() };
        if let Some(report) = fails(&fewer) {
            best = report;
            break;
        }
    }
    for fault in Fault::ALL {
        if !best.coverage.faults.contains_key(fault) {
            continue;
        }
        let mut setup = best.setup.clone();
        setup.without.insert(*fault);
        if let Some(report) = fails(&setup) {
            best = report;
        }
    }
    play(&Setup { trace: true, ..best.setup.clone() })
}

fn fails(setup: &Setup) -> Option<Report> {
    let report = play(setup);
    (!report.violations.is_empty()).then_some(report)
}
