//! Further payments of an order: another way to pay, or the rest.

use bursar_core::job::JobKind;
use serde_json::{Value, json};

use super::{Answer, House, payment_at, text};

async fn add(house: &House, order: &Value, key: &str, body: &Value) -> Answer {
    house.post(&format!("/v1/orders/{}/payments", text(&order["id"])), key, body.to_string()).await
}

fn native() -> Value {
    json!({ "method": "wechat_native" })
}

#[tokio::test]
async fn another_way_to_pay_is_started_at_once_beside_the_first() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    house.accept(&order).await;
    let answer = add(&house, &order, "a1", &native()).await.expect(201);
    let after = answer.json();
    assert_eq!(answer.headers["location"].to_str().unwrap(), format!("/v1/orders/{}", text(&order["id"])));
    assert_eq!((&after["state"], &after["payments"][1]["amount_minor"]), (&json!("paying"), &json!(12_800)));
    assert_eq!(after["payments"][1]["state"], "new");
    let second = payment_at(&after, 1);
    assert!(house.jobs().await.iter().any(|j| j.key.kind == JobKind::CreatePayment && j.key.subject == second.uuid()));
    let before = house.fingerprint().await;
    let again = add(&house, &order, "a1", &native()).await.expect(201);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (answer.bytes, &"true".parse().unwrap()));
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn when_both_are_paid_the_second_goes_back_by_itself() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let first = house.accept(&order).await;
    let after = add(&house, &order, "a1", &native()).await.expect(201).json();
    let second = payment_at(&after, 1);
    house.accept_payment(second).await;
    house.pay(first, 12_800).await;
    house.pay(second, 12_800).await;
    let shown = house.again(&order).await;
    assert_eq!(shown["state"], "paid");
    let refunds = shown["refunds"].as_array().unwrap();
    assert_eq!(refunds.len(), 1);
    assert_eq!((&refunds[0]["cause"], &refunds[0]["amount_minor"]), (&json!("duplicate"), &json!(12_800)));
    let returned: i64 =
        shown["payments"].as_array().unwrap().iter().map(|p| p["returned_minor"].as_i64().unwrap()).sum();
    assert_eq!(returned, 12_800);
}

#[tokio::test]
async fn who_prefers_to_wait_gets_the_code_of_the_new_payment() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    house.accept(&order).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "a1"), ("prefer", "wait=10")];
    let path = format!("/v1/orders/{}/payments", text(&order["id"]));
    let channel = async {
        let second = loop {
            let payments = house.dossier(&order).await.payments;
            if let Some(second) = payments.get(1) {
                break second.id;
            }
            tokio::task::yield_now().await;
        };
        house.accept_payment(second).await;
    };
    let request = house.request("POST", &path, &headers, native().to_string());
    let (waited, ()) = tokio::join!(house.send(request), channel);
    let waited = waited.expect(201);
    assert_eq!(waited.headers["preference-applied"], "wait");
    assert_eq!(waited.json()["payments"][1]["code"]["kind"], "qr_code");
}

#[tokio::test]
async fn paid_closed_and_expired_orders_take_none_unless_they_are_prolonged() {
    let house = House::new().await;
    let paid = house.paid_order("n-1").await;
    let closed = house.order("n-2").await;
    house.post(&format!("/v1/orders/{}/close", text(&closed["id"])), "c", "").await.expect(200);
    let expired = house.order("n-3").await;
    house.accept(&expired).await;
    house.clock.advance_ms(31 * 60_000);
    let before = house.fingerprint().await;
    for (order, state, words) in [
        (&paid, "paid", "the order is paid and takes no further payment"),
        (&closed, "closed", "the order is closed and takes no further payment"),
        (&expired, "paying", "the order has expired; give a later `expires_at`"),
    ] {
        let answer = add(&house, order, "a1", &native()).await.expect(409);
        assert_eq!(
            (answer.problem().as_str(), &answer.json()["order_state"]),
            ("order-takes-no-payment", &json!(state))
        );
        assert_eq!(answer.json()["detail"], words);
    }
    assert_eq!(house.fingerprint().await, before);
    let later = json!({ "method": "wechat_native", "expires_at": "2026-11-22T12:00:00Z" });
    let prolonged = add(&house, &expired, "a2", &later).await.expect(201).json();
    assert_eq!(prolonged["expires_at"], "2026-11-22T12:00:00.000Z");
}

#[tokio::test]
async fn every_bad_member_is_refused_with_its_pointer_and_changes_nothing() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let before = house.fingerprint().await;
    for (name, body, pointer) in [
        ("method missing", json!({}), "/method"),
        ("method unknown", json!({ "method": "cash" }), "/method"),
        ("amount zero", json!({ "method": "wechat_native", "amount_minor": 0 }), "/amount_minor"),
        ("amount negative", json!({ "method": "wechat_native", "amount_minor": -1 }), "/amount_minor"),
        ("amount fraction", json!({ "method": "wechat_native", "amount_minor": 0.1 }), "/amount_minor"),
        ("amount text", json!({ "method": "wechat_native", "amount_minor": "1" }), "/amount_minor"),
        ("amount over i64", json!({ "method": "wechat_native", "amount_minor": u64::MAX }), "/amount_minor"),
        ("more than is missing", json!({ "method": "wechat_native", "amount_minor": 12_801 }), "/amount_minor"),
        ("account unknown", json!({ "method": "wechat_native", "account_id": "x" }), "/account_id"),
        ("openid missing", json!({ "method": "wechat_jsapi" }), "/payer/openid"),
        ("expiry past", json!({ "method": "wechat_native", "expires_at": "2026-11-22T08:00:00Z" }), "/expires_at"),
        ("expiry in 9999", json!({ "method": "wechat_native", "expires_at": "9999-12-31T23:59:59Z" }), "/expires_at"),
        ("expiry too soon", json!({ "method": "wechat_native", "expires_in_seconds": 1 }), "/expires_in_seconds"),
        ("unknown member", json!({ "method": "wechat_native", "number": "x" }), "/number"),
    ] {
        let answer = add(&house, &order, "a1", &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-request"), "{name}: {}", answer.text());
        assert_eq!(answer.pointers(), [pointer], "{name}");
    }
    for bad in ["nonsense", "ord_00000000000000000000000000"] {
        let path = format!("/v1/orders/{bad}/payments");
        assert_eq!(house.post(&path, "a1", native().to_string()).await.expect(404).problem(), "not-found", "{bad}");
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn an_order_takes_twenty_payments_and_no_more() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let small = json!({ "method": "wechat_native", "amount_minor": 1 });
    for i in 1..20 {
        add(&house, &order, &format!("a{i}"), &small).await.expect(201);
    }
    let before = house.fingerprint().await;
    let answer = add(&house, &order, "a20", &small).await.expect(409);
    assert_eq!(answer.problem(), "order-takes-no-payment");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn fifty_equal_requests_at_once_add_one_payment_and_get_one_answer() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let body = native();
    let answers = futures::future::join_all((0..50).map(|_| add(&house, &order, "a1", &body))).await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.bytes), (201, &answers[0].bytes), "{}", answer.text());
    }
    assert_eq!(house.again(&order).await["payments"].as_array().unwrap().len(), 2);
}
