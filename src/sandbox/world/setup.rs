//! What a history is made of: it knows the seed and what may be left out, and must never know how it is
//! played.

use std::collections::BTreeSet;

use super::crash::CrashAt;
use super::faults::Fault;
use super::planted::Planted;
use super::temperament::Temperament;

/// A history to be played. The same setup gives the same history.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// Decides everything that is not said below.
    pub seed: u64,
    /// Instead of the one that the seed draws.
    pub temperament: Option<Temperament>,
    /// How many orders, instead of the number that the seed draws.
    pub orders: Option<u32>,
    /// Faults that never strike.
    pub without: BTreeSet<Fault>,
    /// A bug that is planted.
    pub planted: Option<Planted>,
    /// A death at a certain call.
    pub crash_at: Option<CrashAt>,
    /// Whether a trace is kept.
    pub trace: bool,
}

impl Setup {
    /// The history of a seed.
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// The character that it has.
    pub fn character(&self) -> Temperament {
        self.temperament.unwrap_or_else(|| Temperament::of_seed(self.seed))
    }
}
