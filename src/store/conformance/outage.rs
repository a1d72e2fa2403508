//! Lost connections and hints on PostgreSQL; locked and vanished files on SQLite.

use std::sync::Arc;

use bursar_core::job::Queue;
use sqlx::{Connection, PgConnection};

use super::world::*;
use super::{Db, admin};
use crate::{Answer, Gatherer, Options, Store, open};

/// Ends every session of the store's database but our own.
async fn kill_sessions(db: &Db) {
    admin(
        &db.url,
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    )
    .await;
}

async fn warmed() -> Db {
    let db = Db::postgres_empty().await.migrated().await;
    // All connections of both pools are in use once.
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..16 {
        let store = Arc::clone(&db.store);
        tasks.spawn(async move {
            opened(&*store, merchant(), &i.to_string()).await;
            store.counts().await.unwrap();
        });
    }
    tasks.join_all().await;
    db
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_killed_sessions_at_most_one_call_fails_and_nothing_stays_broken() {
    let db = warmed().await;
    for round in 0..5 {
        kill_sessions(&db).await;
        let mut failures = 0;
        for i in 0..20 {
            let number = format!("{round}-{i}");
            let m = merchant();
            match db.store.commit(&[opening(m, &number)]).await {
                Ok(answers) => assert_eq!(answers, [Answer::Committed]),
                Err(error) => {
                    assert!(error.is_transient(), "{error}");
                    failures += 1;
                }
            }
            for outcome in [db.store.ping().await, db.store.order_by_number(m, &number).await.map(drop)] {
                if let Err(error) = outcome {
                    assert!(error.is_transient(), "{error}");
                    failures += 1;
                }
            }
        }
        assert!(failures <= 1, "{failures} calls failed in round {round}");
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_killed_under_load_lose_no_answered_commit_and_tear_none() {
    let db = warmed().await;
    let gatherer = Gatherer::start(Arc::clone(&db.store));
    let m = merchant();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..20 {
        let gatherer = gatherer.clone();
        tasks.spawn(async move {
            let mut written = Vec::new();
            for i in 0..40 {
                let number = format!("{worker}-{i}");
                match gatherer.commit(opening(m, &number)).await {
                    Ok(Answer::Committed) => written.push(number),
                    Ok(other) => panic!("{other:?}"),
                    Err(error) => assert!(error.is_transient(), "{error}"),
                }
            }
            written
        });
    }
    for _ in 0..5 {
        kill_sessions(&db).await;
        tokio::task::yield_now().await;
    }
    let written: Vec<String> = tasks.join_all().await.into_iter().flatten().collect();
    assert!(!written.is_empty());
    for number in &written {
        let order = db.store.order_by_number(m, number).await.unwrap().unwrap();
        let timeline = db.store.timeline(order).await.unwrap().unwrap();
        let whole = (timeline.dossier.payments.len(), timeline.jobs.len(), timeline.postings.len());
        assert_eq!(whole, (1, 1, 1), "{number}");
    }
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hints_reach_other_processes_and_a_lost_listener_says_so() {
    let db = Db::postgres_empty().await.migrated().await;
    let another = db.another().await;
    let mut hints = another.listen().await.unwrap().unwrap();
    db.store.notify(&[Queue::Money, Queue::Webhook]).await.unwrap();
    assert_eq!(hints.next().await.unwrap(), [Queue::Money, Queue::Webhook]);
    // The gatherer sends them by itself.
    let gatherer = Gatherer::start(Arc::clone(&db.store));
    gatherer.commit(opening(merchant(), "1")).await.unwrap();
    assert_eq!(hints.next().await.unwrap(), [Queue::Money]);
    kill_sessions(&db).await;
    assert!(hints.next().await.unwrap_err().is_transient());
    let mut again = loop {
        match another.listen().await {
            Ok(hints) => break hints.unwrap(),
            Err(error) => assert!(error.is_transient(), "{error}"),
        }
    };
    while let Err(error) = db.store.notify(&[Queue::Poll]).await {
        assert!(error.is_transient(), "{error}");
    }
    assert_eq!(again.next().await.unwrap(), [Queue::Poll]);
    another.close().await;
    db.finish().await;
}

#[tokio::test]
async fn sqlite_has_no_hints() {
    let db = Db::sqlite_empty().await.migrated().await;
    assert!(db.store.listen().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_locked_for_too_long_is_unavailable_and_not_an_endless_wait() {
    let db = Db::postgres_empty().await.migrated().await;
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let impatient = open(&db.url, &Options { statement_timeout_ms: 200, ..Options::default() }).await.unwrap();
    let mut blocker = PgConnection::connect(&db.url).await.unwrap();
    let mut tx = blocker.begin().await.unwrap();
    sqlx::query("select 1 from payment for update").execute(&mut *tx).await.unwrap();
    let (_, change) =
        observed(&payment, bursar_core::observation::Source::Intent, 0, bursar_core::observation::Claim::Sending);
    let error = impatient.commit(std::slice::from_ref(&change)).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    // Readers never wait.
    assert!(impatient.dossier(order.id).await.unwrap().is_some());
    tx.rollback().await.unwrap();
    assert_eq!(one(&*impatient, change).await, Answer::Committed);
    impatient.close().await;
    db.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_locked_by_another_process_is_unavailable_and_readable() {
    let db = Db::sqlite_empty().await.migrated().await;
    let (order, _) = opened(&*db.store, merchant(), "1").await;
    let impatient = open(&db.url, &Options { acquire_timeout_ms: 50, ..Options::default() }).await.unwrap();
    let path = db.url.strip_prefix("sqlite:").unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut blocker = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("begin immediate").execute(&mut blocker).await.unwrap();
    let error = impatient.commit(&[opening(merchant(), "2")]).await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert!(impatient.dossier(order.id).await.unwrap().is_some());
    sqlx::query("rollback").execute(&mut blocker).await.unwrap();
    assert_eq!(one(&*impatient, opening(merchant(), "2")).await, Answer::Committed);
    impatient.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_caller_went_away_leaves_the_next_one_whole() {
    for db in [Db::sqlite_empty().await.migrated().await, Db::postgres_empty().await.migrated().await] {
        let m = merchant();
        for i in 0..30_u32 {
            let changes: Vec<_> = (0..20).map(|j| opening(m, &format!("{i}-{j}"))).collect();
            let store: Arc<dyn Store> = Arc::clone(&db.store);
            let task = tokio::spawn(async move { store.commit(&changes).await });
            for _ in 0..i {
                tokio::task::yield_now().await;
            }
            task.abort();
            let _aborted_or_done = task.await;
            assert_eq!(one(&*db.store, opening(m, &format!("after {i}"))).await, Answer::Committed);
            let counts: Vec<_> = futures_of(&db, m, i).await;
            assert!(counts.iter().all(|whole| *whole == counts[0]), "a batch is whole or not there: {counts:?}");
        }
        db.finish().await;
    }
}

/// For each order of batch `i`: whether it is there.
async fn futures_of(db: &Db, m: bursar_core::id::MerchantId, i: u32) -> Vec<bool> {
    let mut there = Vec::new();
    for j in 0..20 {
        there.push(db.store.order_by_number(m, &format!("{i}-{j}")).await.unwrap().is_some());
    }
    there
}
