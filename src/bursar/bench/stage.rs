//! The stage of one run of the benchmark: it knows how sandbox, gateway, workers and merchants of one channel are put
//! up and how orders are placed, and must never measure.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelFacts;
use bursar_sandbox::merchant::{Feed, Placed, Sink, Variety, fetch, place_varied, put};
use bursar_sandbox::{Bank, BookEntry, Counters, StatementFormat, provision, system_random};
use tokio::sync::mpsc;

use super::crew::Crew;
use super::histogram::Histogram;
use super::people::{People, method};
use super::report::SANDBOX;
use super::run::Plan;
use crate::clock::SystemClock;
use crate::compose::{self, Program};
use crate::play::accounts::{Dialect, bank_number};
use crate::play::audit::{Audit, compare};
use crate::play::cast::{Actor, Role, enter, webhook_secret};

/// How many merchants take turns: a few, as in real life.
pub(super) const MERCHANTS: u32 = 4;
/// Their names.
const ACCOUNTS: [&str; MERCHANTS as usize] = ["a", "b", "c", "d"];
/// Everybody pays, and at once.
const PAYERS: &str = r#"{"soon":1,"late":0,"closing":0,"inflight":0,"never":0,"retry":0,"soon_ms":[0,20]}"#;

/// Where the processes listen; no slashes at the ends.
pub(super) struct Addresses {
    pub(super) gateway: String,
    /// Where the workers' metrics are.
    metrics: String,
    pub(super) sandbox: String,
}

/// The merchants and their database.
pub(super) struct Place {
    pub(super) program: Program,
    pub(super) actors: Vec<Actor>,
    /// The number of each one's account at the bank.
    pub(super) bank_numbers: Vec<String>,
    /// Each one's account on Stripe.
    stripe: Vec<String>,
    sink: Sink,
}

/// Everything that runs.
pub(super) struct Stage {
    pub(super) crew: Crew,
    pub(super) people: People,
    place: Place,
    at: Addresses,
    method: bursar_core::channel::Method,
}

fn free_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

async fn until(limit: Duration, what: &str, holds: impl AsyncFn() -> bool) -> anyhow::Result<()> {
    let deadline = Instant::now() + limit;
    while !holds().await {
        anyhow::ensure!(Instant::now() < deadline, "not within {} s: {what}", limit.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// Merchants with accounts on the channel, at the bank and on a sandbox that will listen at `sandbox`.
async fn settle(plan: &Plan, folder: &Path, sandbox: &str, bank: &Bank, program: Program) -> anyhow::Result<Place> {
    let secret = webhook_secret(folder, program.chance.as_ref())?;
    let quiet: Arc<dyn Chance> = Arc::new(SeededChance::new(0));
    let sink = Sink::start(&[std::fs::read_to_string(&secret)?], 0, quiet).await?;
    let (mut actors, mut bank_numbers, mut stripe) = (Vec::new(), Vec::new(), Vec::new());
    for name in ACCOUNTS {
        let keys = provision(folder, name, &system_random)?;
        let role = Role {
            name,
            keys: &keys,
            channels: &[plan.channel],
            dialect: Dialect::Usual,
            base_url: sandbox,
            webhook_url: &sink.url(),
            webhook_secret: secret.clone(),
            facts: None::<ChannelFacts>,
        };
        actors.push(enter(program.store.as_ref(), &role, program.clock.now(), program.chance.as_ref()).await?);
        bank.open_account(&bank_number(&keys), name, StatementFormat::Mt940);
        bank_numbers.push(bank_number(&keys));
        stripe.push(keys.stripe.account_id.clone());
    }
    Ok(Place { program, actors, bank_numbers, stripe, sink })
}

fn hire(plan: &Plan, folder: &Path, (gateway, sandbox, metrics): (&str, &str, &str)) -> anyhow::Result<Crew> {
    let environment = [
        ("BURSAR__DATABASE__URL", plan.database_url.clone()),
        ("BURSAR__GATEWAY__LISTEN", gateway.to_owned()),
        ("BURSAR__GATEWAY__PUBLIC_URL", format!("http://{gateway}")),
        ("BURSAR__WEBHOOKS__ALLOW_HTTP", "true".to_owned()),
        ("BURSAR__WEBHOOKS__ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ("BURSAR__WORKER__LISTEN", metrics.to_owned()),
        ("BURSAR__LOG__FILTER", "warn".to_owned()),
    ]
    .map(|(k, v)| (k.to_owned(), v));
    let mut crew = Crew::default();
    let keys = folder.display().to_string();
    let mut sandbox_args = vec!["sandbox", "--listen", sandbox, "--keys", &keys, "--payers", PAYERS];
    ACCOUNTS.iter().for_each(|name| sandbox_args.extend(["--account", name]));
    crew.hire(SANDBOX, &sandbox_args, &environment)?;
    if plan.server_pid.is_some() {
        crew.hire("gateway", &["gateway"], &environment)?;
        crew.hire("worker", &["worker"], &environment)?;
    } else {
        crew.hire("serve", &["serve"], &environment)?;
    }
    Ok(crew)
}

impl Stage {
    pub(super) async fn set(plan: &Plan, folder: &Path) -> anyhow::Result<Self> {
        let (gateway, sandbox, metrics) = (free_address()?, free_address()?, free_address()?);
        let config = plan.config.with(&[("database.url", plan.database_url.clone(), "bench")])?;
        let program = compose::program(&config).await?;
        program.store.migrate().await?;
        let bank = Bank::new(program.clock.clone());
        let place = settle(plan, folder, &format!("http://{sandbox}"), &bank, program).await?;
        let crew = hire(plan, folder, (&gateway, &sandbox, &metrics))?;
        let metrics = if plan.server_pid.is_some() { metrics } else { gateway.clone() };
        let at = Addresses {
            gateway: format!("http://{gateway}"),
            metrics: format!("http://{metrics}"),
            sandbox: format!("http://{sandbox}"),
        };
        for page in [
            format!("{}/readyz", at.gateway),
            format!("{}/livez", at.metrics),
            format!("{}/_sandbox/counters", at.sandbox),
        ] {
            until(Duration::from_secs(30), &format!("{page} answers"), async || fetch(&page).await.is_ok()).await?;
        }
        for (actor, account) in place.actors.iter().zip(&place.stripe) {
            if let Some(endpoint) = actor.stripe_endpoint(&at.gateway) {
                put(&format!("{}/_sandbox/stripe/{account}/endpoint", at.sandbox), &endpoint).await?;
            }
        }
        let people = People::gather(plan, &at, &place, bank)?;
        Ok(Self { crew, people, place, at, method: method(plan.channel) })
    }

    /// sqlite or postgres.
    pub(super) fn database(&self) -> String {
        self.place.program.store.dialect().to_owned()
    }

    /// Places `orders` and waits until the merchant was told that each is paid.
    pub(super) async fn play(
        &self,
        label: &str,
        orders: u32,
        concurrency: usize,
        per_second: Option<u32>,
    ) -> anyhow::Result<Duration> {
        let feed = Feed {
            gateway: self.at.gateway.clone(),
            orders,
            concurrency,
            per_second,
            life_seconds: (1_800, 1_800),
            label: format!("{label}-{}", SystemClock::real_ms()),
            patient: false,
        };
        let backends: Vec<_> = self.place.actors.iter().map(Actor::backend).collect();
        let variety = Variety { method: Some(self.method), ..Variety::default() };
        let told = || self.place.sink.told().paid.len();
        let before = told();
        let chance = SeededChance::new(7);
        let started = Instant::now();
        let (tell, customers) = mpsc::unbounded_channel();
        let customers = self.people.serve(&self.place.actors, u64::try_from(before)?, customers);
        let on_placed = |placed: &Placed| {
            // Nobody listens where customers are not needed, or have failed, which is told below.
            let _ = tell.send(placed.clone());
        };
        let placed = place_varied(&feed, &backends, &variety, &chance, on_placed).await?;
        drop(tell);
        customers.have_paid().await?;
        let wanted = before + placed.len();
        until(Duration::from_secs(300), "every payment is told to the merchant", async || told() >= wanted).await?;
        Ok(started.elapsed())
    }

    /// Compares the books at the end.
    pub(super) async fn audit(&self) -> anyhow::Result<Audit> {
        let books: Vec<BookEntry> =
            serde_json::from_str(&fetch(&format!("{}/_sandbox/books", self.at.sandbox)).await?)?;
        let place = &self.place;
        // Nobody asks for money back here.
        compare(place.program.store.as_ref(), &place.actors, &books, &[], &self.people.by_hand()).await
    }

    /// From due to claimed, of money jobs.
    pub(super) async fn waits(&self) -> anyhow::Result<Histogram> {
        let text = fetch(&format!("{}/metrics", self.at.metrics)).await?;
        Ok(Histogram::read(&text, "bursar_job_wait_seconds", "queue=\"money\""))
    }

    /// The gateway's answers to notifications.
    pub(super) async fn acks(&self) -> anyhow::Result<Histogram> {
        let counters: Counters =
            serde_json::from_str(&fetch(&format!("{}/_sandbox/counters", self.at.sandbox)).await?)?;
        let mut histogram = Histogram::default();
        for (bound, n) in counters.acknowledged_within_ms {
            histogram.count += n;
            histogram.at_most.insert(bound, histogram.count);
        }
        Ok(histogram)
    }
}
