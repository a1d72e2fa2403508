//! `demo`: a morning of home-service orders on one command: sandbox, gateway, workers and a merchant's
//! webhook receiver in one process, every payer behaviour and fault, and the books compared at the end.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_sandbox::merchant::{Backend, Feed, Sink, place};
use bursar_sandbox::{Faults, PayerMix, Sandbox, SandboxConfig, provision, system_random};
use clap::{Args, ValueEnum};
use serde_json::json;

use super::{Done, Failure, Globals, output};
use crate::clock::SystemClock;
use crate::compose::{self, Program};
use crate::config::Config;
use crate::play::audit::{Audit, compare};
use crate::play::cast::{Actor, Role, enter, webhook_secret};
use crate::serve::{Parts, bind, start};

/// Flags.
#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// How many orders.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    orders: u32,
    /// Decides amounts, payers and faults.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What goes wrong.
    #[arg(long, value_enum, default_value_t = Level::Normal)]
    faults: Level,
    /// How many times faster than real time the clock runs.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=200))]
    speed: u32,
    /// End when everything is settled, instead of staying to be looked at.
    #[arg(long)]
    exit: bool,
    /// Give up after so many real seconds.
    #[arg(long, default_value_t = 600)]
    give_up_after: u64,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Level {
    /// Nothing.
    Calm,
    /// A bad day.
    Normal,
    /// 10 % lost answers, 5 % errors, 5 % time-outs, 10 % lost and 10 % duplicated notifications.
    Harsh,
}

impl Level {
    fn faults(self) -> (Faults, u64) {
        match self {
            Self::Calm => (Faults::calm(), 0),
            Self::Normal => (Faults::normal(), 200),
            Self::Harsh => (Faults::harsh(), 1_000),
        }
    }
}

/// The agencies of the demonstration.
const AGENCIES: [(&str, &str); 3] = [("sunshine", "阳光家政"), ("anxin", "安心月嫂"), ("yinling", "银龄护理")];
/// How long orders live, in seconds of the fast clock: beyond WeChat's minimum age for closing.
const LIFE_SECONDS: (u64, u64) = (330, 600);
/// Money in flight when its order is closed lands so much later (clock milliseconds): surely after the
/// query that follows the close, also on a busy machine.
const LANDING_MS: (i64, i64) = (30_000, 90_000);
/// After the books agree, late money may still surface for so long (clock milliseconds): the longest
/// landing, with room.
const QUIET_MS: i64 = 150_000;

/// Everything that runs during the demonstration.
struct Stage {
    sandbox: Sandbox,
    sink: Sink,
    actors: Vec<Actor>,
    program: Program,
    /// Keys and the database; deleted at the end.
    _folder: tempfile::TempDir,
}

pub(crate) async fn run(globals: &Globals, demo: Demo) -> Done {
    let started = Instant::now();
    // Nobody looks at a demonstration that ends by itself: any free port will do.
    let address = if demo.exit { "127.0.0.1:0".to_owned() } else { globals.config.text("gateway.listen") };
    let listener = bind(&address).await?;
    let address = listener.local_addr()?;
    let stage = set(globals, &demo, &format!("http://{address}")).await?;
    let running = start(stage.program.clone(), Parts::All, Some(listener)).await?;
    let feed = Feed {
        gateway: format!("http://{address}"),
        orders: demo.orders,
        concurrency: 32,
        per_second: Some(200),
        life_seconds: LIFE_SECONDS,
        label: format!("demo-{}", SystemClock::real_ms()),
        patient: false,
    };
    let seeded = SeededChance::new(demo.seed);
    let progress = Progress::new(demo.orders);
    let backends: Vec<_> = stage.actors.iter().map(|a| Backend { api_key: a.api_key.clone() }).collect();
    let placed = place(&feed, &backends, &seeded, |_| progress.placed()).await?;
    let audit = settle(&stage, &demo, &progress).await?;
    progress.end();
    let (delivered, forged, gaps) = {
        let told = stage.sink.told();
        (told.deliveries.len(), told.forged, told.gaps())
    };
    let summary = json!({
        "orders": placed.len(), "paid": audit.paid, "closed": audit.closed, "late_money": audit.late_money,
        "parked": audit.parked, "unknown": audit.unknown, "open": audit.open, "out_of_money": audit.out_of_money,
        "webhooks_delivered": delivered, "webhooks_forged": forged, "webhook_gaps": gaps,
        "channel_effects_doubled": audit.channel_effects_doubled, "books_agree": audit.books_agree(),
        "differences": audit.differences, "faults_played": stage.sandbox.counters().faults,
        "elapsed_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
    if !globals.json {
        table(&audit, delivered, &stage, started)?;
    }
    if !demo.exit {
        where_to_look(&stage, &format!("http://{address}"));
        crate::shutdown::requested().await;
    }
    let right =
        audit.books_agree() && audit.all_ended() && audit.channel_effects_doubled == 0 && audit.out_of_money == 0;
    running.stop().await;
    stage.sandbox.stop().await;
    if globals.json {
        output::json(&summary)?;
    }
    if right { Ok(()) } else { Err(Failure::violated(format!("the books do not agree: {summary}"))) }
}

/// Builds the stage: keys, sandbox, sink, database, cast.
async fn set(globals: &Globals, demo: &Demo, public_url: &str) -> Result<Stage, Failure> {
    let folder = tempfile::Builder::new().prefix("bursar-demo-").tempdir()?;
    let config = fast_config(globals, demo, folder.path(), public_url)?;
    let program = compose::program(&config).await?;
    program.store.migrate().await?;
    let (faults, failing) = demo.faults.faults();
    let mut provisioned = Vec::new();
    for (name, _) in AGENCIES {
        provisioned.push(provision(folder.path(), name, &system_random)?);
    }
    let Some(first) = provisioned.first() else { return Err(Failure::usage("no agencies")) };
    let accounts = provisioned.iter().map(|p| p.account.clone()).collect();
    let payers = PayerMix { landing_ms: LANDING_MS, ..PayerMix::default() };
    let base = SandboxConfig::new(program.clock.clone(), first);
    let sandbox_config = SandboxConfig { seed: demo.seed, faults, accounts, payers, ..base };
    let sandbox = bursar_sandbox::start(sandbox_config).await?;
    let secret = webhook_secret(folder.path(), program.chance.as_ref())?;
    let seeded: Arc<dyn Chance> = Arc::new(SeededChance::new(demo.seed ^ 0x51_4e_4b));
    let sink = Sink::start(&[std::fs::read_to_string(&secret)?], failing, seeded).await?;
    let mut actors = Vec::new();
    for (keys, (_, name)) in provisioned.iter().zip(AGENCIES) {
        let role = Role {
            name,
            keys,
            base_url: &sandbox.base_url(),
            webhook_url: &sink.url(),
            webhook_secret: secret.clone(),
            facts: None,
        };
        actors.push(enter(program.store.as_ref(), &role, program.clock.now(), program.chance.as_ref()).await?);
    }
    Ok(Stage { sandbox, sink, actors, program, _folder: folder })
}

/// The user's configuration with a fast clock, loopback webhooks, and a database of its own unless one
/// was named.
fn fast_config(globals: &Globals, demo: &Demo, folder: &std::path::Path, public_url: &str) -> Result<Config, Failure> {
    let origin = SystemClock::real_ms().to_string();
    let mut flags = vec![
        ("gateway.public_url", public_url.to_owned(), "demo"),
        ("webhooks.allow_http", "true".to_owned(), "demo"),
        ("webhooks.allow_private_addresses", "true".to_owned(), "demo"),
        ("clock.speed", demo.speed.to_string(), "--speed"),
        ("clock.origin", origin, "demo"),
    ];
    let url = if globals.database_named {
        globals.config.text("database.url")
    } else {
        format!("sqlite:{}", folder.join("bursar.db").display())
    };
    flags.push(("database.url", url, "demo"));
    Ok(globals.config.with(&flags)?)
}

/// Waits until every order has ended, every event was delivered and the books agree — and stay so for as
/// long as late money may still surface.
async fn settle(stage: &Stage, demo: &Demo, progress: &Progress) -> Result<Audit, Failure> {
    let deadline = Instant::now() + Duration::from_secs(demo.give_up_after);
    let quiet = stage.program.clock.real(QUIET_MS);
    let mut agreed_since: Option<(Instant, u64)> = None;
    loop {
        let store = stage.program.store.as_ref();
        let books = stage.sandbox.books();
        let audit = compare(store, &stage.actors, &books).await?;
        let counts = store.counts().await?;
        progress.show(&audit, counts.undelivered);
        let money: u64 = audit.paid + audit.late_money;
        let settled = audit.all_ended() && counts.undelivered == 0 && audit.books_agree();
        agreed_since = match agreed_since {
            Some((since, then)) if settled && then == money => Some((since, then)),
            _ => settled.then(|| (Instant::now(), money)),
        };
        if agreed_since.is_some_and(|(since, _)| since.elapsed() >= quiet) || Instant::now() >= deadline {
            return Ok(audit);
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Progress on stderr: a line that is written over on a terminal, a line each few seconds elsewhere.
struct Progress {
    orders: u32,
    placed: std::sync::atomic::AtomicU32,
    terminal: bool,
    last: std::sync::Mutex<Option<Instant>>,
}

impl Progress {
    fn new(orders: u32) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self { orders, placed: std::sync::atomic::AtomicU32::new(0), terminal, last: std::sync::Mutex::new(None) }
    }

    fn write(&self, text: &str) {
        let every = if self.terminal { Duration::from_millis(100) } else { Duration::from_secs(3) };
        let mut last = self.last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if last.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        *last = Some(Instant::now());
        if self.terminal { eprint!("\r\x1b[K{text}") } else { eprintln!("{text}") }
    }

    fn placed(&self) {
        let n = self.placed.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        self.write(&format!("{n}/{} orders placed", self.orders));
    }

    fn show(&self, audit: &Audit, undelivered: u64) {
        self.write(&format!(
            "{} paid, {} closed, {} open, {} payments not final, {} parked, {undelivered} webhooks under way",
            audit.paid, audit.closed, audit.open, audit.unknown, audit.parked
        ));
    }

    fn end(&self) {
        if self.terminal {
            eprintln!();
        }
    }
}

fn table(audit: &Audit, delivered: usize, stage: &Stage, started: Instant) -> Done {
    let counters = stage.sandbox.counters();
    let faults: u64 = counters.faults.values().sum();
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let agree = if audit.books_agree() { "yes, payment by payment" } else { "NO" };
    output::table(
        &["", ""],
        &[
            row("orders", audit.orders.to_string()),
            row("paid", audit.paid.to_string()),
            row("closed", audit.closed.to_string()),
            row("  of them with late money (parked)", audit.late_money.to_string()),
            row("questions for a person", audit.parked.to_string()),
            row("payments not final", audit.unknown.to_string()),
            row("charged twice", audit.channel_effects_doubled.to_string()),
            row("customers out of money", audit.out_of_money.to_string()),
            row("webhooks delivered", delivered.to_string()),
            row("faults played by the sandbox", faults.to_string()),
            row("books agree with the sandbox's", agree.to_owned()),
            row("seconds", started.elapsed().as_secs().to_string()),
        ],
    )?;
    for difference in &audit.differences {
        output::line(&format!("  {difference}"))?;
    }
    Ok(())
}

fn where_to_look(stage: &Stage, gateway: &str) {
    let url = stage.program.config.text("database.url");
    let url = crate::config::cover_password(&url);
    let key = stage.actors.first().map(|a| a.api_key.as_str()).unwrap_or_default();
    // As the user typed it, so that the lines below can be copied.
    let program = std::env::args().next().unwrap_or_else(|| "bursar".to_owned());
    eprintln!();
    eprintln!("Still running; Ctrl-C ends it. Where to look:");
    eprintln!("  API documentation  {gateway}/docs");
    eprintln!("  orders, as JSON    curl -H 'authorization: Bearer {key}' '{gateway}/v1/orders?limit=5'");
    eprintln!("  orders, as a table {program} --database-url {url} order list");
    eprintln!("  one order's story  {program} --database-url {url} order show ord_…");
    eprintln!("  jobs               {program} --database-url {url} job list");
    eprintln!("  metrics            {gateway}/metrics");
    eprintln!("  the sandbox        {}/_sandbox/books", stage.sandbox.base_url());
}
