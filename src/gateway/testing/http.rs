//! The outside of HTTP: keys, addresses, methods, safety headers, load.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Request;

use super::{House, order_body};
use crate::GatewaySettings;
use crate::problem::Kind;

#[tokio::test]
async fn without_a_valid_key_every_order_address_is_closed() {
    let house = House::new().await;
    let order = house.order("n-1").await;
    let id = order["id"].as_str().unwrap();
    let mut wrong_secret = house.key.clone();
    let last = if wrong_secret.pop() == Some('A') { 'E' } else { 'A' };
    wrong_secret.push(last);
    let unknown = format!("bk_{}_{}", "0".repeat(26), &house.key[30..]);
    let swapped = format!("{}_{}", &house.key[..29], &house.other_key[30..]);
    for value in ["", "Bearer", "Bearer x", "Basic eDp5", &house.key, &wrong_secret, &unknown, &swapped] {
        let value =
            if value.starts_with("bk_") && value != house.key { format!("Bearer {value}") } else { value.to_owned() };
        for (method, path) in [
            ("GET", "/v1/orders".to_owned()),
            ("POST", "/v1/orders".to_owned()),
            ("GET", format!("/v1/orders/{id}")),
            ("GET", format!("/v1/orders/{id}/timeline")),
            ("POST", format!("/v1/orders/{id}/close")),
        ] {
            let request = Request::builder().method(method).uri(&path).header("authorization", &value);
            let answer = house.send(request.body(Body::empty()).unwrap()).await.expect(401);
            assert_eq!(answer.problem(), "unauthorized", "{method} {path} {value}");
            assert!(answer.headers.contains_key("www-authenticate"));
            assert!(!answer.text().contains(&house.key[30..]), "a secret is never repeated");
        }
    }
}

#[tokio::test]
async fn a_revoked_key_is_no_key() {
    let house = House::new().await;
    let id = house.key[3..29].to_owned();
    let id = bursar_core::id::ApiKeyId(bursar_core::id::from_text(&id).unwrap());
    let key = house.store.api_key(id).await.unwrap().unwrap();
    let revoked = bursar_core::merchant::ApiKey { revoked_at: Some(super::START), ..key };
    house.store.put_api_key(&revoked).await.unwrap();
    assert_eq!(house.get("/v1/orders").await.expect(401).problem(), "unauthorized");
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems_too() {
    let house = House::new().await;
    for path in ["/v1", "/v1/nothing", "/x", "/v1/orders/a/b/c", "/notify", "//"] {
        assert_eq!(house.get(path).await.expect(404).problem(), "not-found", "{path}");
    }
    for (method, path) in
        [("DELETE", "/v1/orders"), ("PUT", "/v1/orders/x"), ("POST", "/livez"), ("GET", "/v1/orders/x/close")]
    {
        let answer = house.send(house.request(method, path, &[], Body::empty())).await.expect(405);
        assert_eq!(answer.problem(), "method-not-allowed", "{method} {path}");
        assert!(answer.headers.contains_key("allow"), "{method} {path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_safety_headers_and_only_the_docs_may_load_anything() {
    let house = House::new().await;
    for path in ["/", "/v1/orders", "/nothing", "/problems/internal", "/openapi.json", "/metrics"] {
        let answer = house.get(path).await;
        assert_eq!(answer.headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(answer.headers["content-security-policy"], "default-src 'none'; frame-ancestors 'none'", "{path}");
    }
    let docs = house.get("/docs/").await.expect(200);
    assert!(docs.text().contains("swagger-ui"));
    assert!(docs.headers["content-security-policy"].to_str().unwrap().contains("default-src 'self'"));
}

#[tokio::test]
async fn every_problem_type_has_a_page_that_says_what_to_do() {
    let house = House::new().await;
    for kind in Kind::ALL {
        let page = house.get(&format!("/problems/{}", kind.slug())).await.expect(200);
        assert!(page.text().contains("What to do") && page.text().contains(kind.slug()), "{kind:?}");
        assert!(!page.text().contains('`'), "{kind:?}: backticks are for people who read source");
        assert!(kind.advice().len() > 20);
    }
    assert_eq!(house.get("/problems/%3Cscript%3E").await.expect(404).problem(), "not-found");
    let index = house.get("/").await.expect(200).text();
    assert!(index.contains("/problems/order-number-taken"));
}

#[tokio::test]
async fn a_body_that_never_ends_is_cut_off_by_size_and_one_that_never_comes_by_time() {
    let settings = GatewaySettings { body_timeout_ms: 50, ..GatewaySettings::default() };
    let house = House::with(settings).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let endless = futures::stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 8_192])));
    let answer =
        house.send(house.request("POST", "/v1/orders", &headers, Body::from_stream(endless))).await.expect(413);
    assert_eq!(answer.problem(), "body-too-large");
    let silent = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    let answer = house.send(house.request("POST", "/v1/orders", &headers, Body::from_stream(silent))).await.expect(408);
    assert_eq!(answer.problem(), "body-timeout");
}

#[tokio::test]
async fn above_the_limit_requests_are_turned_away_at_once_and_notifications_are_not() {
    let settings = GatewaySettings { max_in_flight: 1, ..GatewaySettings::default() };
    let house = Arc::new(House::with(settings).await);
    let (opened, open) = tokio::sync::oneshot::channel::<()>();
    let (started, running) = tokio::sync::oneshot::channel::<()>();
    let body = futures::stream::once(async move {
        let _ = started.send(());
        let _ = open.await;
        Ok::<_, std::io::Error>(Bytes::from(order_body().to_string()))
    });
    let slow = tokio::spawn({
        let house = house.clone();
        async move {
            let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
            house.send(house.request("POST", "/v1/orders", &headers, Body::from_stream(body))).await.status
        }
    });
    running.await.unwrap();
    let refused = house.get("/v1/orders").await.expect(503);
    assert_eq!(refused.problem(), "overloaded");
    assert_eq!(refused.headers["retry-after"], "1");
    house.get("/livez").await.expect(200);
    let notification = Request::post("/notify/wechat/nobody").body(Body::empty()).unwrap();
    house.send(notification).await.expect(404);
    opened.send(()).unwrap();
    assert_eq!(slow.await.unwrap(), 201);
    house.get("/v1/orders").await.expect(200);
}

#[tokio::test]
async fn a_request_that_takes_too_long_ends_in_a_problem() {
    let settings = GatewaySettings { request_timeout_ms: 30, ..GatewaySettings::default() };
    let house = House::with(settings).await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "k")];
    let silent = futures::stream::pending::<Result<Bytes, std::io::Error>>();
    let request = house.request("POST", "/v1/orders", &headers, Body::from_stream(silent));
    let answer = tokio::time::timeout(Duration::from_secs(20), house.send(request)).await.unwrap().expect(503);
    assert_eq!(answer.problem(), "timeout");
}
