//! A worker stands still (SIGSTOP) for longer than its leases while another goes on, and then continues
//! in the middle of what it did: its writes are fenced, and the books agree.

use std::time::{Duration, Instant};

use bursar_sandbox::Faults;
use bursar_tests::{
    Cluster, Feeding, PrivatePostgres, Scene, Stage, assert_right, held_by, long_form, rescued, settle, until,
};

const SEED: u64 = 20_261_301;
/// The worker that stands still now and then.
const ZOMBIE: usize = 1;
/// How long it may take until the pauses catch the worker with jobs in its hands.
const CAUGHT_WITHIN: Duration = Duration::from_secs(60);
const FENCED_WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stood_still_beyond_its_leases_is_fenced() {
    let pauses = if long_form() { 20 } else { 3 };
    let postgres = PrivatePostgres::start();
    // A slow channel: whenever the worker is stopped, it has calls under way.
    let faults = Faults { slow: 5_000, ..Faults::normal() };
    let database = Some(postgres.database("bursar"));
    let stage = Stage::set(Scene { database, faults, fault_hold_ms: 1_000, ..Scene::new(SEED) }).await;
    let mut cluster = Cluster::spread(&stage, 2).await;
    let life = cluster.life(ZOMBIE);
    let (started, feeding) = (Instant::now(), Feeding::start(&stage));
    let (mut jobs, mut longest, mut fences) = (0, Duration::ZERO, 0);
    for _ in 0..pauses {
        let zombie = &cluster.processes[ZOMBIE];
        let before = fenced(zombie).await;
        let held = until("the worker holds jobs when it is stopped", CAUGHT_WITHIN, || async {
            zombie.pause();
            let held = held_by(&stage.program, life).await;
            if held.is_empty() {
                zombie.resume();
            }
            (!held.is_empty()).then_some(held)
        });
        let held = held.await;
        // The other worker takes over when the leases have run out.
        let (count, time) = rescued(&stage.program, held, Instant::now()).await;
        (jobs, longest) = (jobs + count, longest.max(time));
        zombie.resume();
        let after = until("the woken worker's writes are fenced", FENCED_WITHIN, || async {
            let now = fenced(zombie).await;
            (now > before).then_some(now)
        });
        fences += after.await - before;
    }
    let placed = feeding.stop().await;
    let end = settle(&stage).await;
    println!(
        "zombies, seed {SEED}: {pauses} pauses with {jobs} jobs in hand, {fences} runs fenced; {} orders, \
         {} paid, {} closed, {} with late money; longest until another worker had taken over: {} ms; {} ms in all",
        placed.len(),
        end.audit.paid,
        end.audit.closed,
        end.audit.late_money,
        longest.as_millis(),
        started.elapsed().as_millis(),
    );
    assert_right(&stage, &placed, &end).await;
    for process in &mut cluster.processes {
        assert!(process.lives(), "{} ended:\n{}", process.name, process.tail());
    }
}

/// A worker that stands still in the middle of a transaction keeps its row locks, and a locked job is
/// skipped by every claim: found when a sweep was never run again while its worker was stopped. The
/// server must end such a session by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_stands_still_in_a_transaction_does_not_keep_its_locks() {
    let postgres = PrivatePostgres::start();
    let database = Some(postgres.database("bursar"));
    let stage = Stage::set(Scene { database, faults: Faults::calm(), ..Scene::new(SEED + 1) }).await;
    let cluster = Cluster::spread(&stage, 2).await;
    let (zombie, feeding) = (&cluster.processes[ZOMBIE], Feeding::start(&stage));
    // No living process of ours is between two statements of a transaction for so long.
    let stuck = || {
        let sql = "select count(*) from pg_stat_activity where application_name = 'bursar'
                   and state like 'idle in transaction%' and state_change < clock_timestamp() - interval '400 ms'";
        postgres.sql("bursar", sql) != "0"
    };
    let caught = || async {
        zombie.pause();
        tokio::time::sleep(Duration::from_millis(500)).await;
        let caught = stuck();
        if !caught {
            zombie.resume();
        }
        caught.then(Instant::now)
    };
    let since = until("the worker is stopped in a transaction", CAUGHT_WITHIN * 2, caught).await;
    let freed = || async { (!stuck()).then(|| since.elapsed()) };
    let time = until("its locks are gone while it still stands", FENCED_WITHIN, freed).await;
    println!("zombies, seed {}: the locks of a stopped worker were gone after {} ms", SEED + 1, time.as_millis());
    zombie.resume();
    let placed = feeding.stop().await;
    let end = settle(&stage).await;
    assert_right(&stage, &placed, &end).await;
}

/// Runs that found their lease gone: broken off by the renewal, or refused when they wrote.
async fn fenced(process: &bursar_tests::Process) -> u64 {
    let mut sum = 0;
    for kind in
        ["create_payment", "handle_notification", "poll_payment", "close_payment", "watch_payment", "deliver_webhook"]
    {
        sum += process.metric(&format!("bursar_jobs_finished_total{{kind=\"{kind}\",outcome=\"fenced\"}}")).await;
    }
    sum
}
