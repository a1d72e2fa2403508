//! Plays all cases of a way to pay at once, in one house: it knows how cases are started, timed and reported, and
//! must never know what one asserts.

use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use bursar_sandbox::Faults;
use tokio::task::JoinSet;

use super::cases;
use super::cell::Cell;
use super::relay::Relay;
use super::{Case, Row};
use crate::{House, PrivatePostgres, Scene};

/// How many times faster than real time the clock runs: a case takes minutes of the clock. A stall of a second
/// on a busy machine is three minutes then, and must not matter.
const SPEED: u32 = 200;
/// Dense while the payer is awaited, and then not for a day: whoever is told of a payment by then was notified.
const POLL: &str = "10s 20s 30s 1m 2m then 1d";
/// No case takes longer, in real time: it hangs.
const CASE_WITHIN: Duration = Duration::from_secs(100);

/// Where the books are kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Database {
    /// A SQLite file.
    Sqlite,
    /// A PostgreSQL database.
    Postgres,
}

/// Plays every case that exists for `row`.
///
/// # Panics
/// When one fails, naming each that does.
pub async fn conforms(row: Row, database: Database) {
    let (server, url) = match database {
        Database::Sqlite => (None, None),
        Database::Postgres => {
            let server = shared_postgres();
            let url = server.database(&format!("channel_{}", row.name));
            (Some(server), Some(url))
        }
    };
    let relay = Relay::start().await;
    let scene = Scene {
        database: url,
        faults: Faults::calm(),
        speed: SPEED,
        webhooks: vec![None],
        more: vec![
            ("gateway.public_url", relay.url()),
            ("plans.poll", POLL.to_owned()),
            ("worker.lease", "30s".to_owned()),
            ("worker.renew_every", "10s".to_owned()),
        ],
        ..Scene::new(crate::seed(31))
    };
    let house = Arc::new(House::open(scene).await);
    relay.leads_to(house.stage.gateway_port);

    let mut cells = Vec::new();
    for case in Case::ALL.into_iter().filter(|case| row.not_applicable(*case).is_none()) {
        cells.push((case, Cell::open(house.clone(), relay.clone(), row, cases::weather(case)).await));
    }
    for (_, cell) in &cells {
        cell.until_known().await;
    }
    let mut playing = JoinSet::new();
    for (case, cell) in cells {
        playing.spawn(async move {
            let started = Instant::now();
            let ended = tokio::spawn(tokio::time::timeout(CASE_WITHIN, async move { cases::play(case, &cell).await }));
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
    let failed: Vec<_> = reports.iter().filter_map(|(case, _, why)| Some((case, why.as_ref()?))).collect();
    for (case, took, why) in &reports {
        let how = if why.is_some() { "FAILED" } else { "ok" };
        println!("{} on {database:?}: {} {how} {:.1} s", row.name, case.name(), took.as_secs_f32());
    }
    assert!(
        failed.is_empty(),
        "{}",
        failed.iter().map(|(case, why)| format!("{} {}: {why}\n", row.name, case.name())).collect::<String>()
    );
    Arc::into_inner(house).expect("all cases have ended").close().await;
    drop(server);
}

fn words(error: tokio::task::JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "it was ended".to_owned() };
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast_ref::<&str>().map_or("it panicked".to_owned(), |text| (*text).to_owned()),
    }
}

/// One server for all tests of this process that run at the same time; the last one stops it.
fn shared_postgres() -> Arc<PrivatePostgres> {
    static SERVER: Mutex<Weak<PrivatePostgres>> = Mutex::new(Weak::new());
    let mut server = SERVER.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    server.upgrade().unwrap_or_else(|| {
        let started = Arc::new(PrivatePostgres::start());
        *server = Arc::downgrade(&started);
        started
    })
}
