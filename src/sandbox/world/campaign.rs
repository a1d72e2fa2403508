//! Campaigns: it knows how many seeds are played on a few threads and added up, and must never let one
//! seed see another.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::coverage::Coverage;
use super::planted::Planted;
use super::play;
use super::report::Report;
use super::setup::Setup;

/// Threads of a campaign: seeds are independent.
const THREADS: usize = 2;
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
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Campaign::default());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let offset = next.fetch_add(1, Ordering::SeqCst);
                    if offset >= count {
                        break;
                    }
                    let seed = setup.seed.wrapping_add(offset);
                    let report = play(&Setup { seed, ..setup.clone() });
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.coverage.add(&report.coverage);
                    if !report.violations.is_empty() {
                        sum.failures.push(report);
                        stop.fetch_or(sum.failures.len() >= most_failures.max(1), Ordering::SeqCst);
                    }
                    drop(sum);
                    progress(done.fetch_add(1, Ordering::SeqCst) + 1);
                }
            });
        }
    });
    let mut sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
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
    let next = AtomicU64::new(0);
    let hunts = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                while let Some(bug) =
                    bugs.get(usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(usize::MAX))
                {
                    let hunted = hunt(*bug, seed);
                    hunts.lock().unwrap_or_else(PoisonError::into_inner).push(hunted);
                }
            });
        }
    });
    let mut hunts = hunts.into_inner().unwrap_or_else(PoisonError::into_inner);
    hunts.sort_by_key(|h| h.planted);
    hunts
}
