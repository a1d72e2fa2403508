//! What a history came to: it knows violations and how to say where they come from, and must never judge.

use std::fmt;

use super::coverage::Coverage;
use super::setup::Setup;

/// The end of a history.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was played.
    pub setup: Setup,
    /// Stands for everything that happened: equal for equal histories.
    pub hash: u64,
    /// Laws that did not hold, in words.
    pub violations: Vec<String>,
    /// What was exercised.
    pub coverage: Coverage,
    /// What happened, when it was kept.
    pub trace: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setup = &self.setup;
        write!(f, "seed {} ({}", setup.seed, setup.character().name())?;
        if let Some(orders) = setup.orders {
            write!(f, ", {orders} orders")?;
        }
        if let Some(planted) = setup.planted {
            write!(f, ", planted {}", planted.name())?;
        }
        if let Some(crash) = setup.crash_at {
            write!(f, ", death {:?} call {}", crash.when, crash.call)?;
        }
        writeln!(f, ")")?;
        for fault in &setup.without {
            writeln!(f, "  without: {}", fault.name())?;
        }
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        for line in &self.trace {
            writeln!(f, "  | {line}")?;
        }
        Ok(())
    }
}
