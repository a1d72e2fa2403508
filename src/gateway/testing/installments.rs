//! Installments that a channel grants its payer: as an option of every way to name a payment, and every wish for them
//! that cannot be.

use bursar_core::chance::SeededChance;
use bursar_core::channel::ChannelKind;
use bursar_core::installments::{FeesFrom, Installments};
use serde_json::{Value, json};

use super::{House, START, order_with, text};

async fn house() -> House {
    let house = House::new().await;
    let chance = SeededChance::new(11);
    House::account_of(&house.store, house.merchant, ChannelKind::Alipay, &chance).await;
    House::account_of(&house.store, house.merchant, ChannelKind::Unionpay, &chance).await;
    house
}

fn with(method: &str, installments: &Value) -> Value {
    order_with(&json!({ "method": method, "installments": installments }))
}

async fn kept(house: &House, order: &Value) -> Vec<Option<Installments>> {
    house.dossier(order).await.payments.iter().map(|p| p.installments).collect()
}

#[tokio::test]
async fn an_order_keeps_the_installments_that_it_asked_for_and_shows_them() {
    let house = house().await;
    for (number, method, said, shown, fees) in [
        ("n-1", "alipay_qr", json!({ "count": 6 }), json!({ "count": 6, "fees": "payer" }), Some(FeesFrom::Payer)),
        (
            "n-2",
            "alipay_app",
            json!({ "count": 6, "fees": "merchant" }),
            json!({ "count": 6, "fees": "merchant" }),
            Some(FeesFrom::Merchant),
        ),
        ("n-3", "unionpay_web", json!({ "count": 6, "fees": null }), json!({ "count": 6 }), None),
    ] {
        let mut body = with(method, &said);
        body["number"] = json!(number);
        let order = house.post("/v1/orders", number, body.to_string()).await.expect(201).json();
        assert_eq!(order["payments"][0]["installments"], shown, "{method}");
        assert_eq!(order["payments"][0]["amount_minor"], order["amount_minor"], "the merchant has the whole");
        assert_eq!(kept(&house, &order).await, [Some(Installments { count: 6, fees })]);
        let read = house.get(&format!("/v1/orders/{}", text(&order["id"]))).await.expect(200).json();
        assert_eq!(read, order);
        let again = house.post("/v1/orders", number, body.to_string()).await.expect(201);
        assert_eq!(again.json(), order, "the first answer stands");
        body["installments"]["count"] = json!(3);
        let other = house.post("/v1/orders", number, body.to_string()).await;
        assert_eq!((other.status, other.problem().as_str()), (422, "idempotency-key-reused"));
    }
    let pesos = json!({ "method": "card", "currency": "MXN", "installments": { "count": 18 } });
    let order = house.post("/v1/orders", "n-4", order_with(&pesos).to_string()).await.expect(201).json();
    assert_eq!(order["payments"][0]["installments"], json!({ "count": 18 }));
    let plain = house.order("n-5").await;
    assert_eq!((plain["payments"][0].get("installments"), kept(&house, &plain).await), (None, vec![None]));
}

#[tokio::test]
async fn what_no_channel_grants_is_refused_with_what_is_possible_and_changes_nothing() {
    let house = house().await;
    let before = house.fingerprint().await;
    let six = json!({ "count": 6 });
    for (name, body, pointer, words) in [
        ("none", with("wechat_native", &six), "/installments", "alipay_qr, alipay_page, alipay_wap, alipay_app"),
        ("cash", with("bank_transfer", &six), "/installments", "unionpay_web, unionpay_app"),
        ("held", with("card_hold", &six), "/installments", "`card_hold` in CNY"),
        ("currency", with("card", &six), "/installments", "MXN and JPY"),
        ("count", with("alipay_wap", &json!({ "count": 24 })), "/installments/count", "3, 6, 12 installments, not 24"),
        ("one", with("unionpay_app", &json!({ "count": 1 })), "/installments/count", "3, 6, 9, 12, 18, 24"),
        ("negative", with("alipay_qr", &json!({ "count": -3 })), "/installments/count", "not -3"),
        ("no count", with("alipay_qr", &json!({ "fees": "payer" })), "/installments/count", "missing"),
        ("text", with("alipay_qr", &json!({ "count": "3" })), "/installments/count", "whole number"),
        ("fraction", with("alipay_qr", &json!({ "count": 3.5 })), "/installments/count", "whole number"),
        ("who", with("alipay_qr", &json!({ "count": 3, "fees": "bank" })), "/installments/fees", "`payer`"),
        ("contract", with("unionpay_web", &json!({ "count": 3, "fees": "payer" })), "/installments/fees", "contract"),
        ("member", with("alipay_qr", &json!({ "count": 3, "months": 3 })), "/installments/months", "not a member"),
        ("list", with("alipay_qr", &json!([3])), "/installments", "must be an object"),
        (
            "offers",
            order_with(&json!({ "method": null, "offers": ["alipay_qr"], "installments": six })),
            "/installments",
            "the payer's pick",
        ),
        (
            "parts",
            order_with(&json!({
                "method": null, "installments": six, "payments": [{ "method": "alipay_qr", "amount_minor": 12_800 }],
            })),
            "/installments",
            "each of `payments`",
        ),
    ] {
        let answer =
            house.post("/v1/orders", &format!("key-{}", name.replace(' ', "-")), body.to_string()).await.expect(422);
        let errors = answer.json()["errors"].clone();
        let found = errors.as_array().unwrap().iter().find(|e| e["pointer"] == pointer);
        let message = found.unwrap_or_else(|| panic!("{name}: {errors}"))["message"].clone();
        assert!(text(&message).contains(words), "{name}: {message}");
    }
    assert_eq!(house.fingerprint().await, before);
    assert_eq!(bursar_core::Clock::now(house.clock.as_ref()), START);
}

#[tokio::test]
async fn a_pick_a_part_and_another_payment_may_ask_for_them_too() {
    let house = house().await;
    let offering = order_with(&json!({ "method": null, "offers": ["alipay_qr", "wechat_native"] }));
    let order = house.post("/v1/orders", "o-1", offering.to_string()).await.expect(201).json();
    let path = format!("/v1/orders/{}", text(&order["id"]));
    let methods = house.get(&format!("{path}/methods")).await.expect(200).json()["methods"].clone();
    let counts = |name: &str| {
        methods.as_array().unwrap().iter().find(|m| m["method"] == name).unwrap().get("installments").cloned()
    };
    assert_eq!((counts("alipay_qr"), counts("wechat_native")), (Some(json!([3, 6, 12])), None));
    let wrong = json!({ "method": "wechat_native", "installments": { "count": 3 } });
    let refused = house.post(&format!("{path}/pick"), "p-1", wrong.to_string()).await.expect(422);
    assert_eq!(refused.pointers(), ["/installments"]);
    let pick = json!({ "method": "alipay_qr", "installments": { "count": 3 } });
    let picked = house.post(&format!("{path}/pick"), "p-2", pick.to_string()).await.expect(201).json();
    assert_eq!(picked["payments"][0]["installments"], json!({ "count": 3, "fees": "payer" }));

    let parts = json!([
        { "method": "unionpay_app", "amount_minor": 10_000, "installments": { "count": 9 } },
        { "method": "wechat_native", "amount_minor": 2_800 },
    ]);
    let combined = order_with(&json!({ "number": "n-2", "method": null, "payments": parts }));
    let combined = house.post("/v1/orders", "o-2", combined.to_string()).await.expect(201).json();
    assert_eq!(kept(&house, &combined).await, [Some(Installments { count: 9, fees: None }), None]);
    let mut wrong = parts.clone();
    wrong[0]["installments"]["count"] = json!(8);
    let wrong = order_with(&json!({ "number": "n-3", "method": null, "payments": wrong }));
    let refused = house.post("/v1/orders", "o-3", wrong.to_string()).await.expect(422);
    assert_eq!(refused.pointers(), ["/payments/0/installments/count"]);

    let open = house.order("n-4").await;
    let more = json!({ "method": "alipay_page", "installments": { "count": 12, "fees": "merchant" } });
    let path = format!("/v1/orders/{}/payments", text(&open["id"]));
    let added = house.post(&path, "a-1", more.to_string()).await.expect(201).json();
    assert_eq!(added["payments"][1]["installments"], json!({ "count": 12, "fees": "merchant" }));
}
