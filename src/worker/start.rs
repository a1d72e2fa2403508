//! Starting and stopping the workers of a process. It knows the order of both, and must never know what
//! a job does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use apalis_core::monitor::Monitor;
use apalis_core::monitor::context::MonitorContext;
use apalis_core::worker::builder::WorkerBuilder;
use bursar_core::id::MerchantId;
use bursar_core::job::{JobKey, JobKind, NewJob, Queue};
use bursar_jobs::JobContext;
use bursar_store::{Change, Gatherer, Store};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::backend::ClaimedJobs;
use crate::claimer::Claimer;
use crate::lease::{self, Held};
use crate::metrics::WorkerMetrics;
use crate::run::Runner;
use crate::slots::{Occupied, Slots};
use crate::wake::Wake;
use crate::{hints, redis_hints};

/// Settings of the workers; defaults and reasons stand in `config/default.toml`.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// How many jobs of each queue run at once.
    pub slots: BTreeMap<Queue, u32>,
    /// Length of a lease, in real milliseconds.
    pub lease_ms: i64,
    /// How often leases are renewed, in real milliseconds.
    pub renew_every_ms: u64,
    /// Looks for work at least this often, in real milliseconds.
    pub poll_interval_ms: u64,
    /// Gathers arrivals for so long before claiming, in real milliseconds.
    pub linger_ms: u64,
    /// How long a stopping process waits for running jobs, in real milliseconds.
    pub stop_within_ms: u64,
    /// Redis, for hints.
    pub redis_url: Option<String>,
}

/// The running workers of a process.
#[derive(Debug)]
pub struct Worker {
    /// Its identity: fresh per start, so that no lease of an earlier life is mistaken for its own.
    pub owner: Uuid,
    /// Rings when there may be work.
    pub wake: Wake,
    /// Its counters.
    pub metrics: Arc<WorkerMetrics>,
    store: Arc<dyn Store>,
    held: Held,
    claimer: JoinHandle<()>,
    helpers: Vec<JoinHandle<()>>,
    monitor: JoinHandle<()>,
    control: MonitorContext,
    stop_within: Duration,
}

/// Starts the workers.
///
/// # Errors
/// When the settings are wrong (Redis URL).
pub async fn start(context: JobContext, settings: &WorkerSettings) -> Result<Worker, String> {
    let owner = bursar_core::id::fresh(context.now(), context.desk.chance.as_ref());
    let (wake, held, metrics) = (Wake::default(), Held::default(), Arc::new(WorkerMetrics::default()));
    let slots = Slots::new(&settings.slots);
    metrics.watch(slots.clone());
    let store = context.desk.gatherer.store().clone();
    let mut helpers = Vec::new();
    let redis = settings.redis_url.as_ref().map(|url| redis::Client::open(url.as_str())).transpose();
    let redis = redis.map_err(|e| format!("redis.url: {e}"))?;
    helpers.extend(hook_up(&context.desk.gatherer, Some(wake.clone()), redis.clone()));
    helpers.push(tokio::spawn(hints::listen(store.clone(), wake.clone())));
    if let Some(client) = redis {
        helpers.push(tokio::spawn(redis_hints::listen(client, wake.clone())));
    }
    let every = Duration::from_millis(settings.renew_every_ms);
    helpers.push(tokio::spawn(lease::keep(
        held.clone(),
        store.clone(),
        owner,
        settings.lease_ms,
        every,
        metrics.clone(),
    )));
    helpers.push(tokio::spawn(ensure_housekeeping(context.clone())));

    let runner = Runner { context: context.clone(), held: held.clone(), wake: wake.clone(), metrics: metrics.clone() };
    let mut out = BTreeMap::new();
    let mut monitor = Monitor::new().should_restart(|_, _| true);
    for queue in settings.slots.keys() {
        let (sender, receiver) = mpsc::unbounded_channel();
        out.insert(*queue, sender);
        let (jobs, runner, name) = (ClaimedJobs::new(receiver), runner.clone(), format!("{}-{owner}", queue.name()));
        monitor = monitor.register(move |_| {
            let runner = runner.clone();
            let handle = move |job: Occupied| {
                let runner = runner.clone();
                async move { runner.handle(job).await }
            };
            WorkerBuilder::new(name.as_str()).backend(jobs.clone()).build(handle)
        });
    }
    let claimer = Claimer {
        store: store.clone(),
        clock: context.desk.clock.clone(),
        chance: context.desk.chance.clone(),
        owner,
        lease_ms: settings.lease_ms,
        poll_interval: Duration::from_millis(settings.poll_interval_ms),
        linger: Duration::from_millis(settings.linger_ms),
        slots,
        held: held.clone(),
        wake: wake.clone(),
        out,
        metrics: metrics.clone(),
    };
    let control = monitor.context();
    let monitor = tokio::spawn(async move {
        // Ends after a shutdown, when every handler has ended.
        if let Err(error) = monitor.run().await {
            tracing::error!(%error, "the workers' monitor ended");
        }
    });
    let claimer = tokio::spawn(claimer.run());
    let stop_within = Duration::from_millis(settings.stop_within_ms);
    Ok(Worker { owner, wake, metrics, store, held, claimer, helpers, monitor, control, stop_within })
}

/// Commits of this process that add jobs ring our bell at once, and Redis' when there is one.
fn hook_up(gatherer: &Gatherer, wake: Option<Wake>, redis: Option<redis::Client>) -> Option<JoinHandle<()>> {
    let (sender, receiver) = mpsc::channel(1);
    let publishes = redis.is_some();
    let publisher = redis.map(|client| tokio::spawn(redis_hints::publish(client, receiver)));
    gatherer.on_jobs(Arc::new(move |_: &[Queue]| {
        wake.iter().for_each(Wake::ring);
        if publishes {
            // Full means that a hint is on its way already.
            let _ = sender.try_send(());
        }
    }));
    publisher
}

/// Lets the commits of a process without workers wake the workers of others through Redis.
///
/// # Errors
/// When the URL is wrong.
pub fn announce(gatherer: &Gatherer, redis_url: &str) -> Result<(), String> {
    let client = redis::Client::open(redis_url).map_err(|e| format!("redis.url: {e}"))?;
    // Ends with the process; there is nothing to flush.
    let _ = hook_up(gatherer, None, Some(client));
    Ok(())
}

/// Adds the recurring housekeeping jobs, as soon as the database answers. Adding one that is there is
/// no harm.
async fn ensure_housekeeping(context: JobContext) {
    loop {
        let now = context.now();
        let nobody = MerchantId(Uuid::nil());
        let kinds =
            [JobKind::SweepStuck, JobKind::Prune, JobKind::PlanReconciliations, JobKind::ProveDay, JobKind::SelfTest];
        let jobs = kinds.map(|kind| {
            NewJob::new(JobKey::new(kind, Uuid::nil()), nobody, context.settings.housekeeping.next(kind, now))
        });
        match context.desk.gatherer.commit(Change { jobs: jobs.to_vec(), ..Change::default() }).await {
            Ok(_) => return,
            Err(error) => tracing::warn!(%error, "housekeeping not scheduled yet; trying again"),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Worker {
    /// Stops: no more claims, claimed jobs that did not start are given back, running ones finish (up to
    /// the limit), what is left is released without burning an attempt.
    pub async fn stop(self) {
        self.claimer.abort();
        let _ = self.claimer.await;
        if let Err(error) = self.control.shutdown() {
            tracing::warn!(%error, "the workers' monitor could not be told to stop");
        }
        let monitor_abort = self.monitor.abort_handle();
        let finished = tokio::time::timeout(self.stop_within, self.monitor).await.is_ok();
        for helper in &self.helpers {
            helper.abort();
        }
        let left = self.held.list();
        if !finished {
            tracing::warn!(running = left.len(), "jobs still run at the end of the stop time; giving them back");
            monitor_abort.abort();
            self.held.stop_all();
        }
        if !left.is_empty()
            && let Err(error) = self.store.release(self.owner, &left).await
        {
            tracing::warn!(%error, left = left.len(), "jobs not given back; their leases will run out");
        }
    }
}
