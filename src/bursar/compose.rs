//! Composition: it knows which room needs which, and must never do anything else.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context as _;
use bursar_channels::{Channels, HttpSettings, MerchantHttp, MerchantSettings};
use bursar_core::job::{JobKind, Queue};
use bursar_core::{Chance, Clock, Timestamp};
use bursar_gateway::{GatewayContext, GatewaySettings, Metrics, MetricsSource};
use bursar_jobs::{Housekeeping, JobContext, JobSettings};
use bursar_store::{Desk, Directory, Gatherer, Options, Store};
use bursar_worker::{WorkerMetrics, WorkerSettings};

use crate::chance::SystemChance;
use crate::clock::SystemClock;
use crate::config::{Config, ConfigError};
use crate::secrets::SystemSecrets;

/// The rooms downstairs, put together.
#[derive(Clone, Debug)]
pub struct Program {
    /// The configuration that it was made from.
    pub config: Config,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub chance: Arc<dyn Chance>,
    /// The database.
    pub store: Arc<dyn Store>,
    /// Reads and writes of payments.
    pub desk: Desk,
    /// Channel adapters.
    pub channels: Arc<Channels>,
}

/// Checks every value of `config` without using any.
///
/// # Errors
/// The first that is wrong.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    options(config)?;
    worker_settings(config)?;
    gateway_settings(config)?;
    job_settings(config)?;
    config.plans()?;
    let clock = clock(config)?;
    gather_settings(config, &clock)?;
    merchant_settings(config);
    Ok(())
}

/// The clock that `config` names.
///
/// # Errors
/// When the speed is wrong.
pub fn clock(config: &Config) -> Result<Arc<dyn Clock>, ConfigError> {
    let (speed, origin) = (config.number::<u32>("clock.speed", 1)?, config.number::<i64>("clock.origin", 0)?);
    Ok(Arc::new(if speed == 1 { SystemClock::real() } else { SystemClock::fast(speed, origin) }))
}

fn options(config: &Config) -> Result<Options, ConfigError> {
    Ok(Options {
        max_connections: config.number("database.max_connections", 1)?,
        acquire_timeout_ms: config.duration_ums("database.acquire_timeout")?,
        statement_timeout_ms: config.duration_ums("database.statement_timeout")?,
    })
}

fn gather_settings(config: &Config, clock: &Arc<dyn Clock>) -> Result<bursar_store::gather::Settings, ConfigError> {
    let linger_ms = config.duration_ums("database.gather")?;
    Ok(bursar_store::gather::Settings { linger_ms, clock: Some(clock.clone()), ..Default::default() })
}

/// Opens the database and puts the rooms together. Does not migrate.
///
/// # Errors
/// When the configuration is wrong or the database cannot be reached.
pub async fn program(config: &Config) -> anyhow::Result<Program> {
    program_by(config, clock(config)?).await
}

/// As [`program`], by a clock of the caller's instead of the one that `config` names.
///
/// # Errors
/// As [`program`].
pub async fn program_by(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Program> {
    let chance: Arc<dyn Chance> = Arc::new(SystemChance::default());
    let url = config.text("database.url");
    let store = bursar_store::open(&url, &options(config)?)
        .await
        .with_context(|| format!("database.url {}", crate::config::cover_password(&url)))?;
    let desk = Desk {
        gatherer: Gatherer::start_with(store.clone(), &gather_settings(config, &clock)?),
        directory: Directory::new(store.clone()),
        plans: Arc::new(config.plans()?),
        clock: clock.clone(),
        chance: chance.clone(),
    };
    let http = HttpSettings::default();
    let channels = Arc::new(Channels::new(http, Arc::new(SystemSecrets), clock.clone(), chance.clone()));
    Ok(Program { config: config.clone(), clock, chance, store, desk, channels })
}

/// As [`program`], and makes sure that the database has this program's schema.
///
/// # Errors
/// As [`program`], and when the schema is another.
pub async fn ready(config: &Config) -> anyhow::Result<Program> {
    let program = program(config).await?;
    let url = crate::config::cover_password(&config.text("database.url"));
    let current = program.store.schema_is_current().await?;
    anyhow::ensure!(current, "the database {url} is not set up for this version: run `bursar migrate`");
    Ok(program)
}

/// The settings of webhooks out.
pub fn merchant_settings(config: &Config) -> MerchantSettings {
    MerchantSettings {
        allow_http: config.switch("webhooks.allow_http"),
        allow_private_addresses: config.switch("webhooks.allow_private_addresses"),
        ..MerchantSettings::default()
    }
}

/// The recurring jobs' schedules.
#[derive(Debug)]
struct Schedules;

impl Housekeeping for Schedules {
    fn next(&self, kind: JobKind, after: Timestamp) -> Timestamp {
        bursar_schedules::next(kind, after)
    }
}

fn job_settings(config: &Config) -> Result<JobSettings, ConfigError> {
    Ok(JobSettings {
        public_url: config.text("gateway.public_url").trim_end_matches('/').to_owned(),
        sweep_grace_ms: config.duration_ms("sweep.grace")?,
        sweep_limit: config.number("sweep.limit", 1)?,
        prune_limit: config.number("retention.limit", 1)?,
        keep_idempotency_ms: config.duration_ms("retention.idempotency")?,
        keep_deliveries_ms: config.duration_ms("retention.deliveries")?,
        keep_notifications_ms: config.duration_ms("retention.notifications")?,
        housekeeping: Arc::new(Schedules),
    })
}

/// The settings of the workers.
///
/// # Errors
/// When one is wrong.
pub fn worker_settings(config: &Config) -> Result<WorkerSettings, ConfigError> {
    let mut slots = BTreeMap::new();
    for queue in Queue::ALL {
        slots.insert(queue, config.number(&format!("worker.slots_{}", queue.name()), 1)?);
    }
    Ok(WorkerSettings {
        slots,
        lease_ms: config.duration_ms("worker.lease")?,
        renew_every_ms: config.duration_ums("worker.renew_every")?,
        poll_interval_ms: config.duration_ums("worker.poll_interval")?,
        linger_ms: config.duration_ums("worker.linger")?,
        stop_within_ms: config.duration_ums("worker.stop_within")?,
        redis_url: Some(config.text("redis.url")).filter(|url| !url.is_empty()),
    })
}

/// The settings of the gateway.
///
/// # Errors
/// When one is wrong.
pub fn gateway_settings(config: &Config) -> Result<GatewaySettings, ConfigError> {
    let seconds = |key: &str| config.duration_ms(key).map(|ms| ms / 1_000);
    Ok(GatewaySettings {
        body_limit_bytes: config.number("gateway.body_limit", 1_024)?,
        request_timeout_ms: config.duration_ums("gateway.request_timeout")?,
        max_in_flight: config.number("gateway.max_in_flight", 1)?,
        public_url: config.text("gateway.public_url"),
        min_expiry_seconds: seconds("gateway.min_order_life")?,
        max_expiry_seconds: seconds("gateway.max_order_life")?,
        default_expiry_seconds: seconds("gateway.order_life")?,
        ..GatewaySettings::default()
    })
}

/// What jobs work with.
///
/// # Errors
/// When the configuration is wrong.
pub fn jobs(program: &Program) -> anyhow::Result<JobContext> {
    let merchants = MerchantHttp::new(
        merchant_settings(&program.config),
        &HttpSettings::default(),
        Arc::new(SystemSecrets),
        program.clock.clone(),
    )
    .map_err(|e| anyhow::anyhow!("webhooks: {e}"))?;
    Ok(JobContext {
        desk: program.desk.clone(),
        channels: program.channels.clone(),
        merchants: Arc::new(merchants),
        settings: Arc::new(job_settings(&program.config)?),
    })
}

/// The gateway's context, with the workers' counters when they run in the same process.
///
/// # Errors
/// When the configuration is wrong.
pub fn gateway(program: &Program, workers: Option<Arc<WorkerMetrics>>) -> anyhow::Result<GatewayContext> {
    Ok(GatewayContext {
        desk: program.desk.clone(),
        channels: program.channels.clone(),
        clock: program.clock.clone(),
        chance: program.chance.clone(),
        settings: gateway_settings(&program.config)?,
        metrics: metrics(workers),
    })
}

/// The counters of a process.
pub fn metrics(workers: Option<Arc<WorkerMetrics>>) -> Arc<Metrics> {
    let metrics = Arc::new(Metrics::new());
    if let Some(workers) = workers {
        metrics.register(Arc::new(Workers(workers)));
    }
    metrics
}

#[derive(Debug)]
struct Workers(Arc<WorkerMetrics>);

impl MetricsSource for Workers {
    fn render(&self, out: &mut String) {
        self.0.render(out);
    }
}
