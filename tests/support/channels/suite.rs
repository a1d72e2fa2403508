//! Plays all cases of a way to pay at once, in one house: it knows how cases are started, timed and reported, and
//! must never know what one asserts.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bursar_sandbox::{Faults, provision, system_random};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::at_channel::AtChannel;
use super::by_hand::{self, ByHand};
use super::cases;
use super::cell::Cell;
use super::relay::Relay;
use super::row::Side;
use super::{Case, Row};
use crate::support::scene::name_of;
use crate::{House, PrivatePostgres, Scene};

/// How many times faster than real time the clock runs: a case takes minutes of the clock. A stall of a second
/// on a busy machine is three minutes then, and must not matter.
const SPEED: u32 = 200;
/// Cases under way at once. They mostly wait for the clock; but where all began at the same moment, the first
/// orders would expire before a busy machine has offered them.
const AT_ONCE: usize = 12;
/// No case takes longer, in real time: it hangs.
const CASE_WITHIN: Duration = Duration::from_secs(100);

/// Plays every case that exists for `row`, on both databases.
///
/// # Panics
/// When one fails, naming each that does.
pub async fn conforms(row: Row) {
    let (server, keys) = (shared_postgres(), shared_keys());
    let urls = ["asking", "listening"].map(|habit| Some(server.database(&format!("{}_{habit}", row.name))));
    let (sqlite, postgres) =
        tokio::join!(play(row, "sqlite", [None, None], keys.path()), play(row, "postgres", urls, keys.path()));
    let failed: String = sqlite.into_iter().chain(postgres).collect();
    assert!(failed.is_empty(), "{failed}");
}

/// A house and the way of its messages. In one that listens nobody asks where a payment stands while its payer is
/// awaited, nor after it was closed: what is known there was told.
async fn open(url: Option<String>, keys: &Path, listens: bool) -> (Arc<House>, Relay) {
    let relay = Relay::start().await;
    let (poll, watch) = if listens { ("1d then 1d", "1d") } else { ("10s 20s then 30s", "5m 10m 30m 1h 1d") };
    let scene = Scene {
        database: url,
        keys: Some(keys.to_owned()),
        faults: Faults::calm(),
        speed: SPEED,
        webhooks: vec![None],
        more: vec![
            ("gateway.public_url", relay.url()),
            ("plans.poll", poll.to_owned()),
            ("plans.watch", watch.to_owned()),
            ("worker.lease", "30s".to_owned()),
            ("worker.renew_every", "10s".to_owned()),
        ],
        ..Scene::new(crate::seed(31))
    };
    let house = Arc::new(House::open(scene).await);
    relay.leads_to(house.stage.gateway_port);
    (house, relay)
}

/// Plays every case in two houses on one kind of database; what failed, in words.
async fn play(row: Row, database: &str, urls: [Option<String>; 2], keys: &Path) -> Vec<String> {
    let [asking, listening] = urls;
    let (asking, listening) = tokio::join!(open(asking, keys, false), open(listening, keys, true));
    let mut stands = Vec::new();
    for case in Case::ALL.into_iter().filter(|case| row.not_applicable(*case).is_none()) {
        let (house, relay) = if case.listens() { &listening } else { &asking };
        stands.push((case, Stand::open(house.clone(), relay.clone(), row, case).await));
    }
    for (_, stand) in &stands {
        stand.cell().until_known().await;
    }
    stands.sort_by_key(|(case, _)| !case.waits_for_an_end());
    let (mut playing, turns) = (JoinSet::new(), Arc::new(Semaphore::new(AT_ONCE)));
    for (case, stand) in stands {
        let turns = turns.clone();
        playing.spawn(async move {
            let _turn = turns.acquire_owned().await.expect("nobody closes it");
            let started = Instant::now();
            let ended = tokio::spawn(tokio::time::timeout(CASE_WITHIN, async move { stand.play(case).await }));
            let failed = match ended.await {
                Ok(Ok(())) => None,
                Ok(Err(_)) => Some(format!("it did not end within {CASE_WITHIN:?}")),
                Err(panic) => Some(words(panic)),
            };
            (case, started.elapsed(), failed)
        });
    }
    let mut reports = playing.join_all().await;
    reports.sort_by_key(|(case, _, _)| *case);
    let mut failed = Vec::new();
    for (case, took, why) in reports {
        let cell = format!("{} {} on {database}", row.name, case.name());
        println!("{cell}: {} after {:.1} s", if why.is_some() { "FAILED" } else { "ok" }, took.as_secs_f32());
        failed.extend(why.map(|why| format!("{cell}: {why}\n")));
    }
    for (house, _) in [asking, listening] {
        Arc::into_inner(house).expect("all cases have ended").close().await;
    }
    failed
}

/// Where a case is played.
enum Stand {
    Called(AtChannel),
    ByHand(ByHand),
}

impl Stand {
    async fn open(house: Arc<House>, relay: Relay, row: Row, case: Case) -> Self {
        match row.side {
            Side::Remote(remote) => {
                Self::Called(AtChannel::open(house, relay, row, remote, cases::weather(case)).await)
            }
            Side::ByHand(teller) => Self::ByHand(ByHand::open(house, row, teller).await),
        }
    }

    fn cell(&self) -> &Cell {
        match self {
            Self::Called(at) => at,
            Self::ByHand(at) => at,
        }
    }

    async fn play(&self, case: Case) {
        match self {
            Self::Called(at) => cases::play(case, at).await,
            Self::ByHand(at) => by_hand::play(case, at).await,
        }
    }
}

fn words(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was ended".to_owned() };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("it panicked".to_owned(), |text| (*text).to_owned()),
    }
}

/// What is dear to make is made once for all tests of this process that run at the same time; the last of them
/// removes it.
fn shared<T>(place: &Mutex<Weak<T>>, make: impl FnOnce() -> T) -> Arc<T> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    place.upgrade().unwrap_or_else(|| {
        let made = Arc::new(make());
        *place = Arc::downgrade(&made);
        made
    })
}

fn shared_postgres() -> Arc<PrivatePostgres> {
    static SERVER: Mutex<Weak<PrivatePostgres>> = Mutex::new(Weak::new());
    // Nothing is lost in these cases: what a crash leaves behind is tried elsewhere.
    shared(&SERVER, || PrivatePostgres::start_with(&["fsync=off", "synchronous_commit=off"]))
}

/// The keys of the one merchant whom all cases are.
fn shared_keys() -> Arc<TempDir> {
    static KEYS: Mutex<Weak<TempDir>> = Mutex::new(Weak::new());
    shared(&KEYS, || {
        let folder = tempfile::Builder::new().prefix("bursar-keys-").tempdir().expect("a temporary folder");
        provision(folder.path(), &name_of(0), &system_random).expect("keys");
        folder
    })
}
