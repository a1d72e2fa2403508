//! Cancels, holds, captures and lapses.

use serde_json::Value;

use super::caller::{Answer, text};
use super::{Stage, eventually, stage};

const HOLD: (&str, &str) = ("capture_method", "manual");

async fn cancel(stage: &Stage, id: &str) -> Answer {
    stage.caller.post(&format!("/v1/payment_intents/{id}/cancel"), &[("cancellation_reason", "abandoned")]).await
}

async fn capture(stage: &Stage, id: &str, members: &[(&str, &str)]) -> Answer {
    stage.caller.post(&format!("/v1/payment_intents/{id}/capture"), members).await
}

#[tokio::test]
async fn an_unpaid_intent_is_canceled_once_and_told() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[]).await["id"]);
    let canceled = cancel(&stage, &id).await.json();
    assert_eq!((&canceled["status"], &canceled["cancellation_reason"]), (&"canceled".into(), &"abandoned".into()));
    let again = cancel(&stage, &id).await;
    assert_eq!((again.status, again.code().as_str()), (400, "payment_intent_unexpected_state"));
    assert_eq!(again.json()["error"]["payment_intent"]["status"], "canceled");
    assert_eq!(stage.message("payment_intent.canceled").await["data"]["object"]["status"], "canceled");
    assert_eq!(stage.entry("n1").state, "CLOSED");
}

#[tokio::test]
async fn a_paid_intent_is_not_canceled() {
    let stage = stage().await;
    let id = text(&stage.paid("n1").await["id"]);
    let answer = cancel(&stage, &id).await;
    assert_eq!(answer.code(), "payment_intent_unexpected_state");
    assert_eq!(answer.json()["error"]["payment_intent"]["status"], "succeeded");
    assert_eq!(stage.entry("n1").state, "SUCCESS");
}

#[tokio::test]
async fn a_payer_who_pays_at_the_moment_of_the_cancel_wins() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[("description", "[payer:closing]")]).await["id"]);
    assert_eq!(cancel(&stage, &id).await.json()["error"]["payment_intent"]["status"], "succeeded");
    assert_eq!(stage.entry("n1").charges, 1);
    // What is only held is let go again.
    let id = text(&stage.caller.create("n2", &[("description", "[payer:closing]"), HOLD]).await["id"]);
    assert_eq!(cancel(&stage, &id).await.json()["status"], "canceled");
    assert_eq!((stage.entry("n2").charges, stage.entry("n2").state), (0, "CLOSED".to_owned()));
}

#[tokio::test]
async fn while_the_bank_is_asked_nothing_is_canceled_and_then_the_money_is_there() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[("description", "[payer:inflight]")]).await["id"]);
    for _ in 0..2 {
        assert_eq!(cancel(&stage, &id).await.json()["error"]["payment_intent"]["status"], "processing");
    }
    stage.message("payment_intent.succeeded").await;
    assert_eq!(stage.caller.intent(&id).await["status"], "succeeded");
    assert_eq!(stage.entry("n1").charges, 1, "asked twice, taken once");
}

#[tokio::test]
async fn a_hold_is_captured_once_in_whole_or_in_part() {
    let stage = stage().await;
    for (number, members, taken) in [("n1", &[][..], 8_800), ("n2", &[("amount_to_capture", "3000")], 3_000)] {
        let id = text(&stage.caller.create(number, &[HOLD]).await["id"]);
        assert_eq!(capture(&stage, &id, members).await.code(), "payment_intent_unexpected_state");
        stage.pay(number);
        let held = stage.caller.intent(&id).await;
        assert_eq!((&held["status"], &held["amount_capturable"]), (&"requires_capture".into(), &8_800.into()));
        let until = stage.now_ms() / 1_000 + 7 * 24 * 3_600;
        assert_eq!(held["latest_charge"]["payment_method_details"]["card"]["capture_before"], until);
        assert_eq!((stage.entry(number).state.as_str(), stage.entry(number).charges), ("AUTHORIZED", 0));
        assert_eq!(capture(&stage, &id, &[("amount_to_capture", "8801")]).await.code(), "amount_too_large");
        let captured = capture(&stage, &id, members).await.json();
        assert_eq!((&captured["status"], &captured["amount_received"]), (&"succeeded".into(), &taken.into()));
        assert_eq!(capture(&stage, &id, members).await.code(), "payment_intent_unexpected_state");
        assert_eq!((stage.entry(number).charges, stage.entry(number).captured_minor), (1, taken));
    }
}

#[tokio::test]
async fn a_hold_that_nobody_captures_lapses_after_a_week_and_is_told() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[HOLD]).await["id"]);
    stage.pay("n1");
    let event = stage.message("payment_intent.amount_capturable_updated").await;
    assert_eq!(event["data"]["object"]["amount_capturable"], 8_800);
    stage.clock.advance_ms(7 * 24 * 3_600_000 - 60_000);
    assert_eq!(stage.caller.intent(&id).await["status"], "requires_capture");
    stage.clock.advance_ms(60_000);
    eventually("it lapses", || stage.entry("n1").state == "CLOSED").await;
    let lapsed: Value = stage.caller.intent(&id).await;
    assert_eq!((&lapsed["status"], &lapsed["cancellation_reason"]), (&"canceled".into(), &"automatic".into()));
    assert_eq!(capture(&stage, &id, &[]).await.code(), "payment_intent_unexpected_state");
    stage.message("payment_intent.canceled").await;
    assert_eq!(stage.entry("n1").charges, 0);
}

#[tokio::test]
async fn a_canceled_hold_never_lapses_a_second_time() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[HOLD]).await["id"]);
    stage.pay("n1");
    assert_eq!(cancel(&stage, &id).await.json()["status"], "canceled");
    stage.clock.advance_ms(8 * 24 * 3_600_000);
    let timers = &stage.sandbox.world.timers;
    eventually("nothing is left to do", || timers.next_due_ms().is_none() && timers.is_quiet()).await;
    assert_eq!(stage.caller.intent(&id).await["cancellation_reason"], "abandoned");
}
