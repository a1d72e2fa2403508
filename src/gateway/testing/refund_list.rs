//! Lists of refunds: filters, pages, and whose refunds they are.

use serde_json::{Value, json};

use super::{House, text};

fn ids(page: &Value) -> Vec<String> {
    page["refunds"].as_array().unwrap().iter().map(|r| text(&r["id"]).to_owned()).collect()
}

/// Two orders with two and three refunds; all refunds, oldest first.
async fn five(house: &House) -> (Value, Vec<Value>) {
    let (first, second) = (house.paid_order("n-1").await, house.paid_order("n-2").await);
    let mut refunds = Vec::new();
    for (i, order) in [&first, &second, &first, &second, &second].into_iter().enumerate() {
        house.clock.advance_ms(1_000);
        let body = json!({ "reason": "x", "amount_minor": 100 });
        refunds.push(house.refund(order, &format!("r{i}"), &body).await.expect(202).json());
    }
    (first, refunds)
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_without_gaps_or_repetitions() {
    let house = House::new().await;
    let (_, refunds) = five(&house).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/refunds?limit=2".to_owned());
    loop {
        let page = house.get(&path).await.expect(200).json();
        seen.extend(ids(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/refunds?limit=2&cursor={cursor}");
    }
    let newest_first: Vec<String> = refunds.iter().rev().map(|r| text(&r["id"]).to_owned()).collect();
    assert_eq!(seen, newest_first);
    assert_eq!(house.get("/v1/refunds").await.expect(200).json()["refunds"][4]["legs"][0]["state"], "reserved");
    assert_eq!(ids(&house.get_as_other("/v1/refunds").await.expect(200).json()), Vec::<String>::new());
}

#[tokio::test]
async fn filters_by_order_and_state_hold_alone_and_together() {
    let house = House::new().await;
    let (order, refunds) = five(&house).await;
    house.refund_told(&refunds[2], vec![house.refund_receipt(100)]).await;
    let id = |i: usize| text(&refunds[i]["id"]).to_owned();
    let get = async |query: &str| ids(&house.get(&format!("/v1/refunds?{query}")).await.expect(200).json());
    let order = text(&order["id"]);
    assert_eq!(get(&format!("order={order}")).await, [id(2), id(0)]);
    assert_eq!(get("state=succeeded").await, [id(2)]);
    assert_eq!(get(&format!("state=running&order={order}")).await, [id(0)]);
    assert_eq!(get("order=ord_00000000000000000000000000").await, Vec::<String>::new());
}

#[tokio::test]
async fn bad_parameters_are_named_and_nothing_is_listed() {
    let house = House::new().await;
    five(&house).await;
    let cursor = house.get("/v1/refunds?limit=2").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let orders = house.get("/v1/orders?limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let tampered = format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]);
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=1000000000", "limit"),
        ("state=RUNNING", "state"),
        ("state=paid", "state"),
        ("order=x", "order"),
        ("order=rfd_00000000000000000000000000", "order"),
        (&format!("cursor={tampered}"), "cursor"),
        (&format!("cursor={orders}"), "cursor"),
        (&format!("cursor={cursor}&state=running"), "cursor"),
        ("merchant=x", "merchant"),
        ("limit=3&limit=4", "limit"),
    ] {
        let answer = house.get(&format!("/v1/refunds?{query}")).await.expect(400);
        assert_eq!(answer.problem(), "invalid-parameter", "{query}");
        assert_eq!(answer.pointers(), [parameter], "{query}");
    }
}
