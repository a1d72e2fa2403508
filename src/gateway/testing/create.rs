//! Taking orders: the good ones, and every bad input.

use bursar_core::chance::SeededChance;
use bursar_core::job::JobKind;
use bursar_core::observation::{Claim, PayCode};
use bursar_core::payment::PaymentState;
use serde_json::{Value, json};

use super::{House, START, order_body, order_with, payment_id};
use crate::GatewaySettings;

#[tokio::test]
async fn a_taken_order_is_stored_with_its_payment_and_the_job_that_calls_the_channel() {
    let house = House::new().await;
    let answer = house.post("/v1/orders", "k1", order_body().to_string()).await.expect(201);
    let order = answer.json();
    assert_eq!(answer.headers["location"].to_str().unwrap(), format!("/v1/orders/{}", order["id"].as_str().unwrap()));
    assert_eq!(order["state"], "paying");
    assert_eq!(order["amount_minor"], 12_800);
    assert_eq!(order["expires_at"], START.plus_ms(30 * 60_000).to_string());
    assert_eq!(order["payments"][0]["state"], "new");
    assert_eq!(order["payments"][0]["account_id"], house.account.to_string());
    assert_eq!(order["payments"][0].get("code"), None);
    let dossier = house.dossier(&order).await;
    assert_eq!(dossier.order.merchant, house.merchant);
    assert_eq!(dossier.payments[0].state, PaymentState::New);
    let jobs = house.jobs().await;
    assert_eq!(jobs.len(), 1);
    assert_eq!((jobs[0].key.kind, jobs[0].key.subject), (JobKind::CreatePayment, payment_id(&order).uuid()));
    let shown = house.get(&format!("/v1/orders/{}", order["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown.json(), order);
    assert_eq!(shown.headers["cache-control"], "no-store");
}

/// Sends `body` and wants a 422 that points to `pointer`, or else this problem, and nothing changed.
async fn refused(house: &House, name: &str, body: impl Into<Vec<u8>>, status: u16, slug: &str, pointer: Option<&str>) {
    let before = house.fingerprint().await;
    let answer = house.post("/v1/orders", &format!("key-{}", name.replace(' ', "-")), body.into()).await;
    assert_eq!((answer.status, answer.problem().as_str()), (status, slug), "{name}: {}", answer.text());
    if let Some(pointer) = pointer {
        assert!(answer.pointers().iter().any(|p| p == pointer), "{name}: {:?}", answer.pointers());
    }
    assert_eq!(house.fingerprint().await, before, "{name} changed something");
}

#[tokio::test]
async fn every_bad_member_is_refused_with_its_pointer_and_changes_nothing() {
    let house = House::new().await;
    let long = "x".repeat(1 << 14);
    let cases: Vec<(&str, Value, &str)> = vec![
        ("amount zero", json!({ "amount_minor": 0 }), "/amount_minor"),
        ("amount negative", json!({ "amount_minor": -1 }), "/amount_minor"),
        ("amount fraction", json!({ "amount_minor": 0.1 }), "/amount_minor"),
        ("amount text", json!({ "amount_minor": "100" }), "/amount_minor"),
        ("amount too large", json!({ "amount_minor": 100_000_000_001_i64 }), "/amount_minor"),
        ("amount over i64", json!({ "amount_minor": u64::MAX }), "/amount_minor"),
        ("amount missing", json!({ "amount_minor": null }), "/amount_minor"),
        ("currency lower case", json!({ "currency": "usd" }), "/currency"),
        ("currency unknown", json!({ "currency": "XXX" }), "/currency"),
        ("currency of another channel", json!({ "currency": "USD" }), "/currency"),
        ("number empty", json!({ "number": "" }), "/number"),
        ("number long", json!({ "number": "9".repeat(65) }), "/number"),
        ("number with path", json!({ "number": "../../etc" }), "/number"),
        ("number not text", json!({ "number": 7 }), "/number"),
        ("description empty", json!({ "description": " " }), "/description"),
        ("description long", json!({ "description": "保".repeat(128) }), "/description"),
        ("description huge", json!({ "description": long }), "/description"),
        ("description with NUL", json!({ "description": "a\u{0}b" }), "/description"),
        ("description reversed", json!({ "description": "a\u{202e}b" }), "/description"),
        ("description with card", json!({ "description": "card 4111 1111 1111 1111" }), "/description"),
        ("method unknown", json!({ "method": "cash" }), "/method"),
        ("account unknown", json!({ "account_id": "acc_00000000000000000000000000" }), "/account_id"),
        ("account nonsense", json!({ "account_id": "../" }), "/account_id"),
        ("unknown member", json!({ "amout": 1 }), "/amout"),
        ("unknown payer member", json!({ "payer": { "phone": "x" } }), "/payer/phone"),
        ("payer's name bad", json!({ "payer": { "name": "a\u{0}" } }), "/payer/name"),
        ("payer's name long", json!({ "payer": { "name": "x".repeat(129) } }), "/payer/name"),
        ("payer not object", json!({ "payer": "x" }), "/payer"),
        ("openid missing", json!({ "method": "wechat_jsapi" }), "/payer/openid"),
        ("openid bad", json!({ "method": "wechat_jsapi", "payer": { "openid": "a b" } }), "/payer/openid"),
        ("ip missing", json!({ "method": "wechat_h5" }), "/payer/client_ip"),
        ("ip bad", json!({ "method": "wechat_h5", "payer": { "client_ip": "1.2.3" } }), "/payer/client_ip"),
        ("expiry too soon", json!({ "expires_in_seconds": 59 }), "/expires_in_seconds"),
        ("expiry too late", json!({ "expires_in_seconds": 604_801 }), "/expires_in_seconds"),
        ("expiry overflow", json!({ "expires_in_seconds": i64::MAX }), "/expires_in_seconds"),
        ("expiry past", json!({ "expires_at": "2026-11-22T08:59:59Z" }), "/expires_at"),
        ("expiry in 9999", json!({ "expires_at": "9999-12-31T23:59:59Z" }), "/expires_at"),
        ("expiry no offset", json!({ "expires_at": "2026-11-22T10:00:00" }), "/expires_at"),
        ("expiry twice", json!({ "expires_at": "2026-11-22T10:00:00Z", "expires_in_seconds": 60 }), "/expires_at"),
    ];
    for (name, changes, pointer) in cases {
        refused(&house, name, order_with(&changes).to_string(), 422, "invalid-request", Some(pointer)).await;
    }
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused_and_changes_nothing() {
    let house = House::new().await;
    let with = |raw: &str| order_body().to_string().replacen("12800", raw, 1).into_bytes();
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    refused(&house, "over f64", with("1e400"), 422, "invalid-request", Some("/amount_minor")).await;
    refused(&house, "deep", with(&format!("1,\"x\":{deep}")), 422, "invalid-request", Some("/x")).await;
    for (name, body) in [
        ("empty", Vec::new()),
        ("array", b"[]".to_vec()),
        ("deep array", deep.clone().into_bytes()),
        ("duplicate", with("1,\"amount_minor\":2")),
        ("nan", with("NaN")),
        ("leading zero", with("0128")),
        ("cut off", b"{\"number\":".to_vec()),
        ("invalid utf-8", [b"{\"number\":\"".as_slice(), &[0xff, 0xfe], b"\"}"].concat()),
        ("two values", [order_body().to_string().into_bytes(), b"{}".to_vec()].concat()),
    ] {
        refused(&house, name, body, 400, "malformed-json", None).await;
    }
    refused(&house, "ten megabytes", vec![b'x'; 10 << 20], 413, "body-too-large", None).await;
}

#[tokio::test]
async fn media_types_and_encodings_other_than_plain_json_are_refused() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let body = order_body().to_string();
    for headers in [
        vec![("content-type", "text/plain")],
        vec![("content-type", "application/x-www-form-urlencoded")],
        vec![("content-type", "application/json; charset=gbk")],
        vec![],
        vec![("content-type", "application/json"), ("content-encoding", "gzip")],
        vec![("content-type", "application/json"), ("content-encoding", "identity"), ("content-encoding", "br")],
    ] {
        let headers = [headers, vec![("idempotency-key", "k")]].concat();
        let answer = house.send(house.request("POST", "/v1/orders", &headers, body.clone())).await.expect(415);
        assert_eq!(answer.problem(), "unsupported-media-type", "{headers:?}");
    }
    assert_eq!(house.fingerprint().await, before);
    let headers = [("content-type", "Application/JSON; charset=\"UTF-8\""), ("idempotency-key", "k")];
    house.send(house.request("POST", "/v1/orders", &headers, body)).await.expect(201);
}

#[tokio::test]
async fn a_number_is_taken_once_per_merchant_and_the_problem_names_the_order_that_has_it() {
    let house = House::new().await;
    let first = house.order("n-1").await;
    let again = house.post("/v1/orders", "another key", "").await.expect(400);
    assert_eq!(again.problem(), "invalid-idempotency-key");
    let body = order_with(&json!({ "number": "n-1" })).to_string();
    let answer = house.post("/v1/orders", "another-key", body.clone()).await.expect(409);
    assert_eq!(answer.problem(), "order-number-taken");
    assert_eq!(answer.json()["order_id"], first["id"]);
    // Another merchant may use the same number and the same key.
    let bearer = format!("Bearer {}", house.other_key);
    let mut request = house.request(
        "POST",
        "/v1/orders",
        &[("content-type", "application/json"), ("idempotency-key", "key-n-1")],
        body,
    );
    request.headers_mut().insert("authorization", bearer.parse().unwrap());
    let other = house.send(request).await.expect(201).json();
    assert_ne!(other["id"], first["id"]);
    assert_eq!(house.store.counts().await.unwrap().orders.iter().map(|(_, n)| n).sum::<u64>(), 2);
}

#[tokio::test]
async fn with_several_accounts_one_must_be_named_and_a_foreign_one_does_not_exist() {
    let house = House::new().await;
    let chance = SeededChance::new(99);
    let second = House::account(&house.store, house.merchant, &chance).await;
    let foreign = House::account(&house.store, house.other_merchant, &chance).await;
    let ask = |id: Value| order_with(&json!({ "account_id": id })).to_string();
    let answer = house.post("/v1/orders", "k1", order_body().to_string()).await.expect(422);
    assert_eq!(answer.pointers(), ["/account_id"]);
    let answer = house.post("/v1/orders", "k2", ask(json!(foreign))).await.expect(422);
    assert_eq!(answer.pointers(), ["/account_id"]);
    let order = house.post("/v1/orders", "k3", ask(json!(second))).await.expect(201).json();
    assert_eq!(order["payments"][0]["account_id"], second.to_string());
}

#[tokio::test]
async fn methods_that_need_the_payer_store_what_they_need_and_never_show_it() {
    let house = House::new().await;
    let body = order_with(&json!({
        "method": "wechat_jsapi", "expires_at": "2026-11-22T18:00:00+08:00",
        "payer": { "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o", "client_ip": "2001:db8::1", "name": " 张三 " },
    }));
    let answer = house.post("/v1/orders", "k1", body.to_string()).await.expect(201);
    assert!(!answer.text().contains("oUpF8uMuAJO") && !answer.text().contains("张三"));
    assert_eq!(answer.json()["expires_at"], "2026-11-22T10:00:00.000Z");
    let payment = &house.dossier(&answer.json()).await.payments[0];
    assert_eq!(payment.payer.openid.as_deref(), Some("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"));
    assert_eq!(payment.payer.client_ip.as_deref(), Some("2001:db8::1"));
    assert_eq!(payment.payer.name.as_deref(), Some("张三"));
}

#[tokio::test]
async fn who_prefers_to_wait_gets_the_code_and_the_stored_answer_stays_the_first() {
    let house = House::new().await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1"), ("prefer", "wait=10")];
    let request = || house.request("POST", "/v1/orders", &headers, order_body().to_string());
    let channel = async {
        let number = order_body()["number"].as_str().unwrap().to_owned();
        let id = loop {
            if let Some(id) = house.store.order_by_number(house.merchant, &number).await.unwrap() {
                break id;
            }
            tokio::task::yield_now().await;
        };
        let payment = house.store.dossier(id).await.unwrap().unwrap().payments[0].id;
        house.observe(payment, Claim::Sending).await;
        house.observe(payment, Claim::Accepted { code: PayCode::QrCode { url: "weixin://x".into() } }).await;
    };
    let (waited, ()) = tokio::join!(house.send(request()), channel);
    let waited = waited.expect(201);
    assert_eq!(waited.headers["preference-applied"], "wait");
    assert_eq!(waited.json()["payments"][0]["code"], json!({ "kind": "qr_code", "url": "weixin://x" }));
    let replayed = house.send(request()).await.expect(201);
    assert_eq!(replayed.headers["idempotency-replayed"], "true");
    assert_eq!(replayed.json()["payments"][0]["state"], "new");
    assert_eq!(replayed.json()["id"], waited.json()["id"]);
}

#[tokio::test]
async fn a_wait_that_ends_without_a_code_answers_with_the_order_as_taken() {
    let house = House::with(GatewaySettings { wait_max_ms: 60, ..GatewaySettings::default() }).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k1"), ("prefer", "wait=10")];
    let answer = house.send(house.request("POST", "/v1/orders", &headers, order_body().to_string())).await.expect(201);
    assert_eq!(answer.headers.get("preference-applied"), None);
    assert_eq!(answer.json()["payments"][0]["state"], "new");
}
