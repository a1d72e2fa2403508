//! Coverage of trying: it knows how often each edge and each fault was exercised, and must never judge a
//! history.

use std::collections::BTreeMap;

use bursar_core::diagram::{self, Edge};
use bursar_core::payment::PaymentState;
use bursar_core::plan::Plans;

use super::faults::Fault;

/// How deep the machine is walked in order to list its edges.
const DEPTH: usize = 4;

/// Counters of one or many histories.
#[derive(Clone, Debug, Default)]
pub struct Coverage {
    /// Histories.
    pub histories: u64,
    /// Steps: events of the agenda.
    pub steps: u64,
    /// Calls through seams.
    pub calls: u64,
    /// Changes of a payment's state by what was observed.
    pub edges: BTreeMap<Edge<PaymentState>, u64>,
    /// Faults that struck.
    pub faults: BTreeMap<Fault, u64>,
    /// How runs of jobs ended.
    pub endings: BTreeMap<(&'static str, &'static str), u64>,
}

impl Coverage {
    /// Adds another history's.
    pub fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.steps += other.steps;
        self.calls += other.calls;
        for (edge, n) in &other.edges {
            *self.edges.entry(*edge).or_default() += n;
        }
        for (fault, n) in &other.faults {
            *self.faults.entry(*fault).or_default() += n;
        }
        for (ending, n) in &other.endings {
            *self.endings.entry(*ending).or_default() += n;
        }
    }

    /// Every edge of the machine with how often it was taken.
    pub fn edges_of_machine(&self, plans: &Plans) -> Vec<(Edge<PaymentState>, u64)> {
        let walked = diagram::walk(plans, DEPTH).payment;
        walked.into_iter().map(|edge| (edge, self.edges.get(&edge).copied().unwrap_or(0))).collect()
    }

    /// What should have been exercised and was not: faults, and edges that a real house can take.
    pub fn missing(&self, plans: &Plans) -> Vec<String> {
        let faults = Fault::ALL.iter().filter(|f| self.faults.get(f).copied().unwrap_or(0) == 0);
        let mut missing: Vec<String> = faults.map(|f| format!("fault: {}", f.name())).collect();
        for ((from, claim, to), count) in self.edges_of_machine(plans) {
            if count == 0 && !in_theory_only(from, claim, to) {
                missing.push(format!("edge: {} --{claim}--> {}", from.name(), to.name()));
            }
        }
        missing
    }
}

/// Edges that the machine has because it is total, and that no house takes: each with its reason.
fn in_theory_only(_from: PaymentState, _claim: &str, _to: PaymentState) -> bool {
    false
}
