//! What a merchant can do with an order.

use serde_json::json;

use super::merchant::{header, keys};
use super::{START_MS, stage, stage_with};
use crate::PayMode;

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test]
async fn each_way_to_pay_gives_what_its_payer_needs() {
    let stage = stage().await;
    let shop = &stage.shop;
    let native = shop.native(&shop.body("order-0001")).await;
    assert!(native.json()["code_url"].as_str().unwrap().starts_with("weixin://wxpay/bizpayurl?pr="));
    assert!(native.is_genuine());
    assert!(header(&native.headers, "request-id").ends_with("-0"));
    assert_eq!(header(&native.headers, "wechatpay-signature-type"), "WECHATPAY2-SHA256-RSA2048");

    let mut body = shop.body("order-0002");
    body["payer"] = json!({ "openid": "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o" });
    let jsapi = shop.call("POST", "/v3/pay/transactions/jsapi", body.to_string()).await.unwrap();
    assert!(jsapi.json()["prepay_id"].as_str().unwrap().starts_with("wx20261122"));

    let app = shop.call("POST", "/v3/pay/transactions/app", shop.body("order-0003").to_string()).await.unwrap();
    assert!(app.json()["prepay_id"].is_string());

    let mut body = shop.body("order-0004");
    body["scene_info"] = json!({ "payer_client_ip": "127.0.0.1", "h5_info": { "type": "Wap" } });
    let h5 = shop.call("POST", "/v3/pay/transactions/h5", body.to_string()).await.unwrap();
    assert!(h5.json()["h5_url"].as_str().unwrap().starts_with("https://"));
    assert_eq!(stage.sandbox.books().len(), 4);
}

#[tokio::test]
async fn an_identical_create_is_reentrant_and_gives_a_fresh_code() {
    let stage = stage().await;
    let first = stage.shop.native(&stage.shop.body("order-0001")).await;
    let second = stage.shop.native(&stage.shop.body("order-0001")).await;
    assert_eq!((first.status, second.status), (200, 200));
    assert_ne!(first.json()["code_url"], second.json()["code_url"]);
    assert_eq!(stage.sandbox.books().len(), 1);
}

#[tokio::test]
async fn a_query_shows_an_order_before_and_after_it_is_paid() {
    let stage = stage().await;
    let mut body = stage.shop.body("order|0001*a");
    body["attach"] = "table 7".into();
    stage.shop.native(&body).await;
    let number = "order%7C0001%2Aa";
    let open = stage.shop.query(number).await;
    assert_eq!(open.status, 200);
    assert!(open.is_genuine());
    let open = open.json();
    assert_eq!((open["trade_state"].as_str(), open["amount"]["total"].as_i64()), (Some("NOTPAY"), Some(8_800)));
    assert!(open.get("transaction_id").is_none() && open.get("success_time").is_none());

    stage.clock.advance_ms(1_500);
    stage.sandbox.pay(&keys().provisioned.mchid, "order|0001*a", PayMode::Silent).unwrap();
    let paid = stage.shop.query(number).await.json();
    assert_eq!(paid["trade_state"], "SUCCESS");
    assert_eq!(paid["out_trade_no"], "order|0001*a");
    assert_eq!(paid["trade_type"], "NATIVE");
    assert_eq!(paid["attach"], "table 7");
    assert_eq!(paid["success_time"], "2026-11-22T09:00:01+08:00");
    assert_eq!(paid["mchid"], keys().provisioned.mchid.as_str());
    assert_eq!(paid["appid"], keys().provisioned.appid.as_str());

    let id = paid["transaction_id"].as_str().unwrap();
    assert!(id.len() == 28 && id.starts_with("42"), "{id}");
    let target = format!("/v3/pay/transactions/id/{id}?mchid={}", keys().provisioned.mchid);
    assert_eq!(stage.shop.call("GET", &target, String::new()).await.unwrap().json(), paid);
    let entry = stage.entry("order|0001*a");
    assert_eq!((entry.charges, entry.paid_at_ms), (1, Some(START_MS + 1_500)));
    assert_eq!(entry.transaction_id.as_deref(), Some(id));
}

#[tokio::test]
async fn a_close_is_empty_signed_and_reentrant() {
    let stage = stage().await;
    stage.shop.native(&stage.shop.body("order-0001")).await;
    stage.clock.advance_ms(5);
    for _ in 0..2 {
        let answer = stage.shop.close("order-0001").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        assert!(answer.is_genuine(), "the signature covers the empty body");
        stage.clock.advance_ms(5);
    }
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "CLOSED");
    let entry = stage.entry("order-0001");
    assert_eq!((entry.state.as_str(), entry.closed_at_ms), ("CLOSED", Some(START_MS + 5)));
    assert!(stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).is_err());
}

#[tokio::test]
async fn an_account_can_refuse_to_close_young_orders() {
    let stage = stage_with(|config| config.accounts[0].close_min_age_ms = 300_000).await;
    stage.shop.native(&stage.shop.body("order-0001")).await;
    stage.clock.advance_ms(299_999);
    assert_eq!(stage.shop.close("order-0001").await.code(), "INVALID_REQUEST");
    stage.clock.advance_ms(1);
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
}

#[tokio::test]
async fn an_expired_order_stays_open_until_it_is_a_week_old_but_cannot_be_paid() {
    let stage = stage().await;
    let mut body = stage.shop.body("order-0001");
    body["time_expire"] = "2026-11-22T09:30:00+08:00".into();
    stage.shop.native(&body).await;
    stage.clock.advance_ms(30 * 60_000);
    assert!(stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Normal).is_err());
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "NOTPAY");
    assert_eq!(stage.shop.native(&body).await.code(), "PARAM_ERROR");
    stage.clock.advance_ms(7 * DAY_MS);
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "CLOSED");
    assert_eq!(stage.entry("order-0001").closed_at_ms, Some(START_MS + 7 * DAY_MS));
}
