//! Everything that the gateway refuses before it looks at a trade.

use serde_json::json;

use super::app::{Fields, signed};
use super::stage;

fn set(fields: &mut Fields, name: &str, value: &str) {
    fields.retain(|(known, _)| known != name);
    fields.push((name.to_owned(), value.to_owned()));
}

#[tokio::test]
async fn a_request_whose_public_parameters_are_wrong_is_refused_and_has_no_effect() {
    let stage = stage().await;
    let order = stage.app.order("order_1", "cleaning");
    for (name, value, code, sub_code, is_signed) in [
        ("app_id", "", "40001", "isv.missing-app-id", false),
        ("app_id", "2021000000000000", "40002", "isv.invalid-app-id", false),
        ("method", "", "40001", "isv.missing-method", true),
        ("method", "alipay.trade.prepay", "40002", "isv.invalid-method", true),
        ("charset", "gbk", "40002", "isv.invalid-charset", true),
        ("version", "2.0", "40002", "isv.invalid-version", true),
        ("format", "xml", "40002", "isv.invalid-format", true),
        ("sign_type", "RSA", "40002", "isv.invalid-signature-type", true),
        ("sign_type", "", "40001", "isv.missing-signature-type", true),
        ("timestamp", "", "40001", "isv.missing-timestamp", true),
        ("timestamp", "2026-11-22T09:00:00", "40002", "isv.invalid-timestamp", true),
        ("timestamp", "2026-11-22 08:44:59", "40002", "isv.invalid-timestamp", true),
        ("timestamp", "2026-11-22 09:15:01", "40002", "isv.invalid-timestamp", true),
        ("app_cert_sn", "00", "40002", "isv.invalid-app-cert-sn", true),
        ("biz_content", "[1]", "40002", "isv.invalid-parameter", true),
        ("notify_url", "/in", "40002", "isv.invalid-parameter", true),
    ] {
        let mut fields = stage.app.fields("alipay.trade.precreate", &order);
        set(&mut fields, name, value);
        let answer = stage.app.send(&signed(fields)).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!((answer.code().as_str(), answer.sub_code().as_str()), (code, sub_code), "{name}={value}");
        assert_eq!(answer.signature().is_some(), is_signed, "{name}={value}");
    }
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn one_changed_byte_anywhere_under_the_signature_is_refused_and_shown() {
    let stage = stage().await;
    let order = stage.app.order("order_1", "保洁");
    for (name, value) in [
        ("biz_content", order.to_string().replace("88.00", "1.00")),
        ("notify_url", format!("{}x", stage.app.notify_url)),
        ("app_auth_token", "x".to_owned()),
    ] {
        let mut fields = signed(stage.app.fields("alipay.trade.precreate", &order));
        set(&mut fields, name, &value);
        let answer = stage.app.send(&fields).await.unwrap();
        assert_eq!(answer.sub_code(), "isv.invalid-signature", "{name}");
        assert!(answer.is_genuine());
        let shown = answer.node()["sub_msg"].as_str().unwrap().to_owned();
        assert!(shown.contains("sign_type=RSA2"), "the kind of signature is signed in requests: {shown}");
    }
    // What is empty takes no part.
    let mut fields = signed(stage.app.fields("alipay.trade.precreate", &order));
    set(&mut fields, "return_url", "");
    assert_eq!(stage.app.send(&fields).await.unwrap().code(), "10000");
}

#[tokio::test]
async fn a_member_that_the_documents_do_not_know_is_refused_by_name() {
    let stage = stage().await;
    for (name, value) in [
        ("total", json!("1.00")),
        ("total_amount", json!(88)),
        ("total_amount", json!("88.001")),
        ("out_trade_no", json!("order-1")),
        ("subject", json!("a/b")),
        ("body", json!("")),
        ("body", json!(null)),
        ("time_expire", json!("2026-11-22 09:00:00")),
        ("timeout_express", json!("5")),
        ("seller_id", json!("2088000000000000")),
        ("product_code", json!("QUICK_WAP_WAY")),
    ] {
        let mut order = stage.app.order("order_1", "cleaning");
        order[name] = value.clone();
        let answer = stage.app.call("alipay.trade.precreate", &order).await;
        assert_eq!(answer.sub_code(), "ACQ.INVALID_PARAMETER", "{name} {value}");
        assert!(answer.node()["sub_msg"].as_str().unwrap().contains(name), "{name}");
    }
    let neither = stage.app.call("alipay.trade.query", &json!({})).await;
    assert_eq!(neither.sub_code(), "ACQ.INVALID_PARAMETER");
    assert!(stage.sandbox.books().is_empty());
    assert_eq!(stage.sandbox.counters().refusals["ACQ.INVALID_PARAMETER"], 12);
}
