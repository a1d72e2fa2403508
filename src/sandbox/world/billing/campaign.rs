//! Many towns: it knows how they are played on a few threads and added up, and must never let one see another.

use super::{BillingReport, BillingSetup, Figures, Load, PlantedBilling, play};
use crate::world::crowd;

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
    (0..count).map(|n| BillingSetup::small(seed.wrapping_add(n))).collect()
}

/// Plays them and adds them up; stops early after `most_failures`. `progress` is called after each with how many are
/// done.
pub fn run(setups: &[BillingSetup], most_failures: usize, progress: &(impl Fn(u64) + Sync)) -> Sum {
    let mut sum = Sum::default();
    let setup = |nth: u64| usize::try_from(nth).ok().and_then(|nth| setups.get(nth));
    let take = |report: Option<BillingReport>| {
        if let Some(report) = report {
            sum.figures.add(&report.figures);
            sum.failures.extend(Some(report).filter(|r| !r.violations.is_empty()));
        }
        sum.failures.len() >= most_failures.max(1)
    };
    crowd::each(u64::try_from(setups.len()).unwrap_or(u64::MAX), |nth| setup(nth).map(play), take, progress);
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

/// Hunts one planted bug from `seed` on. A town that breaks a law without the bug too proves nothing about it.
pub fn hunt(planted: PlantedBilling, seed: u64) -> Hunt {
    for offset in 0..HUNT_SEEDS {
        let sound = BillingSetup::small(seed.wrapping_add(offset));
        let found = play(&BillingSetup { planted: Some(planted), ..sound.clone() });
        let Some(violation) = found.violations.first() else { continue };
        if play(&sound).violations.is_empty() {
            let caught_by = violation.split(':').next().unwrap_or_default().to_owned();
            return Hunt { planted, seeds: Some(offset + 1), caught_by };
        }
    }
    Hunt { planted, seeds: None, caught_by: String::new() }
}

/// Hunts all of `bugs`, on a few threads; in the order of the list.
pub fn hunt_all(bugs: &[PlantedBilling], seed: u64) -> Vec<Hunt> {
    let mut hunts = crowd::all(bugs, |bug| hunt(bug, seed));
    hunts.sort_by_key(|h| h.planted);
    hunts
}

impl Load {
    /// Whether it is that of small towns.
    pub const fn is_heavy(self) -> bool {
        matches!(self, Self::Heavy)
    }
}
