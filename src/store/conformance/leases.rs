//! Holding, losing and settling a claim.

use bursar_core::job::{JobKind, Queue};

use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change, JobFilter, Settlement};

on_both! {
    each_settlement_leaves_the_job_as_it_says
    a_zombie_is_fenced_whatever_it_settles_and_writes_nothing
    a_cancelled_job_is_fenced
    a_job_added_again_after_its_deletion_never_accepts_the_old_fence
    a_lost_lease_cannot_be_renewed
    a_renewed_lease_holds
    a_released_job_is_claimable_again_at_once_and_counts_no_attempt
    a_leased_or_parked_job_is_not_moved_by_adding_it_again
    a_job_may_be_settled_and_cancelled_by_the_same_change
}

async fn each_settlement_leaves_the_job_as_it_says(db: &Db) {
    let (m, owner) = (merchant(), uuid());
    let jobs: Vec<_> = (0..5).map(|i| job(JobKind::PollPayment, uuid(), m, NOW.plus_ms(i - 10))).collect();
    add_jobs(&*db.store, jobs.clone()).await;
    let c = claim(&*db.store, owner, Queue::Poll, 9).await;
    assert_eq!(c.len(), 5);
    let later = NOW.plus_ms(5_000);
    let changes = [
        settling(&c[0], owner, Settlement::Hold),
        settling(&c[1], owner, Settlement::Done),
        settling(&c[2], owner, Settlement::Again { due_at: later, step: 4, why: "unpaid yet".to_owned() }),
        settling(&c[3], owner, Settlement::Failed { due_at: later, error: "disk \0 full".to_owned() }),
        settling(&c[4], owner, Settlement::Park { question: "what now?".to_owned() }),
    ];
    assert_eq!(db.store.commit(&changes).await.unwrap(), [Answer::Committed; 5]);
    let rows = db.store.jobs(&JobFilter { limit: 9, ..JobFilter::default() }).await.unwrap();
    let row = |i: usize| rows.iter().find(|r| r.key == jobs[i].key);
    let (hold, again, failed, parked) = (row(0).unwrap(), row(2).unwrap(), row(3).unwrap(), row(4).unwrap());
    assert_eq!((hold.owner, hold.attempts), (Some(owner), 1));
    assert!(row(1).is_none());
    assert_eq!((again.owner, again.due_at, again.step, again.attempts), (None, later, 4, 0));
    assert_eq!(again.note.as_deref(), Some("unpaid yet"));
    assert_eq!((failed.owner, failed.due_at, failed.step, failed.attempts), (None, later, 0, 1));
    assert_eq!(failed.note.as_deref(), Some("disk \u{fffd} full"));
    assert_eq!((parked.owner, parked.question.as_deref()), (None, Some("what now?")));
    assert_eq!(claim(&*db.store, uuid(), Queue::Poll, 9).await, []);
}

async fn a_zombie_is_fenced_whatever_it_settles_and_writes_nothing(db: &Db) {
    let (m, a, b) = (merchant(), uuid(), uuid());
    add_jobs(&*db.store, vec![job(JobKind::ClosePayment, uuid(), m, NOW)]).await;
    let zombie = claim(&*db.store, a, Queue::Money, 1).await.remove(0);
    db.meddle("update job set leased_until = 1").await;
    let owner = claim(&*db.store, b, Queue::Money, 1).await.remove(0);
    let hows = || {
        [
            Settlement::Hold,
            Settlement::Done,
            Settlement::Again { due_at: NOW, step: 0, why: String::new() },
            Settlement::Failed { due_at: NOW, error: String::new() },
            Settlement::Park { question: String::new() },
        ]
    };
    for how in hows() {
        let change = Change { new_orders: vec![order(m, "z")], ..settling(&zombie, a, how.clone()) };
        assert_eq!(one(&*db.store, change).await, Answer::Fenced, "{how:?}");
        // Nor with the right fence of somebody else.
        assert_eq!(one(&*db.store, settling(&owner, a, how.clone())).await, Answer::Fenced, "{how:?}");
    }
    assert_eq!(db.store.order_by_number(m, "z").await.unwrap(), None);
    assert_eq!(one(&*db.store, settling(&owner, b, Settlement::Done)).await, Answer::Committed);
    assert_eq!(one(&*db.store, settling(&owner, b, Settlement::Done)).await, Answer::Fenced);
}

async fn a_cancelled_job_is_fenced(db: &Db) {
    let (m, owner) = (merchant(), uuid());
    let jobs = [job(JobKind::PollPayment, uuid(), m, NOW), job(JobKind::PollPayment, uuid(), m, NOW)];
    add_jobs(&*db.store, jobs.to_vec()).await;
    let claimed = claim(&*db.store, owner, Queue::Poll, 2).await;
    assert!(db.store.cancel_job(jobs[0].key).await.unwrap());
    assert!(!db.store.cancel_job(jobs[0].key).await.unwrap());
    assert!(!db.store.retry_job(jobs[0].key, NOW).await.unwrap());
    let change = Change { cancel: vec![jobs[1].key], ..Change::default() };
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    for job in &claimed {
        assert_eq!(one(&*db.store, settling(job, owner, Settlement::Done)).await, Answer::Fenced);
    }
}

async fn a_job_added_again_after_its_deletion_never_accepts_the_old_fence(db: &Db) {
    let (m, owner) = (merchant(), uuid());
    let poll = job(JobKind::PollPayment, uuid(), m, NOW);
    add_jobs(&*db.store, vec![poll]).await;
    let old = claim(&*db.store, owner, Queue::Poll, 1).await.remove(0);
    assert!(db.store.cancel_job(poll.key).await.unwrap());
    add_jobs(&*db.store, vec![poll]).await;
    let new = claim(&*db.store, owner, Queue::Poll, 1).await.remove(0);
    assert_ne!(old.fence, new.fence);
    assert_eq!(one(&*db.store, settling(&old, owner, Settlement::Done)).await, Answer::Fenced);
    assert_eq!(one(&*db.store, settling(&new, owner, Settlement::Done)).await, Answer::Committed);
}

async fn a_lost_lease_cannot_be_renewed(db: &Db) {
    let (m, a, b) = (merchant(), uuid(), uuid());
    let jobs = (0..3).map(|_| job(JobKind::PollPayment, uuid(), m, NOW)).collect();
    add_jobs(&*db.store, jobs).await;
    let mine = claim(&*db.store, a, Queue::Poll, 3).await;
    let held: Vec<_> = mine.iter().map(|c| (c.key, c.fence)).collect();
    assert_eq!(db.store.renew(a, &held, 60_000).await.unwrap(), held.iter().map(|h| h.0).collect::<Vec<_>>());
    assert_eq!(db.store.renew(b, &held, 60_000).await.unwrap(), []);
    assert!(db.store.cancel_job(held[0].0).await.unwrap());
    assert_eq!(db.store.renew(a, &held, 60_000).await.unwrap(), [held[1].0, held[2].0]);
    db.meddle("update job set leased_until = 1").await;
    claim(&*db.store, b, Queue::Poll, 3).await;
    assert_eq!(db.store.renew(a, &held, 60_000).await.unwrap(), []);
    assert_eq!(db.store.release(a, &held).await.unwrap(), 0);
}

async fn a_renewed_lease_holds(db: &Db) {
    let (m, a) = (merchant(), uuid());
    add_jobs(&*db.store, vec![job(JobKind::PollPayment, uuid(), m, NOW)]).await;
    let mine = claim_for(&*db.store, a, Queue::Poll, 1, -1).await;
    let held: Vec<_> = mine.iter().map(|c| (c.key, c.fence)).collect();
    // Already over, but nobody took it: it may be prolonged.
    assert_eq!(db.store.renew(a, &held, 3_600_000).await.unwrap().len(), 1);
    assert_eq!(claim(&*db.store, uuid(), Queue::Poll, 1).await, []);
}

async fn a_released_job_is_claimable_again_at_once_and_counts_no_attempt(db: &Db) {
    let (m, a, b) = (merchant(), uuid(), uuid());
    add_jobs(&*db.store, (0..2).map(|_| job(JobKind::PollPayment, uuid(), m, NOW)).collect()).await;
    let mine = claim(&*db.store, a, Queue::Poll, 2).await;
    let held: Vec<_> = mine.iter().map(|c| (c.key, c.fence)).collect();
    assert_eq!(db.store.release(a, &held).await.unwrap(), 2);
    assert_eq!(db.store.release(a, &held).await.unwrap(), 0);
    let theirs = claim(&*db.store, b, Queue::Poll, 2).await;
    assert_eq!(theirs.iter().map(|c| c.failures).collect::<Vec<_>>(), [0, 0]);
    assert_eq!(one(&*db.store, settling(&mine[0], a, Settlement::Done)).await, Answer::Fenced);
}

async fn a_leased_or_parked_job_is_not_moved_by_adding_it_again(db: &Db) {
    let (m, owner) = (merchant(), uuid());
    let poll = job(JobKind::PollPayment, uuid(), m, NOW);
    let earlier = job(JobKind::PollPayment, poll.key.subject, m, NOW.plus_ms(-500));
    add_jobs(&*db.store, vec![poll]).await;
    let stored = async || db.store.jobs(&JobFilter { limit: 2, ..JobFilter::default() }).await.unwrap().remove(0);
    let claimed = claim(&*db.store, owner, Queue::Poll, 1).await;
    add_jobs(&*db.store, vec![earlier]).await;
    assert_eq!((stored().await.due_at, stored().await.owner), (NOW, Some(owner)));
    let park = Settlement::Park { question: "?".to_owned() };
    assert_eq!(one(&*db.store, settling(&claimed[0], owner, park)).await, Answer::Committed);
    add_jobs(&*db.store, vec![earlier]).await;
    assert_eq!(stored().await.due_at, NOW);
    assert!(stored().await.question.is_some());
}

async fn a_job_may_be_settled_and_cancelled_by_the_same_change(db: &Db) {
    let (m, owner) = (merchant(), uuid());
    let poll = job(JobKind::PollPayment, uuid(), m, NOW);
    let close = job(JobKind::ClosePayment, poll.key.subject, m, NOW.plus_ms(1));
    add_jobs(&*db.store, vec![poll]).await;
    let claimed = claim(&*db.store, owner, Queue::Poll, 1).await;
    let mut change = settling(&claimed[0], owner, Settlement::Done);
    change.cancel = vec![poll.key];
    change.jobs = vec![close];
    assert_eq!(one(&*db.store, change).await, Answer::Committed);
    let jobs = db.store.jobs(&JobFilter { limit: 9, ..JobFilter::default() }).await.unwrap();
    assert_eq!(jobs.iter().map(|j| j.key).collect::<Vec<_>>(), [close.key]);
}
