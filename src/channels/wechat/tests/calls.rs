//! What is sent, and what each answer means.

use std::collections::BTreeMap;

use bursar_core::observation::PayCode;

use super::*;
use crate::channel::CreateRequest;
use crate::headers::HeaderLookup;
use crate::outcome::{Closed, RefusalClass};
use crate::testing::{Peer, Seen};
use crate::wechat::errors::{Meaning, TABLE};
use crate::wechat::sign::request_message;

const NOTIFY_URL: &str = "https://pay.example/notify/wechat/acc_1";

async fn create(fixture: &Fixture, method: Method) -> Outcome<PayCode> {
    let (order, payment) = (order(), payment(method));
    fixture
        .channel
        .create(&CreateRequest { order: &order, payment: &payment, agreement: None, notify_url: NOTIFY_URL })
        .await
}

fn authorization(seen: &Seen) -> BTreeMap<String, String> {
    let rest = seen.header("authorization").strip_prefix("WECHATPAY2-SHA256-RSA2048 ").unwrap().to_owned();
    rest.split(',')
        .map(|part| part.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect()
}

/// Checks a request as the channel does.
pub(super) fn assert_signed(seen: &Seen) {
    let auth = authorization(seen);
    assert_eq!(auth["mchid"], MCHID);
    assert_eq!(auth["serial_no"], "5DEA10EF55877E3CF6C33255C2E7DEFFF7E427EC");
    assert_eq!(auth["timestamp"], NOW.as_seconds().to_string());
    assert_eq!(auth["nonce_str"].len(), 32);
    let message = request_message(&seen.method, &seen.target, NOW.as_seconds(), &auth["nonce_str"], &seen.body);
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    // This padding is deterministic: the same message has one signature.
    assert_eq!(auth["signature"], key.sign(&message).unwrap());
    assert!(seen.header("user-agent").starts_with("bursar/"));
    assert_eq!(seen.header("accept"), "application/json");
    assert_eq!(seen.header("wechatpay-serial"), KEY_ID);
}

#[tokio::test]
async fn a_native_order_sends_the_documented_members_and_gives_a_code() {
    let peer = Peer::start(|_| signed(Canned::new(200, r#"{"code_url":"weixin://wxpay/bizpayurl?pr=1"}"#))).await;
    let fixture = Fixture::at(&[peer.url()]);
    let code = create(&fixture, Method::WechatNative).await;
    assert_eq!(code, Outcome::Done(PayCode::QrCode { url: "weixin://wxpay/bizpayurl?pr=1".into() }));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v3/pay/transactions/native"));
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&seen.body).unwrap(),
        json!({
            "appid": APPID, "mchid": MCHID, "description": order().description,
            "out_trade_no": payment(Method::WechatNative).number(), "time_expire": "2027-01-15T17:00:00+08:00",
            "attach": order().number, "notify_url": NOTIFY_URL, "amount": {"total": 1234, "currency": "CNY"},
        })
    );
    assert_eq!(fixture.count("create", "done"), 1);
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_under_a_fresh_nonce() {
    let peer = Peer::start(|_| signed(Canned::new(200, r#"{"h5_url":"https://wx.example/1"}"#))).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..3 {
        let code = create(&fixture, Method::WechatH5).await;
        assert_eq!(code, Outcome::Done(PayCode::Redirect { url: "https://wx.example/1".into() }));
        fixture.clock.advance_ms(10);
    }
    let seen = peer.seen();
    assert_eq!(seen.len(), 3);
    assert!(seen.iter().all(|s| s.body == seen[0].body && s.target == "/v3/pay/transactions/h5"));
    assert_ne!(authorization(&seen[0])["nonce_str"], authorization(&seen[1])["nonce_str"]);
    let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
    assert_eq!(body["scene_info"], json!({"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}}));
    assert_eq!(body.get("payer"), None);
}

#[tokio::test]
async fn jsapi_and_app_codes_carry_a_signature_of_the_merchant() {
    let peer = Peer::start(|_| signed(Canned::new(200, r#"{"prepay_id":"wx2027"}"#))).await;
    let fixture = Fixture::at(&[peer.url()]);
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    let time = NOW.as_seconds().to_string();

    let Outcome::Done(PayCode::Sdk { fields }) = create(&fixture, Method::WechatJsapi).await else { panic!() };
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"]);
    let message = format!("{APPID}\n{time}\n{}\nprepay_id=wx2027\n", fields["nonceStr"]);
    assert_eq!(fields["paySign"], key.sign(message.as_bytes()).unwrap());
    assert_eq!((fields["package"].as_str(), fields["signType"].as_str()), ("prepay_id=wx2027", "RSA"));
    let body: Value = serde_json::from_slice(&peer.seen()[0].body).unwrap();
    assert_eq!(body["payer"], json!({"openid": "o1"}));

    let Outcome::Done(PayCode::Sdk { fields }) = create(&fixture, Method::WechatApp).await else { panic!() };
    let names: Vec<_> = fields.keys().map(String::as_str).collect();
    assert_eq!(names, ["appid", "noncestr", "package", "partnerid", "prepayid", "sign", "timestamp"]);
    let message = format!("{APPID}\n{time}\n{}\nwx2027\n", fields["noncestr"]);
    assert_eq!(fields["sign"], key.sign(message.as_bytes()).unwrap());
    assert_eq!((fields["partnerid"].as_str(), fields["package"].as_str()), (MCHID, "Sign=WXPay"));
}

#[tokio::test]
async fn a_call_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&[peer.url()]);
    let order = order();
    let mut cases = Vec::new();
    for (method, notify_url) in [
        (Method::WechatJsapi, NOTIFY_URL),
        (Method::WechatH5, NOTIFY_URL),
        (Method::WechatNative, "https://pay.example/notify?a=b"),
    ] {
        cases.push((Payment { payer: PayerDetails::default(), ..payment(method) }, notify_url));
    }
    let yen = Money::new(100, "JPY".parse().unwrap());
    cases.push((Payment { amount: yen, ..payment(Method::WechatNative) }, NOTIFY_URL));
    for (payment, notify_url) in &cases {
        let outcome =
            fixture.channel.create(&CreateRequest { order: &order, payment, agreement: None, notify_url }).await;
        assert!(matches!(outcome, Outcome::Refused(r) if r.class.rules_out_money()), "{:?}", payment.method);
    }
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_query_names_the_number_and_reads_the_receipt_even_when_it_is_not_what_we_expected() {
    let peer = Peer::start(move |_| transaction(NUMBER, |v| v["amount"]["total"] = json!(1233))).await;
    let fixture = Fixture::at(&[peer.url()]);
    let Outcome::Done(Standing::Paid(receipt)) = fixture.channel.query(&numbered(NUMBER)).await else { panic!() };
    assert_eq!((receipt.amount_minor, receipt.payee_matches), (1233, true));
    assert!(receipt.mismatch(order().amount).is_some(), "the core holds it");
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!(seen.target, "/v3/pay/transactions/out-trade-no/01jd7z0000000000000000000a?mchid=1900000001");
    assert!(seen.body.is_empty() && seen.headers.header("content-type").is_none());
}

#[tokio::test]
async fn an_answer_about_another_number_is_unknown_and_another_payee_is_told() {
    let peer = Peer::start(|_| transaction("01jd7z0000000000000000000b", |_| ())).await;
    assert_eq!(kind(Fixture::at(&[peer.url()]).channel.query(&numbered(NUMBER)).await), (WhyKind::Unreadable, false));
    let peer = Peer::start(|_| transaction(NUMBER, |v| v["appid"] = json!("wx2"))).await;
    let outcome = Fixture::at(&[peer.url()]).channel.query(&numbered(NUMBER)).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if !r.payee_matches));
}

#[tokio::test]
async fn a_close_is_accepted_with_an_empty_signed_answer() {
    let peer = Peer::start(|_| signed(Canned::new(204, ""))).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(fixture.channel.close(&numbered(NUMBER)).await, Outcome::Done(Closed::Accepted));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!(seen.target, format!("/v3/pay/transactions/out-trade-no/{NUMBER}/close"));
    assert_eq!(seen.body, br#"{"mchid":"1900000001"}"#);
}

/// What each verb makes of a 4xx with this meaning: create, query, close.
fn expected(meaning: Meaning) -> [&'static str; 3] {
    match meaning {
        Meaning::System | Meaning::NoFunds | Meaning::Later => ["system_error"; 3],
        Meaning::TooMany => ["rate_limited"; 3],
        Meaning::Wrong => ["Definite"; 3],
        Meaning::Invalid => ["Definite", "Definite", "TooEarly"],
        Meaning::Account => ["Configuration"; 3],
        Meaning::Paid => ["AlreadyPaid"; 3],
        Meaning::Closed => ["NumberClosed", "NumberClosed", "Accepted"],
        Meaning::Absent => ["Definite", "Absent", "Absent"],
        Meaning::InUse => ["NumberInUse"; 3],
    }
}

pub(super) fn shown<T: std::fmt::Debug>(outcome: Outcome<T>) -> String {
    match outcome {
        Outcome::Done(value) => format!("{value:?}"),
        Outcome::Refused(refusal) => format!("{:?}", refusal.class),
        Outcome::Unknown(why) => why.kind.name().to_owned(),
    }
}

#[tokio::test]
async fn every_code_of_the_table_means_the_same_signed_and_unsigned() {
    for sign in [false, true] {
        // The code to answer with travels in the number, so that one peer can play all of them.
        let peer = Peer::start(move |seen| {
            let index = seen.target.split("out-trade-no/").nth(1).and_then(|rest| rest.get(23..26)).unwrap_or("000");
            let canned = error(400, TABLE[index.parse::<usize>().unwrap()].0);
            if sign { signed(canned) } else { canned }
        })
        .await;
        let fixture = Fixture::at(&[peer.url()]);
        for (index, (code, meaning)) in TABLE.iter().enumerate() {
            let payment = numbered(&format!("{index:026}"));
            let [_, query, close] = expected(*meaning);
            assert_eq!(shown(fixture.channel.query(&payment).await), query, "query {code}");
            assert_eq!(shown(fixture.channel.close(&payment).await), close, "close {code}");
        }
    }
    for (code, meaning) in TABLE {
        let peer = Peer::start(move |_| error(400, code)).await;
        let outcome = create(&Fixture::at(&[peer.url()]), Method::WechatNative).await;
        assert_eq!(shown(outcome), expected(*meaning)[0], "create {code}");
    }
}

#[tokio::test]
async fn a_number_that_was_used_with_other_content_may_still_bring_money() {
    let refusal = |_: &Seen| error(400, "INVALID_REQUEST").with("Request-ID", "08F4F0A00610-268498688");
    let peer = Peer::start(refusal).await;
    let Outcome::Refused(refusal) = create(&Fixture::at(&[peer.url()]), Method::WechatNative).await else { panic!() };
    assert_eq!(refusal.class, RefusalClass::NumberInUse);
    assert!(!refusal.class.rules_out_money());
}

#[tokio::test]
async fn statuses_without_a_known_code_are_never_a_no() {
    for (status, body, want) in [
        (400, r#"{"code":"SOMETHING_NEW","message":"m"}"#, WhyKind::Unreadable),
        (404, "<html>not found</html>", WhyKind::Unreadable),
        (403, "", WhyKind::Unreadable),
        (302, "", WhyKind::Unreadable),
        (202, r#"{"code":"USERPAYING","message":"m"}"#, WhyKind::BadSignature),
        (500, r#"{"code":"SYSTEM_ERROR","message":"m"}"#, WhyKind::SystemError),
        (500, r#"{"code":"PARAM_ERROR","message":"m"}"#, WhyKind::ServerError),
        (502, "<html>bad gateway</html>", WhyKind::ServerError),
        (503, "", WhyKind::ServerError),
        (504, "", WhyKind::ServerError),
        (429, r#"{"code":"PARAM_ERROR","message":"m"}"#, WhyKind::RateLimited),
        (429, "", WhyKind::RateLimited),
    ] {
        let peer = Peer::start(move |_| Canned::new(status, body).with("Location", "http://127.0.0.1:1/")).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(create(&fixture, Method::WechatNative).await), (want, false), "create {status} {body}");
        assert_eq!(kind(fixture.channel.query(&numbered(NUMBER)).await), (want, false), "query {status} {body}");
        assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (want, false), "close {status} {body}");
        assert_eq!(peer.seen().len(), 3, "nothing is repeated and no redirect is followed");
    }
    let peer = Peer::start(|_| signed(error(202, "USERPAYING"))).await;
    assert_eq!(kind(Fixture::at(&[peer.url()]).channel.query(&numbered(NUMBER)).await), (WhyKind::Unreadable, false));
}
