//! Pages and apps: what the payer is handed is a call that he makes himself.

use bursar_core::installments::{FeesFrom, Installments};

use super::*;
use crate::testing::Peer;

fn url_of(code: Outcome<PayCode>) -> String {
    match code {
        Outcome::Done(PayCode::Redirect { url }) => url,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_page_is_a_signed_address_and_nobody_is_called() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let mut settings = settings(&[peer.url()]);
    settings["return_url"] = json!("https://shop.example/done?a=b&c=d");
    let fixture = Fixture::with(settings);
    for (method, name, product, quit) in [
        (Method::AlipayPage, "alipay.trade.page.pay", "FAST_INSTANT_TRADE_PAY", None),
        (Method::AlipayWap, "alipay.trade.wap.pay", "QUICK_WAP_WAY", Some("https://shop.example/done?a=b&c=d")),
    ] {
        let url = url_of(fixture.create(method).await);
        let (start, query) = url.split_once('?').unwrap();
        assert_eq!(start, format!("{}/gateway.do", peer.url()));
        assert!(url.is_ascii() && !query.contains('+') && !query.contains(' '), "{url}");
        let all = members(query);
        assert_signed(&all);
        assert_eq!((all["method"].as_str(), all["notify_url"].as_str()), (name, NOTIFY_URL));
        assert_eq!(all["return_url"], "https://shop.example/done?a=b&c=d");
        let content: Value = serde_json::from_str(&all["biz_content"]).unwrap();
        assert_eq!(content["product_code"], json!(product));
        assert_eq!(content["time_expire"], json!("2027-01-15 17:00:00"), "nobody can close what was never opened");
        assert_eq!(content["total_amount"], json!("12.34"));
        assert_eq!(content.get("quit_url").and_then(Value::as_str), quit);
    }
    assert_eq!(peer.seen().len(), 0);
    assert_eq!(fixture.count("create", "done"), 2);
}

#[tokio::test]
async fn installments_are_asked_for_by_every_way_and_each_attempt_says_the_same() {
    let merchant_pays = Installments { count: 6, fees: Some(FeesFrom::Merchant) };
    let payer_pays = Installments { count: 12, fees: Some(FeesFrom::Payer) };
    for (method, installments, want) in [
        (Method::AlipayPage, merchant_pays, json!({"hb_fq_num": "6", "hb_fq_seller_percent": "100"})),
        (Method::AlipayWap, payer_pays, json!({"hb_fq_num": "12", "hb_fq_seller_percent": "0"})),
    ] {
        let fixture = Fixture::alone();
        let payment = Payment { installments: Some(installments), ..payment(method) };
        let url = url_of(fixture.create_of(&order(), &payment, NOTIFY_URL).await);
        let all = members(url.split_once('?').unwrap().1);
        assert_signed(&all);
        let content: Value = serde_json::from_str(&all["biz_content"]).unwrap();
        assert_eq!((&content["extend_params"], &content["total_amount"]), (&want, &json!("12.34")));
        fixture.clock.advance_ms(60_000);
        let again = url_of(fixture.create_of(&order(), &payment, NOTIFY_URL).await);
        assert_eq!(members(again.split_once('?').unwrap().1)["biz_content"], all["biz_content"]);
    }
    let peer = Peer::start(|s| done(s, json!({"qr_code": "q"}))).await;
    let fixture = Fixture::at(&[peer.url()]);
    for installments in [Some(merchant_pays), None] {
        let payment = Payment { installments, ..payment(Method::AlipayQr) };
        assert!(matches!(fixture.create_of(&order(), &payment, NOTIFY_URL).await, Outcome::Done(_)));
    }
    let [first, second] = [0, 1].map(|at| biz(&peer.seen()[at]));
    assert_eq!(first["extend_params"], json!({"hb_fq_num": "6", "hb_fq_seller_percent": "100"}));
    assert_eq!(second.get("extend_params"), None);
}

#[tokio::test]
async fn an_app_gets_a_signed_order_string() {
    let Outcome::Done(PayCode::Sdk { fields }) = Fixture::alone().create(Method::AlipayApp).await else { panic!() };
    assert_eq!(fields.len(), 1);
    let all = members(&fields["order_string"]);
    assert_signed(&all);
    assert_eq!(all["method"], "alipay.trade.app.pay");
    assert!(!all.contains_key("return_url"));
    let content: Value = serde_json::from_str(&all["biz_content"]).unwrap();
    assert_eq!(content["product_code"], json!("QUICK_MSECURITY_PAY"));
    assert_eq!(content["subject"], json!("日常保洁 \"2 小时\" abcd + e"));
}

#[tokio::test]
async fn pages_name_the_certificates_in_certificate_mode() {
    let fixture = Fixture::with(super::certificates::certified(&["https://openapi.alipay.com".to_owned()]));
    let url = url_of(fixture.create(Method::AlipayPage).await);
    assert!(url.starts_with("https://openapi.alipay.com/gateway.do?"));
    let all = members(url.split_once('?').unwrap().1);
    assert_signed(&all);
    assert!(all["app_cert_sn"].len() == 32 && all["alipay_root_cert_sn"].len() == 32, "{all:?}");
}
