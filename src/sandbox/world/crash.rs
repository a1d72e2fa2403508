//! Crash at the k-th call, for every k: it knows how a small history is repeated with one death more, and
//! must never choose the places by hand.

use super::report::Report;
use super::setup::Setup;

/// On which side of a call's effect a process dies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CrashWhen {
    /// Before anything happened.
    Before,
    /// After it happened, before the answer is used.
    After,
}

/// The death of the process that makes the k-th call of the workers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CrashAt {
    /// Counted from 1.
    pub call: u64,
    /// Before or after its effect.
    pub when: CrashWhen,
}

/// Plays `setup` with a death before and after call 1, 2, 3 … until a history passes untouched; how many
/// deaths that were, or the first history that broke a law.
///
/// # Errors
/// The report of the history that broke one.
pub fn everywhere(setup: &Setup) -> Result<u64, Box<Report>> {
    let mut call = 0;
    loop {
        call += 1;
        for when in [CrashWhen::Before, CrashWhen::After] {
            let report = super::play(&Setup { crash_at: Some(CrashAt { call, when }), ..setup.clone() });
            if !report.violations.is_empty() {
                return Err(Box::new(report));
            }
            if report.coverage.calls < call {
                return Ok(call - 1);
            }
        }
    }
}
