//! How long the work of dead processes lies still: it knows which jobs they left and looks who has them
//! now, and must never wake anybody.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bursar::compose::Program;
use bursar_core::job::JobKey;
use uuid::Uuid;

use super::lives::{RESCUED_WITHIN, jobs};

/// Between two looks. One look serves all that are waited for.
const LOOK_EVERY: Duration = Duration::from_millis(25);

#[derive(Debug)]
struct Left {
    jobs: Vec<(JobKey, Uuid)>,
    died: Instant,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: Vec<Left>,
    times: Vec<Duration>,
    lost: Vec<String>,
}

/// Watches over the jobs of dead processes, in the background.
#[derive(Clone, Debug)]
pub struct Rescues(Arc<Mutex<Inner>>);

impl Rescues {
    /// Starts to look.
    pub fn watch(program: &Program) -> Self {
        let inner = Arc::new(Mutex::new(Inner::default()));
        let (weak, program) = (Arc::downgrade(&inner), program.clone());
        tokio::spawn(async move {
            while let Some(inner) = weak.upgrade() {
                look(&inner, &program).await;
                drop(inner);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Self(inner)
    }

    /// A process that held `jobs` died at `died`. Without jobs there is nothing to rescue.
    pub fn left(&self, jobs: Vec<(JobKey, Uuid)>, died: Instant) {
        if !jobs.is_empty() {
            lock(&self.0).waiting.push(Left { jobs, died });
        }
    }

    /// Waits for the last ones. For each death the time until all of its jobs had been claimed again or
    /// were settled, ascending; and the jobs that never were, in words.
    pub async fn end(&self) -> (Vec<Duration>, Vec<String>) {
        while !lock(&self.0).waiting.is_empty() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (mut times, lost) = {
            let inner = lock(&self.0);
            (inner.times.clone(), inner.lost.clone())
        };
        times.sort_unstable();
        (times, lost)
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn look(inner: &Mutex<Inner>, program: &Program) {
    // What is handed in while the database is being read may be older than what was read.
    let asked = lock(inner).waiting.len();
    if asked == 0 {
        return;
    }
    let Some(rows) = jobs(program).await else { return };
    let Inner { waiting, times, lost } = &mut *lock(inner);
    let later = waiting.split_off(asked);
    waiting.retain_mut(|left| {
        left.jobs.retain(|(key, owner)| rows.iter().any(|row| row.key == *key && row.owner == Some(*owner)));
        let time = left.died.elapsed();
        if left.jobs.is_empty() {
            times.push(time);
        } else if time > RESCUED_WITHIN {
            lost.push(format!("jobs of a dead process never ran again: {:?}", left.jobs));
        }
        !left.jobs.is_empty() && time <= RESCUED_WITHIN
    });
    waiting.extend(later);
}
