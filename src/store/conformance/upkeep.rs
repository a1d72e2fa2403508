//! The sweep's questions and the deletion of what is old.

use bursar_core::job::JobKind;
use bursar_core::observation::{Claim, Source};

use super::world::*;
use super::{Db, on_both};
use crate::change::DeliveryAttempt;
use crate::{Answer, Change, NewDelivery, Notification, Retention};

on_both! {
    payments_that_owe_a_job_and_have_none_are_stuck
    deliveries_without_a_job_are_stuck_until_they_ended
    only_what_ended_and_is_old_is_pruned
    pruning_stops_at_its_limit
}

async fn payments_that_owe_a_job_and_have_none_are_stuck(db: &Db) {
    let m = merchant();
    let with_job = opened(&*db.store, m, "1").await.1;
    let mut without = Vec::new();
    for i in 2..7 {
        let payment = opened(&*db.store, m, &i.to_string()).await.1;
        assert!(
            db.store.cancel_job(bursar_core::job::JobKey::payment(JobKind::CreatePayment, payment.id)).await.unwrap()
        );
        without.push(payment);
    }
    without.sort_by_key(|p| p.id);
    // One is due later, one has ended and two have jobs of another kind.
    let (mut later, mut ended) = (without[1].clone(), without[2].clone());
    later.due_at = Some(NOW.plus_ms(10));
    ended.due_at = None;
    let update = Change { payments: vec![later, ended], ..Change::default() };
    assert_eq!(one(&*db.store, update).await, Answer::Committed);
    let kinds = [JobKind::WatchPayment, JobKind::CapturePayment];
    add_jobs(&*db.store, kinds.into_iter().zip(&without[3..]).map(|(k, p)| job(k, p.id.uuid(), m, NOW)).collect())
        .await;
    assert_eq!(db.store.stuck(NOW.plus_ms(10), 9).await.unwrap(), [without[0].id]);
    assert_eq!(db.store.stuck(NOW.plus_ms(11), 9).await.unwrap(), [without[0].id, without[1].id]);
    assert_eq!(db.store.stuck(NOW.plus_ms(11), 1).await.unwrap(), [without[0].id]);
    assert_eq!(db.store.stuck(NOW, 9).await.unwrap(), []);
    assert!(!without.contains(&with_job));
}

async fn deliveries_without_a_job_are_stuck_until_they_ended(db: &Db) {
    let m = merchant();
    let (order, _) = opened(&*db.store, m, "1").await;
    let deliveries: Vec<_> = (0..5).map(|i| delivery(&order, i != 4)).collect();
    let [stuck, busy, delivered, given_up, _nowhere] = &deliveries[..] else { panic!() };
    let add = Change {
        new_deliveries: deliveries.clone(),
        jobs: vec![job(JobKind::DeliverWebhook, busy.id.uuid(), m, NOW)],
        ..Change::default()
    };
    assert_eq!(one(&*db.store, add).await, Answer::Committed);
    let attempt = |d: &NewDelivery, error: Option<&str>| DeliveryAttempt {
        id: d.id,
        at: NOW,
        error: error.map(str::to_owned),
        given_up: error.is_some(),
    };
    let attempts = vec![attempt(delivered, None), attempt(given_up, Some("410"))];
    assert_eq!(one(&*db.store, Change { delivery_attempts: attempts, ..Change::default() }).await, Answer::Committed);
    assert_eq!(db.store.stuck_deliveries(NOW.plus_ms(1), 9).await.unwrap(), [(stuck.id, m)]);
    assert_eq!(db.store.stuck_deliveries(NOW, 9).await.unwrap(), []);
    let counts = db.store.counts().await.unwrap();
    assert_eq!((counts.delivered, counts.undelivered), (1, 2));
}

async fn only_what_ended_and_is_old_is_pruned(db: &Db) {
    let m = merchant();
    let (order, payment) = opened(&*db.store, m, "1").await;
    let (_, sending) = observed(&payment, Source::Intent, 0, Claim::Sending);
    assert_eq!(one(&*db.store, sending).await, Answer::Committed);
    let old = NOW.plus_ms(-1_000);
    let deliveries: Vec<_> = (0..4).map(|i| NewDelivery { created_at: old, ..delivery(&order, i != 3) }).collect();
    let [open, done_old, done_late, nowhere] = &deliveries[..] else { panic!() };
    let attempt = |d: &NewDelivery, at| DeliveryAttempt { id: d.id, at, error: None, given_up: false };
    let handled = Notification { received_at: old, ..notification(m) };
    let waiting = Notification { received_at: old, ..notification(m) };
    let fresh = notification(m);
    let told = |n: &Notification| Change { notification: Some(n.clone()), ..Change::default() };
    let key = |name: &str, at| {
        let key = crate::IdempotencyKey { created_at: at, ..idempotency(m, name) };
        Change { idempotency: Some(key), ..Change::default() }
    };
    let mut waits = told(&waiting);
    waits.jobs = vec![job(JobKind::HandleNotification, waiting.id.uuid(), m, NOW)];
    let changes = [
        Change { new_deliveries: deliveries.clone(), ..Change::default() },
        told(&handled),
        waits,
        told(&fresh),
        key("old", old),
        key("new", NOW),
    ];
    assert_eq!(db.store.commit(&changes).await.unwrap(), [Answer::Committed; 6]);
    let ends = Change { delivery_attempts: vec![attempt(done_old, old), attempt(done_late, NOW)], ..Change::default() };
    assert_eq!(one(&*db.store, ends).await, Answer::Committed);

    let keep = Retention { idempotency_before: NOW, delivery_before: NOW, notification_before: NOW };
    assert_eq!(db.store.prune(&keep, 100).await.unwrap(), 4);
    assert_eq!(db.store.prune(&keep, 100).await.unwrap(), 0);
    let mut left: Vec<_> = db
        .store
        .deliveries(&deliveries.iter().map(|d| d.id.uuid()).collect::<Vec<_>>())
        .await
        .unwrap()
        .iter()
        .map(|d| d.id)
        .collect();
    left.sort();
    let mut wanted = vec![open.id, done_late.id];
    wanted.sort();
    assert_eq!(left, wanted, "not {}", nowhere.id);
    assert_eq!(db.store.notification(handled.id).await.unwrap(), None);
    assert!(db.store.notification(waiting.id).await.unwrap().is_some());
    assert!(db.store.notification(fresh.id).await.unwrap().is_some());
    assert_eq!(db.store.idempotency(m, "old").await.unwrap(), None);
    assert!(db.store.idempotency(m, "new").await.unwrap().is_some());
    let books = db.store.timeline(order.id).await.unwrap().unwrap();
    assert_eq!((books.observations.len(), books.postings.len(), books.dossier.payments.len()), (1, 1, 1));
}

async fn pruning_stops_at_its_limit(db: &Db) {
    let m = merchant();
    let key = |i: usize| Change { idempotency: Some(idempotency(m, &i.to_string())), ..Change::default() };
    db.store.commit(&(0..10).map(key).collect::<Vec<_>>()).await.unwrap();
    let later = NOW.plus_ms(1);
    let keep = Retention { idempotency_before: later, delivery_before: later, notification_before: later };
    assert_eq!(db.store.prune(&keep, 7).await.unwrap(), 7);
    assert_eq!(db.store.prune(&keep, 7).await.unwrap(), 3);
}
