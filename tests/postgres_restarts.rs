//! PostgreSQL is stopped as by a power cut and started again, five times under load. Gateway and workers
//! come back by themselves: no process is started again by this test.
//!
//! Workers that stop for good after a restart of the database: matrix-authentication-service #2625,
//! dbos-transact-py #716.

use std::time::{Duration, Instant};

use bursar_core::Chance;
use bursar_core::chance::SeededChance;
use bursar_tests::{Cluster, Feeding, PrivatePostgres, Scene, Stage, assert_right, long_form, settle, until};

const SEED: u64 = 20_261_201;
/// Orders whose state changed between two restarts show that work went on in between.
const PROGRESS_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_immediate_restarts_of_postgres_all_processes_go_on_by_themselves() {
    let restarts = if long_form() { 25 } else { 5 };
    let mut postgres = PrivatePostgres::start();
    let scene = Scene { database: Some(postgres.database("bursar")), ..Scene::new(SEED) };
    let stage = Stage::set(scene).await;
    let mut cluster = Cluster::spread(&stage, 2).await;
    let ids: Vec<u32> = cluster.processes.iter().map(bursar_tests::Process::id).collect();
    let (started, chance) = (Instant::now(), SeededChance::new(SEED));
    let feeding = Feeding::start(&stage);
    let mut longest_away = Duration::ZERO;
    for _ in 0..restarts {
        tokio::time::sleep(Duration::from_millis(chance.below(1_500))).await;
        let stopped = Instant::now();
        tokio::task::block_in_place(|| postgres.restart_immediately());
        // Each worker runs jobs again, and the gateway takes orders again, before the next restart.
        for process in &cluster.processes {
            let finished = finished(process).await;
            let again = || async { (self::finished(process).await > finished).then_some(()) };
            until(&format!("{} works again", process.name), PROGRESS_WITHIN, again).await;
        }
        longest_away = longest_away.max(stopped.elapsed());
    }
    let placed = feeding.stop().await;
    let end = settle(&stage).await;
    println!(
        "postgres restarts, seed {SEED}: {restarts} restarts under load; {} orders, {} paid, {} closed, {} with late \
         money; longest from stopping the database until every process had done work again: {} ms; {} ms in all",
        placed.len(),
        end.audit.paid,
        end.audit.closed,
        end.audit.late_money,
        longest_away.as_millis(),
        started.elapsed().as_millis(),
    );
    assert_right(&stage, &placed, &end).await;
    for (process, id) in cluster.processes.iter_mut().zip(ids) {
        assert!(process.lives(), "{} ended:\n{}", process.name, process.tail());
        assert_eq!(process.id(), id, "{} was started again", process.name);
    }
}

/// What a process has done: jobs that ended well, or orders taken.
async fn finished(process: &bursar_tests::Process) -> u64 {
    if process.name == "gateway" {
        return process.metric("bursar_http_requests_total{route=\"/v1/orders\",status=\"201\"}").await;
    }
    let mut sum = 0;
    for kind in ["create_payment", "handle_notification", "poll_payment", "close_payment", "deliver_webhook"] {
        for outcome in ["done", "again"] {
            let line = format!("bursar_jobs_finished_total{{kind=\"{kind}\",outcome=\"{outcome}\"}}");
            sum += process.metric(&line).await;
        }
    }
    sum
}
