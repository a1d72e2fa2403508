//! What refuses a change: versions, fences and unique keys; and that a refusal spoils no neighbour.

use bursar_core::job::{JobKind, Queue};
use bursar_core::observation::{Claim, Source};

use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change, JobFilter, Settlement};

on_both! {
    a_change_whose_payment_has_moved_on_is_stale_and_leaves_nothing
    a_change_whose_order_has_moved_on_is_stale
    an_order_number_is_taken_once_per_merchant
    a_notification_and_an_idempotency_key_are_taken_once
    refused_changes_do_not_spoil_their_neighbours
    of_fifty_equal_changes_at_once_one_is_written
    fifty_writers_of_one_payment_win_one_after_the_other
    two_changes_of_the_same_row_in_one_call_are_kept_apart
    a_change_that_appends_to_what_it_does_not_write_is_an_error
    a_broken_constraint_is_an_error_and_writes_nothing
}

async fn a_change_whose_payment_has_moved_on_is_stale_and_leaves_nothing(db: &Db) {
    let m = merchant();
    let (order, payment) = opened(&*db.store, m, "1").await;
    let (_, first) = observed(&payment, Source::Intent, 0, Claim::Sending);
    let (_, mut second) = observed(&payment, Source::Create, 5, accepted());
    second.notification = Some(notification(m));
    second.jobs = vec![job(JobKind::PollPayment, payment.id.uuid(), m, NOW)];
    second.new_deliveries = vec![delivery(&order, true)];
    let notification = second.notification.as_ref().unwrap().id;
    let delivery = second.new_deliveries[0].id;
    assert_eq!(one(&*db.store, first).await, Answer::Committed);
    assert_eq!(one(&*db.store, second).await, Answer::Stale);
    assert_eq!(db.store.notification(notification).await.unwrap(), None);
    assert_eq!(db.store.deliveries(&[delivery.uuid()]).await.unwrap(), []);
    let timeline = db.store.timeline(order.id).await.unwrap().unwrap();
    assert_eq!(timeline.observations.len(), 1);
    assert_eq!(timeline.jobs.len(), 1);
    assert_eq!(timeline.dossier.payments[0].version, 2);
}

async fn a_change_whose_order_has_moved_on_is_stale(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let update = Change { orders: vec![order.clone()], ..Change::default() };
    assert_eq!(one(&*db.store, update.clone()).await, Answer::Committed);
    let (_, mut late) = observed(&payment, Source::Intent, 0, Claim::Sending);
    late.orders = update.orders;
    assert_eq!(one(&*db.store, late).await, Answer::Stale);
    let dossier = db.store.dossier(order.id).await.unwrap().unwrap();
    assert_eq!((dossier.order.version, dossier.payments[0].version), (2, 1));
}

async fn an_order_number_is_taken_once_per_merchant(db: &Db) {
    let (m, other) = (merchant(), merchant());
    let (first, _) = opened(&*db.store, m, "A-1").await;
    assert_eq!(one(&*db.store, opening(m, "A-1")).await, Answer::Duplicate);
    let (second, _) = opened(&*db.store, other, "A-1").await;
    assert_eq!(db.store.order_by_number(m, "A-1").await.unwrap(), Some(first.id));
    assert_eq!(db.store.order_by_number(other, "A-1").await.unwrap(), Some(second.id));
    assert_eq!(db.store.jobs(&JobFilter { limit: 10, ..JobFilter::default() }).await.unwrap().len(), 2);
}

async fn a_notification_and_an_idempotency_key_are_taken_once(db: &Db) {
    let (m, other) = (merchant(), merchant());
    let told = Change { notification: Some(notification(m)), ..Change::default() };
    assert_eq!(one(&*db.store, told.clone()).await, Answer::Committed);
    assert_eq!(one(&*db.store, told).await, Answer::Duplicate);
    let keyed = |m, key| Change { idempotency: Some(idempotency(m, key)), ..Change::default() };
    assert_eq!(one(&*db.store, keyed(m, "k")).await, Answer::Committed);
    assert_eq!(one(&*db.store, keyed(m, "k")).await, Answer::Duplicate);
    assert_eq!(one(&*db.store, keyed(other, "k")).await, Answer::Committed);
    assert_eq!(one(&*db.store, keyed(m, "K")).await, Answer::Committed);
}

async fn refused_changes_do_not_spoil_their_neighbours(db: &Db) {
    let m = merchant();
    let (_, moved) = opened(&*db.store, m, "0").await;
    let (_, bump) = observed(&moved, Source::Intent, 0, Claim::Sending);
    assert_eq!(one(&*db.store, bump.clone()).await, Answer::Committed);
    let subject = uuid();
    add_jobs(&*db.store, vec![job(JobKind::ClosePayment, subject, m, NOW)]).await;
    let owner = uuid();
    let closing = claim(&*db.store, owner, Queue::Money, 10).await.into_iter().find(|c| c.key.subject == subject);
    let mut zombie = settling(&closing.unwrap(), owner, Settlement::Done);
    zombie.settle.as_mut().unwrap().fence -= 1;
    zombie.new_orders = vec![order(m, "never")];
    let changes = [opening(m, "1"), bump, opening(m, "2"), zombie, opening(m, "0"), opening(m, "3"), Change::default()];
    use Answer::{Committed, Duplicate, Fenced, Stale};
    assert_eq!(
        db.store.commit(&changes).await.unwrap(),
        [Committed, Stale, Committed, Fenced, Duplicate, Committed, Committed]
    );
    for number in ["1", "2", "3"] {
        assert!(db.store.order_by_number(m, number).await.unwrap().is_some(), "{number}");
    }
    assert_eq!(db.store.order_by_number(m, "never").await.unwrap(), None);
}

async fn of_fifty_equal_changes_at_once_one_is_written(db: &Db) {
    let m = merchant();
    let same = |i: usize| Change { idempotency: Some(idempotency(m, "same")), ..opening(m, &i.to_string()) };
    // Fifty in one call.
    let answers = db.store.commit(&(0..50).map(same).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(answers.iter().filter(|a| **a == Answer::Committed).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Answer::Duplicate).count(), 49);
    // Fifty callers of two handles at once.
    let another = db.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..50 {
        let store = if i % 2 == 0 { db.store.clone() } else { another.clone() };
        let change = Change { idempotency: Some(idempotency(m, "other")), ..opening(m, &format!("b{i}")) };
        tasks.spawn(async move { store.commit(&[change]).await.unwrap()[0] });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|a| **a == Answer::Committed).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Answer::Duplicate).count(), 49);
    let jobs = db.store.jobs(&JobFilter { limit: 100, ..JobFilter::default() }).await.unwrap();
    assert_eq!(jobs.len(), 2);
    another.close().await;
}

async fn fifty_writers_of_one_payment_win_one_after_the_other(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let another = db.another().await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..50 {
        let store = if i % 2 == 0 { db.store.clone() } else { another.clone() };
        let id = payment.id;
        tasks.spawn(async move {
            let mut races = 0;
            loop {
                let dossier = store.dossiers_of(&[id]).await.unwrap().pop().unwrap();
                let (_, change) = observed(&dossier.payments[0], Source::Query, i, Claim::Absent);
                match one(&*store, change).await {
                    Answer::Committed => return races,
                    Answer::Stale => races += 1,
                    other => panic!("{other:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let timeline = db.store.timeline(order.id).await.unwrap().unwrap();
    assert_eq!(timeline.dossier.payments[0].version, 51);
    assert_eq!(timeline.observations.len(), 50);
    another.close().await;
}

async fn two_changes_of_the_same_row_in_one_call_are_kept_apart(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let (sending, first) = observed(&payment, Source::Intent, 0, Claim::Sending);
    let (_, rival) = observed(&payment, Source::Query, 1, Claim::Absent);
    let (_, chained) = observed(&sending, Source::Create, 2, accepted());
    let answers = db.store.commit(&[first, rival, chained]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Stale, Answer::Committed]);
    let timeline = db.store.timeline(order.id).await.unwrap().unwrap();
    let claims: Vec<_> = timeline.observations.iter().map(|o| o.claim.clone()).collect();
    assert_eq!(claims, [Claim::Sending, accepted()]);
}

async fn a_change_that_appends_to_what_it_does_not_write_is_an_error(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let (_, mut change) = observed(&payment, Source::Intent, 0, Claim::Sending);
    change.payments.clear();
    let error = db.store.commit(&[change]).await.unwrap_err();
    assert!(error.to_string().contains(&payment.id.bare()), "{error}");
    assert!(!error.is_transient());
    assert!(db.store.timeline(order.id).await.unwrap().unwrap().observations.is_empty());
}

async fn a_broken_constraint_is_an_error_and_writes_nothing(db: &Db) {
    let m = merchant();
    let mut bad = opening(m, "bad");
    bad.new_orders[0].amount.minor = 0;
    let error = db.store.commit(&[opening(m, "good"), bad]).await.unwrap_err();
    assert!(!error.is_transient(), "{error}");
    assert_eq!(db.store.order_by_number(m, "good").await.unwrap(), None);
    // The connection is usable again.
    assert_eq!(one(&*db.store, opening(m, "good")).await, Answer::Committed);
}
