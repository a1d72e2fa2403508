//! Leases: what is claimed is ours until the lease ends, and nobody's word counts afterwards. The jobs are
//! real ones, as in `worker.rs`.

use std::time::Duration;

use bursar::clock::SystemClock;
use bursar_core::job::{JobKind, NewJob, Queue};
use bursar_store::{Answer, Change, ClaimRequest, Settle, Settlement};
use bursar_tests::{Act, Bench, Endpoint, Manner, counted, runs, until};

const WITHIN: Duration = Duration::from_secs(30);

/// Heartbeats stopped while the buffer was full; two healthy workers then ran the same tasks again and
/// again, and both wrote.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_lease_ends_the_run_and_its_writes_are_fenced() {
    let bench = Bench::new(None, &[]).await;
    let merchant = Endpoint::start(Manner::Hangs).await;
    let endpoint = bench.endpoint(&merchant.url()).await;
    let key = bench.add_delivery(endpoint, 0).await;
    let worker = bench.work().await;
    until("the delivery runs", WITHIN, || async { (merchant.seen().requests.len() == 1).then_some(()) }).await;
    // This process cannot reach the database any more; another one can.
    bench.faults.script(|method| if matches!(method, "claim" | "renew") { Act::Fail } else { Act::Pass });
    let other = bench.uuid();
    let taken = until("the lease runs out", WITHIN, || async {
        let (wanted, now) = (vec![(Queue::Webhook, 1)], bench.program.clock.now());
        let request = ClaimRequest { owner: other, wanted, now, lease_ms: 600_000 };
        bench.raw.claim(&request).await.unwrap().pop()
    });
    assert_eq!(taken.await.key, key);
    bench.faults.script(|_| Act::Pass);
    until("the lost run ends", WITHIN, || async {
        (runs(&worker, JobKind::DeliverWebhook, "fenced") == 1).then_some(())
    })
    .await;
    assert_eq!(counted(&worker, "bursar_leases_lost_total "), 1);
    until("its call is broken off", WITHIN, || async { (merchant.seen().abandoned == 1).then_some(()) }).await;
    assert_eq!(bench.row(key).await.unwrap().owner, Some(other));
    let delivery = bench.raw.deliveries(&[key.subject]).await.unwrap().pop().unwrap();
    assert_eq!((delivery.attempts, delivery.delivered_at), (0, None));
    worker.stop().await;
    assert_eq!(bench.row(key).await.unwrap().owner, Some(other), "a stop gave back what was not ours");
}

/// The same, when the run ends before anybody noticed: what it brings is refused as a whole.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_ends_after_its_lease_was_taken_writes_nothing() {
    let bench = Bench::new(None, &[]).await;
    let merchant = Endpoint::start(Manner::Hangs).await;
    let endpoint = bench.endpoint(&merchant.url()).await;
    let key = bench.add_delivery(endpoint, 0).await;
    let worker = bench.work().await;
    until("the delivery runs", WITHIN, || async { (merchant.seen().requests.len() == 1).then_some(()) }).await;
    bench.faults.script(|method| if matches!(method, "claim" | "renew") { Act::Fail } else { Act::Pass });
    let other = bench.uuid();
    let taken = until("the lease runs out", WITHIN, || async {
        let (wanted, now) = (vec![(Queue::Webhook, 1)], bench.program.clock.now());
        let request = ClaimRequest { owner: other, wanted, now, lease_ms: 600_000 };
        bench.raw.claim(&request).await.unwrap().pop()
    });
    assert_eq!(taken.await.key, key);
    merchant.set(Manner::Accepts);
    until("the run has ended", WITHIN, || async {
        let ended: u64 =
            ["done", "again", "failed", "fenced"].map(|o| runs(&worker, JobKind::DeliverWebhook, o)).iter().sum();
        (ended == 1).then_some(())
    })
    .await;
    assert_eq!(runs(&worker, JobKind::DeliverWebhook, "fenced"), 1);
    assert_eq!(bench.row(key).await.and_then(|row| row.owner), Some(other), "the job of another process was settled");
    let delivery = bench.raw.deliveries(&[key.subject]).await.unwrap().pop().unwrap();
    assert_eq!((delivery.attempts, delivery.delivered_at), (0, None));
    worker.stop().await;
}

/// The same worker name was refused for 30 s after a restart, or stranded what its former life had held
/// for good; otherwise orphans came back after 300 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_death_a_fresh_identity_takes_over_when_the_lease_ends_and_not_before() {
    const LEASE_MS: i64 = 1_500;
    let bench = Bench::new(None, &[]).await;
    let jobs: Vec<NewJob> = (0..5).map(|_| bench.job(JobKind::HandleNotification, 0)).collect();
    bench.commit(Change { jobs: jobs.clone(), ..Change::default() }).await;
    let dead = bench.uuid();
    let claimed_at = SystemClock::real_ms();
    let (wanted, now) = (vec![(Queue::Money, 9)], bench.program.clock.now());
    let request = ClaimRequest { owner: dead, wanted, now, lease_ms: LEASE_MS };
    assert_eq!(bench.raw.claim(&request).await.unwrap().len(), 5);
    let (first, second) = (bench.work().await, bench.work().await);
    assert_ne!(first.owner, second.owner);
    bench.until_row(jobs[0].key, "the first job has run again", |row| row.is_none()).await;
    assert!(SystemClock::real_ms() - claimed_at >= LEASE_MS, "ran while another process held its lease");
    for job in &jobs {
        bench.until_done(job.key).await;
    }
    let done = runs(&first, JobKind::HandleNotification, "done") + runs(&second, JobKind::HandleNotification, "done");
    assert_eq!(done, 5, "each job once");
    first.stop().await;
    second.stop().await;
}

/// What still runs at the end of the stop time is given back: no attempt is burnt by a deployment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_that_cannot_wait_gives_running_jobs_back_without_burning_an_attempt() {
    let bench = Bench::new(None, &[("worker.stop_within", "200ms")]).await;
    let merchant = Endpoint::start(Manner::Hangs).await;
    let endpoint = bench.endpoint(&merchant.url()).await;
    let key = bench.add_delivery(endpoint, 0).await;
    let worker = bench.work().await;
    until("the delivery runs", WITHIN, || async { (merchant.seen().requests.len() == 1).then_some(()) }).await;
    worker.stop().await;
    let row = bench.row(key).await.unwrap();
    assert_eq!((row.attempts, row.owner, row.question), (0, None, None));
    merchant.set(Manner::Accepts);
    let next = bench.work().await;
    bench.until_done(key).await;
    next.stop().await;
}

/// A rescuer overwrote a job that was finished: river #1302.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_rescuer_never_overwrites_a_finished_job() {
    let bench = Bench::new(None, &[]).await;
    let job = bench.job(JobKind::HandleNotification, 0);
    bench.commit(Change { jobs: vec![job], ..Change::default() }).await;
    let slow = bench.uuid();
    let (wanted, now) = (vec![(Queue::Money, 1)], bench.program.clock.now());
    let request = ClaimRequest { owner: slow, wanted, now, lease_ms: 1 };
    let fence = bench.raw.claim(&request).await.unwrap().pop().unwrap().fence;
    let worker = bench.work().await;
    bench.until_done(job.key).await;
    let again = Settlement::Again { due_at: now, step: 0, why: "late".to_owned() };
    for how in [again, Settlement::Failed { due_at: now, error: "late".to_owned() }, Settlement::Hold] {
        let settle = Some(Settle { key: job.key, owner: slow, fence, how });
        let answers = bench.raw.commit(&[Change { settle, ..Change::default() }]).await.unwrap();
        assert_eq!(answers, [Answer::Fenced]);
    }
    assert_eq!(bench.row(job.key).await, None);
    assert_eq!(runs(&worker, JobKind::HandleNotification, "done"), 1);
    worker.stop().await;
}
