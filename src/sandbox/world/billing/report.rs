//! What is played and what it came to: it knows how to say where a violation comes from, and must never judge.

use std::fmt;

use super::{Figures, Load, PlantedBilling};

/// A town to be played. The same setup gives the same history.
#[derive(Clone, Debug)]
pub struct BillingSetup {
    /// Decides everything that is not said below.
    pub seed: u64,
    /// How many payers.
    pub payers: u32,
    /// How many years their plans run.
    pub years: u32,
    /// How much goes wrong.
    pub load: Load,
    /// A bug that is planted.
    pub planted: Option<PlantedBilling>,
    /// Whether a trace is kept.
    pub trace: bool,
}

impl BillingSetup {
    /// A small town where everything goes wrong; every fifth lives for two years.
    pub const fn small(seed: u64) -> Self {
        let years = if seed % 5 == 1 { 2 } else { 1 };
        Self { seed, payers: 4, years, load: Load::Heavy, planted: None, trace: false }
    }

    /// A town of a long life.
    pub const fn long(seed: u64, payers: u32, years: u32) -> Self {
        Self { seed, payers, years, load: Load::Light, planted: None, trace: false }
    }
}

/// The end of a town's history.
#[derive(Clone, Debug)]
pub struct BillingReport {
    /// What was played.
    pub setup: BillingSetup,
    /// Stands for everything that happened: equal for equal histories.
    pub hash: u64,
    /// Laws that did not hold, in words.
    pub violations: Vec<String>,
    /// What happened how often.
    pub figures: Figures,
    /// What happened, when it was kept.
    pub trace: Vec<String>,
}

impl BillingReport {
    pub(super) fn nothing(setup: &BillingSetup) -> Self {
        Self { setup: setup.clone(), hash: 0, violations: Vec::new(), figures: Figures::default(), trace: Vec::new() }
    }
}

impl fmt::Display for BillingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BillingSetup { seed, payers, years, load, planted, .. } = &self.setup;
        write!(f, "seed {seed}, {payers} payers, {years} years, load {}", load.name())?;
        if let Some(planted) = planted {
            write!(f, ", planted {}", planted.name())?;
        }
        writeln!(f)?;
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        for line in &self.trace {
            writeln!(f, "  | {line}")?;
        }
        Ok(())
    }
}
