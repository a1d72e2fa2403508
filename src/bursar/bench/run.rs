//! One run of the benchmark: sandbox, gateway and workers as processes of their own, a burst, then a
//! steady half of what the burst showed.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::channel::{ChannelFacts, ChannelKind};
use bursar_sandbox::merchant::{Backend, Feed, Sink, fetch, place};
use bursar_sandbox::{BookEntry, Counters, provision, system_random};
use serde::Serialize;

use super::cluster::ask;
use super::cpu;
use super::histogram::Histogram;
use crate::clock::SystemClock;
use crate::compose::{self, Program};
use crate::config::Config;
use crate::play::accounts::Dialect;
use crate::play::audit::{ByHand, compare};
use crate::play::cast::{Actor, Role, enter, webhook_secret};

/// What to run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Payments of the burst.
    pub orders: u32,
    /// Orders placed at once in the burst.
    pub concurrency: usize,
    /// The user's configuration.
    pub config: Config,
    /// The database.
    pub database_url: String,
    /// The server's process, for its processor time; PostgreSQL only.
    pub server_pid: Option<u32>,
}

/// What was measured. Processor times are milliseconds per 1,000 payments.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// sqlite or postgres.
    pub database: String,
    /// Payments of the burst, created, paid, notified and told to the merchant.
    pub payments: u64,
    /// From the first order to the last webhook.
    pub burst_ms: u64,
    /// Whole payments per second, in tenths.
    pub payments_per_second: u64,
    /// Processor milliseconds per 1,000 payments by process: name, time.
    pub cpu_ms_per_1000: Vec<(String, u64)>,
    /// PostgreSQL: transactions per payment in hundredths (reads included).
    pub transactions_per_100_payments: Option<u64>,
    /// PostgreSQL: WAL bytes per payment.
    pub wal_bytes_per_payment: Option<u64>,
    /// PostgreSQL: full page images among the WAL records of the burst.
    pub wal_full_page_images: Option<u64>,
    /// Half load: orders per second that were placed.
    pub half_load_per_second: u32,
    /// Half load: from due to claimed, of money jobs.
    pub due_to_start_p50: String,
    /// The same.
    pub due_to_start_p99: String,
    /// Half load: the gateway's answer to a notification, by the sandbox's watch.
    pub notification_ack_p50: String,
    /// The same.
    pub notification_ack_p99: String,
    /// The books agree at the end, payment by payment.
    pub books_agree: bool,
}

/// Processes that end with the run.
struct Crew(Vec<(String, Child)>);

impl Drop for Crew {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Crew {
    fn hire(&mut self, name: &str, args: &[&str], environment: &[(String, String)]) -> anyhow::Result<()> {
        let program = std::env::current_exe()?;
        let mut command = Command::new(program);
        command.args(args).envs(environment.iter().cloned()).stdout(Stdio::null());
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        self.0.push((name.to_owned(), child));
        Ok(())
    }

    fn cpu(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|(name, child)| (name.clone(), cpu::process_ms(child.id()))).collect()
    }
}

struct Stage {
    crew: Crew,
    program: Program,
    actors: Vec<Actor>,
    sink: Sink,
    gateway: String,
    /// Where the workers' metrics are.
    metrics: String,
    sandbox: String,
}

fn free_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// Names of the accounts: a few, as in real life.
const ACCOUNTS: [&str; 4] = ["a", "b", "c", "d"];

async fn set(plan: &Plan, folder: &Path) -> anyhow::Result<Stage> {
    let (gateway, sandbox, metrics) = (free_address()?, free_address()?, free_address()?);
    let config = plan.config.with(&[("database.url", plan.database_url.clone(), "bench")])?;
    let program = compose::program(&config).await?;
    program.store.migrate().await?;
    let secret = webhook_secret(folder, program.chance.as_ref())?;
    let quiet: Arc<dyn Chance> = Arc::new(SeededChance::new(0));
    let sink = Sink::start(&[std::fs::read_to_string(&secret)?], 0, quiet).await?;
    let mut actors = Vec::new();
    for name in ACCOUNTS {
        let keys = provision(folder, name, &system_random)?;
        let role = Role {
            name,
            keys: &keys,
            channels: &[ChannelKind::Wechat],
            dialect: Dialect::Usual,
            base_url: &format!("http://{sandbox}"),
            webhook_url: &sink.url(),
            webhook_secret: secret.clone(),
            facts: None::<ChannelFacts>,
        };
        actors.push(enter(program.store.as_ref(), &role, program.clock.now(), program.chance.as_ref()).await?);
    }
    let environment = [
        ("BURSAR__DATABASE__URL", plan.database_url.clone()),
        ("BURSAR__GATEWAY__LISTEN", gateway.clone()),
        ("BURSAR__GATEWAY__PUBLIC_URL", format!("http://{gateway}")),
        ("BURSAR__WEBHOOKS__ALLOW_HTTP", "true".to_owned()),
        ("BURSAR__WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ("BURSAR__WORKER__LISTEN", metrics.clone()),
        ("BURSAR__LOG__FILTER", "warn".to_owned()),
    ]
    .map(|(k, v)| (k.to_owned(), v));
    let mut crew = Crew(Vec::new());
    let payers = r#"{"soon":1,"late":0,"closing":0,"inflight":0,"never":0,"retry":0,"soon_ms":[0,20]}"#;
    let keys = folder.display().to_string();
    let mut sandbox_args = vec!["sandbox", "--listen", &sandbox, "--keys", &keys, "--payers", payers];
    ACCOUNTS.iter().for_each(|name| sandbox_args.extend(["--account", name]));
    crew.hire("sandbox", &sandbox_args, &environment)?;
    let split = plan.server_pid.is_some();
    if split {
        crew.hire("gateway", &["gateway"], &environment)?;
        crew.hire("worker", &["worker"], &environment)?;
    } else {
        crew.hire("serve", &["serve"], &environment)?;
    }
    let metrics = if split { metrics } else { gateway.clone() };
    let stage = Stage {
        crew,
        program,
        actors,
        sink,
        gateway: format!("http://{gateway}"),
        metrics: format!("http://{metrics}"),
        sandbox: format!("http://{sandbox}"),
    };
    for page in [
        format!("{}/readyz", stage.gateway),
        format!("{}/livez", stage.metrics),
        format!("{}/_sandbox/counters", stage.sandbox),
    ] {
        until(Duration::from_secs(30), &format!("{page} answers"), async || fetch(&page).await.is_ok()).await?;
    }
    Ok(stage)
}

async fn until(limit: Duration, what: &str, holds: impl AsyncFn() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    while !holds().await {
        anyhow::ensure!(Instant::now() < deadline, "not within {} s: {what}", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

impl Stage {
    /// Places `orders` and waits until the merchant was told that each is paid.
    async fn play(
        &self,
        label: &str,
        orders: u32,
        concurrency: usize,
        per_second: Option<u32>,
    ) -> anyhow::Result<Duration> {
        let feed = Feed {
            gateway: self.gateway.clone(),
            orders,
            concurrency,
            per_second,
            life_seconds: (1_800, 1_800),
            label: format!("{label}-{}", SystemClock::real_ms()),
            patient: false,
        };
        let backends: Vec<_> = self.actors.iter().map(|a| Backend { api_key: a.api_key.clone() }).collect();
        let before = self.sink.told().paid.len();
        let chance = SeededChance::new(7);
        let started = Instant::now();
        let placed = place(&feed, &backends, &chance, |_| {}).await?;
        let wanted = before + placed.len();
        until(Duration::from_secs(300), "every payment is told to the merchant", async || {
            self.sink.told().paid.len() >= wanted
        })
        .await?;
        Ok(started.elapsed())
    }
}

/// Runs the whole benchmark on one database.
///
/// # Errors
/// When something does not start, or a payment does not finish within five minutes.
pub async fn run(plan: &Plan, say: impl Fn(&str)) -> anyhow::Result<Report> {
    let folder = tempfile::Builder::new().prefix("bursar-bench-").tempdir()?;
    let stage = set(plan, folder.path()).await?;
    let database = stage.program.store.dialect().to_owned();
    say(&format!("{database}: warming up"));
    stage.play("warm", 300, plan.concurrency, None).await?;
    say(&format!("{database}: burst of {}", plan.orders));
    let before = Meter::read(plan, &stage)?;
    let took = stage.play("burst", plan.orders, plan.concurrency, None).await?;
    // PostgreSQL counts a transaction when its session is next idle for a second.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let spent = Meter::read(plan, &stage)?.since(&before);
    let burst_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    let payments = u64::from(plan.orders);
    let per_second = payments * 1_000 / burst_ms;

    let half = u32::try_from((per_second / 2).max(1)).unwrap_or(u32::MAX);
    say(&format!("{database}: half load, {half} per second"));
    let (waits, acks) = (stage.waits().await?, stage.acks().await?);
    stage.play("half", half.saturating_mul(10).min(plan.orders), plan.concurrency, Some(half)).await?;
    let (waits, acks) = (stage.waits().await?.since(&waits), stage.acks().await?.since(&acks));

    let books: Vec<BookEntry> = serde_json::from_str(&fetch(&format!("{}/_sandbox/books", stage.sandbox)).await?)?;
    // Nobody asks for money back here.
    let audit = compare(stage.program.store.as_ref(), &stage.actors, &books, &[], &ByHand::default()).await?;
    let per_payment = |n: u64| n / payments.max(1);
    Ok(Report {
        database,
        payments,
        burst_ms,
        payments_per_second: per_second,
        cpu_ms_per_1000: spent.cpu.iter().map(|(name, ms)| (name.clone(), ms * 1_000 / payments.max(1))).collect(),
        transactions_per_100_payments: spent.server.map(|s| s.transactions * 100 / payments.max(1)),
        wal_bytes_per_payment: spent.server.map(|s| per_payment(s.wal_bytes)),
        wal_full_page_images: spent.server.map(|s| s.full_pages),
        half_load_per_second: half,
        due_to_start_p50: waits.percentile(50),
        due_to_start_p99: waits.percentile(99),
        notification_ack_p50: acks.percentile(50),
        notification_ack_p99: acks.percentile(99),
        books_agree: audit.books_agree() && audit.channel_effects_doubled == 0,
    })
}

impl Stage {
    async fn waits(&self) -> anyhow::Result<Histogram> {
        let text = fetch(&format!("{}/metrics", self.metrics)).await?;
        Ok(Histogram::read(&text, "bursar_job_wait_seconds", "queue=\"money\""))
    }

    async fn acks(&self) -> anyhow::Result<Histogram> {
        let counters: Counters = serde_json::from_str(&fetch(&format!("{}/_sandbox/counters", self.sandbox)).await?)?;
        let mut histogram = Histogram::default();
        for (bound, n) in counters.acknowledged_within_ms {
            histogram.count += n;
            histogram.at_most.insert(bound, histogram.count);
        }
        Ok(histogram)
    }
}

/// PostgreSQL's own counts.
#[derive(Clone, Copy, Debug, Default)]
struct Server {
    transactions: u64,
    wal_bytes: u64,
    full_pages: u64,
}

/// Everything that is counted around the burst.
struct Meter {
    cpu: Vec<(String, u64)>,
    server: Option<Server>,
}

impl Meter {
    fn read(plan: &Plan, stage: &Stage) -> anyhow::Result<Self> {
        let mut cpu = stage.crew.cpu();
        cpu.push(("merchant and load".to_owned(), cpu::process_ms(std::process::id())));
        let Some(pid) = plan.server_pid else { return Ok(Self { cpu, server: None }) };
        cpu.push(("postgres".to_owned(), cpu::family_ms(pid)));
        let statement = "select d.xact_commit || ' ' || w.wal_bytes || ' ' || w.wal_fpi \
                         from pg_stat_database d, pg_stat_wal w where d.datname = current_database()";
        let answer = ask(&plan.database_url, statement)?;
        let mut numbers = answer.split(' ').map(|n| n.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        let server = Server { transactions: next(), wal_bytes: next(), full_pages: next() };
        Ok(Self { cpu, server: Some(server) })
    }

    fn since(&self, before: &Self) -> Self {
        let old = |name: &str| before.cpu.iter().find(|(n, _)| n == name).map_or(0, |(_, ms)| *ms);
        let server = self.server.zip(before.server).map(|(now, then)| Server {
            transactions: now.transactions.saturating_sub(then.transactions),
            wal_bytes: now.wal_bytes.saturating_sub(then.wal_bytes),
            full_pages: now.full_pages.saturating_sub(then.full_pages),
        });
        Self { cpu: self.cpu.iter().map(|(n, ms)| (n.clone(), ms.saturating_sub(old(n)))).collect(), server }
    }
}
