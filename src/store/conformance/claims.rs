//! Claiming: due order, fairness, leases, parking, pause.

use std::collections::{HashMap, HashSet};

use bursar_core::job::{JobKind, Queue};

use super::world::*;
use super::{Db, on_both};
use crate::{ClaimRequest, JobFilter, Settlement, Store};

on_both! {
    jobs_are_claimed_in_due_order_to_the_millisecond_and_never_early
    claims_are_fair_across_merchants
    claims_take_what_one_merchant_has_when_the_others_have_little
    each_queue_gives_at_most_what_is_wanted_of_it
    a_claimed_job_is_not_claimed_again_until_its_lease_ends
    many_claimers_get_every_job_exactly_once
    a_job_past_its_attempts_is_parked_with_its_last_error
    a_job_of_an_unknown_kind_is_parked
    a_paused_queue_gives_nothing_until_it_is_resumed
    the_next_due_time_counts_leases_and_leaves_out_parked_and_paused
}

async fn jobs_are_claimed_in_due_order_to_the_millisecond_and_never_early(db: &Db) {
    let m = merchant();
    let at = |ms: i64| job(JobKind::PollPayment, uuid(), m, NOW.plus_ms(ms));
    let jobs = vec![at(0), at(-2), at(1), at(-1), at(-1_000), at(60_000)];
    add_jobs(&*db.store, jobs).await;
    let claimed = claim(&*db.store, uuid(), Queue::Poll, 10).await;
    let due: Vec<_> = claimed.iter().map(|c| c.due_at.since_ms(NOW)).collect();
    assert_eq!(due, [-1_000, -2, -1, 0]);
    assert!(claimed.iter().all(|c| c.merchant == m && c.failures == 0 && c.fence > 0));
    let request = ClaimRequest { owner: uuid(), wanted: vec![(Queue::Poll, 10)], now: NOW.plus_ms(1), lease_ms: 1_000 };
    let rest = db.store.claim(&request).await.unwrap();
    assert_eq!(rest.iter().map(|c| c.due_at).collect::<Vec<_>>(), [NOW.plus_ms(1)]);
}

async fn claims_are_fair_across_merchants(db: &Db) {
    let (busy, calm, late) = (merchant(), merchant(), merchant());
    let mut jobs: Vec<_> =
        (0..500).map(|i| job(JobKind::CreatePayment, uuid(), busy, NOW.plus_ms(-10_000 + i))).collect();
    jobs.extend((0..3).map(|i| job(JobKind::CreatePayment, uuid(), calm, NOW.plus_ms(-100 + i))));
    jobs.extend((0..3).map(|i| job(JobKind::CreatePayment, uuid(), late, NOW.plus_ms(-10 + i))));
    add_jobs(&*db.store, jobs).await;
    let claimed = claim(&*db.store, uuid(), Queue::Money, 9).await;
    let mut counts: HashMap<_, u32> = HashMap::new();
    claimed.iter().for_each(|c| *counts.entry(c.merchant).or_default() += 1);
    assert_eq!(counts, HashMap::from([(busy, 3), (calm, 3), (late, 3)]));
    // One each, then one each again.
    let first: HashSet<_> = claimed.iter().take(3).map(|c| c.merchant).collect();
    assert_eq!(first, HashSet::from([busy, calm, late]));
}

async fn claims_take_what_one_merchant_has_when_the_others_have_little(db: &Db) {
    let busy = merchant();
    let mut jobs: Vec<_> = (0..200).map(|_| job(JobKind::CreatePayment, uuid(), busy, NOW)).collect();
    jobs.extend((0..5).map(|_| job(JobKind::CreatePayment, uuid(), merchant(), NOW)));
    add_jobs(&*db.store, jobs).await;
    let claimed = claim(&*db.store, uuid(), Queue::Money, 64).await;
    assert_eq!(claimed.len(), 64);
    assert_eq!(claimed.iter().filter(|c| c.merchant == busy).count(), 59);
}

async fn each_queue_gives_at_most_what_is_wanted_of_it(db: &Db) {
    let m = merchant();
    let kinds = [JobKind::CreatePayment, JobKind::PollPayment, JobKind::DeliverWebhook, JobKind::Prune];
    let jobs = kinds.iter().flat_map(|k| (0..5).map(|_| job(*k, uuid(), m, NOW))).collect();
    add_jobs(&*db.store, jobs).await;
    let wanted = vec![(Queue::Webhook, 2), (Queue::Money, 3), (Queue::Poll, 0)];
    let claimed = db.store.claim(&ClaimRequest { owner: uuid(), wanted, now: NOW, lease_ms: 1_000 }).await.unwrap();
    let count = |k: JobKind| claimed.iter().filter(|c| c.key.kind == k).count();
    assert_eq!(kinds.map(count), [3, 0, 2, 0]);
}

async fn a_claimed_job_is_not_claimed_again_until_its_lease_ends(db: &Db) {
    let m = merchant();
    add_jobs(&*db.store, vec![job(JobKind::ClosePayment, uuid(), m, NOW)]).await;
    let (a, b) = (uuid(), uuid());
    let first = claim(&*db.store, a, Queue::Money, 5).await;
    assert_eq!(first.len(), 1);
    assert_eq!(claim(&*db.store, b, Queue::Money, 5).await, []);
    // The lease ends: whoever asks next gets it, with a higher fence and one more failure.
    db.meddle("update job set leased_until = 1").await;
    let second = claim(&*db.store, b, Queue::Money, 5).await;
    assert_eq!(second.len(), 1);
    assert!(second[0].fence > first[0].fence);
    assert_eq!((first[0].failures, second[0].failures), (0, 1));
}

async fn many_claimers_get_every_job_exactly_once(db: &Db) {
    let merchants: Vec<_> = (0..7).map(|_| merchant()).collect();
    let jobs: Vec<_> = (0..700).map(|i| job(JobKind::PollPayment, uuid(), merchants[i % 7], NOW)).collect();
    add_jobs(&*db.store, jobs).await;
    let another = db.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..8 {
        let store: std::sync::Arc<dyn Store> = if i % 2 == 0 { db.store.clone() } else { another.clone() };
        tasks.spawn(async move {
            let owner = uuid();
            let mut mine = Vec::new();
            loop {
                let got = claim(&*store, owner, Queue::Poll, 20).await;
                if got.is_empty() {
                    return mine;
                }
                mine.extend(got.into_iter().map(|c| c.key));
            }
        });
    }
    let claimed: Vec<_> = tasks.join_all().await.into_iter().flatten().collect();
    let rest = claim(&*db.store, uuid(), Queue::Poll, 1_000).await;
    let all: HashSet<_> = claimed.iter().copied().chain(rest.iter().map(|c| c.key)).collect();
    assert_eq!((claimed.len() + rest.len(), all.len()), (700, 700));
    another.close().await;
}

async fn a_job_past_its_attempts_is_parked_with_its_last_error(db: &Db) {
    let m = merchant();
    let webhook = job(JobKind::DeliverWebhook, uuid(), m, NOW);
    let other = job(JobKind::DeliverWebhook, uuid(), m, NOW.plus_ms(-5));
    add_jobs(&*db.store, vec![webhook, other]).await;
    let owner = uuid();
    let max = JobKind::DeliverWebhook.max_attempts();
    for run in 0..max {
        let claimed = claim(&*db.store, owner, Queue::Webhook, 5).await;
        assert_eq!(claimed.len(), 2);
        let [first, second] = [webhook, other].map(|j| claimed.iter().find(|c| c.key == j.key).unwrap());
        assert_eq!((first.failures, second.failures), (run, 0));
        let failed = Settlement::Failed { due_at: NOW, error: format!("error {run}") };
        let again = Settlement::Again { due_at: NOW, step: run, why: "later".to_owned() };
        let changes = [settling(first, owner, failed), settling(second, owner, again)];
        assert_eq!(db.store.commit(&changes).await.unwrap(), [crate::Answer::Committed; 2]);
    }
    let claimed = claim(&*db.store, owner, Queue::Webhook, 5).await;
    assert_eq!(claimed.iter().map(|c| c.key).collect::<Vec<_>>(), [other.key]);
    let parked = db.store.jobs(&JobFilter { parked_only: true, limit: 5, ..JobFilter::default() }).await.unwrap();
    assert_eq!(parked.iter().map(|j| j.key).collect::<Vec<_>>(), [webhook.key]);
    let question = parked[0].question.as_deref().unwrap();
    assert!(
        question.contains(&format!("{max} times")) && question.contains(&format!("error {}", max - 1)),
        "{question}"
    );
    assert_eq!(parked[0].owner, None);
    assert_eq!(db.store.counts().await.unwrap().parked_jobs, 1);
    // A person lets it run again, afresh.
    assert!(db.store.retry_job(webhook.key, NOW).await.unwrap());
    let claimed = claim(&*db.store, owner, Queue::Webhook, 5).await;
    assert_eq!(claimed.iter().map(|c| (c.key, c.failures)).collect::<Vec<_>>(), [(webhook.key, 0)]);
}

async fn a_job_of_an_unknown_kind_is_parked(db: &Db) {
    let m = merchant();
    let (odd, good) = (job(JobKind::PollPayment, uuid(), m, NOW), job(JobKind::PollPayment, uuid(), m, NOW));
    add_jobs(&*db.store, vec![odd, good]).await;
    let hex = odd.key.subject.simple().to_string();
    let literal = if db.store.dialect() == "sqlite" { format!("x'{hex}'") } else { format!("'{hex}'") };
    db.meddle(&format!("update job set kind = 99 where subject = {literal}")).await;
    let claimed = claim(&*db.store, uuid(), Queue::Poll, 5).await;
    assert_eq!(claimed.iter().map(|c| c.key).collect::<Vec<_>>(), [good.key]);
    assert_eq!(db.store.counts().await.unwrap().parked_jobs, 1);
    assert_eq!(claim(&*db.store, uuid(), Queue::Poll, 5).await, []);
    // Listing leaves it out instead of failing.
    assert_eq!(db.store.jobs(&JobFilter { limit: 5, ..JobFilter::default() }).await.unwrap().len(), 1);
}

async fn a_paused_queue_gives_nothing_until_it_is_resumed(db: &Db) {
    let m = merchant();
    add_jobs(&*db.store, vec![job(JobKind::PollPayment, uuid(), m, NOW), job(JobKind::CreatePayment, uuid(), m, NOW)])
        .await;
    db.store.pause_queue(Queue::Poll, true).await.unwrap();
    db.store.pause_queue(Queue::Poll, true).await.unwrap();
    assert_eq!(db.store.paused_queues().await.unwrap(), [Queue::Poll]);
    let wanted = vec![(Queue::Poll, 5), (Queue::Money, 5)];
    let request = ClaimRequest { owner: uuid(), wanted, now: NOW, lease_ms: 1_000_000 };
    let kinds: Vec<_> = db.store.claim(&request).await.unwrap().iter().map(|c| c.key.kind).collect();
    assert_eq!(kinds, [JobKind::CreatePayment]);
    assert_eq!(db.store.next_due(&[Queue::Poll]).await.unwrap(), None);
    db.store.pause_queue(Queue::Poll, false).await.unwrap();
    assert_eq!(db.store.paused_queues().await.unwrap(), []);
    assert_eq!(db.store.claim(&request).await.unwrap().len(), 1);
}

async fn the_next_due_time_counts_leases_and_leaves_out_parked_and_paused(db: &Db) {
    let all = Queue::ALL;
    assert_eq!(db.store.next_due(&all).await.unwrap(), None);
    let (m, n) = (merchant(), merchant());
    let soon = job(JobKind::PollPayment, uuid(), m, NOW);
    let jobs = vec![
        soon,
        job(JobKind::PollPayment, uuid(), n, NOW.plus_ms(77)),
        job(JobKind::Prune, uuid(), m, NOW.plus_ms(5)),
    ];
    add_jobs(&*db.store, jobs).await;
    assert_eq!(db.store.next_due(&all).await.unwrap(), Some(NOW));
    assert_eq!(db.store.next_due(&[Queue::Upkeep]).await.unwrap(), Some(NOW.plus_ms(5)));
    assert_eq!(db.store.next_due(&[Queue::Webhook]).await.unwrap(), None);
    let owner = uuid();
    let claimed = claim(&*db.store, owner, Queue::Poll, 1).await;
    assert_eq!(claimed[0].key, soon.key);
    assert_eq!(db.store.next_due(&[Queue::Poll]).await.unwrap(), Some(NOW.plus_ms(77)));
    assert!(
        db.store
            .cancel_job(
                db.store
                    .jobs(&JobFilter { limit: 9, ..JobFilter::default() })
                    .await
                    .unwrap()
                    .iter()
                    .find(|j| j.merchant == n)
                    .unwrap()
                    .key
            )
            .await
            .unwrap()
    );
    let lease_end = db.store.next_due(&[Queue::Poll]).await.unwrap().unwrap();
    assert!(lease_end > NOW.plus_ms(3_600_000), "{lease_end}");
    let park = Settlement::Park { question: "why?".to_owned() };
    assert_eq!(one(&*db.store, settling(&claimed[0], owner, park)).await, crate::Answer::Committed);
    assert_eq!(db.store.next_due(&[Queue::Poll]).await.unwrap(), None);
}
