//! Money that came for a closed order, and what a merchant answers about it.

use bursar_core::job::JobKind;
use bursar_core::merchant::{AfterClose, MerchantPolicy};
use serde_json::{Value, json};

use super::{Answer, House, order_with, payment_at, text};

async fn parking() -> House {
    let after_close = AfterClose::Park { deadline_ms: 3 * 86_400_000 };
    House::with_policy(MerchantPolicy { after_close, ..MerchantPolicy::default() }).await
}

/// An order that was closed before its money came.
async fn late(house: &House, number: &str) -> Value {
    let order = house.order(number).await;
    let close = format!("/v1/orders/{}/close", text(&order["id"]));
    house.post(&close, &format!("c-{number}"), "").await.expect(200);
    house.pay(payment_at(&order, 0), 12_800).await;
    house.again(&order).await
}

async fn answer(house: &House, order: &Value, key: &str, body: &Value) -> Answer {
    house.post(&format!("/v1/orders/{}/late-money", text(&order["id"])), key, body.to_string()).await
}

#[tokio::test]
async fn kept_money_makes_the_order_paid_after_all() {
    let house = parking().await;
    let order = late(&house, "n-1").await;
    assert_eq!(
        (&order["state"], &order["late_money"], &order["refunds"]),
        (&json!("closed"), &json!(true), &json!([]))
    );
    let body = json!({ "answer": "keep", "by": "Li Na" });
    let first = answer(&house, &order, "l1", &body).await.expect(200);
    let kept = first.json();
    assert_eq!((&kept["state"], &kept["refunds"]), (&json!("paid"), &json!([])));
    assert!(house.store.parked(None, 10).await.unwrap().is_empty());
    assert!(house.jobs().await.iter().all(|j| j.key.kind != JobKind::SettleLateMoney));
    let again = answer(&house, &order, "l1", &body).await.expect(200);
    assert_eq!((again.bytes, &again.headers["idempotency-replayed"]), (first.bytes, &"true".parse().unwrap()));
    let before = house.fingerprint().await;
    for said in ["keep", "refund"] {
        let late = answer(&house, &order, "l2", &json!({ "answer": said, "by": "Zhao" })).await.expect(409);
        assert_eq!((late.problem().as_str(), &late.json()["order_state"]), ("no-late-money-question", &json!("paid")));
    }
    assert_eq!(house.fingerprint().await, before);
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).text();
    assert!(timeline.contains("merchant: the late money is kept and the order paid: Li Na"), "{timeline}");
}

#[tokio::test]
async fn money_that_is_not_kept_goes_back() {
    let house = parking().await;
    let order = late(&house, "n-1").await;
    let body = json!({ "answer": "refund", "by": "Li Na", "payment": order["payments"][0]["id"] });
    let back = answer(&house, &order, "l1", &body).await.expect(200).json();
    assert_eq!((&back["state"], &back["refunds"][0]["cause"]), (&json!("closed"), &json!("late_money")));
    assert_eq!(back["payments"][0]["returned_minor"], 12_800);
    assert!(house.store.parked(None, 10).await.unwrap().is_empty());
    let timeline = house.get(&format!("/v1/orders/{}/timeline", text(&order["id"]))).await.expect(200).json();
    assert!(
        text(&timeline["next"]).starts_with("Closed; money came after that. 128.00 CNY is being refunded"),
        "{timeline}"
    );
}

#[tokio::test]
async fn without_an_open_question_there_is_nothing_to_answer() {
    let house = House::new().await;
    let refunded = late(&house, "n-1").await;
    let paid = house.paid_order("n-2").await;
    let open = house.order("n-3").await;
    assert_eq!(refunded["refunds"][0]["cause"], "late_money", "by default it goes back at once");
    let before = house.fingerprint().await;
    for (order, state) in [(&refunded, "closed"), (&paid, "paid"), (&open, "paying")] {
        for said in ["keep", "refund"] {
            let answer = answer(&house, order, "l1", &json!({ "answer": said, "by": "Li Na" })).await.expect(409);
            assert_eq!(answer.problem(), "no-late-money-question");
            assert_eq!(answer.json()["order_state"], state);
        }
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn a_part_is_kept_only_when_it_makes_the_order_whole_and_several_must_be_named() {
    let house = parking().await;
    let part = |minor: i64| json!({ "method": "wechat_native", "amount_minor": minor });
    let body = order_with(&json!({ "method": null, "payments": [part(5_000), part(7_800)] }));
    let order = house.post("/v1/orders", "k1", body.to_string()).await.expect(201).json();
    house.post(&format!("/v1/orders/{}/close", text(&order["id"])), "c1", "").await.expect(200);
    house.pay(payment_at(&order, 0), 5_000).await;
    let before = house.fingerprint().await;
    let keep = json!({ "answer": "keep", "by": "Li Na" });
    let half = answer(&house, &order, "l1", &keep).await.expect(409);
    assert_eq!((half.problem().as_str(), &half.json()["missing_minor"]), ("late-money-not-whole", &json!(7_800)));
    assert_eq!(half.json()["captured_minor"], 5_000);
    assert_eq!(house.fingerprint().await, before);
    house.pay(payment_at(&order, 1), 7_800).await;
    let which = answer(&house, &order, "l1", &keep).await.expect(422);
    assert_eq!(which.pointers(), ["/payment"]);
    let foreign = json!({ "answer": "keep", "by": "Li Na", "payment": "pay_00000000000000000000000000" });
    assert_eq!(answer(&house, &order, "l1", &foreign).await.expect(422).pointers(), ["/payment"]);
    let one = json!({ "answer": "keep", "by": "Li Na", "payment": order["payments"][1]["id"] });
    assert_eq!(answer(&house, &order, "l1", &one).await.expect(200).json()["state"], "paid");
}

#[tokio::test]
async fn bad_members_are_refused_and_change_nothing() {
    let house = parking().await;
    let order = late(&house, "n-1").await;
    let before = house.fingerprint().await;
    for (body, pointer) in [
        (json!({ "by": "Li Na" }), "/answer"),
        (json!({ "answer": "maybe", "by": "Li Na" }), "/answer"),
        (json!({ "answer": true, "by": "Li Na" }), "/answer"),
        (json!({ "answer": "keep" }), "/by"),
        (json!({ "answer": "keep", "by": " " }), "/by"),
        (json!({ "answer": "keep", "by": "deadline" }), "/by"),
        (json!({ "answer": "keep", "by": "Li Na", "payment": "x" }), "/payment"),
        (json!({ "answer": "keep", "by": "Li Na", "payment": 7 }), "/payment"),
        (json!({ "answer": "keep", "by": "Li Na", "why": "x" }), "/why"),
    ] {
        assert_eq!(answer(&house, &order, "l1", &body).await.expect(422).pointers(), [pointer], "{body}");
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn of_two_answers_at_once_one_counts() {
    let house = parking().await;
    for round in 0..6 {
        let order = late(&house, &format!("n-{round}")).await;
        let (keep, back) = (json!({ "answer": "keep", "by": "Li Na" }), json!({ "answer": "refund", "by": "Zhao" }));
        let keys: Vec<String> = (0..8).map(|i| format!("l{round}-{i}")).collect();
        let said = keys
            .iter()
            .enumerate()
            .map(|(i, key)| answer(&house, &order, key, if (i + round) % 2 == 0 { &keep } else { &back }));
        let answers = futures::future::join_all(said).await;
        let shown = house.again(&order).await;
        let (kept, refunds) = (shown["state"] == "paid", shown["refunds"].as_array().unwrap().len());
        assert_eq!(refunds, usize::from(!kept), "{shown}");
        for answer in &answers {
            match answer.status {
                200 => assert_eq!(answer.json()["state"], shown["state"]),
                _ => assert_eq!((answer.status, answer.problem().as_str()), (409, "no-late-money-question")),
            }
        }
        assert!(answers.iter().any(|a| a.status == 200));
    }
}
