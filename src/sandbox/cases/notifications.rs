//! Notifications: their form, their schedule and what a merchant's answer does.

use super::merchant::keys;
use super::{eventually, stage};
use crate::PayMode;
use crate::wechat::front::WAITS_S;

#[tokio::test]
async fn a_payment_is_notified_once_sealed_and_signed() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    eventually("the notification is accepted", || stage.sandbox.counters().notifications_accepted == 1).await;

    let letter = stage.receiver.letters().remove(0);
    assert!(letter.is_genuine());
    let envelope = letter.envelope();
    assert_eq!(envelope["event_type"], "TRANSACTION.SUCCESS");
    assert_eq!(envelope["resource_type"], "encrypt-resource");
    assert_eq!(envelope["resource"]["original_type"], "transaction");
    assert_eq!(envelope["resource"]["associated_data"], "transaction");
    assert_eq!(envelope["create_time"], "2026-11-22T09:00:00+08:00");
    assert_eq!(letter.resource(), stage.shop.query("order-0001").await.json());
    assert_eq!(stage.entry("order-0001").notifications_accepted, 1);
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None, "an accepted notification is not repeated");
}

#[tokio::test]
async fn refused_notifications_are_repeated_by_the_schedule_and_then_given_up() {
    let stage = stage().await;
    stage.receiver.answer_with(500);
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    let timers = &stage.sandbox.world.timers;
    for (attempt, wait_s) in WAITS_S.into_iter().enumerate() {
        let refused = u64::try_from(attempt).unwrap() + 1;
        eventually("the attempt is refused", || {
            stage.sandbox.counters().notifications_refused == refused && timers.next_due_ms().is_some()
        })
        .await;
        assert_eq!(timers.next_due_ms(), Some(stage.now_ms() + wait_s * 1_000), "after attempt {attempt}");
        stage.clock.advance_ms(wait_s * 1_000);
    }
    eventually("the sandbox gives up", || stage.sandbox.counters().notifications_given_up == 1).await;
    assert_eq!(timers.next_due_ms(), None);
    assert_eq!(stage.receiver.count(), 16);
    let letters = stage.receiver.letters();
    let ids: std::collections::BTreeSet<String> = letters.iter().map(|l| l.envelope()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "all attempts are one notification");
    assert!(letters.iter().all(super::receiver::Letter::is_genuine), "each is signed at its own time");
}

#[tokio::test]
async fn a_notification_is_repeated_until_it_is_accepted() {
    let stage = stage().await;
    stage.receiver.answer_with(404);
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    eventually("the first is refused", || stage.sandbox.counters().notifications_refused == 1).await;
    stage.receiver.answer_with(200);
    stage.skip_to_next().await;
    eventually("the second is accepted", || stage.sandbox.counters().notifications_accepted == 1).await;
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
}

#[tokio::test]
async fn nobody_is_notified_of_a_close() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
}

#[tokio::test]
async fn a_merchant_who_cannot_be_reached_is_tried_again() {
    let stage = stage().await;
    let mut body = stage.shop.body("order-0001");
    // Port 9 of loopback: nobody listens, the connection is refused at once.
    body["notify_url"] = "http://127.0.0.1:9/in".into();
    stage.shop.native(&body).await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    eventually("nobody answers", || stage.sandbox.counters().notifications_unanswered == 1).await;
    eventually("it is tried again", || stage.sandbox.world.timers.next_due_ms().is_some()).await;
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), Some(stage.now_ms() + 15_000));
}
