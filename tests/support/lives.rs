//! Lives of processes: it knows which process a lease belongs to, and must never read a clock of its
//! own.

use std::time::{Duration, Instant};

use bursar::compose::Program;
use bursar_core::job::JobKey;
use bursar_store::{JobFilter, JobRow};
use uuid::Uuid;

/// Longest wait for a dead process's jobs. Far beyond any lease of a test: whoever needs it never ends.
pub(super) const RESCUED_WITHIN: Duration = Duration::from_secs(90);

/// From when to when (clock milliseconds) processes chose their identity. An identity carries the moment
/// at which it was made, so the life that it belongs to can be told.
#[derive(Clone, Debug, Default)]
pub struct Lives(Vec<(usize, i64, i64)>);

impl Lives {
    /// `process` chose its identity between these instants.
    pub fn lived(&mut self, process: usize, from_ms: i64, to_ms: i64) {
        self.0.push((process, from_ms, to_ms));
    }

    /// The last life of `process`.
    pub fn last(&self, process: usize) -> Option<(i64, i64)> {
        self.0.iter().rfind(|(p, _, _)| *p == process).map(|(_, from, to)| (*from, *to))
    }
}

fn born_in(owner: Uuid, (from_ms, to_ms): (i64, i64)) -> bool {
    // The first 48 bits of a version 7 UUID.
    let made_ms = i64::try_from(owner.as_u128() >> 80).unwrap_or(0);
    (from_ms..=to_ms).contains(&made_ms)
}

/// All jobs; `None` when the database does not answer.
pub(super) async fn jobs(program: &Program) -> Option<Vec<JobRow>> {
    program.store.jobs(&JobFilter { limit: 100_000, ..JobFilter::default() }).await.ok()
}

/// The jobs that the process of this life holds.
///
/// # Panics
/// When the database does not answer.
pub async fn held_by(program: &Program, life: (i64, i64)) -> Vec<(JobKey, Uuid)> {
    let deadline = Instant::now() + RESCUED_WITHIN;
    loop {
        if let Some(rows) = jobs(program).await {
            let held = rows.iter().filter_map(|row| Some((row.key, row.owner?)));
            return held.filter(|(_, owner)| born_in(*owner, life)).collect();
        }
        assert!(Instant::now() < deadline, "the database does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until none of `left` is held by its dead owner any more: how many there were, and the longest
/// time since `died`.
///
/// # Panics
/// When one is never claimed again.
pub async fn rescued(program: &Program, left: Vec<(JobKey, Uuid)>, died: Instant) -> (usize, Duration) {
    let (count, mut longest, mut left) = (left.len(), Duration::ZERO, left);
    while !left.is_empty() {
        if let Some(rows) = jobs(program).await {
            let now = died.elapsed();
            left.retain(|(key, owner)| {
                let still = rows.iter().any(|row| row.key == *key && row.owner == Some(*owner));
                if !still {
                    longest = longest.max(now);
                }
                still
            });
        }
        assert!(died.elapsed() < RESCUED_WITHIN, "jobs of a dead process never ran again: {left:?}");
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    (count, longest)
}
