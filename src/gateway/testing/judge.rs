//! Refunds above a limit: a second person agrees or refuses, once.

use bursar_core::job::JobKind;
use bursar_core::merchant::MerchantPolicy;
use serde_json::{Value, json};

use super::{House, text};

async fn strict() -> House {
    House::with_policy(MerchantPolicy { approval_above_minor: Some(5_000), ..MerchantPolicy::default() }).await
}

async fn asked(house: &House) -> (Value, Value) {
    let order = house.paid_order("n-1").await;
    let body = json!({ "reason": "cancelled", "requested_by": "Li Na" });
    let refund = house.refund(&order, "r1", &body).await.expect(202).json();
    (order, refund)
}

async fn sends(house: &House) -> usize {
    house.jobs().await.iter().filter(|j| j.key.kind == JobKind::SendRefund).count()
}

#[tokio::test]
async fn above_the_limit_it_waits_with_its_money_set_aside_until_another_person_agrees() {
    let house = strict().await;
    let (order, refund) = asked(&house).await;
    assert_eq!((&refund["state"], &refund["needs_approval"]), (&json!("awaiting_approval"), &json!(true)));
    assert_eq!(refund["next"], "A second person must approve it or reject it; Li Na asked for it and cannot.");
    assert_eq!(sends(&house).await, 0);
    assert_eq!(house.again(&order).await["payments"][0]["returned_minor"], 12_800);
    let answer = house.say(&refund, "approve", "a1", &json!({ "by": " Wang Fang " })).await.expect(200);
    let approved = answer.json();
    assert_eq!((&approved["state"], &approved["approved_by"]), (&json!("running"), &json!("Wang Fang")));
    assert_eq!(sends(&house).await, 1);
    // The same request again is the same answer; another one is too late.
    let again = house.say(&refund, "approve", "a1", &json!({ "by": " Wang Fang " })).await.expect(200);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (answer.bytes, &"true".parse().unwrap()));
    let before = house.fingerprint().await;
    for (verb, body) in [("approve", json!({ "by": "Zhao" })), ("reject", json!({ "by": "Zhao", "reason": "no" }))] {
        let late = house.say(&refund, verb, "a2", &body).await.expect(409);
        assert_eq!(
            (late.problem().as_str(), &late.json()["state"]),
            ("refund-not-awaiting-approval", &json!("running"))
        );
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn a_refusal_frees_the_money_and_nothing_is_ever_sent() {
    let house = strict().await;
    let (order, refund) = asked(&house).await;
    let body = json!({ "by": "Wang Fang", "reason": "the service was rendered" });
    let rejected = house.say(&refund, "reject", "a1", &body).await.expect(200).json();
    assert_eq!(rejected["state"], "rejected");
    assert_eq!(
        (&rejected["rejected_by"], &rejected["rejected_because"]),
        (&json!("Wang Fang"), &json!("the service was rendered"))
    );
    assert_eq!(rejected["legs"][0]["state"], "abandoned");
    assert_eq!(sends(&house).await, 0);
    let shown = house.again(&order).await;
    assert_eq!(
        (&shown["payments"][0]["returned_minor"], &shown["refunds"][0]["state"]),
        (&json!(0), &json!("rejected"))
    );
    let late = house.say(&refund, "approve", "a2", &json!({ "by": "Zhao" })).await.expect(409);
    assert_eq!(late.json()["state"], "rejected");
    house.refund(&order, "r2", &json!({ "reason": "some of it", "amount_minor": 5_000 })).await.expect(202);
}

#[tokio::test]
async fn who_asked_cannot_decide_however_the_name_is_written() {
    let house = strict().await;
    let (_, refund) = asked(&house).await;
    let before = house.fingerprint().await;
    for by in ["Li Na", "li na", "  LI NA  ", "Li  Na"] {
        for (verb, body) in [("approve", json!({ "by": by })), ("reject", json!({ "by": by, "reason": "x" }))] {
            let answer = house.say(&refund, verb, "a1", &body).await.expect(403);
            assert_eq!(answer.problem(), "second-person-needed", "{verb} {by}");
            assert!(text(&answer.json()["detail"]).starts_with("Li Na asked for this refund"));
        }
    }
    for (name, body, pointer) in [
        ("missing", json!({}), "/by"),
        ("empty", json!({ "by": "" }), "/by"),
        ("spaces", json!({ "by": " " }), "/by"),
        ("long", json!({ "by": "x".repeat(65) }), "/by"),
        ("reversed", json!({ "by": "a\u{202e}" }), "/by"),
        ("number", json!({ "by": 7 }), "/by"),
        ("us", json!({ "by": "bursar" }), "/by"),
        ("unknown member", json!({ "by": "Wang Fang", "force": true }), "/force"),
    ] {
        let answer = house.say(&refund, "approve", "a1", &body).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{name}");
    }
    let answer = house.say(&refund, "reject", "a1", &json!({ "by": "Wang Fang" })).await.expect(422);
    assert_eq!(answer.pointers(), ["/reason"]);
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn above_the_limit_somebody_must_ask_and_below_it_the_key_does() {
    let house = strict().await;
    let order = house.paid_order("n-1").await;
    let before = house.fingerprint().await;
    for body in [json!({ "reason": "x" }), json!({ "reason": "x", "amount_minor": 5_001 })] {
        let answer = house.refund(&order, "r1", &body).await.expect(422);
        assert_eq!(answer.pointers(), ["/requested_by"], "{body}");
        let path = format!("/v1/orders/{}/refunds?preview=true", text(&order["id"]));
        assert_eq!(house.post(&path, "p", body.to_string()).await.expect(200).json()["needs_approval"], true);
    }
    assert_eq!(house.fingerprint().await, before);
    let refund = house.refund(&order, "r1", &json!({ "reason": "x", "amount_minor": 5_000 })).await.expect(202).json();
    assert_eq!((&refund["state"], &refund["requested_by"]), (&json!("running"), &json!("api key shop")));
}

#[tokio::test]
async fn of_many_decisions_at_once_one_counts_and_the_others_hear_that_it_is_decided() {
    for round in 0..6 {
        let house = strict().await;
        let (order, refund) = asked(&house).await;
        let (yes, no) = (json!({ "by": "Wang Fang" }), json!({ "by": "Zhao", "reason": "no" }));
        let keys: Vec<String> = (0..12).map(|i| format!("k{round}-{i}")).collect();
        let said = keys.iter().enumerate().map(|(i, key)| {
            let (verb, body) = if (i + round) % 2 == 0 { ("approve", &yes) } else { ("reject", &no) };
            house.say(&refund, verb, key, body)
        });
        let answers = futures::future::join_all(said).await;
        let taken: Vec<&super::Answer> = answers.iter().filter(|a| a.status == 200).collect();
        let state = house.refund_again(&refund).await["state"].clone();
        // The same person saying the same at the same instant is one decision.
        assert!(!taken.is_empty());
        assert!(taken.iter().all(|a| a.json()["state"] == state), "{state}");
        for answer in answers.iter().filter(|a| a.status != 200) {
            assert_eq!((answer.status, answer.problem().as_str()), (409, "refund-not-awaiting-approval"));
        }
        let returned = if state == "running" { 12_800 } else { 0 };
        assert_eq!(house.again(&order).await["payments"][0]["returned_minor"], returned);
        assert_eq!(sends(&house).await, usize::from(state == "running"));
    }
}

#[tokio::test]
async fn fifty_equal_approvals_at_once_are_one_and_get_one_answer() {
    let house = strict().await;
    let (_, refund) = asked(&house).await;
    let body = json!({ "by": "Wang Fang" });
    let answers = futures::future::join_all((0..50).map(|_| house.say(&refund, "approve", "a1", &body))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.bytes), (200, &answers[0].bytes), "{}", answer.text());
    }
    assert_eq!(sends(&house).await, 1);
}
