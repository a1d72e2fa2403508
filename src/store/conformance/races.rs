//! Wishes and messages that come at the same moment, from two processes.

use std::collections::BTreeSet;
use std::sync::Arc;

use bursar_core::chance::{Chance, SeededChance};
use bursar_core::event::EventKind;
use bursar_core::ledger::AccountKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Observation, Source};
use bursar_core::order::OrderState;
use bursar_core::refund::{Impossible, RefundClaim, RefundState};

use super::office::*;
use super::world::*;
use super::{Db, on_both};
use crate::{RefundFilter, Settlement};

on_both! {
    a_hundred_concurrent_refunds_of_one_capture_never_take_more_than_it
    two_legs_that_finish_at_the_same_moment_finish_their_refund_once
    two_parts_that_are_captured_at_the_same_moment_pay_the_order_once
    a_request_that_comes_twenty_times_at_once_is_one_refund
    a_refund_and_a_late_message_about_its_payment_do_not_overtake_each_other
}

async fn a_hundred_concurrent_refunds_of_one_capture_never_take_more_than_it(db: &Db) {
    const CAPTURED: i64 = 12_345;
    let another = db.another().await;
    let office = Arc::new(Office::open(&db.store, MerchantPolicy::default()).await);
    let elsewhere = Arc::new(office.also(&another));
    let paid = office.paid(&[CAPTURED]).await;
    let (order, payment) = (paid.order.id, only(&paid));
    let chance = SeededChance::new(100);
    let mut tasks = tokio::task::JoinSet::new();
    let mut asked = 0;
    for i in 0..100 {
        let office = if i % 2 == 0 { office.clone() } else { elsewhere.clone() };
        let minor = 1 + i64::try_from(chance.below(900)).unwrap();
        asked += minor;
        tasks.spawn(async move { (minor, office.refund(order, &request(minor)).await) });
    }
    assert!(asked > 2 * CAPTURED, "{asked}");
    let (mut granted, mut refused) = (0, BTreeSet::new());
    for (minor, outcome) in tasks.join_all().await {
        match outcome {
            Ok(_) => granted += minor,
            Err(Impossible::TooMuch { asked, captured: CAPTURED, left, .. }) if asked == minor && left < minor => {
                refused.insert(minor);
            }
            Err(other) => panic!("{other}"),
        }
    }
    let dossier = db.store.dossier(order).await.unwrap().unwrap();
    let left = CAPTURED - granted;
    assert!(left >= 0, "{granted}");
    assert!(refused.first().unwrap() > &left, "{left} were left for {refused:?}");
    assert_eq!(dossier.returned_minor(payment), granted);
    assert_eq!(dossier.payments[0].returned_minor, granted);
    assert_eq!(dossier.refunds.iter().map(|r| r.amount.minor).sum::<i64>(), granted);
    let balances = office.balances().await;
    assert_eq!(balances.get(&AccountKind::Clearing), Some(&CAPTURED));
    assert_eq!(balances.get(&AccountKind::RefundsPayable), Some(&-granted));
    assert_eq!(balances.get(&AccountKind::Earnings).copied().unwrap_or(0), -left);
    // Every version of the order was written once: the capture, and each granted refund.
    assert_eq!(dossier.order.version, paid.order.version + i64::try_from(dossier.refunds.len()).unwrap());
    another.close().await;
}

async fn two_legs_that_finish_at_the_same_moment_finish_their_refund_once(db: &Db) {
    let another = db.another().await;
    let office = Arc::new(Office::open(&db.store, MerchantPolicy::default()).await);
    let elsewhere = Arc::new(office.also(&another));
    for _ in 0..12 {
        let paid = office.paid(&[600, 400]).await;
        let wish = request(1_000);
        let dossier = office.refund(paid.order.id, &wish).await.unwrap();
        let legs: Vec<_> = dossier.refund(wish.id).unwrap().legs.iter().map(|l| l.id).collect();
        assert_eq!(legs.len(), 2);
        let at_once = |office: &Arc<Office>, leg| {
            let (office, receipt) = (office.clone(), refund_receipt(&dossier, leg));
            tokio::spawn(async move { office.say_refund(leg, 50, RefundClaim::Succeeded(receipt)).await })
        };
        let (a, b) = tokio::join!(at_once(&office, legs[0]), at_once(&elsewhere, legs[1]));
        a.unwrap();
        b.unwrap();
        let t = db.store.timeline(paid.order.id).await.unwrap().unwrap();
        assert_eq!(t.dossier.refund(wish.id).unwrap().state, RefundState::Succeeded);
        let told: Vec<_> = t.deliveries.iter().map(|d| (d.sequence, d.kind)).collect();
        assert_eq!(told, [(1, EventKind::OrderPaid), (2, EventKind::RefundCreated), (3, EventKind::RefundSucceeded)]);
        assert_eq!(t.dossier.order.event_count, 3);
    }
    assert_eq!(office.balances().await, [].into());
    another.close().await;
}

async fn two_parts_that_are_captured_at_the_same_moment_pay_the_order_once(db: &Db) {
    let another = db.another().await;
    let office = Arc::new(Office::open(&db.store, MerchantPolicy::default()).await);
    let elsewhere = Arc::new(office.also(&another));
    for _ in 0..12 {
        let dossier = office.order(&[600, 400], true).await;
        let at_once = |office: &Arc<Office>, index: usize| {
            let (office, part) = (office.clone(), dossier.payments[index].clone());
            tokio::spawn(async move { office.say(part.id, Source::Query, 10, Claim::Paid(receipt(&part))).await })
        };
        let (a, b) = tokio::join!(at_once(&office, 0), at_once(&elsewhere, 1));
        a.unwrap();
        b.unwrap();
        let t = db.store.timeline(dossier.order.id).await.unwrap().unwrap();
        assert_eq!(t.dossier.order.state, OrderState::Paid);
        let told: Vec<_> = t.deliveries.iter().map(|d| (d.sequence, d.kind)).collect();
        assert_eq!(told, [(1, EventKind::OrderPaid)]);
    }
    another.close().await;
}

async fn a_request_that_comes_twenty_times_at_once_is_one_refund(db: &Db) {
    let another = db.another().await;
    let office = Arc::new(Office::open(&db.store, MerchantPolicy::default()).await);
    let elsewhere = Arc::new(office.also(&another));
    let order = office.paid(&[12_345]).await.order.id;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20 {
        let office = if i % 2 == 0 { office.clone() } else { elsewhere.clone() };
        tasks.spawn(async move {
            let key = |change: &mut crate::Change| change.idempotency = Some(idempotency(office.merchant, "refund-1"));
            office.refund_with(order, &request(100), key).await.unwrap().is_some()
        });
    }
    assert_eq!(tasks.join_all().await.iter().filter(|written| **written).count(), 1);
    let refunds =
        db.store.refunds(&RefundFilter { order: Some(order), limit: 50, ..Default::default() }).await.unwrap();
    assert_eq!(refunds.len(), 1);
    another.close().await;
}

/// Messages about a payment and refunds of it are written in some order; none is lost, none is half there.
async fn a_refund_and_a_late_message_about_its_payment_do_not_overtake_each_other(db: &Db) {
    let office = Arc::new(Office::open(&db.store, MerchantPolicy::default()).await);
    let paid = office.paid(&[10_000]).await;
    let (order, payment) = (paid.order.id, only(&paid));
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..40 {
        let office = office.clone();
        tasks.spawn(async move {
            if i % 2 == 0 {
                office.refund(order, &request(100)).await.unwrap();
            } else {
                let absent = Observation::new(Source::Query, NOW.plus_ms(100 + i), Claim::Absent);
                office.desk.observe(payment, &absent, None, None, |_| Settlement::Hold).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let dossier = db.store.dossier(order).await.unwrap().unwrap();
    assert_eq!((dossier.refunds.len(), dossier.payments[0].returned_minor), (20, 2_000));
    let absent = dossier.payments[0].evidence.absent_at;
    assert_eq!(absent, (Some(NOW.plus_ms(139)), Some(NOW.plus_ms(137))));
}
