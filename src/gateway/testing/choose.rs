//! Orders whose payers choose, and what is held on a card.

use bursar_core::channel::Method;
use bursar_core::choosing::MethodRule;
use bursar_core::job::JobKind;
use bursar_core::merchant::MerchantPolicy;
use bursar_core::observation::{Claim, Hold, Observation, Receipt, Source};
use serde_json::{Value, json};

use super::{Answer, House, order_with, payment_at, text};

fn offering() -> Value {
    order_with(&json!({ "method": null, "offers": ["wechat_native", "wechat_h5", "cash"], "customer": "c-7" }))
}

impl House {
    /// An order whose payer has not chosen yet.
    pub async fn offering_order(&self, number: &str) -> Value {
        let mut body = offering();
        body["number"] = json!(number);
        self.post("/v1/orders", &format!("key-{number}"), body.to_string()).await.expect(201).json()
    }

    /// An order whose amount is held on a card.
    pub async fn authorized_order(&self, number: &str) -> Value {
        let body = order_with(&json!({ "method": "card_hold", "number": number }));
        let order = self.post("/v1/orders", &format!("key-{number}"), body.to_string()).await.expect(201).json();
        self.accept_payment(payment_at(&order, 0)).await;
        self.authorize(&order).await;
        order
    }

    async fn authorize(&self, order: &Value) {
        let now = bursar_core::Clock::now(self.clock.as_ref());
        let receipt = Receipt {
            transaction_id: "pi_1".into(),
            amount_minor: 12_800,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: now,
        };
        let held = Observation::new(Source::Query, now, Claim::Authorized(Hold { receipt, lapses_at: None }));
        let done = |_: &bursar_core::order::Dossier| bursar_store::Settlement::Done;
        self.desk.observe(payment_at(order, 0), &held, None, None, done).await.unwrap();
    }
}

async fn pick(house: &House, order: &Value, key: &str, body: &Value) -> Answer {
    house.post(&format!("/v1/orders/{}/pick", text(&order["id"])), key, body.to_string()).await
}

async fn methods(house: &House, order: &Value, query: &str) -> Vec<Value> {
    let path = format!("/v1/orders/{}/methods{query}", text(&order["id"]));
    house.get(&path).await.expect(200).json()["methods"].as_array().unwrap().clone()
}

fn native() -> Value {
    json!({ "method": "wechat_native" })
}

#[tokio::test]
async fn a_payer_chooses_among_what_is_offered_and_sees_why_not() {
    let house = House::new().await;
    let order = house.post("/v1/orders", "k1", offering().to_string()).await.expect(201).json();
    assert_eq!((&order["state"], &order["payments"]), (&json!("created"), &json!([])));
    assert_eq!(order["offers"], json!(["wechat_native", "wechat_h5", "cash"]));
    assert!(house.jobs().await.iter().any(|j| j.key.kind == JobKind::ExpireOrder));
    let shown = methods(&house, &order, "").await;
    assert_eq!((&shown[0]["method"], &shown[0]["available"]), (&json!("wechat_native"), &json!(true)));
    assert_eq!((&shown[2]["method"], &shown[2]["available"]), (&json!("cash"), &json!(false)));
    assert_eq!(shown[2]["why"], "the merchant has no cash account");
    let answer = pick(&house, &order, "p1", &native()).await.expect(201);
    let after = answer.json();
    assert_eq!((&after["state"], &after["payments"][0]["amount_minor"]), (&json!("paying"), &json!(12_800)));
    let before = house.fingerprint().await;
    let again = pick(&house, &order, "p1", &native()).await.expect(201);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (answer.bytes, &"true".parse().unwrap()));
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn what_a_customer_paid_by_last_is_shown_first() {
    let house = House::new().await;
    let first = house.offering_order("n-1").await;
    let h5 = json!({ "method": "wechat_h5", "payer": { "client_ip": "203.0.113.9" } });
    let picked = pick(&house, &first, "p1", &h5).await.expect(201).json();
    house.accept_payment(payment_at(&picked, 0)).await;
    house.pay(payment_at(&picked, 0), 12_800).await;
    let second = house.offering_order("n-2").await;
    let shown = methods(&house, &second, "").await;
    assert_eq!((&shown[0]["method"], &shown[1]["method"]), (&json!("wechat_h5"), &json!("wechat_native")));
    assert!(shown[0]["last_paid_at"].is_string() && shown[1].get("last_paid_at").is_none(), "{shown:?}");
}

#[tokio::test]
async fn a_second_choice_waits_until_the_first_can_take_no_money() {
    let house = House::new().await;
    let order = house.post("/v1/orders", "k1", offering().to_string()).await.expect(201).json();
    pick(&house, &order, "p1", &native()).await.expect(201);
    let order = house.again(&order).await;
    let first = payment_at(&order, 0);
    house.accept_payment(first).await;
    let h5 = json!({ "method": "wechat_h5", "payer": { "client_ip": "203.0.113.9" } });
    let after = pick(&house, &order, "p2", &h5).await.expect(201).json();
    assert_eq!((&after["state"], &after["payments"][0]["state"]), (&json!("paying"), &json!("closing")));
    let second = payment_at(&after, 1);
    let creating = |jobs: Vec<bursar_store::JobRow>| {
        jobs.iter().any(|j| j.key.kind == JobKind::CreatePayment && j.key.subject == second.uuid())
    };
    assert!(!creating(house.jobs().await));
    // He pays the first after all.
    house.pay(first, 12_800).await;
    let shown = house.again(&order).await;
    assert_eq!((&shown["state"], &shown["payments"][1]["state"]), (&json!("paid"), &json!("declined")));
    assert!(!creating(house.jobs().await));
    let late = pick(&house, &order, "p3", &native()).await.expect(409).json();
    assert_eq!(late["type"], "/problems/order-takes-no-payment");
}

#[tokio::test]
async fn rules_of_the_merchant_keep_a_method_from_being_chosen() {
    let rule = MethodRule { regions: vec!["上海".into()], ..MethodRule::default() };
    let cheap = MethodRule { max_minor: Some(12_799), ..MethodRule::default() };
    let methods_of = [(Method::WechatNative, rule), (Method::WechatH5, cheap)].into_iter().collect();
    let house = House::with_policy(MerchantPolicy { methods: methods_of, ..MerchantPolicy::default() }).await;
    let order = house.post("/v1/orders", "k1", offering().to_string()).await.expect(201).json();
    let shown = methods(&house, &order, "?region=%E5%8C%97%E4%BA%AC").await;
    assert!(shown.iter().all(|m| m["available"] == false), "{shown:?}");
    let there = json!({ "method": "wechat_native", "region": "北京" });
    let refused = pick(&house, &order, "p1", &there).await.expect(409).json();
    assert_eq!(refused["type"], "/problems/method-unavailable");
    assert!(text(&refused["detail"]).contains("it is not taken in 北京"), "{refused}");
    let here = json!({ "method": "wechat_native", "region": "上海" });
    pick(&house, &order, "p2", &here).await.expect(201);
}

#[tokio::test]
async fn what_is_not_offered_or_nonsense_is_refused_and_nothing_changes() {
    let house = House::new().await;
    let order = house.post("/v1/orders", "k1", offering().to_string()).await.expect(201).json();
    let named = house.order("n-1").await;
    let before = house.fingerprint().await;
    for (index, (body, status)) in [
        (json!({}), 422),
        (json!({ "method": "gold" }), 422),
        (json!({ "method": "wechat_jsapi" }), 422),
        (json!({ "method": "wechat_jsapi", "payer": { "openid": "o1" } }), 409),
        (json!({ "method": "card" }), 409),
        (json!({ "method": "wechat_native", "region": "" }), 422),
        (json!({ "method": "wechat_native", "amount_minor": 1 }), 422),
    ]
    .into_iter()
    .enumerate()
    {
        pick(&house, &order, &format!("p-{index}"), &body).await.expect(status);
    }
    pick(&house, &named, "p9", &native()).await.expect(409);
    assert_eq!(methods(&house, &named, "").await, Vec::<Value>::new());
    for (index, changes) in [
        json!({ "offers": ["wechat_native"] }),
        json!({ "method": null, "offers": [] }),
        json!({ "method": null, "offers": ["wechat_native", "wechat_native"] }),
        json!({ "method": null, "offers": ["gold"] }),
        json!({ "method": null, "offers": [1] }),
        json!({ "method": null, "offers": ["wechat_native"], "currency": "USD" }),
        json!({ "customer": "c-7" }),
        json!({ "method": null, "offers": ["wechat_native"], "customer": "王芳" }),
    ]
    .iter()
    .enumerate()
    {
        let mut body = order_with(changes);
        body["number"] = json!("n-9");
        house.post("/v1/orders", &format!("o-{index}"), body.to_string()).await.expect(422);
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn an_order_without_a_choice_is_closed_by_the_merchant_at_once() {
    let house = House::new().await;
    let order = house.post("/v1/orders", "k1", offering().to_string()).await.expect(201).json();
    let closed = house.post(&format!("/v1/orders/{}/close", text(&order["id"])), "c", "").await.expect(200).json();
    assert_eq!((&closed["state"], &closed["close_reason"]), (&json!("closed"), &json!("by the merchant")));
    assert!(!house.jobs().await.iter().any(|j| j.key.kind == JobKind::ExpireOrder));
}

#[tokio::test]
async fn what_is_held_is_captured_once_and_only_when_it_is_held() {
    let house = House::new().await;
    let body = order_with(&json!({ "method": "card_hold" }));
    let order = house.post("/v1/orders", "k1", body.to_string()).await.expect(201).json();
    let path = format!("/v1/orders/{}/capture", text(&order["id"]));
    let by = json!({ "by": "Li Na" }).to_string();
    let early = house.post(&path, "c1", by.clone()).await.expect(409).json();
    assert_eq!(early["type"], "/problems/nothing-authorized");
    house.accept_payment(payment_at(&order, 0)).await;
    house.authorize(&order).await;
    assert_eq!(house.again(&order).await["payments"][0]["state"], "authorized");
    house.post(&path, "c2", json!({}).to_string()).await.expect(422);
    let answer = house.post(&path, "c3", by.clone()).await.expect(202);
    assert_eq!(answer.json()["payments"][0]["state"], "capturing");
    assert!(house.jobs().await.iter().any(|j| j.key.kind == JobKind::CapturePayment));
    assert_eq!(house.post(&path, "c3", by.clone()).await.expect(202).bytes, answer.bytes);
    house.post(&path, "c4", by).await.expect(409);
    house.post_as_other(&path, "c5", &json!({ "by": "x" })).await.expect(404);
}
