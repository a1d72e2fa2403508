//! Closing orders on a merchant's wish.

use bursar_core::job::JobKind;
use bursar_core::order::OrderState;
use bursar_core::payment::PaymentState;
use serde_json::{Value, json};

use super::{Answer, House};

async fn close(house: &House, order: &Value, key: &str, body: &str) -> Answer {
    house.post(&format!("/v1/orders/{}/close", order["id"].as_str().unwrap()), key, body.to_owned()).await
}

#[tokio::test]
async fn an_order_that_never_reached_the_channel_is_closed_at_once() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let answer = close(&house, &order, "c1", "{\"reason\":\"customer called\"}").await.expect(200);
    assert_eq!(answer.json()["state"], "closed");
    assert_eq!(answer.json()["close_reason"], "by the merchant: customer called");
    assert_eq!(house.dossier(&order).await.order.state, OrderState::Closed);
    let again = close(&house, &order, "c1", "{\"reason\":\"customer called\"}").await.expect(200);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (answer.bytes, &"true".parse().unwrap()));
    // Under another key it is the same wish again: nothing changes, and the answer says how it stands.
    let before = house.fingerprint().await;
    close(&house, &order, "c2", "").await.expect(200);
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn a_payable_order_goes_through_the_close_protocol() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let payment = house.accept(&order).await;
    let answer = close(&house, &order, "c1", "").await.expect(202);
    assert_eq!(answer.json()["state"], "closing");
    assert_eq!(answer.json()["payments"][0].get("code"), None, "nobody shall pay it now");
    assert_eq!(house.dossier(&order).await.payments[0].state, PaymentState::Closing);
    assert!(house.jobs().await.iter().any(|j| j.key.kind == JobKind::ClosePayment && j.key.subject == payment.uuid()));
    // Money is found on the way: the retry still hears what it heard, a new wish hears how it is now.
    house.pay(payment, 12_800).await;
    assert_eq!(close(&house, &order, "c1", "").await.expect(202).bytes, answer.bytes);
    assert_eq!(close(&house, &order, "c2", "").await.expect(409).problem(), "order-already-paid");
}

#[tokio::test]
async fn a_paid_order_is_not_closed() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let payment = house.accept(&order).await;
    house.pay(payment, 12_800).await;
    let before = house.fingerprint().await;
    assert_eq!(close(&house, &order, "c1", "{}").await.expect(409).problem(), "order-already-paid");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn an_order_with_a_held_payment_waits_for_a_person() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let payment = house.accept(&order).await;
    house.pay(payment, 12_799).await;
    let before = house.fingerprint().await;
    assert_eq!(close(&house, &order, "c1", "{}").await.expect(409).problem(), "order-held");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn foreign_malformed_and_keyless_close_requests_change_nothing() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let id = order["id"].as_str().unwrap();
    let before = house.fingerprint().await;
    let path = format!("/v1/orders/{id}/close");
    let mut foreign = house.request("POST", &path, &[("idempotency-key", "c1")], "");
    foreign.headers_mut().insert("authorization", format!("Bearer {}", house.other_key).parse().unwrap());
    assert_eq!(house.send(foreign).await.expect(404).problem(), "not-found");
    let keyless = house.request("POST", &path, &[], "");
    assert_eq!(house.send(keyless).await.expect(400).problem(), "missing-idempotency-key");
    for (body, status, slug) in [
        ("[]", 400, "malformed-json"),
        ("{\"reason\":\"a\\u0000\"}", 422, "invalid-request"),
        ("{\"reason\":7}", 422, "invalid-request"),
        ("{\"why\":\"x\"}", 422, "invalid-request"),
    ] {
        let answer = close(&house, &order, "c1", body).await.expect(status);
        assert_eq!(answer.problem(), slug, "{body}");
    }
    // A key that took an order cannot close one.
    assert_eq!(close(&house, &order, "key-n-1", "").await.expect(422).problem(), "idempotency-key-reused");
    for bad in ["nonsense", "ord_", "%2e%2e%2f", "pay_00000000000000000000000000", "ord_00000000000000000000000000"] {
        let answer = house.post(&format!("/v1/orders/{bad}/close"), "c1", json!({}).to_string()).await.expect(404);
        assert_eq!(answer.problem(), "not-found", "{bad}");
    }
    assert_eq!(house.fingerprint().await, before);
}
