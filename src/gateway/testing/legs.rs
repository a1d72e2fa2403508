//! What people say about legs of refunds: money was transferred by hand, or a leg is given up.

use bursar_core::refund::RefundClaim;
use serde_json::{Value, json};

use super::{House, text};

/// A refund whose money the payer's bank sent back, and a person must transfer it.
async fn stranded(house: &House) -> (Value, Value) {
    let order = house.paid_order("n-1").await;
    let refund = house.refund(&order, "r1", &json!({ "reason": "cancelled" })).await.expect(202).json();
    house.refund_told(&refund, vec![RefundClaim::Abnormal { refund_id: "5030000001".into() }]).await;
    (order, house.refund_again(&refund).await)
}

#[tokio::test]
async fn a_transfer_that_a_person_confirms_ends_the_refund() {
    let house = House::new().await;
    let (order, refund) = stranded(&house).await;
    assert_eq!(refund["state"], "parked");
    let (first, second) = (&refund["legs"][0], &refund["legs"][1]);
    assert_eq!((&first["state"], &first["why"]), (&json!("stranded"), &json!("the payer's bank sent the money back")));
    assert_eq!((&second["state"], &second["route"]), (&json!("awaiting_transfer"), &json!("transfer")));
    assert_eq!(second["replaces"], first["id"]);
    assert!(text(&refund["next"]).contains("a person must transfer it by bank"), "{refund}");
    let body = json!({ "leg": second["id"], "by": "Wang Fang", "reference": "2026-1122/0001" });
    let answer = house.say(&refund, "transferred", "t1", &body).await.expect(200);
    let done = answer.json();
    assert_eq!((&done["state"], &done["succeeded_minor"]), (&json!("succeeded"), &json!(12_800)));
    assert_eq!(
        (&done["legs"][1]["transferred_by"], &done["legs"][1]["reference"]),
        (&json!("Wang Fang"), &json!("2026-1122/0001"))
    );
    assert!(done["legs"][1]["refunded_at"].is_string());
    assert_eq!(house.again(&order).await["refund_status"], "refunded");
    let again = house.say(&refund, "transferred", "t1", &body).await.expect(200);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (answer.bytes, &"true".parse().unwrap()));
    let before = house.fingerprint().await;
    let late = house.say(&refund, "transferred", "t2", &body).await.expect(409);
    assert_eq!((late.problem().as_str(), &late.json()["state"]), ("leg-not-awaiting-transfer", &json!("succeeded")));
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn a_transfer_that_is_given_up_is_not_asked_for_again() {
    let house = House::new().await;
    let (order, refund) = stranded(&house).await;
    let body = json!({ "leg": refund["legs"][1]["id"], "by": "Wang Fang", "reason": "the payer waived it" });
    let done = house.say(&refund, "abandon", "b1", &body).await.expect(200).json();
    assert_eq!((&done["state"], &done["succeeded_minor"]), (&json!("failed"), &json!(0)));
    assert_eq!(done["legs"].as_array().unwrap().len(), 2, "{done}");
    assert_eq!(done["legs"][1]["why"], "given up by Wang Fang: the payer waived it");
    assert_eq!(house.again(&order).await["payments"][0]["returned_minor"], 0);
    assert!(house.store.parked(None, 10).await.unwrap().is_empty(), "no question stays open");
}

#[tokio::test]
async fn only_what_was_never_sent_is_dropped_and_only_what_waits_is_confirmed() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let ask = json!({ "reason": "cancelled", "amount_minor": 5_000 });
    let fresh = house.refund(&order, "r1", &ask).await.expect(202).json();
    let sent = house.refund(&order, "r2", &ask).await.expect(202).json();
    house.refund_told(&sent, vec![RefundClaim::Processing { refund_id: "5030000001".into() }]).await;
    let before = house.fingerprint().await;
    let drop = |refund: &Value| json!({ "leg": refund["legs"][0]["id"], "by": "Wang Fang", "reason": "x" });
    let moved = |refund: &Value| json!({ "leg": refund["legs"][0]["id"], "by": "Wang Fang", "reference": "1" });
    let answer = house.say(&sent, "abandon", "k1", &drop(&sent)).await.expect(409);
    assert_eq!((answer.problem().as_str(), &answer.json()["state"]), ("leg-under-way", &json!("processing")));
    for (refund, state) in [(&fresh, "reserved"), (&sent, "processing")] {
        let answer = house.say(refund, "transferred", "k2", &moved(refund)).await.expect(409);
        assert_eq!((answer.problem().as_str(), &answer.json()["state"]), ("leg-not-awaiting-transfer", &json!(state)));
    }
    assert_eq!(house.fingerprint().await, before);
    let dropped = house.say(&fresh, "abandon", "k3", &drop(&fresh)).await.expect(200).json();
    assert_eq!((&dropped["state"], &dropped["legs"][0]["state"]), (&json!("failed"), &json!("abandoned")));
    assert_eq!(house.again(&order).await["payments"][0]["returned_minor"], 5_000);
    let again = house.say(&fresh, "abandon", "k4", &drop(&fresh)).await.expect(409);
    assert_eq!(again.json()["state"], "abandoned");
}

#[tokio::test]
async fn bad_members_and_legs_of_elsewhere_are_refused_and_change_nothing() {
    let house = House::new().await;
    let (_, refund) = stranded(&house).await;
    let other = house.paid_order("n-2").await;
    let other = house.refund(&other, "r9", &json!({ "reason": "x" })).await.expect(202).json();
    let leg = refund["legs"][1]["id"].clone();
    let before = house.fingerprint().await;
    for (verb, body, pointer) in [
        ("transferred", json!({ "by": "W", "reference": "1" }), "/leg"),
        ("transferred", json!({ "leg": "../", "by": "W", "reference": "1" }), "/leg"),
        ("transferred", json!({ "leg": other["legs"][0]["id"], "by": "W", "reference": "1" }), "/leg"),
        ("transferred", json!({ "leg": leg, "reference": "1" }), "/by"),
        ("transferred", json!({ "leg": leg, "by": "W" }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": "" }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": " " }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": "1".repeat(65) }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": "a\u{0}" }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": "a\u{202e}" }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": 7 }), "/reference"),
        ("transferred", json!({ "leg": leg, "by": "bursar", "reference": "1" }), "/by"),
        ("transferred", json!({ "leg": leg, "by": "W", "reference": "1", "x": 1 }), "/x"),
        ("abandon", json!({ "leg": leg, "by": "W" }), "/reason"),
        ("abandon", json!({ "leg": leg, "by": "W", "reason": "a\u{0}" }), "/reason"),
        ("abandon", json!({ "leg": leg, "by": "W", "reason": "x".repeat(128) }), "/reason"),
        ("abandon", json!({ "leg": leg, "by": "bursar", "reason": "x" }), "/by"),
        ("abandon", json!({ "leg": other["legs"][0]["id"], "by": "W", "reason": "x" }), "/leg"),
    ] {
        let answer = house.say(&refund, verb, "k1", &body).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{verb} {body}");
    }
    assert_eq!(house.fingerprint().await, before);
}
