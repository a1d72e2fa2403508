//! The gatherer: many callers, few statements, each with his own answer.

use std::sync::{Arc, Mutex};

use bursar_core::clock::ManualClock;
use bursar_core::id::{NotificationId, PaymentId};
use bursar_core::job::{JobKind, Queue};
use tokio::sync::mpsc;

use super::world::*;
use super::{Db, on_both};
use crate::gather::Settings;
use crate::{Answer, Change, Gatherer};

on_both! {
    hundreds_of_callers_get_their_own_answers
    one_broken_change_fails_alone
    commits_that_added_due_jobs_call_the_hook
    a_stopped_gatherer_writes_what_waits_and_takes_nothing_more
    gathered_reads_find_what_was_just_written
}

async fn hundreds_of_callers_get_their_own_answers(db: &Db) {
    let gatherer = Gatherer::start(Arc::clone(&db.store));
    let m = merchant();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..600 {
        let gatherer = gatherer.clone();
        // Every third takes a number that another one takes too.
        let number = if i % 3 == 2 { i - 1 } else { i };
        tasks.spawn(async move { gatherer.commit(opening(m, &number.to_string())).await.unwrap() });
    }
    let answers = tasks.join_all().await;
    assert_eq!(answers.iter().filter(|a| **a == Answer::Committed).count(), 400);
    assert_eq!(answers.iter().filter(|a| **a == Answer::Duplicate).count(), 200);
}

async fn one_broken_change_fails_alone(db: &Db) {
    let gatherer = Gatherer::start(Arc::clone(&db.store));
    let m = merchant();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..40 {
        let gatherer = gatherer.clone();
        tasks.spawn(async move {
            let mut change = opening(m, &i.to_string());
            if i == 17 {
                change.new_payments[0].amount.minor = -1;
            }
            (i, gatherer.commit(change).await)
        });
    }
    for (i, answer) in tasks.join_all().await {
        assert_eq!(answer.is_err(), i == 17, "{i}: {answer:?}");
    }
    assert_eq!(db.store.counts().await.unwrap().jobs, [(JobKind::CreatePayment, 39)]);
}

async fn commits_that_added_due_jobs_call_the_hook(db: &Db) {
    let settings = Settings { clock: Some(Arc::new(ManualClock::at(NOW))), ..Settings::default() };
    let gatherer = Gatherer::start_with(Arc::clone(&db.store), &settings);
    let (sender, mut heard) = mpsc::unbounded_channel();
    gatherer.on_jobs(Arc::new(move |queues: &[Queue]| sender.send(queues.to_vec()).unwrap()));
    let m = merchant();
    let add = |kind, ms| Change { jobs: vec![job(kind, uuid(), m, NOW.plus_ms(ms))], ..Change::default() };
    gatherer.commit(add(JobKind::PollPayment, 1)).await.unwrap();
    gatherer.commit(add(JobKind::DeliverWebhook, 0)).await.unwrap();
    let mut refused = add(JobKind::CreatePayment, 0);
    refused.payments = vec![payment(&order(m, "?"))];
    assert_eq!(gatherer.commit(refused).await.unwrap(), Answer::Stale);
    gatherer.commit(add(JobKind::Prune, -5)).await.unwrap();
    assert_eq!(heard.recv().await.unwrap(), [Queue::Webhook]);
    assert_eq!(heard.recv().await.unwrap(), [Queue::Upkeep]);
}

async fn a_stopped_gatherer_writes_what_waits_and_takes_nothing_more(db: &Db) {
    let gatherer = Gatherer::start(Arc::clone(&db.store));
    let m = merchant();
    let answers = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..100 {
        let (gatherer, answers) = (gatherer.clone(), Arc::clone(&answers));
        tasks.spawn(async move {
            let answer = gatherer.commit(opening(m, &i.to_string())).await;
            answers.lock().unwrap().push(answer);
        });
    }
    tokio::task::yield_now().await;
    gatherer.flush_and_stop().await;
    tasks.join_all().await;
    let answers: Vec<_> = answers.lock().unwrap().drain(..).collect();
    let written = answers.iter().filter(|a| **a == Ok(Answer::Committed)).count();
    assert!(answers.iter().all(|a| a.as_ref().map_or_else(|e| e.is_transient(), |a| *a == Answer::Committed)));
    let stored = db.store.counts().await.unwrap().jobs.first().map_or(0, |j| j.1);
    assert_eq!(usize::try_from(stored).unwrap(), written);
    assert!(gatherer.commit(opening(m, "late")).await.unwrap_err().is_transient());
    gatherer.flush_and_stop().await;
}

async fn gathered_reads_find_what_was_just_written(db: &Db) {
    let gatherer = Gatherer::start(Arc::clone(&db.store));
    let m = merchant();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..200 {
        let gatherer = gatherer.clone();
        tasks.spawn(async move {
            let mut change = opening(m, &i.to_string());
            let (id, told) = (change.new_payments[0].id, notification(m));
            change.notification = Some(told.clone());
            change.new_deliveries = vec![delivery(&change.new_orders[0], true)];
            let delivery = change.new_deliveries[0].id;
            assert_eq!(gatherer.commit(change).await.unwrap(), Answer::Committed);
            assert_eq!(gatherer.dossier_of(id).await.unwrap().unwrap().payments[0].id, id);
            assert_eq!(gatherer.notification(told.id).await.unwrap().unwrap().id, told.id);
            assert_eq!(gatherer.delivery(delivery.uuid()).await.unwrap().unwrap().id, delivery);
        });
    }
    tasks.join_all().await;
    assert_eq!(gatherer.dossier_of(PaymentId(uuid())).await.unwrap(), None);
    assert_eq!(gatherer.notification(NotificationId(uuid())).await.unwrap(), None);
}
