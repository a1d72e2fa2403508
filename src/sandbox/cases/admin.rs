//! The operator's endpoints of a stand-alone sandbox.

use serde_json::{Value, json};

use super::merchant::keys;
use super::{Stage, stage};
use crate::{BookEntry, Counters, Faults, RefundEntry};

async fn ask(stage: &Stage, method: &str, path: &str, body: Option<Value>) -> (u16, Vec<u8>) {
    let url = format!("{}/_sandbox/{path}", stage.sandbox.base_url());
    let mut request = reqwest::Client::builder().no_proxy().build().unwrap().request(method.parse().unwrap(), url);
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.bytes().await.unwrap().to_vec())
}

#[tokio::test]
async fn books_and_counters_are_shown_as_the_library_shows_them() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    assert_eq!(ask(&stage, "POST", "orders/order-0001/pay?mode=silent", None).await.0, 204);
    let books: Vec<BookEntry> = serde_json::from_slice(&ask(&stage, "GET", "books", None).await.1).unwrap();
    assert_eq!(books, stage.sandbox.books());
    assert_eq!(books[0].charges, 1);
    let counters: Counters = serde_json::from_slice(&ask(&stage, "GET", "counters", None).await.1).unwrap();
    assert_eq!(counters, stage.sandbox.counters());
    assert_eq!((counters.orders, counters.payments), (1, 1));
}

#[tokio::test]
async fn the_books_of_refunds_are_shown_as_the_library_shows_them() {
    let stage = stage().await;
    assert_eq!(ask(&stage, "GET", "refunds", None).await, (200, b"[]".to_vec()));
    stage.paid("order-0001").await;
    stage.refund("order-0001", "refund-1", 300).await;
    let (status, body) = ask(&stage, "GET", "refunds", None).await;
    let refunds: Vec<RefundEntry> = serde_json::from_slice(&body).unwrap();
    assert_eq!((status, refunds.len()), (200, 1));
    assert_eq!(refunds, stage.sandbox.refunds());
    let shown: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(shown[0]["out_refund_no"], "refund-1");
    assert_eq!(shown[0]["out_trade_no"], "order-0001");
    assert_eq!(shown[0]["amount_minor"], 300);
    assert_eq!((shown[0]["state"].as_str(), shown[0]["succeeded_minor"].as_i64()), (Some("PROCESSING"), Some(0)));
}

#[tokio::test]
async fn orders_are_paid_by_hand_in_every_mode() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    let mchid = &keys().provisioned.mchid;
    for (path, status) in [
        ("orders/order-0009/pay".to_owned(), 404),
        ("orders/order-0001/pay?account=1900000001".to_owned(), 404),
        ("orders/order-0001/pay?mode=fail".to_owned(), 204),
        (format!("orders/order-0001/pay?account={mchid}"), 204),
        ("orders/order-0001/pay".to_owned(), 409),
        ("orders/order-0001/pay?mode=late".to_owned(), 409),
        ("orders/order-0001/pay?mode=again".to_owned(), 204),
        ("orders/order-0001/pay?mode=often".to_owned(), 400),
    ] {
        assert_eq!(ask(&stage, "POST", &path, None).await.0, status, "{path}");
    }
    let entry = stage.entry("order-0001");
    assert_eq!((entry.charges, entry.failed_attempts), (2, 1));
}

#[tokio::test]
async fn faults_are_set_by_preset_or_one_by_one() {
    let stage = stage().await;
    for (body, status, faults) in [
        (json!("harsh"), 200, Faults::harsh()),
        (json!("terrible"), 400, Faults::harsh()),
        (json!({ "slow": 5 }), 200, Faults { slow: 5, ..Faults::calm() }),
        (json!({ "slwo": 5 }), 400, Faults { slow: 5, ..Faults::calm() }),
        (json!("calm"), 200, Faults::calm()),
    ] {
        assert_eq!(ask(&stage, "PUT", "faults", Some(body.clone())).await.0, status, "{body}");
        assert_eq!(stage.sandbox.world.faults(), faults, "{body}");
    }
}

#[tokio::test]
async fn an_outage_is_switched_and_the_certificate_rotated_over_http() {
    let stage = stage().await;
    assert_eq!(ask(&stage, "POST", "outage", Some(json!({ "on": true }))).await.0, 204);
    assert!(stage.shop.try_query("order-0001").await.is_err());
    assert_eq!(ask(&stage, "POST", "outage", Some(json!({ "on": false }))).await.0, 204);
    assert_eq!(stage.shop.query("order-0001").await.status, 404);
    let (status, body) = ask(&stage, "POST", "rotate-certificate", None).await;
    let serial = serde_json::from_slice::<Value>(&body).unwrap()["serial"].clone();
    assert_eq!(status, 200);
    assert_eq!(stage.sandbox.world.wechat.platform().certificate_serials().last().map(String::as_str), serial.as_str());
}

#[tokio::test]
async fn a_stopped_sandbox_answers_nobody() {
    let stage = stage().await;
    let Stage { sandbox, shop, .. } = stage;
    sandbox.stop().await;
    assert!(shop.try_query("order-0001").await.is_err());
}

#[tokio::test]
async fn bills_are_told_wrongly_and_what_nobody_asked_for_happens_over_http() {
    let stage = stage().await;
    let mchid = &keys().provisioned.mchid;
    stage.paid("order-0001").await;
    stage.paid("order-0002").await;
    let bill = json!({ "channel": "wechat", "account": mchid, "day": "2026-11-22" });
    let line = format!("bills/lines/order-0001?account={mchid}");
    for (method, path, body, status) in [
        ("PUT", line.as_str(), json!("left_out"), 204),
        ("PUT", &line, json!({ "amount": -1 }), 204),
        ("PUT", &line, json!("lost"), 400),
        ("PUT", &format!("bills/lines/order-0009?account={mchid}"), json!("doubled"), 404),
        ("PUT", "bills/spoil", json!({ "bill": bill, "flaw": { "garbage": { "lines": 3 } } }), 204),
        ("PUT", "bills/spoil", json!({ "bill": bill, "flaw": "torn" }), 400),
        (
            "PUT",
            "bills/spoil",
            json!({ "bill": { "channel": "stripe", "account": "a", "day": "2026-11-22" }, "flaw": "totals" }),
            409,
        ),
    ] {
        assert_eq!(ask(&stage, method, path, Some(body.clone())).await.0, status, "{path} {body}");
    }
    let flaws: Value = serde_json::from_slice(&ask(&stage, "GET", "bills/flaws", None).await.1).unwrap();
    assert_eq!(
        (&flaws["lines"][0]["flaw"]["amount"], &flaws["bills"][0]["flaw"]["garbage"]["lines"]),
        (&json!(-1), &json!(3))
    );
    let sale = json!({ "channel": "wechat", "account": mchid, "number": "till-77", "amount_minor": 5 });
    for (method, path, body, status) in [
        ("DELETE", line.as_str(), None, 204),
        ("DELETE", &line, None, 404),
        ("PUT", "bills/mend", Some(bill.clone()), 204),
        ("PUT", "bills/mend", Some(bill), 404),
        ("POST", "foreign", Some(sale.clone()), 204),
        ("POST", "foreign", Some(sale), 409),
        ("POST", "orders/order-0001/refund", Some(json!({ "amount_minor": 9_999 })), 409),
        ("POST", "orders/order-0009/refund", Some(json!({ "amount_minor": 1 })), 404),
        ("POST", "orders/order-0002/forget", None, 204),
        ("POST", "orders/order-0002/forget", None, 409),
    ] {
        assert_eq!(ask(&stage, method, path, body).await.0, status, "{method} {path}");
    }
    let (status, made) = ask(&stage, "POST", "orders/order-0001/refund", Some(json!({ "amount_minor": 100 }))).await;
    let made: Value = serde_json::from_slice(&made).unwrap();
    assert_eq!(status, 200);
    let refund = stage.refund_entry(made["out_refund_no"].as_str().unwrap());
    assert_eq!((refund.by_hand, refund.succeeded_minor, stage.entry("order-0002").forgotten), (true, 100, true));
    stage.clock.advance_ms(24 * 3_600_000);
    let payouts: Value = serde_json::from_slice(&ask(&stage, "GET", "payouts", None).await.1).unwrap();
    assert_eq!(payouts[0]["amount_minor"], 8_800 - 53 - 100 + 1 + 5);
}
