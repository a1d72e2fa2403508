//! The timeline and the sentence about what comes next.

use bursar_core::observation::Claim;
use serde_json::Value;

use super::House;

async fn timeline(house: &House, order: &Value) -> Value {
    house.get(&format!("/v1/orders/{}/timeline", order["id"].as_str().unwrap())).await.expect(200).json()
}

fn kinds(timeline: &Value) -> Vec<(String, String)> {
    let text = |e: &Value, name: &str| e[name].as_str().unwrap().to_owned();
    timeline["entries"].as_array().unwrap().iter().map(|e| (text(e, "kind"), text(e, "what"))).collect()
}

fn next(timeline: &Value) -> &str {
    timeline["next"].as_str().unwrap()
}

#[tokio::test]
async fn the_timeline_tells_everything_in_the_order_of_time_and_what_comes_next() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let view = timeline(&house, &order).await;
    assert_eq!(
        next(&view),
        "The order is accepted; the channel was not called yet. The channel is called as soon as a worker is free."
    );
    let payment = house.accept(&order).await;
    let view = timeline(&house, &order).await;
    let expected = format!("The payer has not paid yet and may until {}.", order["expires_at"].as_str().unwrap());
    assert!(next(&view).starts_with(&expected), "{view}");
    assert!(next(&view).contains("The channel is asked where it stands in 5 s"), "{view}");
    house.pay(payment, 12_800).await;
    let view = timeline(&house, &order).await;
    assert_eq!(view["state"], "paid");
    assert!(next(&view).starts_with("Paid and final."), "{view}");
    let kinds = kinds(&view);
    for wanted in [
        ("order", "created"),
        ("observation", "sending"),
        ("observation", "accepted"),
        ("observation", "paid"),
        ("event", "order.paid"),
    ] {
        assert!(kinds.iter().any(|(k, w)| (k.as_str(), w.as_str()) == wanted), "{wanted:?} is missing in {kinds:?}");
    }
    let times: Vec<&str> = view["entries"].as_array().unwrap().iter().map(|e| e["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted());
}

#[tokio::test]
async fn unknown_held_and_closing_payments_say_why() {
    let house = House::new().await;
    let unknown = house.order("n-1").await;
    let payment = super::payment_id(&unknown);
    house.observe(payment, Claim::Sending).await;
    house.observe(payment, Claim::NoAnswer { why: "time-out".into() }).await;
    let view = timeline(&house, &unknown).await;
    assert!(next(&view).contains("nobody knows yet whether it arrived"), "{view}");
    let held = house.order("n-2").await;
    let payment = house.accept(&held).await;
    house.pay(payment, 1).await;
    let view = timeline(&house, &held).await;
    assert!(next(&view).starts_with("A person must answer: "), "{view}");
    assert!(kinds(&view).contains(&("question".to_owned(), "integrity_hold".to_owned())), "{view}");
    let closing = house.order("n-3").await;
    house.accept(&closing).await;
    house.post(&format!("/v1/orders/{}/close", closing["id"].as_str().unwrap()), "c", "").await.expect(202);
    let view = timeline(&house, &closing).await;
    assert!(next(&view).starts_with("It is being closed (by the merchant)"), "{view}");
}
