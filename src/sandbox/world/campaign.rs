//! Campaigns: it knows how many seeds are played on a few threads and added up, and must never let one
//! seed see another.

use super::coverage::Coverage;
use super::crowd;
use super::planted::Planted;
use super::play;
use super::report::Report;
use super::setup::Setup;

/// A planted bug that so many seeds do not find is not found.
const HUNT_SEEDS: u64 = 2_000;
/// Starts of a hunt; the median counts.
const HUNTS: u64 = 5;
/// Distance between the starts of hunts.
const HUNT_STRIDE: u64 = 1_000_003;

/// The sum of a campaign.
#[derive(Debug, Default)]
pub struct Campaign {
    /// What was exercised.
    pub coverage: Coverage,
    /// Histories that broke a law, the lowest seed first.
    pub failures: Vec<Report>,
}

/// Plays `count` seeds from `setup.seed` on and adds them up. Stops early after `most_failures`. `progress`
/// is called after each history with how many are done.
pub fn run(setup: &Setup, count: u64, most_failures: usize, progress: &(impl Fn(u64) + Sync)) -> Campaign {
    let mut sum = Campaign::default();
    let work = |nth: u64| play(&Setup { seed: setup.seed.wrapping_add(nth), ..setup.clone() });
    let take = |report: Report| {
        sum.coverage.add(&report.coverage);
        if !report.violations.is_empty() {
            sum.failures.push(report);
        }
        sum.failures.len() >= most_failures.max(1)
    };
    crowd::each(count, work, take, progress);
    sum.failures.sort_by_key(|r| r.setup.seed);
    sum
}

/// How a planted bug was hunted.
#[derive(Clone, Debug)]
pub struct Hunt {
    /// The bug.
    pub planted: Planted,
    /// Seeds until it was found, from several starts; the median. `None`: not found.
    pub seeds: Option<u64>,
    /// The law that caught it first.
    pub caught_by: String,
}

/// Hunts one planted bug from several starts.
pub fn hunt(planted: Planted, seed: u64) -> Hunt {
    let mut found: Vec<u64> = Vec::new();
    let mut caught_by = String::new();
    for start in 0..HUNTS {
        let first = seed.wrapping_add(start.wrapping_mul(HUNT_STRIDE));
        for offset in 0..HUNT_SEEDS {
            let setup = Setup { seed: first.wrapping_add(offset), planted: Some(planted), ..Setup::default() };
            if let Some(violation) = play(&setup).violations.into_iter().next() {
                found.push(offset + 1);
                if caught_by.is_empty() {
                    caught_by = violation.split(':').next().unwrap_or_default().to_owned();
                }
                break;
            }
        }
    }
    found.sort_unstable();
    let all = u64::try_from(found.len()) == Ok(HUNTS);
    Hunt { planted, seeds: found.get(found.len() / 2).copied().filter(|_| all), caught_by }
}

/// Hunts all of `bugs`, on a few threads; in the order of the list.
pub fn hunt_all(bugs: &[Planted], seed: u64) -> Vec<Hunt> {
    let mut hunts = crowd::all(bugs, |bug| hunt(bug, seed));
    hunts.sort_by_key(|h| h.planted);
    hunts
}
