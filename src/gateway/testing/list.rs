//! Lists and single orders: filters, pages, and whose orders they are.

use serde_json::Value;

use super::House;

fn numbers(page: &Value) -> Vec<String> {
    page["orders"].as_array().unwrap().iter().map(|o| o["number"].as_str().unwrap().to_owned()).collect()
}

async fn seven(house: &House) -> Vec<Value> {
    let mut orders = Vec::new();
    for i in 0..7 {
        house.clock.advance_ms(1_000);
        orders.push(house.order(&format!("n-{i}")).await);
    }
    orders
}

#[tokio::test]
async fn pages_follow_each_other_newest_first_without_gaps_or_repetitions() {
    let house = House::new().await;
    seven(&house).await;
    let (mut seen, mut path) = (Vec::new(), "/v1/orders?limit=3".to_owned());
    loop {
        let page = house.get(&path).await.expect(200).json();
        seen.extend(numbers(&page));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/v1/orders?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, ["n-6", "n-5", "n-4", "n-3", "n-2", "n-1", "n-0"]);
}

#[tokio::test]
async fn filters_by_state_number_and_time_hold_alone_and_together() {
    let house = House::new().await;
    let orders = seven(&house).await;
    let payment = house.accept(&orders[2]).await;
    house.pay(payment, 12_800).await;
    let get = async |query: &str| numbers(&house.get(&format!("/v1/orders?{query}")).await.expect(200).json());
    assert_eq!(get("state=paid").await, ["n-2"]);
    assert_eq!(get("number=n-4").await, ["n-4"]);
    assert_eq!(get("number=n-4&state=paid").await, Vec::<String>::new());
    let (from, to) = (orders[3]["created_at"].as_str().unwrap(), orders[5]["created_at"].as_str().unwrap());
    assert_eq!(get(&format!("created_from={from}&created_to={to}")).await, ["n-4", "n-3"]);
}

#[tokio::test]
async fn bad_parameters_are_named_and_nothing_is_listed() {
    let house = House::new().await;
    seven(&house).await;
    let cursor = house.get("/v1/orders?limit=3").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let tampered = format!("{}{}", if cursor.starts_with('A') { "B" } else { "A" }, &cursor[1..]);
    for (query, parameter) in [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=101", "limit"),
        ("limit=1000000000", "limit"),
        ("limit=ten", "limit"),
        ("state=PAID", "state"),
        ("number=", "number"),
        ("created_from=yesterday", "created_from"),
        ("created_to=2026-11-22T09:00:00+08:00", "created_to"),
        ("cursor=x", "cursor"),
        (&format!("cursor={tampered}"), "cursor"),
        (&format!("cursor={cursor}&state=paid"), "cursor"),
        ("page=2", "page"),
        ("limit=3&limit=4", "limit"),
    ] {
        let answer = house.get(&format!("/v1/orders?{query}")).await.expect(400);
        assert_eq!(answer.problem(), "invalid-parameter", "{query}");
        assert_eq!(answer.pointers(), [parameter], "{query}");
    }
}

#[tokio::test]
async fn another_merchants_orders_do_not_exist() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let id = order["id"].as_str().unwrap();
    for path in [format!("/v1/orders/{id}"), format!("/v1/orders/{id}/timeline")] {
        house.get(&path).await.expect(200);
        let foreign = house.get_as_other(&path).await.expect(404);
        assert_eq!(foreign.problem(), "not-found");
        assert!(!foreign.text().contains("n-1"));
    }
    assert_eq!(numbers(&house.get_as_other("/v1/orders?number=n-1").await.expect(200).json()), Vec::<String>::new());
    for bad in ["x", "ord_", "..%2f..%2fetc%2fpasswd", "%ff", "ord_ZZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
        assert_eq!(house.get(&format!("/v1/orders/{bad}")).await.expect(404).problem(), "not-found", "{bad}");
    }
}
