//! Everything that the channel refuses.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::merchant::{Claim, authorization, keys};
use super::stage;
use crate::PayMode;

const NATIVE: &str = "/v3/pay/transactions/native";

#[tokio::test]
async fn a_request_whose_authorization_is_wrong_is_refused_and_has_no_effect() {
    let stage = stage().await;
    let good = stage.shop.claim();
    let at = |shift: i64| (super::START_MS / 1_000 + shift).to_string();
    let cases: Vec<(&str, Claim, u16, &str)> = vec![
        ("scheme", Claim { scheme: "WECHATPAY2-SM2-WITH-SM3", ..good.clone() }, 401, "SIGN_ERROR"),
        ("mchid", Claim { mchid: "1900000001".into(), ..good.clone() }, 400, "MCH_NOT_EXISTS"),
        ("serial", Claim { serial: "AB12".into(), ..good.clone() }, 401, "SIGN_ERROR"),
        ("nonce", Claim { nonce: String::new(), ..good.clone() }, 401, "SIGN_ERROR"),
        ("old", Claim { timestamp: at(-301), ..good.clone() }, 401, "SIGN_ERROR"),
        ("future", Claim { timestamp: at(301), ..good.clone() }, 401, "SIGN_ERROR"),
        ("milliseconds", Claim { timestamp: super::START_MS.to_string(), ..good.clone() }, 401, "SIGN_ERROR"),
        ("words", Claim { timestamp: "yesterday0".into(), ..good.clone() }, 401, "SIGN_ERROR"),
    ];
    let body = stage.shop.body("order-0001").to_string();
    for (name, claim, status, code) in cases {
        let authorization = authorization(&claim, "POST", NATIVE, body.as_bytes());
        let answer = stage.shop.send("POST", NATIVE, body.clone(), &authorization).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{name}");
        assert!(answer.is_genuine(), "{name}: refusals are signed too");
    }
    let edge = Claim { timestamp: at(-300), ..good };
    let authorization = authorization(&edge, "POST", NATIVE, body.as_bytes());
    assert!(stage.sandbox.books().is_empty());
    assert_eq!(stage.shop.send("POST", NATIVE, body, &authorization).await.unwrap().status, 200);
}

#[tokio::test]
async fn one_changed_byte_anywhere_under_the_signature_is_refused() {
    let stage = stage().await;
    let body = stage.shop.body("order-0001").to_string();
    let sign = |method, target: &str, body: &str| authorization(&stage.shop.claim(), method, target, body.as_bytes());
    // Another body (one more space), another path, another query, another method.
    let other_body = sign("POST", NATIVE, &format!("{body} "));
    let other_path = sign("POST", "/v3/pay/transactions/app", &body);
    for authorization in [other_body, other_path] {
        let answer = stage.shop.send("POST", NATIVE, body.clone(), &authorization).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (401, "SIGN_ERROR"));
        let shown = answer.json()["detail"]["sign_information"]["truncated_sign_message"].clone();
        assert!(shown.as_str().unwrap().starts_with("POST\n/v3/pay/transactions/native\n"), "{shown}");
    }
    let mchid = &keys().provisioned.mchid;
    let target = format!("/v3/pay/transactions/out-trade-no/order-0001?mchid={mchid}");
    for authorization in [sign("GET", target.split('?').next().unwrap(), ""), sign("POST", &target, "")] {
        assert_eq!(stage.shop.send("GET", &target, String::new(), &authorization).await.unwrap().status, 401);
    }
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn a_request_without_the_plain_headers_is_refused() {
    let stage = stage().await;
    let host = stage.sandbox.base_url().trim_start_matches("http://").to_owned();
    let target = "/v3/certificates";
    let authorization = authorization(&stage.shop.claim(), "GET", target, b"");
    for (headers, status) in [
        ("accept: application/json\r\n", "400"),
        ("user-agent: shop\r\n", "406"),
        ("user-agent: shop\r\naccept: text/html\r\n", "406"),
        ("user-agent: shop\r\naccept: application/json\r\nwechatpay-serial: PUB_KEY_ID_other\r\n", "400"),
        ("user-agent: shop\r\naccept: */*\r\n", "200"),
    ] {
        let mut stream = tokio::net::TcpStream::connect(&host).await.unwrap();
        let head = format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nauthorization: {authorization}\r\n");
        stream.write_all(format!("{head}{headers}connection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert_eq!(answer.split(' ').nth(1), Some(status), "{headers}\n{answer}");
    }
}

#[tokio::test]
async fn a_body_with_a_wrong_member_is_refused_by_name() {
    let stage = stage().await;
    let long = |length: usize| Value::from("x".repeat(length));
    let cases = [
        ("/amount/total", json!(0)),
        ("/amount/total", json!(-1)),
        ("/amount/total", json!(0.1)),
        ("/amount/total", json!("100")),
        ("/amount/total", Value::Null),
        ("/amount/currency", json!("USD")),
        ("/amount/sum", json!(1)),
        ("/unknown", json!(1)),
        ("/attach", Value::Null),
        ("/attach", json!("")),
        ("/attach", long(129)),
        ("/description", long(128)),
        ("/out_trade_no", json!("short")),
        ("/out_trade_no", long(33)),
        ("/out_trade_no", json!("order/0001")),
        ("/out_trade_no", json!("订单编号零零一")),
        ("/notify_url", json!("http://127.0.0.1/in?secret=1")),
        ("/notify_url", json!("/in")),
        ("/notify_url", json!(format!("http://127.0.0.1/{}", "x".repeat(250)))),
        ("/time_expire", json!("2026-11-22 10:00:00")),
        ("/time_expire", json!("2026-11-22T08:59:59+08:00")),
        ("/limit_pay", json!("no_credit")),
        ("/payer", json!({ "openid": "o" })),
        ("/mchid", json!("1900000001")),
    ];
    for (at, value) in cases {
        let mut body = stage.shop.body("order-0001");
        match at.strip_prefix("/amount/") {
            Some(name) => body["amount"][name] = value.clone(),
            None => body[at.trim_start_matches('/')] = value.clone(),
        }
        let answer = stage.shop.native(&body).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "PARAM_ERROR"), "{at} {value}");
        assert_eq!(answer.json()["detail"]["field"], at, "{value}");
    }
    for name in ["appid", "mchid", "description", "out_trade_no", "notify_url", "amount"] {
        let mut body = stage.shop.body("order-0001");
        body.as_object_mut().unwrap().remove(name);
        assert_eq!(stage.shop.native(&body).await.code(), "PARAM_ERROR", "{name}");
    }
    let mut body = stage.shop.body("order-0001");
    body["appid"] = "wx0000000000000000".into();
    assert_eq!(stage.shop.native(&body).await.code(), "APPID_MCHID_NOT_MATCH");
    let answer = stage.shop.call("POST", NATIVE, "[not json".to_owned()).await.unwrap();
    assert_eq!((answer.status, answer.code().as_str()), (400, "PARAM_ERROR"));
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn jsapi_needs_an_openid_and_h5_a_scene() {
    let stage = stage().await;
    let plain = stage.shop.body("order-0001");
    let refused = async |way: &str, body: &Value| {
        let answer = stage.shop.call("POST", &format!("/v3/pay/transactions/{way}"), body.to_string()).await.unwrap();
        (answer.status, answer.json()["detail"]["field"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(refused("jsapi", &plain).await, (400, "/payer".to_owned()));
    assert_eq!(refused("h5", &plain).await, (400, "/scene_info".to_owned()));
    let mut scene = plain.clone();
    scene["scene_info"] = json!({ "payer_client_ip": "127.0.0.1" });
    assert_eq!(refused("h5", &scene).await, (400, "/scene_info/h5_info".to_owned()));
    scene["scene_info"]["h5_info"] = json!({ "type": "Fax" });
    assert_eq!(refused("h5", &scene).await, (400, "/scene_info/h5_info/type".to_owned()));
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn a_number_that_is_used_paid_or_closed_is_refused_for_another_order() {
    let stage = stage().await;
    let shop = &stage.shop;
    let body = shop.body("order-0001");
    assert_eq!(shop.native(&body).await.status, 200);
    let mut dearer = body.clone();
    dearer["amount"]["total"] = 8_801.into();
    let answer = shop.native(&dearer).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "INVALID_REQUEST"));
    let other_way = shop.call("POST", "/v3/pay/transactions/app", body.to_string()).await.unwrap();
    assert_eq!(other_way.code(), "INVALID_REQUEST");

    stage.sandbox.pay(&keys().provisioned.mchid, "order-0001", PayMode::Silent).unwrap();
    let answer = shop.native(&body).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "ORDER_PAID"));
    let answer = shop.native(&dearer).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "OUT_TRADE_NO_USED"));
    let answer = shop.close("order-0001").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "ORDER_PAID"));

    shop.native(&shop.body("order-0002")).await;
    assert_eq!(shop.close("order-0002").await.status, 204);
    let answer = shop.native(&shop.body("order-0002")).await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "ORDER_CLOSED"));
    assert_eq!(stage.sandbox.counters().refusals["INVALID_REQUEST"], 2);
}

#[tokio::test]
async fn an_unknown_order_or_path_or_another_merchants_query_is_refused() {
    let stage = stage().await;
    let mchid = &keys().provisioned.mchid;
    for target in [
        format!("/v3/pay/transactions/out-trade-no/order-0001?mchid={mchid}"),
        format!("/v3/pay/transactions/id/4200000000?mchid={mchid}"),
    ] {
        let answer = stage.shop.call("GET", &target, String::new()).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (404, "ORDER_NOT_EXIST"));
    }
    assert_eq!(stage.shop.close("order-0001").await.code(), "ORDER_NOT_EXIST");
    for (target, status) in [
        ("/v3/pay/transactions/out-trade-no/order-0001", 400),
        ("/v3/pay/transactions/out-trade-no/order-0001?mchid=1900000001", 400),
        ("/v3/pay/transactions/native", 404),
        ("/v3/elsewhere", 404),
    ] {
        assert_eq!(stage.shop.call("GET", target, String::new()).await.unwrap().status, status, "{target}");
    }
}
