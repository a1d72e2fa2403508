//! Idempotency keys: one effect and one answer per key, however often and however fast it comes.

use serde_json::json;

use super::{House, order_body, order_with};

#[tokio::test]
async fn the_same_request_gets_the_same_bytes_again_even_after_the_order_moved_on_or_expired() {
    let house = House::new().await;
    let body = order_with(&json!({ "expires_at": "2026-11-22T09:02:00Z" })).to_string();
    let first = house.post("/v1/orders", "k1", body.clone()).await.expect(201);
    assert_eq!(first.headers.get("idempotency-replayed"), None);
    house.accept(&first.json()).await;
    house.clock.advance_ms(3_600_000);
    let before = house.fingerprint().await;
    let again = house.post("/v1/orders", "k1", body).await.expect(201);
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn the_same_key_with_another_body_is_refused_and_changes_nothing() {
    let house = House::new().await;
    house.post("/v1/orders", "k1", order_body().to_string()).await.expect(201);
    let before = house.fingerprint().await;
    for changes in [json!({ "amount_minor": 1 }), json!({ "number": "b-2" }), json!({ "amount_minor": 0 })] {
        let answer = house.post("/v1/orders", "k1", order_with(&changes).to_string()).await.expect(422);
        assert_eq!(answer.problem(), "idempotency-key-reused", "{changes}");
    }
    // The same object written otherwise is another request: bytes count.
    let spaced = order_body().to_string().replace(':', ": ");
    assert_eq!(house.post("/v1/orders", "k1", spaced).await.expect(422).problem(), "idempotency-key-reused");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn missing_repeated_empty_long_and_invisible_keys_are_refused() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let (long, huge) = ("k".repeat(256), "k".repeat(10_240));
    for (keys, slug) in [
        (vec![], "missing-idempotency-key"),
        (vec!["a", "a"], "invalid-idempotency-key"),
        (vec![""], "invalid-idempotency-key"),
        (vec!["a b"], "invalid-idempotency-key"),
        (vec![long.as_str()], "invalid-idempotency-key"),
        (vec![huge.as_str()], "invalid-idempotency-key"),
        (vec!["ключ"], "invalid-idempotency-key"),
    ] {
        let mut request =
            house.request("POST", "/v1/orders", &[("content-type", "application/json")], order_body().to_string());
        for key in &keys {
            request.headers_mut().append("idempotency-key", ::http::HeaderValue::from_bytes(key.as_bytes()).unwrap());
        }
        assert_eq!(house.send(request).await.expect(400).problem(), slug, "{keys:?}");
    }
    assert_eq!(house.fingerprint().await, before);
    house.post("/v1/orders", &"k".repeat(255), order_body().to_string()).await.expect(201);
}

#[tokio::test]
async fn fifty_equal_requests_at_once_make_one_order_and_get_one_answer() {
    let house = House::new().await;
    let body = order_body().to_string();
    let answers = futures::future::join_all((0..50).map(|_| house.post("/v1/orders", "k1", body.clone()))).await;
    let first = answers[0].bytes.clone();
    for answer in &answers {
        assert_eq!((answer.status, &answer.bytes), (201, &first), "{}", answer.text());
    }
    assert_eq!(answers.iter().filter(|a| !a.headers.contains_key("idempotency-replayed")).count(), 1);
    let counts = house.store.counts().await.unwrap();
    assert_eq!(counts.orders.iter().map(|(_, n)| n).sum::<u64>(), 1);
    assert_eq!(counts.payments.iter().map(|(_, n)| n).sum::<u64>(), 1);
    assert_eq!(house.jobs().await.len(), 1);
}

#[tokio::test]
async fn fifty_different_bodies_with_one_key_make_one_order() {
    let house = House::new().await;
    let bodies = (0..50).map(|i| order_with(&json!({ "number": format!("b-{i}") })).to_string());
    let answers = futures::future::join_all(bodies.map(|b| house.post("/v1/orders", "k1", b))).await;
    assert_eq!(answers.iter().filter(|a| a.status == 201).count(), 1);
    for answer in answers.iter().filter(|a| a.status != 201) {
        assert_eq!((answer.status, answer.problem().as_str()), (422, "idempotency-key-reused"));
    }
    assert_eq!(house.store.counts().await.unwrap().orders.iter().map(|(_, n)| n).sum::<u64>(), 1);
}

#[tokio::test]
async fn a_key_whose_request_was_refused_is_free_for_the_corrected_one() {
    let house = House::new().await;
    house.post("/v1/orders", "k1", order_with(&json!({ "amount_minor": 0 })).to_string()).await.expect(422);
    house.post("/v1/orders", "k1", order_body().to_string()).await.expect(201);
}
