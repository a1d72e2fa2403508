//! One mixed campaign per database, both at the same time: seeded chance kills processes (SIGKILL), stops
//! workers for longer than their leases (SIGSTOP, SIGCONT), restarts PostgreSQL as a power cut would, and
//! cuts, refuses, stalls or leaves half-open the connections to the database and to the channel, while
//! orders come in and the channel misbehaves. On SQLite there is one process; on PostgreSQL a gateway and
//! two workers with literally the same settings. In the end everything has come to rest, the books agree with
//! the channel's payment by payment, and every merchant was told everything.
//!
//! The short form is for every change; the long one is `BURSAR_CAMPAIGN=long tests/run campaign`. The seed
//! decides which blows come and in which order (`BURSAR_SEED` sets another); where exactly they hit, the
//! machine decides.

use std::time::Instant;

use bursar_sandbox::Faults;
use bursar_tests::{
    Cluster, Deck, Feeding, Figures, Mayhem, PrivatePostgres, Proxy, Scene, Stage, block, long_form, seed, settle,
    violations,
};

const SEED: u64 = 20_261_122;
/// Orders per second and database.
const PER_SECOND: u32 = 12;

/// The decks on SQLite and on PostgreSQL.
fn decks() -> (Deck, Deck) {
    let long = (
        Deck { kills: 290, pauses: 26, channel: 64, ..Deck::default() },
        Deck { kills: 200, pauses: 30, restarts: 26, channel: 40, database: 48 },
    );
    let short = (
        Deck { kills: 10, pauses: 1, channel: 4, ..Deck::default() },
        Deck { kills: 6, pauses: 1, restarts: 2, channel: 2, database: 4 },
    );
    if long_form() { long } else { short }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_kills_pauses_restarts_and_cuts_nothing_is_lost_or_doubled() {
    let (seed, (on_sqlite, on_postgres)) = (seed(SEED), decks());
    let form = if long_form() { "long" } else { "short" };
    let both = [tokio::spawn(sqlite(seed, on_sqlite)), tokio::spawn(postgres(seed + 1, on_postgres))];
    let mut figures = Vec::new();
    for one in both {
        // Whoever panics has said why; the other one's figures are shown all the same.
        let broken = |error| Figures { violations: vec![format!("broken off: {error}")], ..Figures::default() };
        figures.push(one.await.unwrap_or_else(broken));
    }
    println!(
        "{}",
        block(
            &format!("campaign, {form} form, seed {seed}, leases of 3 s"),
            &[("SQLite", &figures[0]), ("PostgreSQL", &figures[1])]
        )
    );
    let all = Figures::sum(&figures.iter().collect::<Vec<_>>());
    assert!(all.violations.is_empty(), "seed {seed}: {}", all.violations.join("\n"));
    // What hits nobody shows nothing.
    let hits = [all.kills_with_jobs, all.pauses_with_jobs, all.restarts, all.broken, all.paid, all.closed];
    assert!(hits.iter().all(|hit| *hit > 0), "seed {seed}: something was not tried: {hits:?}");
}

fn scene(seed: u64, database: Option<String>, channel: &Proxy) -> Scene {
    let more = [
        // A half-open connection to the database is given up after 10 s (these, and 5 s for the network) ...
        ("database.acquire_timeout", "2s"),
        ("database.statement_timeout", "3s"),
        // ... and nobody waits an hour of the clock to ask again after a bad day.
        ("plans.unknown", "2s 5s 10s 30s then 1m"),
        ("plans.close", "1s 5s 30s then 1m"),
    ];
    Scene {
        database,
        faults: Faults::harsh(),
        channel_proxy: Some(channel.clone()),
        more: more.map(|(key, value)| (key, value.to_owned())).to_vec(),
        ..Scene::new(seed)
    }
}

async fn sqlite(seed: u64, deck: Deck) -> Figures {
    let (started, channel) = (Instant::now(), Proxy::start());
    let stage = Stage::set(scene(seed, None, &channel)).await;
    let cluster = Cluster::single(&stage).await;
    play(Mayhem::new(stage, cluster, channel), &deck, started).await
}

async fn postgres(seed: u64, deck: Deck) -> Figures {
    let (started, channel, between) = (Instant::now(), Proxy::start(), Proxy::start());
    let server = tokio::task::block_in_place(PrivatePostgres::start);
    between.leads_to(server.address());
    let mut stage = Stage::set(scene(seed, Some(server.database("bursar")), &channel)).await;
    // The processes go through the proxy; we who watch do not.
    for (_, url) in stage.settings.iter_mut().filter(|(key, _)| key == "database.url") {
        *url = url.replace(&server.address().to_string(), &format!("127.0.0.1:{}", between.port()));
    }
    let cluster = Cluster::twins(&stage, 2).await;
    let mut mayhem = Mayhem::new(stage, cluster, channel);
    (mayhem.postgres, mayhem.database) = (Some(server), Some(between));
    play(mayhem, &deck, started).await
}

async fn play(mut mayhem: Mayhem, deck: &Deck, started: Instant) -> Figures {
    let feeding = Feeding::paced(&mayhem.stage, PER_SECOND);
    mayhem.deal(deck).await;
    // The campaign ends in quiet: what is open now must find its end.
    let mut figures = mayhem.quiet().await;
    let Mayhem { stage, cluster, postgres, .. } = mayhem;
    stage.sandbox.set_faults(Faults::calm());
    let placed = feeding.stop().await;
    let end = settle(&stage).await;
    figures.violations.extend(violations(&stage, &placed, &end).await);
    figures.orders = u64::try_from(placed.len()).unwrap_or(0);
    (figures.paid, figures.closed, figures.late_money) = (end.audit.paid, end.audit.closed, end.audit.late_money);
    figures.elapsed = started.elapsed();
    drop((cluster, postgres));
    if !figures.violations.is_empty() {
        // Logs, and the database when it is a file, tell what happened.
        println!("seed {}: kept for you: {}", stage.seed, stage.folder.keep().display());
    }
    figures
}
