//! Many towns: it knows how they are played on a few threads and added up, and must never let one see another.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{BillingReport, BillingSetup, Figures, Load, PlantedBilling, play};

/// Threads of a campaign: towns are independent.
const THREADS: usize = 2;
/// Payers of one town where there are many: as many as a database in memory is quick with.
const TOWN: u32 = 20;
/// A planted bug that so many small towns do not find is not found.
const HUNT_SEEDS: u64 = 40;

/// The sum of a campaign.
#[derive(Debug, Default)]
pub struct Sum {
    /// What happened how often.
    pub figures: Figures,
    /// Towns that broke a law, the lowest seed first.
    pub failures: Vec<BillingReport>,
}

/// The towns in which `payers` live for `years`.
pub fn towns(seed: u64, payers: u32, years: u32) -> Vec<BillingSetup> {
    let count = payers.div_ceil(TOWN);
    let of_town = |n: u32| TOWN.min(payers.saturating_sub(n * TOWN));
    (0..count).map(|n| BillingSetup::long(seed.wrapping_add(u64::from(n)), of_town(n), years)).collect()
}

/// So many small towns in which everything goes wrong.
pub fn small(seed: u64, count: u64) -> Vec<BillingSetup> {
    let years = |n: u64| if n.is_multiple_of(5) { 2 } else { 1 };
    (0..count).map(|n| BillingSetup { years: years(n), ..BillingSetup::small(seed.wrapping_add(n)) }).collect()
}

/// Plays them and adds them up; stops early after `most_failures`. `progress` is called after each with how many are
/// done.
pub fn run(setups: &[BillingSetup], most_failures: usize, progress: &(impl Fn(u64) + Sync)) -> Sum {
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let sum = Mutex::new(Sum::default());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let nth = usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(usize::MAX);
                    let Some(setup) = setups.get(nth) else { break };
                    let report = play(setup);
                    let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
                    sum.figures.add(&report.figures);
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
    pub planted: PlantedBilling,
    /// Small towns until it was found. `None`: not found.
    pub seeds: Option<u64>,
    /// The law that caught it.
    pub caught_by: String,
}

/// Hunts one planted bug from `seed` on.
pub fn hunt(planted: PlantedBilling, seed: u64) -> Hunt {
    for offset in 0..HUNT_SEEDS {
        let setup = BillingSetup { planted: Some(planted), ..BillingSetup::small(seed.wrapping_add(offset)) };
        if let Some(violation) = play(&setup).violations.first() {
            let caught_by = violation.split(':').next().unwrap_or_default().to_owned();
            return Hunt { planted, seeds: Some(offset + 1), caught_by };
        }
    }
    Hunt { planted, seeds: None, caught_by: String::new() }
}

/// Hunts all of `bugs`, on a few threads; in the order of the list.
pub fn hunt_all(bugs: &[PlantedBilling], seed: u64) -> Vec<Hunt> {
    let next = AtomicU64::new(0);
    let hunts = Mutex::new(Vec::new());
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                let nth = || usize::try_from(next.fetch_add(1, Ordering::SeqCst)).unwrap_or(usize::MAX);
                while let Some(bug) = bugs.get(nth()) {
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

impl Load {
    /// Whether it is that of small towns.
    pub const fn is_heavy(self) -> bool {
        matches!(self, Self::Heavy)
    }
}
