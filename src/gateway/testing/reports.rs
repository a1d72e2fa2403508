//! Reports: what they say, in JSON and for spreadsheets, and of whose business.

use axum::body::Body;
use serde_json::{Value, json};

use super::{House, order_with, payment_id, text};

async fn sold(house: &House, number: &str, service: &str, paid: bool) -> Value {
    let body = order_with(&json!({ "number": number, "service": service, "region": "上海, 浦东" }));
    let order = house.post("/v1/orders", &format!("key-{number}"), body.to_string()).await.expect(201).json();
    assert_eq!((&order["service"], &order["region"]), (&json!(service), &json!("上海, 浦东")));
    if paid {
        house.accept(&order).await;
        house.pay(payment_id(&order), 12_800).await;
    }
    order
}

async fn csv(house: &House, path: &str) -> String {
    let answer = house.send(house.request("GET", path, &[("accept", "text/csv")], Body::empty())).await.expect(200);
    assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
    answer.text()
}

#[tokio::test]
async fn insights_tell_takings_apart_by_what_is_asked_for() {
    let house = House::new().await;
    sold(&house, "n-1", "=cleaning", true).await;
    sold(&house, "n-2", "nanny", true).await;
    sold(&house, "n-3", "nanny", false).await;
    let report = house.get("/v1/reports/insights?group_by=service,region").await.expect(200).json();
    assert_eq!(report["group_by"], json!(["region", "service"]));
    let rows = report["rows"].as_array().unwrap();
    let nanny = rows.iter().find(|r| r["service"] == "nanny").unwrap();
    assert_eq!((&nanny["payments"], &nanny["paid"], &nanny["taken_minor"]), (&json!(2), &json!(1), &json!(12_800)));
    assert_eq!((&nanny["share_basis_points"], &nanny["success_rate_basis_points"]), (&json!(5_000), &json!(10_000)));
    assert!(nanny["median_seconds"].is_i64() && nanny.get("method").is_none());
    let table = csv(&house, "/v1/reports/insights?group_by=service,region").await;
    assert!(table.starts_with("region,service,currency,payments,"), "{table}");
    assert!(table.contains("\"上海, 浦东\",'=cleaning,CNY,1,1,0,10000,12800,5000,"), "{table}");
    let whole = house.get("/v1/reports/insights").await.expect(200).json();
    assert_eq!((whole["rows"].as_array().unwrap().len(), &whole["rows"][0]["taken_minor"]), (1, &json!(25_600)));
    let foreign = house.get_as_other("/v1/reports/insights").await.expect(200).json();
    assert_eq!(foreign["rows"], json!([]));
    let earlier = house.get("/v1/reports/insights?from=2026-10-01&to=2026-11-21").await.expect(200).json();
    assert_eq!(earlier["rows"], json!([]));
}

#[tokio::test]
async fn reasons_of_failure_are_told() {
    let house = House::new().await;
    let order = sold(&house, "n-1", "nanny", false).await;
    house
        .post(
            &format!("/v1/orders/{}/close", text(&order["id"])),
            "close",
            json!({ "reason": "nobody came" }).to_string(),
        )
        .await
        .expect(200);
    let report = house.get("/v1/reports/insights?group_by=channel").await.expect(200).json();
    let failed = &report["failures"][0];
    assert_eq!(
        (&failed["reason"], &failed["count"], &failed["channel"]),
        (&json!("by the merchant: nobody came"), &json!(1), &json!("wechat"))
    );
    assert_eq!(report["rows"][0]["success_rate_basis_points"], 0);
}

#[tokio::test]
async fn a_settlement_says_what_is_not_known_yet_and_why() {
    let house = House::new().await;
    sold(&house, "n-1", "nanny", true).await;
    let report = house.get("/v1/reports/settlement").await.expect(200).json();
    let row = &report["rows"][0];
    assert_eq!((&row["channel"], &row["account_id"]), (&json!("wechat"), &json!(house.account.to_string())));
    assert_eq!((&row["gross_minor"], &row["refunds_minor"]), (&json!(12_800), &json!(0)));
    assert_eq!(
        (&row["fees_minor"], &row["net_minor"], &row["paid_out_minor"]),
        (&Value::Null, &Value::Null, &json!(0))
    );
    assert_eq!(row["why"], "the channel's bill of this day is not here yet");
    let table = csv(&house, "/v1/reports/settlement").await;
    let line = table.lines().nth(1).unwrap();
    assert!(line.ends_with(",CNY,12800,0,0,,,,0,,the channel's bill of this day is not here yet"), "{line}");
    assert_eq!(house.get_as_other("/v1/reports/settlement").await.expect(200).json()["rows"], json!([]));
}

#[tokio::test]
async fn ranges_and_groups_that_make_no_sense_are_refused() {
    let house = House::new().await;
    for (path, parameter) in [
        ("insights?group_by=weather", "group_by"),
        ("insights?from=2026-11-31", "from"),
        ("insights?from=2026-11-22&to=2026-11-21", "from"),
        ("insights?from=2025-01-01&to=2026-11-21", "from"),
        ("insights?to=tomorrow", "to"),
        ("settlement?group_by=day", "group_by"),
        ("settlement?from=0001-01-01", "from"),
    ] {
        assert_eq!(house.get(&format!("/v1/reports/{path}")).await.expect(400).pointers(), [parameter], "{path}");
    }
}
