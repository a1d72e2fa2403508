//! Every fault, as a merchant sees it and as the books have it.

use super::merchant::{header, keys};
use super::{START_MS, Stage, eventually, faults, stage, stage_with};
use crate::{Faults, PayMode};

const ALWAYS: u32 = 10_000;

async fn create(stage: &Stage) -> reqwest::Result<super::merchant::Answer> {
    let body = stage.shop.body("order-0001").to_string();
    stage.shop.call("POST", "/v3/pay/transactions/native", body).await
}

fn played(stage: &Stage, name: &str) -> u64 {
    stage.sandbox.counters().faults.get(name).copied().unwrap_or(0)
}

#[tokio::test]
async fn a_lost_answer_breaks_the_connection_after_the_effect() {
    let stage = stage_with(faults(Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() })).await;
    let error = create(&stage).await.unwrap_err();
    assert!(error.status().is_none(), "{error}");
    assert_eq!(stage.sandbox.books().len(), 1);
    assert!(played(&stage, "lost_answer_after_effect") >= 1);
    stage.sandbox.set_faults(Faults::calm());
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "NOTPAY");
}

#[tokio::test]
async fn a_time_out_breaks_the_connection_without_effect() {
    let stage = stage_with(faults(Faults { timeout_before_effect: ALWAYS, ..Faults::calm() })).await;
    assert!(create(&stage).await.unwrap_err().status().is_none());
    assert!(stage.sandbox.books().is_empty());
    stage.sandbox.set_faults(Faults::calm());
    assert_eq!(stage.shop.query("order-0001").await.code(), "ORDER_NOT_EXIST");
}

#[tokio::test]
async fn a_client_with_a_shorter_time_out_than_the_hold_sees_a_time_out() {
    let hold = |config: &mut crate::SandboxConfig| {
        config.faults = Faults { timeout_before_effect: ALWAYS, ..Faults::calm() };
        config.fault_hold_ms = 60_000;
    };
    let stage = stage_with(hold).await;
    let waited = tokio::time::timeout(std::time::Duration::from_millis(100), create(&stage)).await;
    assert!(waited.is_err(), "the connection is held");
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn server_errors_come_as_json_and_as_pages_without_effect() {
    let stage = stage_with(faults(Faults { server_error: ALWAYS, ..Faults::calm() })).await;
    let (mut json, mut pages) = (0, 0);
    for _ in 0..40 {
        let answer = create(&stage).await.unwrap();
        match answer.status {
            500 => {
                assert_eq!(answer.code(), "SYSTEM_ERROR");
                json += 1;
            }
            502 => {
                assert!(answer.body.starts_with(b"<html>") && !answer.is_genuine());
                pages += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(json > 0 && pages > 0, "{json} {pages}");
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn too_many_requests_are_told_so_without_effect() {
    let stage = stage_with(faults(Faults { too_many_requests: ALWAYS, ..Faults::calm() })).await;
    let answer = create(&stage).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (429, "FREQUENCY_LIMITED"));
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn a_slow_answer_is_right_all_the_same() {
    let stage = stage_with(faults(Faults { slow: ALWAYS, ..Faults::calm() })).await;
    let answer = create(&stage).await.unwrap();
    assert!(answer.status == 200 && answer.is_genuine());
    assert_eq!(played(&stage, "slow"), 1);
}

#[tokio::test]
async fn a_truncated_body_ends_early_in_both_ways_after_the_effect() {
    let stage = stage_with(faults(Faults { truncated_body: ALWAYS, ..Faults::calm() })).await;
    let (mut broken, mut short) = (0, 0);
    for _ in 0..40 {
        match create(&stage).await {
            Err(_) => broken += 1,
            Ok(answer) => {
                assert!(serde_json::from_slice::<serde_json::Value>(&answer.body).is_err() && !answer.is_genuine());
                short += 1;
            }
        }
    }
    assert!(broken > 0 && short > 0, "{broken} {short}");
    assert_eq!(stage.sandbox.books().len(), 1);
}

#[tokio::test]
async fn a_bad_signature_does_not_verify_though_the_answer_is_right() {
    let stage = stage_with(faults(Faults { bad_signature: ALWAYS, ..Faults::calm() })).await;
    let mut probes = 0;
    for _ in 0..20 {
        let answer = create(&stage).await.unwrap();
        assert!(answer.status == 200 && !answer.is_genuine());
        probes += usize::from(header(&answer.headers, "wechatpay-signature").starts_with("WECHATPAY/SIGNTEST/"));
    }
    assert!((1..20).contains(&probes), "{probes}");
    assert_eq!(stage.sandbox.books().len(), 1);
}

#[tokio::test]
async fn an_outage_breaks_every_connection_and_holds_notifications_back() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.set_outage(true);
    assert!(stage.shop.try_query("order-0001").await.is_err());
    assert_eq!(played(&stage, "outage"), 1);
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    eventually("the attempt fails", || stage.sandbox.counters().notifications_unanswered == 1).await;
    assert_eq!(stage.receiver.count(), 0);
    stage.sandbox.set_outage(false);
    stage.skip_to_next().await;
    eventually("the next attempt arrives", || stage.receiver.count() == 1).await;
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "SUCCESS");
}

/// A paid order whose first attempt to notify has come due.
async fn notified(faults_wanted: Faults) -> Stage {
    let stage = stage_with(faults(faults_wanted)).await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    stage
}

#[tokio::test]
async fn a_lost_notification_is_never_repeated_and_neither_is_one_that_never_comes() {
    let lost = Faults { notification_lost: ALWAYS, ..Faults::calm() };
    let never = Faults { notification_never: ALWAYS, ..Faults::calm() };
    for (wanted, name) in [(lost, "notification_lost"), (never, "notification_never")] {
        let stage = notified(wanted).await;
        eventually(name, || played(&stage, name) == 1).await;
        assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
        assert_eq!((stage.receiver.count(), stage.entry("order-0001").state.as_str()), (0, "SUCCESS"));
    }
}

#[tokio::test]
async fn a_duplicated_notification_arrives_twice_with_one_id() {
    let stage = notified(Faults { notification_duplicated: ALWAYS, ..Faults::calm() }).await;
    eventually("both arrive", || stage.sandbox.counters().notifications_accepted == 2).await;
    let letters = stage.receiver.letters();
    assert_eq!(letters[0].envelope()["id"], letters[1].envelope()["id"]);
    assert!(letters.iter().all(super::receiver::Letter::is_genuine));
}

#[tokio::test]
async fn of_a_refused_duplicate_only_one_copy_is_repeated() {
    let stage = stage_with(faults(Faults { notification_duplicated: ALWAYS, ..Faults::calm() })).await;
    stage.receiver.answer_with(503);
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).unwrap();
    stage.skip_to_next().await;
    eventually("both are refused", || stage.sandbox.counters().notifications_refused == 2).await;
    stage.sandbox.set_faults(Faults::calm());
    stage.receiver.answer_with(200);
    stage.skip_to_next().await;
    eventually("one more arrives", || stage.sandbox.counters().notifications_accepted == 1).await;
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
    assert_eq!(stage.receiver.count(), 3);
}

#[tokio::test]
async fn late_and_reordered_notifications_come_after_a_while() {
    let late = Faults { notification_late: ALWAYS, ..Faults::calm() };
    let reordered = Faults { notification_reordered: ALWAYS, ..Faults::calm() };
    for (wanted, name, range) in
        [(late, "notification_late", 60_000..=1_801_000), (reordered, "notification_reordered", 2_000..=11_000)]
    {
        let stage = notified(wanted).await;
        eventually(name, || played(&stage, name) == 1 && stage.sandbox.world.timers.next_due_ms().is_some()).await;
        let due_ms = stage.sandbox.world.timers.next_due_ms().unwrap() - START_MS;
        assert!(range.contains(&due_ms), "{name} {due_ms}");
        assert_eq!(stage.receiver.count(), 0);
        stage.skip_to_next().await;
        eventually("it arrives", || stage.receiver.count() == 1).await;
    }
}

#[tokio::test]
async fn a_probe_goes_ahead_and_must_not_be_accepted() {
    let stage = notified(Faults { signtest_probe: ALWAYS, ..Faults::calm() }).await;
    eventually("the real one is accepted", || stage.sandbox.counters().notifications_accepted == 1).await;
    let letters = stage.receiver.letters();
    assert_eq!(letters.len(), 2);
    assert!(header(&letters[0].headers, "wechatpay-signature").starts_with("WECHATPAY/SIGNTEST/"));
    assert!(!letters[0].is_genuine() && letters[1].is_genuine());
    assert_eq!(stage.sandbox.counters().probes_accepted, 0);
}

#[tokio::test]
async fn the_same_seed_plays_the_same_faults() {
    let run = async |prefix: &str| {
        let stage = stage_with(faults(Faults::harsh())).await;
        let mut seen = Vec::new();
        for n in 0..60 {
            let body = stage.shop.body(&format!("{prefix}-{n:04}")).to_string();
            let answer = stage.shop.call("POST", "/v3/pay/transactions/native", body).await;
            seen.push(answer.map(|answer| answer.status).ok());
        }
        (seen, stage.sandbox.counters().faults)
    };
    let first = run("order").await;
    assert_eq!(first, run("number").await);
    assert!(first.1.len() >= 3, "{:?}", first.1);
}
