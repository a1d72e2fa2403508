//! Notifications of refunds: their form, their schedule and how they misbehave.

use super::merchant::keys;
use super::receiver::Letter;
use super::refunder::TOTAL;
use super::{Stage, eventually, stage};
use crate::Faults;

const ALWAYS: u32 = 10_000;

fn event(letter: &Letter) -> String {
    letter.envelope()["event_type"].as_str().unwrap().to_owned()
}

/// A refund with this fate whose result has come, and whose first attempt to notify is due.
async fn told(faults: Faults, tag: &str, state: &str) -> Stage {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.sandbox.set_faults(faults);
    stage.tagged("order-0001", "r-1", 3_000, tag).await;
    stage.becomes("r-1", state).await;
    stage.skip_to_next().await;
    stage
}

#[tokio::test]
async fn a_success_is_told_once_sealed_and_signed() {
    let stage = told(Faults::calm(), "success", "SUCCESS").await;
    eventually("the notification is accepted", || stage.sandbox.counters().notifications_accepted == 1).await;
    let letter = stage.receiver.letters().remove(0);
    assert!(letter.is_genuine());
    let envelope = letter.envelope();
    assert_eq!(envelope["event_type"], "REFUND.SUCCESS");
    assert_eq!(envelope["resource_type"], "encrypt-resource");
    assert_eq!(envelope["resource"]["original_type"], "refund");
    let (inside, answer) = (letter.resource(), stage.shop.query_refund("r-1").await.json());
    assert_eq!(inside["mchid"], keys().provisioned.mchid.as_str());
    assert_eq!(inside["refund_status"], "SUCCESS");
    for name in
        ["refund_id", "out_refund_no", "transaction_id", "out_trade_no", "success_time", "user_received_account"]
    {
        assert!(inside[name].is_string() && inside[name] == answer[name], "{name}: {inside}");
    }
    let amount = serde_json::json!({ "total": TOTAL, "refund": 3_000, "payer_total": TOTAL, "payer_refund": 3_000 });
    assert_eq!(inside["amount"], amount);
    assert_eq!(envelope["create_time"], inside["success_time"]);
    assert_eq!(stage.refund_entry("r-1").notifications_accepted, 1);
    assert_eq!(stage.entry("order-0001").notifications_accepted, 0);
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None, "an accepted notification is not repeated");
}

#[tokio::test]
async fn abnormal_and_closed_refunds_are_told_without_a_time_of_success() {
    for (tag, state) in [("abnormal", "ABNORMAL"), ("closed", "CLOSED")] {
        let stage = told(Faults::calm(), tag, state).await;
        eventually("it arrives", || stage.receiver.count() == 1).await;
        let letter = stage.receiver.letters().remove(0);
        assert_eq!(event(&letter), format!("REFUND.{state}"));
        let inside = letter.resource();
        assert_eq!((inside["refund_status"].as_str(), inside.get("success_time")), (Some(state), None));
    }
}

#[tokio::test]
async fn a_refund_without_an_address_is_told_to_nobody() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let mut body = stage.shop.refund_body("order-0001", "r-1", 3_000);
    body.as_object_mut().unwrap().remove("notify_url");
    assert_eq!(stage.shop.ask_refund(&body).await.status, 200);
    stage.becomes("r-1", "SUCCESS").await;
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
}

#[tokio::test]
async fn a_refused_notification_is_repeated_by_the_schedule() {
    let stage = stage().await;
    stage.receiver.answer_with(500);
    stage.paid("order-0001").await;
    stage.refund("order-0001", "r-1", 3_000).await;
    stage.becomes("r-1", "SUCCESS").await;
    stage.skip_to_next().await;
    let timers = &stage.sandbox.world.timers;
    for (refused, wait_s) in (1..).zip([15, 15, 30]) {
        eventually("it is refused", || {
            stage.sandbox.counters().notifications_refused == refused && timers.next_due_ms().is_some()
        })
        .await;
        assert_eq!(timers.next_due_ms(), Some(stage.now_ms() + wait_s * 1_000));
        stage.clock.advance_ms(wait_s * 1_000);
    }
    eventually("the fourth arrives", || stage.receiver.count() == 4).await;
    let ids: std::collections::BTreeSet<String> =
        stage.receiver.letters().iter().map(|letter| letter.envelope()["id"].to_string()).collect();
    assert_eq!(ids.len(), 1, "all attempts are one notification");
}

#[tokio::test]
async fn news_of_a_success_that_comes_after_its_reversal_still_tells_of_the_success() {
    let stage = stage().await;
    stage.receiver.answer_with(500);
    stage.paid("order-0001").await;
    stage.tagged("order-0001", "r-1", 3_000, "reversed").await;
    stage.becomes("r-1", "SUCCESS").await;
    stage.skip_to_next().await;
    eventually("the success is refused", || stage.sandbox.counters().notifications_refused == 1).await;
    stage.clock.advance_ms(120_000);
    eventually("reversed", || stage.refund_entry("r-1").state == "ABNORMAL").await;
    stage.receiver.answer_with(200);
    eventually("both are told", || {
        stage.clock.advance_ms(15_000);
        stage.refund_entry("r-1").notifications_accepted == 2
    })
    .await;
    let letters = stage.receiver.letters();
    let of = |wanted: &str| letters.iter().filter(|letter| event(letter) == wanted).cloned().collect::<Vec<_>>();
    let (success, abnormal) = (of("REFUND.SUCCESS"), of("REFUND.ABNORMAL"));
    assert!(success.len() >= 2 && !abnormal.is_empty());
    assert!(success.iter().all(|letter| letter.resource() == success[0].resource()));
    assert_eq!(abnormal[0].resource()["refund_status"], "ABNORMAL");
    assert_ne!(success[0].envelope()["id"], abnormal[0].envelope()["id"]);
}

#[tokio::test]
async fn lost_repeated_held_back_and_forged_copies_are_played_for_refunds_too() {
    let stage = told(Faults { notification_lost: ALWAYS, ..Faults::calm() }, "success", "SUCCESS").await;
    let played = |stage: &Stage, name: &str| stage.sandbox.counters().faults.get(name).copied().unwrap_or(0);
    eventually("lost", || played(&stage, "notification_lost") == 1).await;
    assert_eq!((stage.sandbox.world.timers.next_due_ms(), stage.receiver.count()), (None, 0));

    let stage = told(Faults { notification_duplicated: ALWAYS, ..Faults::calm() }, "success", "SUCCESS").await;
    eventually("both copies arrive", || stage.sandbox.counters().notifications_accepted == 2).await;
    let letters = stage.receiver.letters();
    assert_eq!(letters[0].envelope()["id"], letters[1].envelope()["id"]);

    for (faults, range) in [
        (Faults { notification_late: ALWAYS, ..Faults::calm() }, 60_000..=1_800_000),
        (Faults { notification_reordered: ALWAYS, ..Faults::calm() }, 2_000..=10_000),
    ] {
        let stage = told(faults, "success", "SUCCESS").await;
        eventually("held back", || stage.sandbox.world.timers.next_due_ms().is_some_and(|at| at > stage.now_ms()))
            .await;
        let wait_ms = stage.sandbox.world.timers.next_due_ms().unwrap() - stage.now_ms();
        assert!(range.contains(&wait_ms), "{wait_ms}");
        stage.skip_to_next().await;
        eventually("it arrives", || stage.receiver.count() == 1).await;
    }

    let stage = told(Faults { signtest_probe: ALWAYS, ..Faults::calm() }, "success", "SUCCESS").await;
    eventually("the real one is accepted", || stage.sandbox.counters().notifications_accepted == 1).await;
    let letters = stage.receiver.letters();
    assert!(letters.len() == 2 && !letters[0].is_genuine() && letters[1].is_genuine());
}

#[tokio::test]
async fn a_late_notification_of_a_payment_tells_of_the_payment_though_it_is_refunded() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", crate::PayMode::Normal).unwrap();
    let mut body = stage.shop.refund_body("order-0001", "r-1", 1);
    body.as_object_mut().unwrap().remove("notify_url");
    assert_eq!(stage.shop.ask_refund(&body).await.status, 200);
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "REFUND");
    stage.skip_to_next().await;
    eventually("it arrives", || stage.receiver.count() == 1).await;
    let letter = stage.receiver.letters().remove(0);
    assert_eq!(
        (event(&letter).as_str(), letter.resource()["trade_state"].as_str()),
        ("TRANSACTION.SUCCESS", Some("SUCCESS"))
    );
}
