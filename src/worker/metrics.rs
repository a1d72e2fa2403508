//! Counts of what workers did. It knows numbers, and must never know how they are shown, but for the
//! Prometheus text that it writes.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bursar_core::job::{JobKind, Queue};

use crate::slots::Slots;

/// How a run ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// Finished.
    Done,
    /// Runs again, as planned.
    Again,
    /// Ended badly and runs again.
    Failed,
    /// Waits for a person.
    Parked,
    /// Its lease was lost.
    Fenced,
}

impl Ending {
    const ALL: [Self; 5] = [Self::Done, Self::Again, Self::Failed, Self::Parked, Self::Fenced];

    const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Again => "again",
            Self::Failed => "failed",
            Self::Parked => "parked",
            Self::Fenced => "fenced",
        }
    }
}

/// Upper bounds of the histograms, in milliseconds.
const BUCKETS_MS: [u64; 18] = [1, 2, 5, 10, 15, 20, 30, 50, 75, 100, 150, 200, 300, 500, 1_000, 2_000, 5_000, 30_000];

/// A histogram in milliseconds.
#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS_MS.len()],
    count: AtomicU64,
    sum_ms: AtomicU64,
}

impl Histogram {
    fn observe(&self, ms: u64) {
        for (bound, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            if ms <= *bound {
                bucket.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        self.sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    fn render(&self, out: &mut String, name: &str, label: &str) {
        for (bound, bucket) in BUCKETS_MS.iter().zip(&self.buckets) {
            let le = seconds(*bound);
            let _ = writeln!(out, "{name}_bucket{{{label},le=\"{le}\"}} {}", bucket.load(Ordering::Relaxed));
        }
        let count = self.count.load(Ordering::Relaxed);
        let _ = writeln!(out, "{name}_bucket{{{label},le=\"+Inf\"}} {count}");
        let _ = writeln!(out, "{name}_sum{{{label}}} {}", seconds(self.sum_ms.load(Ordering::Relaxed)));
        let _ = writeln!(out, "{name}_count{{{label}}} {count}");
    }
}

/// Milliseconds as a decimal number of seconds.
fn seconds(ms: u64) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}

/// Counters of one process's workers.
#[derive(Debug, Default)]
pub struct WorkerMetrics {
    finished: [[AtomicU64; Ending::ALL.len()]; JobKind::ALL.len()],
    wait: [Histogram; Queue::ALL.len()],
    run: [Histogram; JobKind::ALL.len()],
    leases_lost: AtomicU64,
    slots: std::sync::OnceLock<Slots>,
}

impl WorkerMetrics {
    pub(crate) fn watch(&self, slots: Slots) {
        let _ = self.slots.set(slots);
    }

    pub(crate) fn claimed(&self, queue: Queue, wait_ms: i64) {
        if let Some(histogram) = Queue::ALL.iter().position(|q| *q == queue).and_then(|i| self.wait.get(i)) {
            histogram.observe(u64::try_from(wait_ms).unwrap_or(0));
        }
    }

    pub(crate) fn finished(&self, kind: JobKind, ending: Ending, took: Duration) {
        let Some(i) = JobKind::ALL.iter().position(|k| *k == kind) else { return };
        let counter = Ending::ALL.iter().position(|e| *e == ending).and_then(|e| self.finished.get(i)?.get(e));
        if let Some(counter) = counter {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(histogram) = self.run.get(i) {
            histogram.observe(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        }
    }

    pub(crate) fn leases_lost(&self, count: u64) {
        self.leases_lost.fetch_add(count, Ordering::Relaxed);
    }

    /// Writes everything in Prometheus' text format.
    pub fn render(&self, out: &mut String) {
        let head = |name: &str, kind: &str, help: &str| format!("# HELP {name} {help}\n# TYPE {name} {kind}\n");
        let mut text = head("bursar_jobs_finished_total", "counter", "Runs of jobs by kind and ending.");
        for (kind, row) in JobKind::ALL.iter().zip(&self.finished) {
            for (ending, n) in Ending::ALL.iter().zip(row) {
                let n = n.load(Ordering::Relaxed);
                let _ = writeln!(
                    text,
                    "bursar_jobs_finished_total{{kind=\"{}\",outcome=\"{}\"}} {n}",
                    kind.name(),
                    ending.name()
                );
            }
        }
        text += &head("bursar_job_wait_seconds", "histogram", "From due to claimed, real time.");
        for (queue, histogram) in Queue::ALL.iter().zip(&self.wait) {
            histogram.render(&mut text, "bursar_job_wait_seconds", &format!("queue=\"{}\"", queue.name()));
        }
        text += &head("bursar_job_run_seconds", "histogram", "From claimed to settled.");
        for (kind, histogram) in JobKind::ALL.iter().zip(&self.run) {
            histogram.render(&mut text, "bursar_job_run_seconds", &format!("kind=\"{}\"", kind.name()));
        }
        text += &head("bursar_leases_lost_total", "counter", "Leases that ended while we held them.");
        let _ = writeln!(text, "bursar_leases_lost_total {}", self.leases_lost.load(Ordering::Relaxed));
        text += &head("bursar_jobs_running", "gauge", "Jobs that run now in this process.");
        for (queue, n) in self.slots.get().map(Slots::running).unwrap_or_default() {
            let _ = writeln!(text, "bursar_jobs_running{{queue=\"{}\"}} {n}", queue.name());
        }
        out.push_str(&text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_exist_at_zero_and_count() {
        let metrics = WorkerMetrics::default();
        let mut text = String::new();
        metrics.render(&mut text);
        assert!(text.contains("bursar_jobs_finished_total{kind=\"prune\",outcome=\"fenced\"} 0"));
        metrics.finished(JobKind::Prune, Ending::Fenced, Duration::from_millis(7));
        metrics.claimed(Queue::Money, 3);
        text.clear();
        metrics.render(&mut text);
        assert!(text.contains("bursar_jobs_finished_total{kind=\"prune\",outcome=\"fenced\"} 1"));
        assert!(text.contains("bursar_job_wait_seconds_bucket{queue=\"money\",le=\"0.005\"} 1"));
        assert!(text.contains("bursar_job_wait_seconds_bucket{queue=\"money\",le=\"0.002\"} 0"));
        assert!(text.contains("bursar_job_run_seconds_sum{kind=\"prune\"} 0.007"));
    }
}
