//! Which messages are taken.

use bursar_core::refund::RefundReceipt;

use super::*;
use crate::RefundStanding;
use crate::headers::HeaderLines;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::wechat::aead::Sealed;

/// A message and its headers.
struct Message {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn plain() -> Value {
    json!({
        "appid": APPID, "mchid": MCHID, "out_trade_no": NUMBER, "trade_state": "SUCCESS",
        "transaction_id": "42", "success_time": "2027-01-15T15:59:58+08:00",
        "amount": {"total": 1234, "currency": "CNY"},
    })
}

fn envelope(event: &str, sealed: &Sealed) -> Value {
    json!({
        "id": "EV-1", "create_time": "2027-01-15T16:00:00+08:00", "event_type": event,
        "resource_type": "encrypt-resource", "summary": "s",
        "resource": {
            "original_type": "transaction", "algorithm": sealed.algorithm, "ciphertext": sealed.ciphertext,
            "associated_data": sealed.associated_data, "nonce": sealed.nonce,
        },
    })
}

fn message(body: &Value) -> Message {
    let canned = signed(Canned::new(200, body.to_string()));
    Message { headers: canned.headers, body: canned.body }
}

fn about(plain: &Value) -> Message {
    let sealed = api_key().seal("twelve bytes", "transaction", plain.to_string().as_bytes());
    message(&envelope("TRANSACTION.SUCCESS", &sealed))
}

fn channel() -> Arc<dyn Channel> {
    Fixture::at(&["http://127.0.0.1:1".to_owned()]).channel
}

fn read(message: &Message) -> Result<Notice, NotificationRefusal> {
    channel().read_notification(&message.headers, &message.body, NOW)
}

fn change(message: &mut Message, name: &str, value: &str) {
    for (known, old) in &mut message.headers {
        if known == name {
            value.clone_into(old);
        }
    }
}

#[test]
fn a_genuine_message_is_read_and_read_again_later_from_what_was_stored() {
    let message = about(&plain());
    let notice = read(&message).unwrap();
    assert!(matches!(&notice, Notice::Payment { number, standing: Standing::Paid(r), .. }
        if number == NUMBER && r.amount_minor == 1234));
    let kept = HeaderLines::keep(&message.headers, channel().proof_headers());
    assert_eq!(channel().reread_notification(&HeaderLines(&kept), &message.body), Ok(notice));
    // Later than any freshness: the signature is still judged, the age is not.
    let late = channel().read_notification(&message.headers, &message.body, NOW.plus_ms(86_400_000));
    assert_eq!(late, Err(NotificationRefusal::Stale));
    let mut forged = message.body.clone();
    forged.push(b' ');
    let refusal = channel().reread_notification(&HeaderLines(&kept), &forged).unwrap_err();
    assert_eq!(refusal, NotificationRefusal::BadSignature);
}

#[test]
fn the_channels_own_signature_test_is_refused_as_such() {
    let mut message = about(&plain());
    change(&mut message, "Wechatpay-Signature", "WECHATPAY/SIGNTEST/AAAA");
    assert_eq!(read(&message), Err(NotificationRefusal::Probe));
}

#[test]
fn messages_are_fresh_for_less_than_five_minutes_on_both_sides() {
    let message = about(&plain());
    for (ms, taken) in [(299_000, true), (-299_000, true), (300_000, false), (-300_000, false)] {
        let result = channel().read_notification(&message.headers, &message.body, NOW.plus_ms(ms));
        assert_eq!(result.is_ok(), taken, "{ms}");
        assert!(taken || result == Err(NotificationRefusal::Stale));
    }
}

#[test]
fn a_missing_header_an_unknown_key_and_any_changed_byte_are_refused() {
    let good = about(&plain());
    for name in ["Wechatpay-Signature", "Wechatpay-Serial", "Wechatpay-Timestamp", "Wechatpay-Nonce"] {
        let headers = good.headers.iter().filter(|(known, _)| known != name).cloned().collect();
        let result = read(&Message { headers, body: good.body.clone() });
        assert!(matches!(result, Err(NotificationRefusal::MissingHeader(missing)) if missing == name), "{name}");
    }
    for (name, value, want) in [
        ("Wechatpay-Serial", "PUB_KEY_ID_01", NotificationRefusal::UnknownSerial("PUB_KEY_ID_01".into())),
        ("Wechatpay-Nonce", "another", NotificationRefusal::BadSignature),
        ("Wechatpay-Timestamp", "1800000001", NotificationRefusal::BadSignature),
        ("Wechatpay-Timestamp", "-1", NotificationRefusal::Stale),
        ("Wechatpay-Timestamp", "now", NotificationRefusal::BadSignature),
        ("Wechatpay-Signature", "", NotificationRefusal::BadSignature),
        ("Wechatpay-Signature", "!!!!", NotificationRefusal::BadSignature),
        ("Wechatpay-Signature-Type", "WECHATPAY2-SM2-WITH-SM3", NotificationRefusal::BadSignature),
    ] {
        let mut message = about(&plain());
        change(&mut message, name, value);
        assert_eq!(read(&message), Err(want), "{name} {value}");
    }
    for position in [0, good.body.len() / 2, good.body.len() - 1] {
        let mut body = good.body.clone();
        body[position] ^= 1;
        let result = read(&Message { headers: good.headers.clone(), body });
        assert_eq!(result, Err(NotificationRefusal::BadSignature), "{position}");
    }
    let canned = signed_with(Canned::new(200, good.body.clone()), OTHER_KEY, KEY_ID, NOW);
    let forged = Message { headers: canned.headers, body: canned.body };
    assert_eq!(read(&forged), Err(NotificationRefusal::BadSignature));
}

#[test]
fn a_genuine_message_for_another_merchant_or_app_is_foreign() {
    for (member, value) in [("mchid", "1900000002"), ("appid", "wx2")] {
        let mut plain = plain();
        plain[member] = json!(value);
        assert_eq!(read(&about(&plain)), Err(NotificationRefusal::Foreign), "{member}");
    }
}

#[test]
fn another_amount_is_not_refused_here() {
    let mut plain = plain();
    plain["amount"]["total"] = json!(1);
    let result = read(&about(&plain));
    assert!(matches!(result, Ok(Notice::Payment { standing: Standing::Paid(r), .. }) if r.amount_minor == 1));
}

#[test]
fn what_is_not_sealed_with_our_key_or_not_in_shape_is_unreadable() {
    let stranger = ApiKey::new(b"ffffffffffffffffffffffffffffffff").unwrap();
    let sealed = stranger.seal("twelve bytes", "transaction", plain().to_string().as_bytes());
    let ours = api_key().seal("twelve bytes", "transaction", b"{}");
    let mut no_id = envelope("TRANSACTION.SUCCESS", &ours);
    no_id["id"] = json!("");
    let mut no_time = envelope("TRANSACTION.SUCCESS", &ours);
    no_time["create_time"] = json!("yesterday");
    for body in [
        envelope("TRANSACTION.SUCCESS", &sealed),
        envelope("REFUND.SUCCESS", &sealed),
        envelope("REFUND.SUCCESS", &ours),
        envelope("TRANSACTION.SUCCESS", &ours),
        no_id,
        no_time,
        json!([]),
        json!({"id": "EV-1"}),
    ] {
        assert!(matches!(read(&message(&body)), Err(NotificationRefusal::Unreadable(_))), "{body}");
    }
}

fn about_contract(event: &str, plain: &Value) -> Message {
    let sealed = api_key().seal("twelve bytes", "contract", plain.to_string().as_bytes());
    message(&envelope(event, &sealed))
}

#[test]
fn messages_about_agreements_say_only_that_one_has_changed() {
    let plain = json!({
        "mchid": MCHID, "appid": APPID, "plan_id": 12535, "out_contract_code": "c1", "contract_id": "2027",
        "contract_state": "SIGNED", "openid": "o1",
    });
    for event in ["ENTRUST.SIGN", "ENTRUST.TERMINATE", "ENTRUST.SOMETHING_NEW"] {
        let message = about_contract(event, &plain);
        let want = Notice::Look { channel_id: "EV-1".into(), about: About::Agreement("c1".into()), at: NOW };
        assert_eq!(read(&message), Ok(want.clone()), "{event}");
        let kept = HeaderLines::keep(&message.headers, channel().proof_headers());
        assert_eq!(channel().reread_notification(&HeaderLines(&kept), &message.body), Ok(want));
    }
    for (member, value) in [("mchid", json!("20")), ("mchid", Value::Null), ("appid", json!("wx2"))] {
        let mut other = plain.clone();
        other[member] = value;
        assert_eq!(read(&about_contract("ENTRUST.SIGN", &other)), Err(NotificationRefusal::Foreign), "{member}");
    }
    let named = read(&about_contract("ENTRUST.SIGN", &json!({"sp_mchid": "1"}))).unwrap();
    assert_eq!(named, Notice::Other { channel_id: "EV-1".into(), event: "ENTRUST.SIGN".into() });
}

#[test]
fn messages_about_charges_tell_of_money_and_of_declines() {
    let of = |event: &str, change: &dyn Fn(&mut Value)| {
        let mut plain = plain();
        plain["trade_type"] = json!("PAP");
        change(&mut plain);
        let sealed = api_key().seal("twelve bytes", "transaction", plain.to_string().as_bytes());
        read(&message(&envelope(event, &sealed)))
    };
    for event in ["TRANSACTION.SUCCESS", "TRANSACTION.PAY_BACK"] {
        let notice = of(event, &|_| ());
        assert!(matches!(notice, Ok(Notice::Payment { standing: Standing::Paid(_), .. })), "{event}");
    }
    for state in ["PAYERROR", "PAY_FAIL"] {
        let notice = of("TRANSACTION.FAIL", &|v| {
            v["trade_state"] = json!(state);
            v["trade_state_desc"] = json!("余额不足");
        });
        let Ok(Notice::Payment { standing: Standing::Declined(decline), number, .. }) = notice else {
            panic!("{state}")
        };
        assert_eq!((decline.class.name(), number.as_str()), ("insufficient_funds", NUMBER));
    }
}

#[test]
fn other_events_are_named() {
    let sealed = api_key().seal("twelve bytes", "profitsharing", b"{}");
    for event in ["PROFITSHARING.SUCCESS", "REFUND.SOMETHING", "refund.success", ""] {
        let notice = read(&message(&envelope(event, &sealed))).unwrap();
        assert_eq!(notice, Notice::Other { channel_id: "EV-1".into(), event: event.into() });
    }
}

fn refund_plain(status: &str) -> Value {
    json!({
        "mchid": MCHID, "transaction_id": "42", "out_trade_no": NUMBER, "refund_id": "50", "out_refund_no": "r1",
        "refund_status": status, "success_time": "2027-01-15T15:59:58+08:00",
        "user_received_account": "支付用户零钱",
        "amount": {"total": 1234, "refund": 500, "payer_total": 1234, "payer_refund": 500},
    })
}

fn about_refund(event: &str, plain: &Value) -> Message {
    let sealed = api_key().seal("twelve bytes", "refund", plain.to_string().as_bytes());
    message(&envelope(event, &sealed))
}

#[test]
fn messages_about_refunds_are_read_and_read_again_later() {
    let receipt = RefundReceipt {
        refund_id: "50".into(),
        amount_minor: 500,
        currency: "CNY".into(),
        refunded_at: NOW.plus_ms(-2_000),
    };
    let closed = "CLOSED: the channel gave refund 50 up".to_owned();
    for (event, status, want) in [
        ("REFUND.SUCCESS", "SUCCESS", RefundStanding::Succeeded(receipt)),
        ("REFUND.ABNORMAL", "ABNORMAL", RefundStanding::Abnormal { refund_id: "50".into() }),
        ("REFUND.CLOSED", "CLOSED", RefundStanding::Closed(closed)),
        ("REFUND.SUCCESS", "PROCESSING", RefundStanding::Processing { refund_id: "50".into() }),
    ] {
        let message = about_refund(event, &refund_plain(status));
        let want = Notice::Refund { channel_id: "EV-1".into(), number: "r1".into(), standing: want, at: NOW };
        assert_eq!(read(&message), Ok(want.clone()), "{event} {status}");
        assert_eq!(want.channel_id(), "EV-1");
        let kept = HeaderLines::keep(&message.headers, channel().proof_headers());
        assert_eq!(channel().reread_notification(&HeaderLines(&kept), &message.body), Ok(want));
    }
}

#[test]
fn a_refund_of_another_merchant_is_foreign_even_when_it_names_nobody() {
    for mchid in [json!("1900000002"), json!(""), Value::Null] {
        let mut plain = refund_plain("SUCCESS");
        plain["mchid"] = mchid.clone();
        assert_eq!(read(&about_refund("REFUND.SUCCESS", &plain)), Err(NotificationRefusal::Foreign), "{mchid}");
    }
}

#[test]
fn another_refunded_amount_is_not_refused_here() {
    let mut plain = refund_plain("SUCCESS");
    plain["amount"]["refund"] = json!(499);
    let result = read(&about_refund("REFUND.SUCCESS", &plain));
    assert!(matches!(result, Ok(Notice::Refund { standing: RefundStanding::Succeeded(r), .. })
        if r.amount_minor == 499 && r.mismatch(Money::new(500, Currency::CNY)).is_some()));
}

#[test]
fn a_refund_message_out_of_shape_is_unreadable_so_that_it_comes_again() {
    for change in [
        |v: &mut Value| v["refund_status"] = json!("DONE"),
        |v: &mut Value| v["amount"] = Value::Null,
        |v: &mut Value| v["refund_id"] = json!(""),
        |v: &mut Value| v["success_time"] = json!("today"),
        |v: &mut Value| drop(v.as_object_mut().unwrap().remove("out_refund_no")),
    ] {
        let mut plain = refund_plain("SUCCESS");
        change(&mut plain);
        let refusal = read(&about_refund("REFUND.SUCCESS", &plain)).unwrap_err();
        assert!(matches!(refusal, NotificationRefusal::Unreadable(_)), "{plain}");
        assert_eq!(channel().refuse(&refusal).status, 400);
    }
}

#[test]
fn the_channel_hears_its_own_words() {
    let channel = channel();
    assert_eq!((channel.acknowledge().status, channel.acknowledge().body.as_str()), (204, ""));
    let reply = channel.refuse(&NotificationRefusal::Probe);
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, &body["code"]), (401, &json!("FAIL")));
    assert_eq!(channel.unavailable().status, 503);
}

#[test]
fn messages_about_pay_after_service_say_where_to_look_and_nothing_else() {
    let order = |mchid: &str| {
        json!({
            "appid": APPID, "mchid": mchid, "service_id": "5001", "out_order_no": NUMBER, "order_id": "1",
            "state": "DOING", "state_description": "USER_CONFIRM",
        })
    };
    let about = |event: &str, plain: &Value| {
        message(&envelope(event, &api_key().seal("twelve bytes", "payscore", plain.to_string().as_bytes())))
    };
    for event in ["PAYSCORE.USER_CONFIRM", "PAYSCORE.USER_PAID"] {
        let notice = read(&about(event, &order(MCHID))).unwrap();
        assert!(matches!(notice, Notice::Look { about: About::Payment(number), .. } if number == NUMBER), "{event}");
        assert_eq!(read(&about(event, &order("1900000002"))), Err(NotificationRefusal::Foreign));
        assert!(matches!(read(&about(event, &json!({}))), Err(NotificationRefusal::Unreadable(_))));
    }
    let other = read(&about("PAYSCORE.USER_OPEN_SERVICE", &json!({}))).unwrap();
    assert!(matches!(other, Notice::Other { event, .. } if event == "PAYSCORE.USER_OPEN_SERVICE"));
}
