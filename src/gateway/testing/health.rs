//! Health and metrics.

use super::House;

#[tokio::test]
async fn living_is_not_readiness_and_readiness_says_what_is_wrong() {
    let house = House::new().await;
    house.get("/livez").await.expect(200);
    assert_eq!(house.get("/readyz").await.expect(200).json()["database"], "sqlite");
    house.lose_database().await;
    house.get("/livez").await.expect(200);
    let answer = house.get("/readyz").await.expect(503);
    assert_eq!(answer.problem(), "not-ready");
    assert_eq!(answer.pointers(), ["database"]);
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn a_lost_database_is_a_problem_that_says_try_again() {
    let house = House::new().await;
    house.order("n-1").await;
    house.lose_database().await;
    let body = super::order_with(&serde_json::json!({ "number": "n-2" })).to_string();
    let answer = house.post("/v1/orders", "k2", body).await.expect(503);
    assert_eq!(answer.problem(), "unavailable");
    assert_eq!(answer.headers["retry-after"], "1");
}

#[tokio::test]
async fn metrics_count_by_route_template_and_never_by_path() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let id = order["id"].as_str().unwrap();
    house.get(&format!("/v1/orders/{id}")).await.expect(200);
    house.get("/v1/orders/nonsense").await.expect(404);
    house.get("/secret-path").await.expect(404);
    let answer = house.get("/metrics").await.expect(200);
    let text = answer.text();
    for line in [
        "bursar_http_requests_total{route=\"/v1/orders\",status=\"201\"} 1",
        "bursar_http_requests_total{route=\"/v1/orders/{id}\",status=\"200\"} 1",
        "bursar_http_requests_total{route=\"/v1/orders/{id}\",status=\"404\"} 1",
        "bursar_http_requests_total{route=\"unmatched\",status=\"404\"} 1",
        "bursar_notifications_total{channel=\"wechat\",verdict=\"bad_signature\"} 0",
        "bursar_channel_requests_total{channel=\"fake\",verb=\"create\",outcome=\"done\"} 0",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} is missing in\n{text}");
    }
    assert!(!text.contains(id) && !text.contains("secret-path"));
}
