//! `simulate --billing`: years of billing in the seeded world. It knows how figures are shown, and must never decide
//! what a violation is.

use bursar_sandbox::world::billing::campaign::{Sum, hunt_all, run as play_all, small, towns};
use bursar_sandbox::world::billing::{BillingReport, BillingSetup, PlantedBilling, play};
use serde_json::json;

use super::simulate::{apart, show_hunts};
use super::{Done, Failure, Globals, output};

/// Small towns when nothing is said.
const SMALL: u64 = 200;
/// Towns that break a law after which no more are played.
const MOST_FAILURES: usize = 20;
/// Progress is written after so many towns.
const PROGRESS_EVERY: u64 = 10;

/// What is to be played.
pub(super) struct Wanted {
    /// The first seed.
    pub(super) seed: u64,
    /// Payers in towns of a long life.
    pub(super) payers: u32,
    /// Years of that life.
    pub(super) years: u32,
    /// How many small towns.
    pub(super) small: Option<u64>,
    /// Whether planted bugs are hunted instead.
    pub(super) hunts: bool,
}

/// Runs it.
pub(super) fn run(globals: &Globals, wanted: &Wanted, trace: bool) -> Done {
    if wanted.hunts {
        return hunt(globals, wanted.seed);
    }
    if trace {
        let setup = BillingSetup { trace: true, ..BillingSetup::small(wanted.seed) };
        let report: BillingReport = apart(|| play(&setup))?;
        output::line(&format!("{report}hash {:016x}", report.hash))?;
        let kept = report.violations.is_empty();
        return if kept { Ok(()) } else { Err(Failure::violated("the town broke a law")) };
    }
    let long = show(globals, "towns of a long life", &towns(wanted.seed, wanted.payers, wanted.years))?;
    let little = show(globals, "small towns", &small(wanted.seed, wanted.small.unwrap_or(SMALL)))?;
    if globals.json {
        output::json(&json!({ "long": as_json(&long), "small": as_json(&little) }))?;
    }
    let failures = long.failures.len() + little.failures.len();
    for failed in long.failures.iter().chain(&little.failures) {
        eprint!("{failed}");
    }
    if failures == 0 { Ok(()) } else { Err(Failure::violated(format!("{failures} of the towns broke a law"))) }
}

fn show(globals: &Globals, what: &str, setups: &[BillingSetup]) -> Result<Sum, Failure> {
    let progress = |n: u64| {
        if n.is_multiple_of(PROGRESS_EVERY) {
            eprintln!("{n}/{} {what}", setups.len());
        }
    };
    let sum = apart(|| play_all(setups, MOST_FAILURES, &progress))?;
    if !globals.json {
        let mut rows: Vec<_> = sum.figures.rows().into_iter().map(|(name, value)| vec![name, value]).collect();
        rows.push(vec!["towns that broke a law".to_owned(), sum.failures.len().to_string()]);
        output::table(&[what, ""], &rows)?;
        output::line("")?;
    }
    Ok(sum)
}

fn as_json(sum: &Sum) -> serde_json::Value {
    let figures: serde_json::Map<String, serde_json::Value> =
        sum.figures.rows().into_iter().map(|(name, value)| (name, json!(value))).collect();
    let broken: Vec<_> =
        sum.failures.iter().map(|r| json!({ "seed": r.setup.seed, "violations": r.violations })).collect();
    json!({ "figures": figures, "violations": broken })
}

fn hunt(globals: &Globals, seed: u64) -> Done {
    let hunts = apart(|| hunt_all(PlantedBilling::ALL, seed))?;
    let found: Vec<_> = hunts.iter().map(|h| (h.planted.name(), h.seeds, h.caught_by.as_str())).collect();
    show_hunts(globals, &["planted bug of billing", "small towns until found", "caught by"], &found)
}
