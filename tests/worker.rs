//! What stock queues get wrong under money, each with the behaviour that ours has instead (leases have
//! `leases.rs`). Every test here would fail on the stock stores and layers of apalis 1.0 (see
//! `src/worker/lib.rs`).
//!
//! The jobs are real ones: a notification that is not there (done at once), one of an account that is not
//! there (always fails), a webhook to an endpoint that hangs (runs as long as one likes).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bursar_core::job::{JobKind, NewJob};
use bursar_store::Change;
use bursar_tests::{Act, Bench, Endpoint, Manner, PrivatePostgres, runs, until};

const WITHIN: Duration = Duration::from_secs(30);

/// A retried job came back after 8 ms, four times, and held its slot while it waited.
async fn a_failed_run_waits_its_back_off_and_holds_no_slot(database: Option<String>) {
    let bench = Bench::new(database, &[("worker.slots_money", "1"), ("plans.failure", "700ms then 700ms")]).await;
    let added_at = bench.program.clock.now();
    let failing = bench.add_failing().await;
    let worker = bench.work().await;
    let failed = bench.until_row(failing, "a failed run", |r| r.is_some_and(|r| r.attempts == 1 && r.owner.is_none()));
    let due_at = failed.await.unwrap().due_at;
    assert!(due_at >= added_at.plus_ms(700), "due at {due_at}, added at {added_at}");
    let others: Vec<NewJob> = (0..20).map(|_| bench.job(JobKind::HandleNotification, 0)).collect();
    bench.commit(Change { jobs: others.clone(), ..Change::default() }).await;
    for other in others {
        bench.until_done(other.key).await;
    }
    assert_eq!(runs(&worker, JobKind::HandleNotification, "done"), 20);
    bench.until_row(failing, "a second run", |r| r.is_some_and(|r| r.attempts >= 2)).await;
    assert!(bench.program.clock.now() >= due_at, "ran before its back-off had passed");
    worker.stop().await;
}

/// The row stayed `Running` for as long as its worker lived; without a further layer the worker ended.
async fn a_panic_is_a_failed_run_and_the_pool_lives(database: Option<String>) {
    let bench = Bench::new(database, &[("plans.failure", "20ms then 20ms")]).await;
    let panics = Arc::new(AtomicU32::new(0));
    let count = panics.clone();
    bench.faults.script(move |method| match method {
        "prune" if count.fetch_add(1, Ordering::SeqCst) < 2 => Act::Panic,
        _ => Act::Pass,
    });
    let poison = bench.job(JobKind::Prune, 0);
    bench.commit(Change { jobs: vec![poison], ..Change::default() }).await;
    let worker = bench.work().await;
    let noted = |r: Option<&bursar_store::JobRow>| r.and_then(|r| r.note.clone()).unwrap_or_default();
    bench.until_row(poison.key, "the panic is noted", |r| noted(r).contains("prune was made to panic")).await;
    let healed = bench.until_row(poison.key, "it runs well", |r| noted(r).contains("rows deleted")).await.unwrap();
    assert_eq!((healed.attempts, healed.owner, healed.question), (0, None, None));
    assert_eq!((runs(&worker, JobKind::Prune, "failed"), runs(&worker, JobKind::Prune, "again")), (2, 1));
    worker.stop().await;
}

/// The bound was not kept by the rescue of orphans, and retries went on for ever.
async fn a_job_past_its_attempts_is_parked_and_the_others_go_on(database: Option<String>) {
    let bench = Bench::new(database, &[("plans.failure", "1ms then 1ms")]).await;
    let failing = bench.add_failing().await;
    let worker = bench.work().await;
    let parked = bench.until_row(failing, "it is parked", |r| r.is_some_and(|r| r.question.is_some())).await.unwrap();
    let bound = JobKind::HandleNotification.max_attempts();
    assert_eq!((parked.attempts, parked.owner), (bound, None));
    assert!(parked.question.as_deref().is_some_and(|q| q.contains("does not exist")), "{parked:?}");
    assert_eq!(runs(&worker, JobKind::HandleNotification, "failed"), u64::try_from(bound).unwrap());
    let next = bench.job(JobKind::HandleNotification, 0);
    bench.commit(Change { jobs: vec![next], ..Change::default() }).await;
    bench.until_done(next.key).await;
    assert_eq!(bench.counts().await.parked_jobs, 1);
    worker.stop().await;
}

/// Stopping cancelled running handlers, and what had been fetched burnt an attempt or ran again.
async fn a_graceful_stop_lets_running_jobs_finish_and_leaves_the_others_untouched(database: Option<String>) {
    let bench = Bench::new(database, &[("worker.slots_webhook", "2")]).await;
    let merchant = Endpoint::start(Manner::Hangs).await;
    let endpoint = bench.endpoint(&merchant.url()).await;
    let mut deliveries = Vec::new();
    for _ in 0..5 {
        deliveries.push(bench.add_delivery(endpoint, 0).await);
    }
    let worker = bench.work().await;
    until("two deliveries run", WITHIN, || async { (merchant.seen().requests.len() == 2).then_some(()) }).await;
    // The first poll of `stop` ends the claiming; then the merchant answers.
    tokio::join!(worker.stop(), async { merchant.set(Manner::Accepts) });
    assert_eq!(merchant.seen().accepted.len(), 2);
    let mut untouched = 0;
    for key in deliveries {
        if let Some(row) = bench.row(key).await {
            assert_eq!((row.attempts, row.owner, row.question), (0, None, None));
            untouched += 1;
        }
    }
    assert_eq!(untouched, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_a_failed_run_waits_its_back_off_and_holds_no_slot() {
    a_failed_run_waits_its_back_off_and_holds_no_slot(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_a_panic_is_a_failed_run_and_the_pool_lives() {
    a_panic_is_a_failed_run_and_the_pool_lives(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_a_job_past_its_attempts_is_parked_and_the_others_go_on() {
    a_job_past_its_attempts_is_parked_and_the_others_go_on(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_a_graceful_stop_lets_running_jobs_finish_and_leaves_the_others_untouched() {
    a_graceful_stop_lets_running_jobs_finish_and_leaves_the_others_untouched(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_back_off_panic_bound_stop_and_unknown_kinds_are_the_same() {
    let postgres = PrivatePostgres::start();
    a_failed_run_waits_its_back_off_and_holds_no_slot(Some(postgres.database("back_off"))).await;
    a_panic_is_a_failed_run_and_the_pool_lives(Some(postgres.database("panic"))).await;
    a_job_past_its_attempts_is_parked_and_the_others_go_on(Some(postgres.database("bound"))).await;
    a_graceful_stop_lets_running_jobs_finish_and_leaves_the_others_untouched(Some(postgres.database("stop"))).await;
    a_job_of_an_unknown_kind_is_parked_and_its_neighbours_run(&postgres).await;
}

/// One undecodable row ended the worker, and its restarted successor ran finished neighbours again.
async fn a_job_of_an_unknown_kind_is_parked_and_its_neighbours_run(postgres: &PrivatePostgres) {
    let bench = Bench::new(Some(postgres.database("unknown_kind")), &[]).await;
    let strange = bench.job(JobKind::HandleNotification, -1_000);
    let neighbours: Vec<NewJob> = (0..10).map(|_| bench.job(JobKind::HandleNotification, 0)).collect();
    let jobs = std::iter::once(strange).chain(neighbours.clone()).collect();
    bench.commit(Change { jobs, ..Change::default() }).await;
    let mine = format!("subject = '{}'", strange.key.subject);
    postgres.sql("unknown_kind", &format!("update job set kind = 99 where {mine}"));
    let worker = bench.work().await;
    for neighbour in &neighbours {
        bench.until_done(neighbour.key).await;
    }
    until("it is parked", WITHIN, || async { (bench.counts().await.parked_jobs == 1).then_some(()) }).await;
    let question = postgres.sql("unknown_kind", &format!("select question from job where {mine}"));
    assert!(question.contains("kind 99 is unknown"), "{question}");
    assert_eq!(runs(&worker, JobKind::HandleNotification, "done"), 10);
    worker.stop().await;
}

/// A handler without an end held its row and its slot for as long as its worker lived. (Takes a minute:
/// that is the limit of a run.)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_run_times_out_and_gives_its_slot_back() {
    let bench = Bench::new(None, &[("worker.slots_webhook", "1"), ("plans.failure", "10ms then 10ms")]).await;
    let merchant = Endpoint::start(Manner::Hangs).await;
    let endpoint = bench.endpoint(&merchant.url()).await;
    let endless = bench.add_delivery(endpoint, 0).await;
    let worker = bench.work().await;
    let limit = Duration::from_millis(u64::try_from(endless.kind.run_limit_ms()).unwrap());
    let waits = bench.add_delivery(endpoint, 0).await;
    let failed = until("the endless run is given up", limit + WITHIN, || async {
        bench.row(endless).await.filter(|row| row.note.as_deref().is_some_and(|n| n.contains("longer than its limit")))
    });
    let failed = failed.await;
    assert_eq!((failed.attempts > 0, failed.question), (true, None));
    merchant.set(Manner::Accepts);
    bench.until_done(endless).await;
    bench.until_done(waits).await;
    assert!(merchant.seen().abandoned >= 1, "the call of the endless run was not ended");
    assert!(runs(&worker, JobKind::DeliverWebhook, "failed") >= 1);
    worker.stop().await;
}

/// Whole-second due times made a poll fire up to half a second early.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_job_runs_a_millisecond_before_it_is_due() {
    let bench = Bench::new(None, &[]).await;
    let merchant = Endpoint::start(Manner::Accepts).await;
    let endpoint = bench.endpoint(&merchant.url()).await;
    let mut deliveries = Vec::new();
    for i in 0..20 {
        let key = bench.add_delivery(endpoint, 300 + 37 * i).await;
        deliveries.push((key, bench.row(key).await.unwrap().due_at));
    }
    let worker = bench.work().await;
    let mut latest = 0;
    for (key, due_at) in deliveries {
        bench.until_done(key).await;
        let delivery = bench.raw.deliveries(&[key.subject]).await.unwrap().pop().unwrap();
        let late_ms = delivery.delivered_at.unwrap().since_ms(due_at);
        assert!(late_ms >= 0, "{key} ran {} ms before it was due", -late_ms);
        latest = latest.max(late_ms);
    }
    println!("due times: 20 jobs, none early, the latest delivered {latest} ms after its due time");
    worker.stop().await;
}

/// One duplicate key aborted the caller's transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_there_already_is_an_answer_and_spoils_nothing() {
    let bench = Bench::new(None, &[]).await;
    let (job, other) = (bench.job(JobKind::HandleNotification, 60_000), bench.job(JobKind::HandleNotification, 60_000));
    bench.commit(Change { jobs: vec![job], ..Change::default() }).await;
    bench.commit(Change { jobs: vec![job, other, job], ..Change::default() }).await;
    assert!(bench.row(job.key).await.is_some() && bench.row(other.key).await.is_some());
    let jobs = bench.counts().await.jobs;
    assert_eq!(jobs.iter().find(|(kind, _)| *kind == JobKind::HandleNotification).map(|(_, n)| *n), Some(2));
}

/// Every process fired every schedule, and a recurring job limited to one ran eleven times: oban #1488,
/// oban-py #32, solid_queue #761.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_processes_schedule_the_housekeeping_once() {
    let bench = Bench::new(None, &[]).await;
    let workers = [bench.work().await, bench.work().await, bench.work().await];
    until("housekeeping is scheduled", WITHIN, || async {
        let jobs = bench.counts().await.jobs;
        [JobKind::SweepStuck, JobKind::Prune].iter().all(|k| jobs.iter().any(|(kind, _)| kind == k)).then_some(())
    })
    .await;
    for worker in workers {
        worker.stop().await;
    }
    let jobs = bench.counts().await.jobs;
    assert!(jobs.iter().all(|(_, n)| *n == 1), "{jobs:?}");
}

/// **Any** error of the database ended the worker, and a monitor without a restart rule left a living
/// process with a dead queue.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn database_errors_end_neither_the_claiming_nor_a_settlement() {
    let bench = Bench::new(None, &[("plans.failure", "20ms then 20ms")]).await;
    let failures = Arc::new(AtomicU32::new(0));
    let count = failures.clone();
    // Of everything that a worker calls, the first six fail.
    let mut left = std::collections::HashMap::new();
    bench.faults.script(move |method| {
        let left = left.entry(method.to_owned()).or_insert(6_u32);
        if *left == 0 {
            return Act::Pass;
        }
        *left -= 1;
        count.fetch_add(1, Ordering::SeqCst);
        Act::Fail
    });
    let jobs: Vec<NewJob> = (0..10).map(|_| bench.job(JobKind::HandleNotification, 0)).collect();
    bench.commit(Change { jobs: jobs.clone(), ..Change::default() }).await;
    let worker = bench.work().await;
    for job in &jobs {
        bench
            .until_row(job.key, &format!("{} is done", job.key), |row| {
                assert!(row.is_none_or(|r| r.question.is_none()), "parked by an outage: {row:?}");
                row.is_none()
            })
            .await;
    }
    assert!(failures.load(Ordering::SeqCst) >= 12, "claims and settlements were made to fail");
    assert_eq!(runs(&worker, JobKind::HandleNotification, "failed"), 0, "an outage burnt attempts");
    worker.stop().await;
}
