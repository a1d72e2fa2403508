//! Idempotency keys: what is repeated, what is refused and what is forgotten.

use super::caller::text;
use super::{stage, stage_with};
use crate::Faults;

#[tokio::test]
async fn the_same_key_makes_one_intent_and_gives_the_same_answer() {
    let stage = stage().await;
    let first = stage.caller.ask("n1", Some("k"), &[]).await;
    stage.pay("n1");
    let again = stage.caller.ask("n1", Some("k"), &[]).await;
    assert_eq!((again.status, &again.body), (200, &first.body), "as it stood at first");
    assert_eq!(
        (first.header("idempotent-replayed"), again.header("idempotent-replayed")),
        (String::new(), "true".into())
    );
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    assert_eq!(stage.sandbox.books().len(), 1);
    let other = stage.caller.ask("n1", Some("k2"), &[]).await;
    assert_ne!(other.json()["id"], first.json()["id"]);
}

#[tokio::test]
async fn the_same_key_with_other_content_is_refused() {
    let stage = stage().await;
    stage.caller.create("n1", &[]).await;
    let other = stage.caller.ask("n1", Some("n1"), &[("amount", "1")]).await;
    assert_eq!((other.status, other.code().as_str()), (400, "idempotency_error"));
    assert_eq!(stage.sandbox.books().len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let stage = stage().await;
    stage.caller.create("n1", &[]).await;
    stage.clock.advance_ms(24 * 3_600_000 - 1);
    stage.caller.create("n1", &[]).await;
    assert_eq!(stage.sandbox.books().len(), 1);
    stage.clock.advance_ms(1);
    stage.caller.create("n1", &[]).await;
    assert_eq!(stage.sandbox.books().len(), 2, "whoever relies on more makes a second one");
}

#[tokio::test]
async fn a_refusal_by_state_is_repeated_even_when_the_state_has_changed_and_one_at_the_door_is_not() {
    let stage = stage().await;
    let id = text(&stage.caller.create("n1", &[("capture_method", "manual")]).await["id"]);
    let target = format!("/v1/payment_intents/{id}/capture");
    let early = stage.caller.call("POST", &target, Some("c"), &[]).await;
    assert_eq!(early.code(), "payment_intent_unexpected_state");
    stage.pay("n1");
    let again = stage.caller.call("POST", &target, Some("c"), &[]).await;
    assert_eq!((again.code(), again.header("idempotent-replayed")), (early.code(), "true".into()));
    assert_eq!(stage.caller.call("POST", &target, Some("c2"), &[]).await.status, 200);

    assert_eq!(stage.caller.ask("n2", Some("k"), &[("amount", "x")]).await.code(), "parameter_invalid_integer");
    assert_eq!(stage.caller.ask("n2", Some("k"), &[]).await.status, 200, "nothing was kept under the key");
}

#[tokio::test]
async fn trouble_is_kept_now_and_then_and_told_again() {
    let stage = stage_with(|config| config.faults = Faults { server_error: 10_000, ..Faults::calm() }).await;
    let mut keys = Vec::new();
    for n in 0..40 {
        let key = format!("n{n}");
        assert!(stage.caller.ask(&key, Some(&key), &[]).await.status >= 500);
        keys.push(key);
    }
    assert_eq!(stage.sandbox.books().len(), 0, "it had no effect");
    stage.sandbox.set_faults(Faults::calm());
    let mut repeated = 0;
    for key in &keys {
        let again = stage.caller.ask(key, Some(key), &[]).await;
        repeated += usize::from(again.status == 500 && again.header("idempotent-replayed") == "true");
        assert!(again.status == 500 || again.status == 200);
        assert_eq!(stage.caller.ask(key, Some(&format!("{key}-2")), &[]).await.status, 200);
    }
    assert!((2..16).contains(&repeated), "{repeated}");
}

#[tokio::test]
async fn a_second_request_with_a_key_is_told_to_wait_while_the_first_is_under_way() {
    let faults = Faults { timeout_before_effect: 10_000, ..Faults::calm() };
    let stage = stage_with(|config| {
        config.faults = faults;
        config.fault_hold_ms = 300;
    })
    .await;
    let bearer = format!("Bearer {}", super::caller::secret_key());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    let members = [("amount", "100"), ("currency", "hkd"), ("payment_method_types[]", "card")];
    let first = stage.caller.send("POST", "/v1/payment_intents", &headers, &members);
    let second = async {
        super::eventually("the first is under way", || {
            stage.sandbox.counters().faults.contains_key("timeout_before_effect")
        })
        .await;
        stage.caller.send("POST", "/v1/payment_intents", &headers, &members).await
    };
    let (first, second) = tokio::join!(first, second);
    let second = second.unwrap();
    assert_eq!((second.status, second.code().as_str()), (409, "idempotency_key_in_use"));
    assert_eq!(second.header("stripe-should-retry"), "true");
    assert!(first.is_err(), "the first was never answered");
    stage.sandbox.set_faults(Faults::calm());
    let third = stage.caller.send("POST", "/v1/payment_intents", &headers, &members).await.unwrap();
    assert_eq!((third.status, third.header("idempotent-replayed")), (200, String::new()));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_given_again() {
    let stage =
        stage_with(|config| config.faults = Faults { lost_answer_after_effect: 10_000, ..Faults::calm() }).await;
    let bearer = format!("Bearer {}", super::caller::secret_key());
    let headers = [("authorization", bearer.as_str()), ("idempotency-key", "k")];
    let members = [("amount", "100"), ("currency", "hkd"), ("payment_method_types[]", "card")];
    assert!(stage.caller.send("POST", "/v1/payment_intents", &headers, &members).await.is_err());
    stage.sandbox.set_faults(Faults::calm());
    let again = stage.caller.send("POST", "/v1/payment_intents", &headers, &members).await.unwrap();
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(stage.sandbox.books().len(), 1);
}
