//! A simulated process: real desk, gatherer and jobs over the world's seams. It knows how a run ends and is
//! settled, as the real worker does, and must never choose when it goes on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use bursar_core::clock::{HOUR_MS, MINUTE_MS, Timestamp};
use bursar_core::id::{self, MerchantId};
use bursar_core::job::{JobKey, JobKind, NewJob};
use bursar_core::plan::Plans;
use bursar_jobs::{Housekeeping, JobContext, JobError, JobSettings, Outcome, Running};
use bursar_store::{Answer, Change, Desk, Directory, Gatherer, Settlement, Store, gather};
use uuid::Uuid;

use super::agenda::Pid;
use super::channel::Lines;
use super::ears::Voice;
use super::memory::Memory;
use super::planted::Planted;
use super::state::{Life, OwnClock, World, stream};

/// As in `config/default.toml`.
pub(crate) const LEASE_MS: i64 = 30_000;
/// As in `config/default.toml`.
pub(crate) const RENEW_MS: i64 = 10_000;
/// Jobs that a process runs at once, per queue: few, so that processes share the work.
pub(crate) const SLOTS: u32 = 4;
/// Wait between two tries to write a settlement.
const SETTLE_WAIT_MS: i64 = 500;

/// A process.
#[derive(Debug)]
pub(crate) struct Process {
    pub pid: Pid,
    pub worker: bool,
    pub owner: Uuid,
    pub context: JobContext,
    pub held: BTreeSet<(JobKey, i64)>,
    /// When it looks for jobs next, if that is planned.
    pub looks_at: Option<i64>,
    /// Whether a renewal of its leases is planned.
    pub renews: bool,
}

/// The plans of `config/default.toml`.
///
/// # Errors
/// Never: the texts are literals, and a test reads them.
pub fn plans() -> Result<Plans, String> {
    Ok(Plans {
        poll: "5s 10s 20s 30s 4x1m then 3m".parse()?,
        unknown: "2s 5s 10s 30s 1m 5m 15m 1h 6h then 1d".parse()?,
        close: "1s 5s 30s 1m 5m 15m 1h then 6h".parse()?,
        watch: "5m 1h 1d".parse()?,
        refund: "30s 1m 3m 10m 30m 1h 3h 6h then 1d until 15d".parse()?,
        refund_funds: "1m 5m 15m 30m then 1h".parse()?,
        webhook: "0ms 5s 15s 30s 1m 3m 10m 20m 3x30m 1h 3x3h 3x6h then 12h until 3d".parse()?,
        failure: "1s 2s 5s 15s 30s 1m then 5m".parse()?,
    })
}

/// Sweeps every few minutes while there is trouble, rarely when it is quiet: a history spans days.
#[derive(Debug)]
struct Rare(World);

impl Housekeeping for Rare {
    fn next(&self, kind: JobKind, after: Timestamp) -> Timestamp {
        let (quiet, upkeep_ms) = {
            let state = self.0.lock();
            (state.quiet, state.billing.upkeep_ms)
        };
        if let Some(ms) = upkeep_ms {
            return after.plus_ms(ms);
        }
        after.plus_ms(match (kind, quiet) {
            (JobKind::Prune, _) => 12 * HOUR_MS,
            (_, false) => 4 * MINUTE_MS,
            (_, true) => HOUR_MS,
        })
    }
}

/// Starts a process.
pub(crate) fn start(world: &World, seed: u64, plans: &Arc<Plans>, worker: bool) -> Process {
    let pid = world.lock().lives.len();
    let skew = Arc::new(AtomicI64::new(0));
    let clock = Arc::new(OwnClock::new(world, skew.clone()));
    let chance = Arc::new(stream(seed, 2_000 + u64::try_from(pid).unwrap_or(0)));
    let owner = id::fresh(Timestamp::from_millis(world.lock().now), chance.as_ref());
    world.lock().lives.push(Life { alive: true, worker, paused_until: 0, skew });
    let store: Arc<dyn Store> = Arc::new(Memory { world: world.clone(), pid });
    let settings = gather::Settings { linger_ms: 0, clock: Some(clock.clone()), ..gather::Settings::default() };
    let desk = Desk {
        gatherer: Gatherer::start_with(store.clone(), &settings),
        directory: Directory::new(store),
        plans: plans.clone(),
        clock,
        chance,
    };
    let context = JobContext {
        desk,
        channels: Arc::new(Lines { world: world.clone(), pid }),
        merchants: Arc::new(Voice { world: world.clone(), pid }),
        settings: Arc::new(JobSettings {
            public_url: "https://world.example".to_owned(),
            sweep_grace_ms: MINUTE_MS,
            sweep_limit: 1_000,
            prune_limit: 1_000,
            keep_idempotency_ms: 48 * HOUR_MS,
            keep_deliveries_ms: 90 * 24 * HOUR_MS,
            keep_notifications_ms: 400 * 24 * HOUR_MS,
            housekeeping: Arc::new(Rare(world.clone())),
        }),
    };
    let mut state = world.lock();
    state.note(|| format!("process {pid} starts ({})", if worker { "worker" } else { "gateway" }));
    if worker {
        let nobody = MerchantId(Uuid::nil());
        let due = Timestamp::from_millis(state.now + MINUTE_MS);
        let jobs =
            [JobKind::SweepStuck, JobKind::Prune].map(|kind| NewJob::new(JobKey::new(kind, Uuid::nil()), nobody, due));
        state.tables.write(&Change { jobs: jobs.to_vec(), ..Change::default() });
        state.rang = true;
    }
    Process { pid, worker, owner, context, held: BTreeSet::new(), looks_at: None, renews: false }
}

/// Runs one claimed job to its settlement.
pub(crate) async fn run(world: World, pid: Pid, context: JobContext, job: Running) {
    let (key, fence) = (job.claimed.key, job.claimed.fence);
    let task = {
        let (context, job) = (context.clone(), job.clone());
        tokio::spawn(async move { bursar_jobs::run(&context, &job).await })
    };
    world.lock().runs.insert((pid, key, fence), task.abort_handle());
    let joined = task.await;
    let (how, ending) = {
        let mut state = world.lock();
        let late = state.timed_out.remove(&(pid, key, fence));
        match joined {
            Ok(Ok(outcome)) => settlement(outcome),
            Ok(Err(error)) => failed(&context, &job, &error),
            Err(join) if join.is_panic() => {
                state.violated("no panic", format!("{key} panicked"));
                (None, "panicked")
            }
            Err(_) if late => {
                let due_at = context.now().plus_ms(1_000);
                (Some(Settlement::Failed { due_at, error: "took longer than its limit".to_owned() }), "too long")
            }
            Err(_) => (None, "lease lost"),
        }
    };
    let forgets = world.lock().planted == Some(Planted::NeverRelease) && key.kind == JobKind::PollPayment;
    if forgets && how.is_some() {
        return;
    }
    if let Some(how) = how {
        settle(&world, pid, &context, &job, how).await;
    }
    let mut state = world.lock();
    *state.coverage.endings.entry((key.kind.name(), ending)).or_default() += 1;
    state.runs.remove(&(pid, key, fence));
    state.finished.push((pid, key, fence));
}

fn settlement(outcome: Outcome) -> (Option<Settlement>, &'static str) {
    match outcome {
        Outcome::Settled => (None, "settled"),
        Outcome::Fenced => (None, "fenced"),
        Outcome::Done => (Some(Settlement::Done), "done"),
        Outcome::Again { due_at, step, why } => (Some(Settlement::Again { due_at, step, why }), "again"),
        Outcome::Park { question } => (Some(Settlement::Park { question }), "parked"),
    }
}

fn failed(context: &JobContext, job: &Running, error: &JobError) -> (Option<Settlement>, &'static str) {
    let due_at = context.now().plus_ms(context.desk.plans.failure.delay_or_last_ms(job.claimed.failures));
    let text = error.to_string();
    let how = match error {
        JobError::Store(e) if e.is_transient() => Settlement::Again { due_at, step: job.claimed.step, why: text },
        _ => Settlement::Failed { due_at, error: text },
    };
    (Some(how), "error")
}

/// Writes how a run ended, again and again while the database is away.
async fn settle(world: &World, pid: Pid, context: &JobContext, job: &Running, how: Settlement) {
    let change = Change { settle: Some(job.settle(how)), may_be_lost: true, ..Change::default() };
    loop {
        match context.desk.gatherer.commit(change.clone()).await {
            Ok(Answer::Committed | Answer::Fenced | Answer::Stale | Answer::Duplicate) => return,
            Err(error) if error.is_transient() => world.step(pid, SETTLE_WAIT_MS).await,
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_plans_are_those_of_the_default_configuration() {
        let file = include_str!("../../../config/default.toml");
        for plan in serde_json::to_value(super::plans().unwrap()).unwrap().as_object().unwrap().values() {
            assert!(file.contains(&format!(" = {plan}")), "{plan}");
        }
    }
}
