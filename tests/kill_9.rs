//! Processes are killed with SIGKILL at random instants while orders come in and the channel has a bad
//! day. In the end everything has come to rest, the books agree with the channel's payment by payment,
//! and every merchant was told everything.
//!
//! The short form kills 14 times per database, the long form (`BURSAR_CAMPAIGN=long`) 60 times. Payments
//! that were under way when a machine died, and stayed so for ever, are what this looks for.

use std::time::Instant;

use bursar_core::chance::SeededChance;
use bursar_tests::{Cluster, Feeding, PrivatePostgres, Scene, Stage, assert_right, long_form, settle};

const SEED: u64 = 20_261_122;

/// At least so many kills.
fn kills() -> u32 {
    if long_form() { 60 } else { 14 }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_of_a_single_process_on_sqlite_the_books_agree() {
    let stage = Stage::set(Scene::new(SEED)).await;
    let cluster = Cluster::single(&stage).await;
    campaign("sqlite, one process", stage, cluster).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_kill_9_of_gateway_and_workers_on_postgres_the_books_agree() {
    let postgres = PrivatePostgres::start();
    let scene = Scene { database: Some(postgres.database("bursar")), ..Scene::new(SEED + 1) };
    let stage = Stage::set(scene).await;
    let cluster = Cluster::spread(&stage, 2).await;
    campaign("postgres, gateway and two workers", stage, cluster).await;
}

async fn campaign(name: &str, stage: Stage, mut cluster: Cluster) {
    let started = Instant::now();
    let chance = SeededChance::new(stage.seed);
    let feeding = Feeding::start(&stage);
    let mut calm = true;
    while cluster.kills < kills() {
        cluster.kill_one(&stage, &chance, calm).await;
        // By turns: one that can be measured, one into what the last one left.
        calm = !calm;
    }
    let placed = feeding.stop().await;
    let rescues = cluster.rescues().await;
    let end = settle(&stage).await;
    println!(
        "kill -9 ({name}), seed {}: {} kills, {} of them of a process that held jobs ({} jobs); {} orders, {} paid, {} \
         closed, {} with late money; longest until the jobs of a killed process ran again: {} ms after a single kill, \
         {} ms with more kills meanwhile; {} ms in all",
        stage.seed,
        cluster.kills,
        cluster.kills_with_jobs,
        rescues.jobs,
        placed.len(),
        end.audit.paid,
        end.audit.closed,
        end.audit.late_money,
        rescues.longest_after_single.as_millis(),
        rescues.longest.as_millis(),
        started.elapsed().as_millis(),
    );
    assert_right(&stage, &placed, &end).await;
    assert!(cluster.kills_with_jobs > 0, "seed {}: no kill hit a process with jobs; nothing was shown", stage.seed);
    for process in &mut cluster.processes {
        assert!(process.lives(), "{} ended by itself:\n{}", process.name, process.tail());
    }
}
