//! Pages and app orders: they exist when a payer's device opens them.

use std::collections::BTreeMap;

use serde_json::json;

use super::app::{query, signed};
use super::stage;
use crate::{Channel, Door, PayMode};

#[tokio::test]
async fn a_page_is_a_trade_from_the_moment_when_a_payer_opens_it() {
    let stage = stage().await;
    let url = stage.app.page("order_1", "cleaning [payer:soon]", |_| ());
    assert_eq!(stage.app.status("order_1").await, "ACQ.TRADE_NOT_EXIST");
    assert!(stage.sandbox.books().is_empty());
    assert!(stage.pay("order_1", PayMode::Normal).is_err(), "nobody has heard of it");

    // A day later: the signature of a page is not bound to its hour.
    stage.clock.advance_ms(24 * 3_600_000);
    let opened = stage.sandbox.open(&Door::Url(url.clone())).unwrap();
    assert_eq!((opened.channel, opened.out_trade_no.as_str()), (Channel::Alipay, "order_1"));
    assert_eq!(stage.app.status("order_1").await, "WAIT_BUYER_PAY");
    assert_eq!(stage.sandbox.open(&Door::Url(url.clone())).unwrap(), opened, "opened again, it is the same");
    stage.until("paid and told", || stage.entry("order_1").notifications_accepted == 1).await;
    assert_eq!(stage.entry("order_1").charges, 1);
    assert_eq!(stage.next_due_ms().map(|ms| ms > stage.now_ms() + 3_600_000), Some(true), "one payer, one payment");
    let error = stage.sandbox.open(&Door::Url(url)).unwrap_err();
    assert!(error.contains("ACQ.TRADE_HAS_SUCCESS"), "{error}");
}

#[tokio::test]
async fn a_browser_and_the_operators_endpoint_open_pages_too() {
    let stage = stage().await;
    let page = stage.app.page("order_1", "cleaning [payer:never]", |_| ());
    assert!(stage.app.browse(&page).await.contains("请付款"));
    assert_eq!(stage.app.status("order_1").await, "WAIT_BUYER_PAY");

    let other = stage.app.page("order_2", "cleaning [payer:never]", |_| ());
    let (status, opened) = stage.app.admin("open", &json!({ "url": other })).await;
    assert_eq!(
        (status, opened["channel"].as_str(), opened["out_trade_no"].as_str()),
        (200, Some("alipay"), Some("order_2"))
    );
    assert_eq!(stage.app.admin("orders/order_2/pay", &json!({})).await.0, 204);
    assert_eq!(stage.app.status("order_2").await, "TRADE_SUCCESS");

    let code = stage.app.precreate("order_3", "cleaning [payer:never]").await;
    assert_eq!(stage.app.admin("open", &json!({ "qr": code })).await.0, 200);
    for (body, status) in [
        (json!({ "url": "https://example.com/elsewhere" }), 409),
        (json!({ "qr": "https://qr.alipay.com/bax0" }), 409),
        (json!({ "order_string": "app_id=1" }), 409),
        (json!({ "window": "x" }), 400),
    ] {
        assert_eq!(stage.app.admin("open", &body).await.0, status, "{body}");
    }
}

#[tokio::test]
async fn an_app_order_and_a_posted_form_are_opened_with_their_own_doors() {
    let stage = stage().await;
    let mut order = stage.app.order("order_1", "cleaning [payer:never]");
    order["product_code"] = "QUICK_MSECURITY_PAY".into();
    let fields = signed(stage.app.fields("alipay.trade.app.pay", &order));
    let opened = stage.sandbox.open(&Door::OrderString(query(&fields))).unwrap();
    assert_eq!(opened.out_trade_no, "order_1");

    let mut order = stage.app.order("order_2", "cleaning [payer:never]");
    order["product_code"] = "QUICK_WAP_WAY".into();
    let fields = signed(stage.app.fields("alipay.trade.wap.pay", &order));
    let action = format!("{}/gateway.do?charset=utf-8", stage.app.base);
    let posted: BTreeMap<_, _> = fields.into_iter().filter(|(name, _)| name != "charset").collect();
    let opened = stage.sandbox.open(&Door::Form { action, fields: posted }).unwrap();
    assert_eq!(opened.out_trade_no, "order_2");
    assert_eq!(stage.app.status("order_2").await, "WAIT_BUYER_PAY");
}

#[tokio::test]
async fn a_page_that_was_changed_or_has_ended_cannot_be_opened() {
    let stage = stage().await;
    let page = stage.app.page("order_1", "cleaning", |order| order["time_expire"] = "2026-11-22 09:10:00".into());
    let changed = page.replace("88.00", "1.00");
    assert_ne!(page, changed);
    assert!(stage.sandbox.open(&Door::Url(changed)).unwrap_err().contains("isv.invalid-signature"));
    stage.clock.advance_ms(10 * 60_000);
    assert!(stage.sandbox.open(&Door::Url(page)).is_err());
    assert!(stage.sandbox.books().is_empty());
    assert_eq!(stage.app.status("order_1").await, "ACQ.TRADE_NOT_EXIST");
}
