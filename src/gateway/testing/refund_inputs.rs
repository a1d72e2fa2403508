//! Every bad input of a request for a refund is refused with its pointer and changes nothing.

use serde_json::{Value, json};

use super::{House, text};

/// A lawful request with some members replaced (or removed, by null).
fn with(changes: &Value) -> Value {
    let mut body = json!({ "reason": "cancelled", "amount_minor": 100, "requested_by": "Li Na" });
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        } else {
            body[name] = value.clone();
        }
    }
    body
}

#[tokio::test]
async fn every_bad_member_is_refused_with_its_pointer_and_changes_nothing() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let payment = order["payments"][0]["id"].clone();
    let share = |minor: Value| json!({ "allocation": { "named": [{ "payment": payment, "amount_minor": minor }] } });
    let payee = |changes: Value| {
        let mut payee = json!({ "bank": "ICBC", "account": "6222020200112233", "name": "Zhang San" });
        for (name, value) in changes.as_object().unwrap() {
            payee[name] = value.clone();
        }
        json!({ "payee": payee })
    };
    let many = json!({ "allocation": { "named": vec![json!({ "payment": payment, "amount_minor": 1 }); 21] } });
    let cases: Vec<(&str, Value, &str)> = vec![
        ("amount zero", json!({ "amount_minor": 0 }), "/amount_minor"),
        ("amount negative", json!({ "amount_minor": -1 }), "/amount_minor"),
        ("amount fraction", json!({ "amount_minor": 0.1 }), "/amount_minor"),
        ("amount text", json!({ "amount_minor": "100" }), "/amount_minor"),
        ("amount over i64", json!({ "amount_minor": u64::MAX }), "/amount_minor"),
        ("reason missing", json!({ "reason": null }), "/reason"),
        ("reason empty", json!({ "reason": "" }), "/reason"),
        ("reason of spaces", json!({ "reason": "   " }), "/reason"),
        ("reason of 81 bytes", json!({ "reason": "客".repeat(27) }), "/reason"),
        ("reason long", json!({ "reason": "x".repeat(81) }), "/reason"),
        ("reason with NUL", json!({ "reason": "a\u{0}b" }), "/reason"),
        ("reason reversed", json!({ "reason": "a\u{202e}b" }), "/reason"),
        ("reason with card", json!({ "reason": "card 4111 1111 1111 1111" }), "/reason"),
        ("reason not text", json!({ "reason": 7 }), "/reason"),
        ("requester empty", json!({ "requested_by": " " }), "/requested_by"),
        ("requester long", json!({ "requested_by": "x".repeat(65) }), "/requested_by"),
        ("requester with NUL", json!({ "requested_by": "a\u{0}" }), "/requested_by"),
        ("requester is us", json!({ "requested_by": " Bursar " }), "/requested_by"),
        ("allocation unknown", json!({ "allocation": "random" }), "/allocation"),
        ("allocation a number", json!({ "allocation": 1 }), "/allocation"),
        ("allocation empty", json!({ "allocation": {} }), "/allocation/named"),
        ("allocation with more", json!({ "allocation": { "named": [], "x": 1 } }), "/allocation/x"),
        ("no shares", json!({ "allocation": { "named": [] } }), "/allocation/named"),
        ("too many shares", many, "/allocation/named"),
        ("shares no list", json!({ "allocation": { "named": {} } }), "/allocation/named"),
        ("share no object", json!({ "allocation": { "named": [7] } }), "/allocation/named/0"),
        ("share of zero", share(json!(0)), "/allocation/named/0/amount_minor"),
        ("share negative", share(json!(-1)), "/allocation/named/0/amount_minor"),
        ("share a fraction", share(json!(0.5)), "/allocation/named/0/amount_minor"),
        (
            "share without payment",
            json!({ "allocation": { "named": [{ "amount_minor": 1 }] } }),
            "/allocation/named/0/payment",
        ),
        (
            "share of nonsense",
            json!({ "allocation": { "named": [{ "payment": "../", "amount_minor": 1 }] } }),
            "/allocation/named/0/payment",
        ),
        (
            "share unknown member",
            json!({ "allocation": { "named": [{ "payment": payment, "amount_minor": 1, "x": 1 }] } }),
            "/allocation/named/0/x",
        ),
        ("payee a text", json!({ "payee": "x" }), "/payee"),
        ("payee without account", json!({ "payee": { "bank": "ICBC", "name": "Zhang San" } }), "/payee/account"),
        ("payee bank empty", payee(json!({ "bank": "" })), "/payee/bank"),
        ("payee bank oversized", payee(json!({ "bank": "x".repeat(129) })), "/payee/bank"),
        ("payee name oversized", payee(json!({ "name": "x".repeat(129) })), "/payee/name"),
        ("payee name with NUL", payee(json!({ "name": "a\u{0}" })), "/payee/name"),
        ("payee account oversized", payee(json!({ "account": "6".repeat(35) })), "/payee/account"),
        ("payee account huge", payee(json!({ "account": "6".repeat(40_000) })), "/payee/account"),
        ("payee account with letters of elsewhere", payee(json!({ "account": "６２２２" })), "/payee/account"),
        ("payee account a number", payee(json!({ "account": 6_222_020_200_112_233_i64 })), "/payee/account"),
        ("payee unknown member", payee(json!({ "phone": "1" })), "/payee/phone"),
        ("unknown member", json!({ "amout": 1 }), "/amout"),
    ];
    let before = house.fingerprint().await;
    for (name, changes, pointer) in cases {
        let body = with(&changes);
        let answer = house.refund(&order, "r1", &body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (422, "invalid-request"), "{name}: {}", answer.text());
        assert!(answer.pointers().iter().any(|p| p == pointer), "{name}: {:?}", answer.pointers());
        // A preview refuses the same; but it needs no reason.
        if name != "reason missing" {
            let path = format!("/v1/orders/{}/refunds?preview=true", text(&order["id"]));
            let previewed = house.post(&path, "p1", body.to_string()).await.expect(422);
            assert!(previewed.pointers().iter().any(|p| p == pointer), "{name}: {:?}", previewed.pointers());
        }
    }
    assert_eq!(house.fingerprint().await, before);
    // What was refused left the key free; 80 bytes are taken.
    house.refund(&order, "r1", &with(&json!({ "reason": format!("{}xx", "客".repeat(26)) }))).await.expect(202);
}

#[tokio::test]
async fn what_is_not_one_json_object_is_refused_and_changes_nothing() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let path = format!("/v1/orders/{}/refunds", text(&order["id"]));
    let before = house.fingerprint().await;
    let deep = format!("{{\"reason\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for (name, body, status, slug) in [
        ("empty", String::new(), 400, "malformed-json"),
        ("array", "[]".to_owned(), 400, "malformed-json"),
        ("duplicate", "{\"reason\":\"a\",\"reason\":\"b\"}".to_owned(), 400, "malformed-json"),
        ("cut off", "{\"reason\":".to_owned(), 400, "malformed-json"),
        ("deep", deep, 422, "invalid-request"),
        ("over f64", "{\"reason\":\"a\",\"amount_minor\":1e400}".to_owned(), 422, "invalid-request"),
        ("huge", format!("{{\"reason\":\"{}\"}}", "x".repeat(1 << 20)), 413, "body-too-large"),
    ] {
        assert_eq!(house.post(&path, "r1", body).await.expect(status).problem(), slug, "{name}");
    }
    let keyless = house.request("POST", &path, &[("content-type", "application/json")], "{\"reason\":\"a\"}");
    assert_eq!(house.send(keyless).await.expect(400).problem(), "missing-idempotency-key");
    let typeless = house.request("POST", &path, &[("idempotency-key", "r1")], "{\"reason\":\"a\"}");
    assert_eq!(house.send(typeless).await.expect(415).problem(), "unsupported-media-type");
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn named_shares_must_be_payments_of_the_order_named_once_within_what_is_left() {
    let house = House::new().await;
    let order = house.paid_order("n-1").await;
    let other = house.paid_order("n-2").await;
    let (own, foreign) = (order["payments"][0]["id"].clone(), other["payments"][0]["id"].clone());
    let named = |shares: Vec<(&Value, i64)>| -> Vec<Value> {
        shares.into_iter().map(|(p, minor)| json!({ "payment": p, "amount_minor": minor })).collect()
    };
    let before = house.fingerprint().await;
    for (name, amount, shares, slug, member) in [
        ("foreign", json!(5), named(vec![(&foreign, 5)]), "refund-payment-unknown", ("payment_id", foreign.clone())),
        ("twice", json!(5), named(vec![(&own, 2), (&own, 3)]), "refund-payment-twice", ("payment_id", own.clone())),
        ("sum below", json!(6), named(vec![(&own, 5)]), "refund-shares-differ", ("sum_minor", json!(5))),
        (
            "sum over i64",
            json!(6),
            named(vec![(&own, i64::MAX), (&foreign, i64::MAX)]),
            "refund-shares-differ",
            ("sum_minor", json!(i64::MAX)),
        ),
        ("more than left", Value::Null, named(vec![(&own, 12_801)]), "refund-too-much", ("left_minor", json!(12_800))),
    ] {
        let body = with(&json!({ "amount_minor": amount, "allocation": { "named": shares } }));
        let answer = house.refund(&order, "r1", &body).await.expect(422);
        assert_eq!(answer.problem(), slug, "{name}");
        assert_eq!(answer.json()[member.0], member.1, "{name}");
    }
    assert_eq!(house.fingerprint().await, before);
    // Without an amount it is the sum of the shares.
    let body = with(&json!({ "amount_minor": null, "allocation": { "named": named(vec![(&own, 300)]) } }));
    assert_eq!(house.refund(&order, "r2", &body).await.expect(202).json()["amount_minor"], 300);
}
