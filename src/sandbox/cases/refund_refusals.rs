//! Everything about refunds that the channel refuses.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::merchant::{Answer, authorization, encrypted};
use super::refunder::{REFUNDS, TOTAL};
use super::{Stage, stage, stage_with};

const DAY_MS: i64 = 24 * 3_600_000;

fn told(answer: &Answer) -> (u16, String) {
    (answer.status, answer.code())
}

async fn ask(stage: &Stage, number: &str, fen: i64) -> (u16, String) {
    told(&stage.shop.ask_refund(&stage.shop.refund_body("order-0001", number, fen)).await)
}

#[tokio::test]
async fn a_body_with_a_wrong_member_is_refused_by_name() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let long = |length: usize| Value::from("x".repeat(length));
    let cases = [
        ("/amount/refund", json!(0)),
        ("/amount/refund", json!("1")),
        ("/amount/refund", json!(0.5)),
        ("/amount/refund", Value::Null),
        ("/amount/total", json!(-1)),
        ("/amount/currency", json!("USD")),
        ("/amount/currency", Value::Null),
        ("/amount/sum", json!(1)),
        ("/amount/from", json!([])),
        ("/unknown", json!(1)),
        ("/transaction_id", json!("4200000000")),
        ("/out_trade_no", json!("short")),
        ("/out_trade_no", json!("order/0001")),
        ("/out_refund_no", json!("")),
        ("/out_refund_no", long(65)),
        ("/out_refund_no", json!("refund/1")),
        ("/out_refund_no", json!("退款一")),
        ("/reason", Value::Null),
        ("/reason", long(81)),
        ("/reason", json!("理".repeat(27))),
        ("/notify_url", json!("http://127.0.0.1/in?secret=1")),
        ("/notify_url", json!(format!("http://127.0.0.1/{}", "x".repeat(250)))),
        ("/funds_account", json!("POCKET")),
        ("/goods_detail", json!({})),
    ];
    for (at, value) in cases {
        let mut body = stage.shop.refund_body("order-0001", "r-1", 100);
        match at.strip_prefix("/amount/") {
            Some(name) => body["amount"][name] = value.clone(),
            None => body[at.trim_start_matches('/')] = value.clone(),
        }
        let answer = stage.shop.ask_refund(&body).await;
        assert_eq!(told(&answer), (400, "PARAM_ERROR".to_owned()), "{at} {value}");
        assert_eq!(answer.json()["detail"]["field"], at, "{value}");
    }
    for at in ["/out_refund_no", "/amount", "/amount/refund", "/amount/total", "/amount/currency", "/out_trade_no"] {
        let mut body = stage.shop.refund_body("order-0001", "r-1", 100);
        let (parent, name) = at.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        assert_eq!(told(&stage.shop.ask_refund(&body).await), (400, "PARAM_ERROR".to_owned()), "{at}");
    }
    let mut body = stage.shop.refund_body("order-0001", "r-1", 100);
    body["reason"] = "理".repeat(26).into();
    body["goods_detail"] =
        json!([{ "merchant_goods_id": "m", "unit_price": 100, "refund_amount": 100, "refund_quantity": 1 }]);
    assert!(stage.sandbox.refunds().is_empty());
    assert_eq!(stage.shop.ask_refund(&body).await.status, 200, "eighty bytes are not too many");
}

#[tokio::test]
async fn a_refund_whose_signature_covers_something_else_is_refused_and_has_no_effect() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let body = stage.shop.refund_body("order-0001", "r-1", 100).to_string();
    let sign = |method, target: &str, body: &str| authorization(&stage.shop.claim(), method, target, body.as_bytes());
    let other_path = format!("{REFUNDS}/r-1");
    for authorization in
        [sign("POST", REFUNDS, &format!("{body} ")), sign("POST", &other_path, &body), sign("GET", REFUNDS, &body)]
    {
        let answer = stage.shop.send("POST", REFUNDS, body.clone(), &authorization).await.unwrap();
        assert_eq!(told(&answer), (401, "SIGN_ERROR".to_owned()));
    }
    assert!(stage.sandbox.refunds().is_empty());
}

#[tokio::test]
async fn an_order_that_is_unknown_unpaid_or_of_another_total_is_not_refunded() {
    let stage = stage().await;
    let (invalid, unknown) = ((400, "INVALID_REQUEST".to_owned()), (404, "RESOURCE_NOT_EXISTS".to_owned()));
    assert_eq!(ask(&stage, "r-1", 100).await, unknown);
    let mut by_id = stage.shop.refund_body("order-0001", "r-1", 100);
    by_id.as_object_mut().unwrap().remove("out_trade_no");
    by_id["transaction_id"] = "4200000000".into();
    assert_eq!(told(&stage.shop.ask_refund(&by_id).await), unknown);

    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    assert_eq!(ask(&stage, "r-1", 100).await, invalid, "open");
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
    assert_eq!(ask(&stage, "r-1", 100).await, invalid, "closed");

    stage.paid("order-0002").await;
    let mut body = stage.shop.refund_body("order-0002", "r-1", 100);
    body["amount"]["total"] = (TOTAL + 1).into();
    assert_eq!(told(&stage.shop.ask_refund(&body).await), invalid, "another total");
    assert_eq!(told(&stage.shop.query_refund("r-1").await), unknown);
    assert!(stage.sandbox.refunds().is_empty());
}

#[tokio::test]
async fn a_number_that_is_used_for_something_else_is_refused() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.paid("order-0002").await;
    assert_eq!(ask(&stage, "r-1", 100).await.0, 200);
    assert_eq!(ask(&stage, "r-1", 101).await, (400, "INVALID_REQUEST".to_owned()));
    let other_order = stage.shop.refund_body("order-0002", "r-1", 100);
    assert_eq!(told(&stage.shop.ask_refund(&other_order).await), (400, "INVALID_REQUEST".to_owned()));
    assert_eq!(ask(&stage, "r-1", 100).await.0, 200);
    assert_eq!(stage.sandbox.refunds().len(), 1);
}

#[tokio::test]
async fn refunds_never_exceed_what_was_paid() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    assert_eq!(ask(&stage, "r-1", TOTAL + 1).await, (400, "INVALID_REQUEST".to_owned()));
    assert_eq!(ask(&stage, "r-1", TOTAL - 1).await.0, 200);
    stage.becomes("r-1", "SUCCESS").await;
    stage.clock.advance_ms(60_000);
    assert_eq!(ask(&stage, "r-2", 2).await, (400, "INVALID_REQUEST".to_owned()));
    assert_eq!(ask(&stage, "r-2", 1).await.0, 200);
    stage.clock.advance_ms(60_000);
    assert_eq!(ask(&stage, "r-3", 1).await, (400, "INVALID_REQUEST".to_owned()));
    assert_eq!(stage.sandbox.refunds().len(), 2);
}

#[tokio::test]
async fn refunds_of_one_order_are_a_minute_apart() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.paid("order-0002").await;
    assert_eq!(ask(&stage, "r-1", 1).await.0, 200);
    stage.clock.advance_ms(59_999);
    assert_eq!(ask(&stage, "r-2", 1).await, (429, "FREQUENCY_LIMITED".to_owned()));
    assert_eq!(ask(&stage, "r-1", 1).await.0, 200, "a repetition is not another refund");
    assert_eq!(stage.shop.ask_refund(&stage.shop.refund_body("order-0002", "r-3", 1)).await.status, 200);
    stage.clock.advance_ms(1);
    assert_eq!(ask(&stage, "r-2", 1).await.0, 200);
}

#[tokio::test]
async fn an_order_is_refunded_fifty_times_at_most() {
    let stage = stage_with(|config| config.refund_limits.interval_ms = 0).await;
    stage.paid("order-0001").await;
    for n in 1..=50 {
        assert_eq!(ask(&stage, &format!("r-{n}"), 1).await.0, 200, "{n}");
    }
    assert_eq!(ask(&stage, "r-51", 1).await, (400, "INVALID_REQUEST".to_owned()));
}

#[tokio::test]
async fn an_order_is_refunded_within_a_year_of_its_payment() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.clock.advance_ms(365 * DAY_MS);
    assert_eq!(ask(&stage, "r-1", 1).await.0, 200);
    stage.clock.advance_ms(60_000);
    assert_eq!(ask(&stage, "r-2", 1).await, (400, "INVALID_REQUEST".to_owned()));
    assert_eq!(ask(&stage, "r-1", 1).await.0, 200, "a repetition is answered for ever");
}

#[tokio::test]
async fn limits_are_the_configurations() {
    let strict = |config: &mut crate::SandboxConfig| {
        config.refund_limits = crate::RefundLimits { window_ms: 10_000, per_order: 1, interval_ms: 0 };
    };
    let stage = stage_with(strict).await;
    stage.paid("order-0001").await;
    assert_eq!(ask(&stage, "r-1", 1).await.0, 200);
    assert_eq!(ask(&stage, "r-2", 1).await, (400, "INVALID_REQUEST".to_owned()));
    stage.paid("order-0002").await;
    stage.clock.advance_ms(10_001);
    let late = stage.shop.refund_body("order-0002", "r-3", 1);
    assert_eq!(told(&stage.shop.ask_refund(&late).await), (400, "INVALID_REQUEST".to_owned()));
}

#[tokio::test]
async fn a_refund_that_is_not_abnormal_is_not_sent_to_a_bank_card() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let refund_id = stage.refund("order-0001", "r-1", 100).await["refund_id"].clone();
    let refund_id = refund_id.as_str().unwrap();
    let refused = (400, "INVALID_REQUEST".to_owned());
    assert_eq!(told(&stage.shop.apply(refund_id, &stage.shop.application("r-1")).await), refused, "processing");
    stage.becomes("r-1", "SUCCESS").await;
    assert_eq!(told(&stage.shop.apply(refund_id, &stage.shop.application("r-1")).await), refused, "success");
    let unknown = stage.shop.apply("50000000", &stage.shop.application("r-1")).await;
    assert_eq!(told(&unknown), (404, "RESOURCE_NOT_EXISTS".to_owned()));
    assert_eq!(stage.refund_entry("r-1").applications, 0);
}

#[tokio::test]
async fn a_persons_data_must_be_readable_with_the_key_that_the_header_names() {
    let mut stage = stage().await;
    stage.paid("order-0001").await;
    let refund_id = stage.tagged("order-0001", "r-1", 100, "abnormal").await["refund_id"].clone();
    let refund_id = refund_id.as_str().unwrap().to_owned();
    stage.becomes("r-1", "ABNORMAL").await;
    let cases = [
        ("/bank_account", json!("6222020200112233445")),
        ("/bank_account", json!(encrypted("6222 0202"))),
        ("/bank_account", Value::Null),
        ("/real_name", json!(encrypted(" "))),
        ("/real_name", json!(STANDARD.encode([7; 256]))),
        ("/type", json!("POCKET")),
        ("/bank_card", json!("1")),
        ("/out_refund_no", json!("r/1")),
    ];
    for (at, value) in cases {
        let mut body = stage.shop.application("r-1");
        body[at.trim_start_matches('/')] = value.clone();
        let answer = stage.shop.apply(&refund_id, &body).await;
        assert_eq!(told(&answer), (400, "PARAM_ERROR".to_owned()), "{at} {value}");
        assert_eq!(answer.json()["detail"]["field"], at, "{value}");
    }
    for name in ["bank_type", "bank_account", "real_name"] {
        let mut body = stage.shop.application("r-1");
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(told(&stage.shop.apply(&refund_id, &body).await), (400, "PARAM_ERROR".to_owned()), "{name}");
    }
    let other = stage.shop.application("r-2");
    assert_eq!(told(&stage.shop.apply(&refund_id, &other).await), (400, "INVALID_REQUEST".to_owned()));

    let certificate = stage.sandbox.world.wechat.platform().certificate_serials().remove(0);
    for key in [None, Some(certificate), Some("PUB_KEY_ID_other".to_owned())] {
        stage.shop.answer_key = key.clone();
        let answer = stage.shop.apply(&refund_id, &stage.shop.application("r-1")).await;
        assert_eq!(told(&answer), (400, "PARAM_ERROR".to_owned()), "{key:?}: not the key that encrypts");
    }
    assert_eq!((stage.refund_entry("r-1").state.as_str(), stage.refund_entry("r-1").applications), ("ABNORMAL", 0));
}
