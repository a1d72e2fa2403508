//! Our signing and verifying against messages that another implementation made with our test keys.

use serde_json::Value;

use super::second_way::opened;
use super::*;
use crate::RefundStanding;
use crate::notice::{Notice, NotificationRefusal};
use crate::wechat::sign::{pay_message, request_message};
use crate::wechat::verify::{ChannelKey, platform_certificate};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../testdata/vectors.json")).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).unwrap().as_str().unwrap()
}

#[test]
fn requests_are_signed_as_another_implementation_signs_them() {
    let v = vectors();
    let key = SigningKey::read(MERCHANT_KEY.as_bytes()).unwrap();
    let (time, nonce) = (v["timestamp"].as_i64().unwrap(), text(&v, "/nonce"));
    let close = request_message("POST", text(&v, "/close/target"), time, nonce, text(&v, "/close/body").as_bytes());
    assert_eq!(key.sign(&close).unwrap(), text(&v, "/close/signature"));
    let query = request_message("GET", text(&v, "/query/target"), time, nonce, b"");
    assert_eq!(key.sign(&query).unwrap(), text(&v, "/query/signature"));
}

#[test]
fn pay_codes_are_signed_with_the_prefix_inside_wechat_and_without_it_in_an_app() {
    let v = vectors();
    let key = SigningKey::read(include_bytes!("../../testdata/merchant_key_pkcs1.pem")).unwrap();
    let (appid, nonce, id) = (text(&v, "/pay/appid"), text(&v, "/nonce"), text(&v, "/pay/prepay_id"));
    let jsapi = pay_message(appid, "1800000000", nonce, &format!("prepay_id={id}"));
    assert_eq!(key.sign(jsapi.as_bytes()).unwrap(), text(&v, "/pay/jsapi_signature"));
    let app = pay_message(appid, "1800000000", nonce, id);
    assert_eq!(key.sign(app.as_bytes()).unwrap(), text(&v, "/pay/app_signature"));
}

fn headers(v: &Value, signature: &str) -> Vec<(String, String)> {
    [
        ("wechatpay-timestamp", "1800000000"),
        ("wechatpay-nonce", text(v, "/nonce")),
        ("wechatpay-serial", KEY_ID),
        ("wechatpay-signature", signature),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}

#[test]
fn a_notification_that_another_implementation_signed_and_sealed_is_read() {
    let v = vectors();
    let channel = Fixture::at(&["http://127.0.0.1:1".to_owned()]).channel;
    let (headers, body) = (headers(&v, text(&v, "/notification/signature")), text(&v, "/notification/body"));
    let notice = channel.read_notification(&headers, body.as_bytes(), NOW).unwrap();
    let Notice::Payment { channel_id, number, standing: Standing::Paid(receipt), at } = notice else {
        panic!("{notice:?}")
    };
    assert_eq!((channel_id.as_str(), number.as_str(), at), ("EV-0001", NUMBER, NOW));
    assert_eq!((receipt.amount_minor, receipt.currency.as_str(), receipt.payee_matches), (1234, "CNY", true));
    assert_eq!(receipt.transaction_id, "4200000000202701150000000001");
    assert_eq!(receipt.paid_at, NOW.plus_ms(-2_000));
}

#[test]
fn a_body_that_was_parsed_and_written_again_is_not_the_message() {
    let v = vectors();
    let channel = Fixture::at(&["http://127.0.0.1:1".to_owned()]).channel;
    let headers = headers(&v, text(&v, "/notification/signature"));
    let rewritten = serde_json::from_str::<Value>(text(&v, "/notification/body")).unwrap().to_string();
    let refusal = channel.read_notification(&headers, rewritten.as_bytes(), NOW).unwrap_err();
    assert_eq!(refusal, NotificationRefusal::BadSignature);
}

#[test]
fn an_empty_answer_has_a_signature_too() {
    let v = vectors();
    let key = ChannelKey::from_pem(KEY_ID, PLATFORM_PUBLIC.as_bytes()).unwrap();
    let verdict =
        crate::wechat::verify::verify(&headers(&v, text(&v, "/empty_answer/signature")), b"", Some(NOW), |_, check| {
            Some(check(&key))
        });
    assert_eq!(verdict, Ok(()));
}

#[test]
fn a_certificate_has_the_serial_that_the_channel_writes() {
    let key = platform_certificate(PLATFORM_CERTIFICATE.as_bytes()).unwrap();
    assert_eq!(key.serial(), text(&vectors(), "/certificate_serial"));
    assert_eq!(key.serial(), CERTIFICATE_SERIAL);
    assert!(key.in_force(NOW));
    assert!(!key.in_force(Timestamp::parse_rfc3339("2025-12-31T23:59:59Z").unwrap()));
    assert!(!key.in_force(Timestamp::parse_rfc3339("2046-01-01T00:00:00Z").unwrap()));
}

#[test]
fn a_refund_message_that_another_implementation_signed_and_sealed_is_read() {
    let v = vectors();
    let channel = Fixture::at(&["http://127.0.0.1:1".to_owned()]).channel;
    let (headers, body) = (headers(&v, text(&v, "/refund_notification/signature")), "/refund_notification/body");
    let notice = channel.read_notification(&headers, text(&v, body).as_bytes(), NOW).unwrap();
    let Notice::Refund { channel_id, number, standing: RefundStanding::Succeeded(receipt), at } = notice else {
        panic!("{notice:?}")
    };
    assert_eq!((channel_id.as_str(), number.as_str(), at), ("EV-0002", "01jd7z0000000000000000000r", NOW));
    assert_eq!((receipt.refund_id.as_str(), receipt.amount_minor), ("50000000382027011509732678859", 500));
    assert_eq!((receipt.currency.as_str(), receipt.refunded_at), ("CNY", NOW.plus_ms(-2_000)));
}

#[test]
fn what_another_implementation_sealed_is_opened_as_the_channel_would() {
    let v = vectors();
    assert_eq!(opened(text(&v, "/payee/sealed_account")), text(&v, "/payee/account"));
    assert_eq!(opened(text(&v, "/payee/sealed_name")), text(&v, "/payee/name"));
}
