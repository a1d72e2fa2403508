//! Breaks and reconciliations in the metrics: it knows the numbers that an alarm needs, and must never have a label
//! per account.

use std::fmt::Write as _;
use std::time::Duration;

use bursar_core::job::{JobKind, SELF_TEST_FAILED};
use bursar_core::reconcile::{BreakKind, BreakState, RunState};
use bursar_store::JobFilter;

use crate::App;
use crate::metrics::family;

/// Most reconciliations under way that are looked at: more days than that are late all the same.
const MOST_UNDER_WAY: u32 = 5_000;

/// Appends what the database says now; nothing when it does not answer in time, so that the other metrics are there.
pub async fn render(app: &App, out: &mut String) {
    match tokio::time::timeout(Duration::from_millis(app.settings.ready_timeout_ms), ask(app)).await {
        Ok(Ok(gauges)) => write(&gauges, out),
        Ok(Err(error)) => tracing::warn!(%error, "no metrics of reconciliation"),
        Err(_) => tracing::warn!("no metrics of reconciliation in time"),
    }
}

struct Gauges {
    breaks: Vec<(BreakKind, BreakState, u64)>,
    late: usize,
    failed: usize,
    self_test_failed: bool,
}

async fn ask(app: &App) -> bursar_store::Result<Gauges> {
    let store = app.desk.gatherer.store();
    let (breaks, runs) = (store.break_counts().await?, store.reconciliations_under_way(MOST_UNDER_WAY).await?);
    let entries = app.desk.directory.entries_with(|e| runs.iter().all(|r| e.accounts.contains_key(&r.account))).await?;
    let now = app.clock.now();
    let late = runs.iter().filter(|run| {
        let account = entries.accounts.get(&run.account);
        account.is_some_and(|account| account.channel.bill_late_at(run.day) <= now)
    });
    let failed = runs.iter().filter(|run| run.state == RunState::Failed);
    let filter = JobFilter { kind: Some(JobKind::SelfTest), limit: 1, ..JobFilter::default() };
    let tests = store.jobs(&filter).await?;
    let self_test_failed =
        tests.iter().any(|job| job.note.as_ref().is_some_and(|note| note.starts_with(SELF_TEST_FAILED)));
    Ok(Gauges { breaks, late: late.count(), failed: failed.count(), self_test_failed })
}

fn write(gauges: &Gauges, out: &mut String) {
    let name = "bursar_breaks";
    family(out, name, "gauge", "Differences between channels' books and ours, by kind and state.");
    for kind in BreakKind::ALL {
        for state in BreakState::ALL {
            let found = gauges.breaks.iter().find(|(k, s, _)| (*k, *s) == (kind, state));
            let n = found.map_or(0, |(_, _, n)| *n);
            let _ = writeln!(out, "{name}{{kind=\"{kind}\",state=\"{}\"}} {n}", state.name());
        }
    }
    let name = "bursar_reconciliations_late";
    family(out, name, "gauge", "Days of accounts that were begun and should have been reconciled by now.");
    let _ = writeln!(out, "{name} {}", gauges.late);
    let name = "bursar_reconciliations_failed";
    family(out, name, "gauge", "Days of accounts with a bill that cannot be used.");
    let _ = writeln!(out, "{name} {}", gauges.failed);
    let name = "bursar_self_test_failed";
    family(out, name, "gauge", "Whether reconciliation did not find what was seeded when it was tested last.");
    let _ = writeln!(out, "{name} {}", i32::from(gauges.self_test_failed));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_state_is_there_from_the_start() {
        let mut text = String::new();
        write(
            &Gauges {
                breaks: vec![(BreakKind::Fee, BreakState::Parked, 3)],
                late: 1,
                failed: 0,
                self_test_failed: true,
            },
            &mut text,
        );
        let of = |name: &str| text.lines().filter(|line| line.starts_with(name)).count();
        assert_eq!(of("bursar_breaks{"), BreakKind::ALL.len() * BreakState::ALL.len());
        assert!(text.contains("bursar_breaks{kind=\"fee\",state=\"parked\"} 3\n"), "{text}");
        assert!(text.contains("bursar_breaks{kind=\"amount\",state=\"open\"} 0\n"), "{text}");
        assert!(text.contains("bursar_reconciliations_late 1\n"), "{text}");
        assert!(text.contains("bursar_reconciliations_failed 0\n"), "{text}");
        assert!(text.ends_with("bursar_self_test_failed 1\n"), "{text}");
    }
}
