//! Combined orders: several parts, taken one after the other, all or nothing unless a part is enough.

use bursar_core::chance::SeededChance;
use bursar_core::job::JobKind;
use bursar_core::payment::PaymentState;
use serde_json::{Value, json};

use super::{House, order_with, payment_at, text};

fn part(amount_minor: i64) -> Value {
    json!({ "method": "wechat_native", "amount_minor": amount_minor })
}

fn combined(parts: &[i64]) -> Value {
    let parts: Vec<Value> = parts.iter().map(|minor| part(*minor)).collect();
    order_with(&json!({ "method": null, "payments": parts }))
}

async fn order(house: &House, body: &Value) -> Value {
    house.post("/v1/orders", "key-combined", body.to_string()).await.expect(201).json()
}

fn states(order: &Value) -> Vec<&str> {
    order["payments"].as_array().unwrap().iter().map(|p| text(&p["state"])).collect()
}

async fn payments_to_create(house: &House) -> Vec<uuid::Uuid> {
    let jobs = house.jobs().await;
    jobs.iter().filter(|j| j.key.kind == JobKind::CreatePayment).map(|j| j.key.subject).collect()
}

#[tokio::test]
async fn parts_keep_their_order_and_each_is_started_when_the_one_before_it_is_paid() {
    let house = House::new().await;
    let order = order(&house, &combined(&[5_000, 4_000, 3_800])).await;
    assert_eq!(order["state"], "paying");
    let minors: Vec<i64> =
        order["payments"].as_array().unwrap().iter().map(|p| p["amount_minor"].as_i64().unwrap()).collect();
    assert_eq!(minors, [5_000, 4_000, 3_800]);
    let ids: Vec<_> = (0..3).map(|i| payment_at(&order, i)).collect();
    assert!(ids.is_sorted_by(|a, b| a < b), "ids grow: {ids:?}");
    assert_eq!(house.again(&order).await, order, "read back in the order given");
    assert_eq!(payments_to_create(&house).await, [ids[0].uuid()], "only the first is started");
    house.accept_payment(ids[0]).await;
    house.pay(ids[0], 5_000).await;
    let after = house.again(&order).await;
    assert_eq!((&after["state"], states(&after)), (&json!("partially_paid"), vec!["captured", "new", "new"]));
    assert_eq!(payments_to_create(&house).await, [ids[1].uuid()]);
    assert_eq!(after["refunds"], json!([]), "what is only prepared is not shown");
    let path = format!("/v1/refunds?order={}&state=prepared", text(&order["id"]));
    let prepared = house.get(&path).await.expect(200).json();
    assert_eq!(prepared["refunds"].as_array().unwrap().len(), 1);
    assert_eq!(prepared["refunds"][0]["cause"], "incomplete");
    assert_eq!(prepared["refunds"][0]["next"], "It runs only if the order does not become whole.");
    for (id, minor) in [(ids[1], 4_000), (ids[2], 3_800)] {
        house.accept_payment(id).await;
        house.pay(id, minor).await;
    }
    let paid = house.again(&order).await;
    assert_eq!((&paid["state"], &paid["refunds"]), (&json!("paid"), &json!([])));
    assert!(paid["payments"].as_array().unwrap().iter().all(|p| p["returned_minor"] == 0), "{paid}");
}

#[tokio::test]
async fn a_combined_order_that_is_closed_gives_back_what_was_paid() {
    let house = House::new().await;
    let order = order(&house, &combined(&[5_000, 7_800])).await;
    let first = payment_at(&order, 0);
    house.accept_payment(first).await;
    house.pay(first, 5_000).await;
    let refund = house.refund(&order, "r1", &json!({ "reason": "x", "amount_minor": 1 })).await.expect(422);
    assert_eq!(refund.problem(), "refund-while-paying");
    let path = format!("/v1/orders/{}/close", text(&order["id"]));
    let closed = house.post(&path, "c1", "{\"reason\":\"customer called\"}").await.expect(200);
    let view = closed.json();
    assert_eq!((&view["state"], states(&view)), (&json!("closed"), vec!["captured", "declined"]));
    assert_eq!((&view["refunds"][0]["cause"], &view["refunds"][0]["state"]), (&json!("incomplete"), &json!("running")));
    assert_eq!(view["payments"][0]["returned_minor"], 5_000);
    let again = house.post(&path, "c1", "{\"reason\":\"customer called\"}").await.expect(200);
    assert_eq!(again.bytes, closed.bytes);
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(
        text(&timeline["next"])
            .starts_with("Closed. 50.00 CNY is being refunded: 50.00 CNY through the channel: sent to the channel"),
        "{timeline}"
    );
    let refund = house.get(&format!("/v1/refunds/{}", text(&view["refunds"][0]["id"]))).await.expect(200).json();
    assert_eq!(refund["requested_by"], "bursar");
    house.refund_told(&refund, vec![house.refund_receipt(5_000)]).await;
    let after = house.again(&order).await;
    assert_eq!((&after["state"], &after["refund_status"]), (&json!("closed"), &json!("refunded")));
}

#[tokio::test]
async fn closing_ends_every_open_part_in_one_answer_and_waits_for_the_channel_where_it_must() {
    let house = House::new().await;
    let order = order(&house, &combined(&[5_000, 7_800])).await;
    house.accept_payment(payment_at(&order, 0)).await;
    let view = house.post(&format!("/v1/orders/{}/close", text(&order["id"])), "c1", "").await.expect(202).json();
    assert_eq!((&view["state"], states(&view)), (&json!("closing"), vec!["closing", "declined"]));
    for name in ["part_payment", "plain"] {
        let mut body = combined(&[5_000, 7_800]);
        body["number"] = json!(name);
        body["part_payment"] = json!(name == "part_payment");
        let order = house.post("/v1/orders", name, body.to_string()).await.expect(201).json();
        let view = house.post(&format!("/v1/orders/{}/close", text(&order["id"])), &format!("c-{name}"), "").await;
        let view = view.expect(200).json();
        assert_eq!((&view["state"], states(&view)), (&json!("closed"), vec!["declined", "declined"]), "{name}");
        assert!(payments_to_create(&house).await.is_empty(), "nothing is started any more");
    }
}

#[tokio::test]
async fn where_a_part_is_enough_it_is_kept_and_the_rest_may_come_later() {
    let house = House::new().await;
    let mut body = combined(&[2_800, 10_000]);
    body["part_payment"] = json!(true);
    let order = order(&house, &body).await;
    assert_eq!(order["part_payment"], true);
    let deposit = payment_at(&order, 0);
    house.accept_payment(deposit).await;
    house.pay(deposit, 2_800).await;
    let path = format!("/v1/orders/{}/close", text(&order["id"]));
    let view = house.post(&path, "c1", "").await.expect(200).json();
    assert_eq!((&view["state"], states(&view)), (&json!("partially_paid"), vec!["captured", "declined"]));
    assert_eq!(view["refunds"], json!([]));
    let before = house.fingerprint().await;
    assert_eq!(house.post(&path, "c2", "").await.expect(409).problem(), "order-partly-paid");
    assert_eq!(house.fingerprint().await, before);
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(text(&timeline["next"]).starts_with("28.00 CNY are paid and kept"), "{timeline}");
    let add = json!({ "method": "wechat_native", "expires_in_seconds": 86_400 });
    let more = house.post(&format!("/v1/orders/{}/payments", text(&order["id"])), "a1", add.to_string()).await;
    let more = more.expect(201).json();
    assert_eq!(more["payments"][2]["amount_minor"], 10_000, "what is missing");
    let rest = payment_at(&more, 2);
    house.accept_payment(rest).await;
    house.pay(rest, 10_000).await;
    assert_eq!(house.again(&order).await["state"], "paid");
}

#[tokio::test]
async fn parts_may_go_through_several_accounts() {
    let house = House::new().await;
    let second = House::account(&house.store, house.merchant, &SeededChance::new(99)).await;
    let mut body = combined(&[5_000, 7_800]);
    let unnamed = house.post("/v1/orders", "k1", body.to_string()).await.expect(422);
    assert_eq!(unnamed.pointers(), ["/payments/0/account_id", "/payments/1/account_id"]);
    body["payments"][0]["account_id"] = json!(second);
    body["payments"][1]["account_id"] = json!(house.account);
    let order = order(&house, &body).await;
    assert_eq!(order["payments"][0]["account_id"], second.to_string());
    assert_eq!(order["payments"][1]["account_id"], house.account.to_string());
}

#[tokio::test]
async fn every_bad_part_is_refused_with_its_pointer_and_changes_nothing() {
    let house = House::new().await;
    let parts = |parts: Value| json!({ "method": null, "payments": parts });
    let with = |changes: Value| {
        let mut first = part(5_000);
        for (name, value) in changes.as_object().unwrap() {
            first[name] = value.clone();
        }
        parts(json!([first, part(7_800)]))
    };
    let twelve = vec![part(1); 11];
    let before = house.fingerprint().await;
    for (name, changes, pointer) in [
        ("no way at all", json!({ "method": null }), "/method"),
        ("method beside parts", json!({ "payments": [part(12_800)] }), "/method"),
        (
            "account beside parts",
            json!({ "method": null, "account_id": "x", "payments": [part(12_800)] }),
            "/account_id",
        ),
        ("payer beside parts", json!({ "method": null, "payer": {}, "payments": [part(12_800)] }), "/payer"),
        ("no parts", parts(json!([])), "/payments"),
        ("eleven parts", parts(json!(twelve)), "/payments"),
        ("a hundred parts", parts(json!(vec![part(1); 100])), "/payments"),
        ("parts no list", parts(json!({})), "/payments"),
        ("part no object", parts(json!(["x"])), "/payments/0"),
        ("sum below", parts(json!([part(5_000), part(7_799)])), "/payments"),
        ("sum above", parts(json!([part(5_000), part(7_801)])), "/payments"),
        ("sum over i64", parts(json!([part(i64::MAX), part(i64::MAX)])), "/payments"),
        ("amount zero", parts(json!([part(0), part(12_800)])), "/payments/0/amount_minor"),
        ("amount negative", parts(json!([part(-1), part(12_801)])), "/payments/0/amount_minor"),
        ("amount fraction", with(json!({ "amount_minor": 0.1 })), "/payments/0/amount_minor"),
        ("amount text", with(json!({ "amount_minor": "5000" })), "/payments/0/amount_minor"),
        ("amount over i64", with(json!({ "amount_minor": u64::MAX })), "/payments/0/amount_minor"),
        ("amount missing", parts(json!([part(5_000), { "method": "wechat_native" }])), "/payments/1/amount_minor"),
        ("method missing", parts(json!([{ "amount_minor": 12_800 }])), "/payments/0/method"),
        ("method unknown", with(json!({ "method": "cash" })), "/payments/0/method"),
        ("account unknown", with(json!({ "account_id": "acc_00000000000000000000000000" })), "/payments/0/account_id"),
        ("openid missing", with(json!({ "method": "wechat_jsapi" })), "/payments/0/payer/openid"),
        (
            "ip bad",
            with(json!({ "method": "wechat_h5", "payer": { "client_ip": "x" } })),
            "/payments/0/payer/client_ip",
        ),
        ("unknown payer member", with(json!({ "payer": { "phone": "x" } })), "/payments/0/payer/phone"),
        ("unknown member", with(json!({ "currency": "CNY" })), "/payments/0/currency"),
        ("part_payment a text", json!({ "part_payment": "true" }), "/part_payment"),
    ] {
        let answer = house.post("/v1/orders", "k1", order_with(&changes).to_string()).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-request"), "{name}: {}", answer.text());
        assert!(answer.pointers().iter().any(|p| p == pointer), "{name}: {:?}", answer.pointers());
    }
    assert_eq!(house.fingerprint().await, before);
    // A deposit alone is lawful when part payment is; the rest comes as a further payment.
    let deposit = json!({ "number": "deposit", "method": null, "payments": [part(2_000)], "part_payment": true });
    let deposit = house.post("/v1/orders", "k3", order_with(&deposit).to_string()).await.expect(201).json();
    assert_eq!(deposit["payments"].as_array().unwrap().len(), 1);
    assert_eq!(deposit["amount_minor"], json!(12_800));
    // Ten parts are lawful, and so is one.
    let mut ten = combined(&[1; 10]);
    ten["amount_minor"] = json!(10);
    assert_eq!(order(&house, &ten).await["payments"].as_array().unwrap().len(), 10);
    let one = order_with(&json!({ "number": "one", "method": null, "payments": [part(12_800)] }));
    let order = house.post("/v1/orders", "k2", one.to_string()).await.expect(201).json();
    assert_eq!(house.dossier(&order).await.payments[0].state, PaymentState::New);
}
