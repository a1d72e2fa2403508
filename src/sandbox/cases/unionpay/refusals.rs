//! Everything that the gateway refuses.

use super::desk;
use super::merchant::keys;

#[tokio::test]
async fn a_request_that_is_not_signed_by_its_merchant_is_refused() {
    let desk = desk().await;
    let good = desk.merchant.purchase("order0001");
    let changed = |name: &str, value: &str| good.signed().with(name, value);
    let cases = [
        (changed("txnAmt", "1"), "11"),
        (changed("reserved", "new"), "11"),
        (changed("signature", "bm90IGEgc2lnbmF0dXJl"), "11"),
        (changed("signature", "not base64!"), "11"),
        (changed("signature", ""), "13"),
        (good.clone().with("certId", "69903319369").signed(), "11"),
        (good.clone().without("certId").signed(), "13"),
        (good.clone().with("merId", "777290058167151").signed(), "31"),
        (good.clone().with("version", "5.0.0").signed(), "10"),
        (good.clone().with("signMethod", "11").signed(), "10"),
        (good.clone().with("encoding", "GBK").signed(), "10"),
    ];
    for (form, code) in cases {
        let answer = desk.merchant.post("appTransReq.do", &form).await.unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (200, code), "{form:?}");
        assert!(answer.is_genuine(), "refusals are signed too");
    }
    assert!(desk.sandbox.books().is_empty());
    // An empty field is no field, and does not take part in the signature.
    assert_eq!(desk.merchant.post("appTransReq.do", &changed("reserved", "")).await.unwrap().code(), "00");
}

#[tokio::test]
async fn a_field_that_is_missing_or_has_not_its_form_is_named() {
    let desk = desk().await;
    let good = desk.merchant.purchase("order0001");
    for name in
        ["txnType", "txnSubType", "bizType", "channelType", "currencyCode", "orderId", "txnTime", "txnAmt", "backUrl"]
    {
        let answer = desk.merchant.send("appTransReq.do", &good.clone().without(name)).await;
        assert_eq!(answer.code(), "13", "{name}");
        assert!(answer.get("respMsg").contains(&format!("field={name}[")), "{answer:?}");
    }
    for (name, value) in [
        ("orderId", "short12"),
        ("orderId", "order-0001"),
        ("orderId", "order_0001"),
        ("orderId", "order00010000000000000000000000000000000x"),
        ("txnTime", "2026-11-22 09:00"),
        ("txnTime", "20261322090000"),
        ("txnAmt", "0"),
        ("txnAmt", "-1"),
        ("txnAmt", "88.00"),
        ("txnAmt", "1000000000000"),
        ("currencyCode", "CNY"),
        ("backUrl", "/in"),
        ("backUrl", "ftp://127.0.0.1/in"),
        ("payTimeout", "soon"),
        ("txnType", "02"),
        ("bizType", "000301"),
        ("accessType", "1"),
        ("reqReserved", "a&b"),
    ] {
        let answer = desk.merchant.send("appTransReq.do", &good.clone().with(name, value)).await;
        assert_eq!(answer.code(), "10", "{name}={value}");
        assert!(answer.get("respMsg").contains(&format!("field={name}[")), "{answer:?}");
    }
    assert!(desk.sandbox.books().is_empty());
    assert_eq!(desk.sandbox.counters().refusals["unionpay.13"], 9);
}

#[tokio::test]
async fn each_transaction_has_its_own_address() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let refund = desk.merchant.refund(&id, "refund0001", 1);
    for (service, form) in [
        ("backTransReq.do", desk.merchant.purchase("order0002")),
        ("queryTrans.do", desk.merchant.purchase("order0002")),
        ("appTransReq.do", refund.clone()),
        ("elsewhere.do", refund),
    ] {
        assert_eq!(desk.merchant.send(service, &form).await.code(), "10", "{service}");
    }
    let page = desk.merchant.send("frontTransReq.do", &desk.merchant.purchase("order0002").without("frontUrl")).await;
    assert!(page.body.contains("data-code=\"13\"") && page.body.contains("frontUrl"), "{}", page.body);
    assert_eq!(desk.sandbox.books().len(), 1);
}

#[tokio::test]
async fn a_body_that_is_no_form_or_says_a_name_twice_is_refused() {
    let desk = desk().await;
    let url = format!("{}/gateway/api/queryTrans.do", desk.sandbox.base_url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (kind, body) in [
        ("application/json", "{}"),
        ("text/plain", "txnType=00"),
        ("application/x-www-form-urlencoded", "txnType=00&txnType=01"),
        ("application/x-www-form-urlencoded", ""),
    ] {
        let response = client.post(&url).header("content-type", kind).body(body).send().await.unwrap();
        let (status, body) = (response.status().as_u16(), response.text().await.unwrap());
        assert!(status == 200 && (body.contains("respCode=10") || body.contains("respCode=13")), "{kind} {body}");
    }
    assert_eq!(client.get(&url).send().await.unwrap().status().as_u16(), 405);
    assert_eq!(keys().provisioned.mer_id.len(), 15);
}
