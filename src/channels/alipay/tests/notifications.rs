//! Which messages are taken.

use proptest::prelude::*;

use super::*;
use crate::headers::HeaderLines;
use crate::notice::{About, Notice, NotificationRefusal};
use crate::outcome::Standing;

type Message = BTreeMap<String, String>;

pub(super) fn paid() -> Message {
    [
        ("gmt_create", "2027-01-15 15:59:50"),
        ("charset", "utf-8"),
        ("subject", "日常保洁 + 2 小时 & 50%"),
        ("notify_id", "2027011500222155958068450559358070"),
        ("fund_bill_list", r#"[{"amount":"12.34","fundChannel":"ALIPAYACCOUNT"}]"#),
        ("notify_type", "trade_status_sync"),
        ("trade_status", "TRADE_SUCCESS"),
        ("app_id", APP_ID),
        ("sign_type", "RSA2"),
        ("seller_id", SELLER),
        ("gmt_payment", "2027-01-15 15:59:58"),
        ("notify_time", NOW_TEXT),
        ("version", "1.0"),
        ("total_amount", "12.34"),
        ("trade_no", TRADE_NO),
        ("a_new_member", "surely"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .chain([("out_trade_no".to_owned(), ours().number())])
    .collect()
}

/// Signs as the channel does: without `sign` and, unless it keeps it, without `sign_type`.
pub(super) fn signed_with(key: &str, message: &Message, keep_type: bool) -> Vec<u8> {
    let pairs = message.iter().filter(|(name, _)| keep_type || *name != "sign_type");
    let text = pairs.map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("&");
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(message);
    form.append_pair("sign", &sign(key, text.as_bytes()));
    form.finish().into_bytes()
}

fn signed(message: &Message) -> Vec<u8> {
    signed_with(ALIPAY_KEY, message, false)
}

fn with(changes: &[(&str, &str)]) -> Vec<u8> {
    let mut message = paid();
    for (name, value) in changes {
        message.insert((*name).to_owned(), (*value).to_owned());
    }
    signed(&message)
}

fn without(name: &str) -> Vec<u8> {
    let mut message = paid();
    message.remove(name).unwrap();
    signed(&message)
}

fn channel() -> Arc<dyn Channel> {
    Fixture::alone().channel
}

fn read_at(body: &[u8], now: Timestamp) -> Result<Notice, NotificationRefusal> {
    channel().read_notification(&HeaderLines(""), body, now)
}

fn read(body: &[u8]) -> Result<Notice, NotificationRefusal> {
    read_at(body, NOW)
}

fn standing(body: &[u8]) -> Standing {
    match read(body).unwrap() {
        Notice::Payment { number, standing, at, .. } => {
            assert_eq!((number, at), (ours().number(), NOW));
            standing
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_genuine_message_is_read_and_read_again_later_from_what_was_stored() {
    let body = signed(&paid());
    let notice = read(&body).unwrap();
    assert_eq!(notice.channel_id(), "2027011500222155958068450559358070");
    assert!(matches!(standing(&body), Standing::Paid(r)
        if r.amount_minor == 1234 && r.payee_matches && r.transaction_id == TRADE_NO && r.paid_at == NOW.plus_ms(-2_000)));
    assert!(channel().proof_headers().is_empty(), "the body proves itself");
    let kept = HeaderLines::keep(&Vec::<(String, String)>::new(), channel().proof_headers());
    assert_eq!(channel().reread_notification(&HeaderLines(&kept), &body), Ok(notice));
    let forged = String::from_utf8(body).unwrap().replace("12.34", "12.35");
    let refusal = channel().reread_notification(&HeaderLines(""), forged.as_bytes()).unwrap_err();
    assert_eq!(refusal, NotificationRefusal::BadSignature);
}

#[test]
fn a_message_is_taken_for_as_long_as_the_channel_repeats_it() {
    let body = signed(&paid());
    for (hours, taken) in [(0, true), (25, true), (26, true), (27, false)] {
        let result = read_at(&body, NOW.plus_ms(hours * HOUR_MS));
        assert_eq!(result.is_ok(), taken, "{hours}");
        assert!(taken || result == Err(NotificationRefusal::Stale));
    }
    assert!(read_at(&body, NOW.plus_ms(-300_000)).is_ok());
    assert_eq!(read_at(&body, NOW.plus_ms(-300_001)), Err(NotificationRefusal::Stale));
    assert!(channel().reread_notification(&HeaderLines(""), &body).is_ok(), "its age was judged when it came");
}

#[test]
fn spaces_may_be_written_in_both_ways_and_members_in_any_order() {
    let body = String::from_utf8(signed(&paid())).unwrap();
    assert!(body.contains('+'));
    let spaces = body.replace('+', "%20");
    assert_eq!(read(spaces.as_bytes()), read(body.as_bytes()));
    let mut parts: Vec<_> = body.split('&').collect();
    parts.reverse();
    assert_eq!(read(parts.join("&").as_bytes()), read(body.as_bytes()));
}

#[test]
fn any_changed_byte_another_key_or_no_signature_is_refused() {
    let body = String::from_utf8(signed(&paid())).unwrap();
    let refused = |body: &str| assert_eq!(read(body.as_bytes()), Err(NotificationRefusal::BadSignature), "{body}");
    refused(&body.replace("TRADE_SUCCESS", "TRADE_FINISHED"));
    refused(&body.replace("total_amount=12.34", "total_amount=12.35"));
    refused(&format!("{body}&another=1"));
    refused(&body.replace("a_new_member=surely&", ""));
    refused(&body.split('&').filter(|part| !part.starts_with("sign=")).collect::<Vec<_>>().join("&"));
    refused("");
    refused("garbage");
    refused(std::str::from_utf8(&signed_with(OTHER_KEY, &paid(), false)).unwrap());
    let mut old = paid();
    old.insert("sign_type".into(), "RSA".into());
    refused(std::str::from_utf8(&signed_with(ALIPAY_KEY, &old, false)).unwrap());
    // Decoded twice it would be another text.
    refused(&body.replace("50%25", "50%2525"));
}

#[test]
fn a_form_that_can_be_read_in_two_ways_is_refused_even_when_it_is_signed() {
    let body = String::from_utf8(signed(&paid())).unwrap();
    for doubled in [format!("{body}&total_amount=0.01"), format!("total_amount=0.01&{body}"), format!("{body}&sign=x")]
    {
        assert!(matches!(read(doubled.as_bytes()), Err(NotificationRefusal::Unreadable(_))));
    }
    for broken in [format!("{body}&x=%"), format!("{body}&x=%zz"), format!("{body}&%ff=1")] {
        assert!(matches!(read(broken.as_bytes()), Err(NotificationRefusal::Unreadable(_))), "{broken}");
    }
    for garbage in [&[0xff, 0xfe, 0][..], &[b'='; 100], &[b'&'; 100]] {
        assert!(read(garbage).is_err());
    }
}

#[test]
fn a_message_in_gbk_is_verified_over_its_bytes_and_read() {
    // 保洁 in GBK.
    let text: Vec<(&str, Vec<u8>)> = vec![
        ("app_id", APP_ID.into()),
        ("charset", "GBK".into()),
        ("notify_id", "1".into()),
        ("notify_time", NOW_TEXT.into()),
        ("notify_type", "trade_status_sync".into()),
        ("out_trade_no", ours().number().into()),
        ("seller_id", SELLER.into()),
        ("subject", vec![0xb1, 0xa3, 0xbd, 0xe0]),
        ("total_amount", "12.34".into()),
        ("trade_no", TRADE_NO.into()),
        ("trade_status", "TRADE_SUCCESS".into()),
    ];
    let mut message = Vec::new();
    let mut form = String::new();
    for (index, (name, value)) in text.iter().enumerate() {
        if index > 0 {
            message.push(b'&');
        }
        message.extend_from_slice(format!("{name}=").as_bytes());
        message.extend_from_slice(value);
        let value: String = value.iter().map(|b| format!("%{b:02X}")).collect();
        form.push_str(&format!("{name}={value}&"));
    }
    let sign: String = url::form_urlencoded::byte_serialize(sign(ALIPAY_KEY, &message).as_bytes()).collect();
    form.push_str(&format!("sign={sign}"));
    assert!(matches!(standing(form.as_bytes()), Standing::Paid(r) if r.amount_minor == 1234));
}

#[test]
fn a_genuine_message_for_another_merchant_or_app_is_foreign_even_when_it_names_nobody() {
    for body in [
        with(&[("app_id", "2021000000000002")]),
        with(&[("seller_id", "2088000000000002")]),
        with(&[("seller_id", "")]),
        without("seller_id"),
        without("app_id"),
    ] {
        assert_eq!(read(&body), Err(NotificationRefusal::Foreign));
    }
}

#[test]
fn another_amount_is_not_refused_here() {
    assert!(matches!(standing(&with(&[("total_amount", "12.33")])), Standing::Paid(r) if r.amount_minor == 1233));
    let dollars = standing(&with(&[("trans_currency", "USD")]));
    assert!(matches!(dollars, Standing::Paid(r) if r.currency == "USD"));
}

#[test]
fn each_state_is_read_and_a_closed_trade_by_whether_it_was_paid() {
    assert_eq!(standing(&with(&[("trade_status", "WAIT_BUYER_PAY")])), Standing::Unpaid);
    assert!(matches!(standing(&with(&[("trade_status", "TRADE_FINISHED")])), Standing::Paid(_)));
    assert!(matches!(standing(&with(&[("trade_status", "TRADE_CLOSED")])), Standing::Paid(_)), "it was paid");
    let unpaid = with(&[("trade_status", "TRADE_CLOSED"), ("gmt_payment", ""), ("gmt_close", NOW_TEXT)]);
    assert_eq!(standing(&unpaid), Standing::Closed);
}

#[test]
fn a_refund_is_asked_for_because_the_message_tells_only_the_sum() {
    let look = |body: &[u8]| match read(body).unwrap() {
        Notice::Look { about, at, channel_id } => {
            assert_eq!((at, channel_id.as_str()), (NOW, "2027011500222155958068450559358070"));
            about
        }
        other => panic!("{other:?}"),
    };
    let number = leg().number();
    let part = [("refund_fee", "5.00"), ("gmt_refund", "2027-01-15 15:59:59.123"), ("out_biz_no", number.as_str())];
    assert_eq!(look(&with(&part)), About::Refund(number.clone()), "a part: TRADE_SUCCESS");
    let whole = [("trade_status", "TRADE_CLOSED"), ("refund_fee", "12.34"), ("out_biz_no", number.as_str())];
    assert_eq!(look(&with(&whole)), About::Refund(number.clone()), "all of it: TRADE_CLOSED");
    // It names no refund: what it says of the payment is still true.
    let nameless = standing(&with(&[("refund_fee", "5.00"), ("gmt_refund", "2027-01-15 15:59:59.123")]));
    assert!(matches!(nameless, Standing::Paid(_)));
    // A number alone is no refund.
    let zero = standing(&with(&[("refund_fee", "0.00"), ("out_biz_no", number.as_str())]));
    assert!(matches!(zero, Standing::Paid(_)));
    assert!(read(&with(&[("refund_fee", "lots"), ("out_biz_no", "x")])).is_err());
}

#[test]
fn other_kinds_of_messages_are_named_and_may_keep_the_type_of_signature_in_what_is_signed() {
    let mut message = paid();
    message.insert("notify_type".into(), "dut_user_sign".into());
    message.remove("seller_id");
    for keep_type in [false, true] {
        let notice = read(&signed_with(ALIPAY_KEY, &message, keep_type)).unwrap();
        let channel_id = "2027011500222155958068450559358070".to_owned();
        assert_eq!(notice, Notice::Other { channel_id, event: "dut_user_sign".into() });
    }
    message.insert("app_id".into(), "2021000000000002".into());
    assert_eq!(read(&signed(&message)), Err(NotificationRefusal::Foreign));
}

#[test]
fn empty_members_may_count_in_what_is_signed_or_not() {
    let mut message = paid();
    message.insert("passback_params".into(), String::new());
    assert!(read(&signed(&message)).is_ok());
    let mut body = signed(&paid());
    body.extend_from_slice(b"&passback_params=");
    assert!(read(&body).is_ok());
}

#[test]
fn a_message_out_of_shape_is_unreadable_so_that_it_comes_again() {
    for body in [
        without("notify_id"),
        without("notify_time"),
        without("notify_type"),
        without("out_trade_no"),
        without("trade_status"),
        without("total_amount"),
        without("trade_no"),
        with(&[("notify_time", "now")]),
        with(&[("trade_status", "TRADE_SOMETHING")]),
        with(&[("total_amount", "12.345")]),
        with(&[("total_amount", "-12.34")]),
        with(&[("gmt_payment", "yesterday")]),
        with(&[("notify_id", &"9".repeat(129))]),
    ] {
        let refusal = read(&body).unwrap_err();
        assert!(matches!(refusal, NotificationRefusal::Unreadable(_)), "{refusal:?}");
        assert_eq!(channel().refuse(&refusal).status, 400);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn garbage_is_refused_and_nothing_panics(body in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(read(&body).is_err());
    }

    #[test]
    fn a_genuine_message_with_any_byte_changed_says_nothing_else(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let body = signed(&paid());
        let (mut changed, at) = (body.clone(), at.index(body.len()));
        changed[at] ^= flip;
        // `+` and `%20`, or the case of a hexadecimal digit, are the same message.
        prop_assert!(read(&changed).is_err() || read(&changed) == read(&body));
    }
}

#[test]
fn the_channel_hears_its_own_words() {
    let channel = channel();
    let yes = channel.acknowledge();
    assert_eq!((yes.status, yes.body.as_bytes()), (200, &b"success"[..]));
    for no in [channel.refuse(&NotificationRefusal::BadSignature), channel.unavailable()] {
        assert!(no.body != "success" && no.status >= 400, "{no:?}");
    }
}

#[test]
fn messages_about_agreements_say_only_that_one_has_changed() {
    let told = |changes: &[(&str, &str)], key: &str, keep_type: bool| {
        let mut message: Message = [
            ("charset", "UTF-8"),
            ("notify_time", NOW_TEXT),
            ("notify_id", "ac05099524730693a8b330c45cecf72da9"),
            ("notify_type", "dut_user_sign"),
            ("sign_type", "RSA2"),
            ("app_id", APP_ID),
            ("agreement_no", "20275115001234567890"),
            ("external_agreement_no", "00000000000000000000000004"),
            ("personal_product_code", "CYCLE_PAY_AUTH_P"),
            ("status", "NORMAL"),
            ("sign_time", NOW_TEXT),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
        for (name, value) in changes {
            message.insert((*name).to_owned(), (*value).to_owned());
        }
        let body = signed_with(key, &message, keep_type);
        Fixture::alone().channel.read_notification(&Vec::<(String, String)>::new(), &body, NOW)
    };
    let want = Notice::Look {
        channel_id: "ac05099524730693a8b330c45cecf72da9".into(),
        about: About::Agreement("00000000000000000000000004".into()),
        at: NOW,
    };
    for kind in ["dut_user_sign", "dut_user_unsign"] {
        for keep_type in [true, false] {
            assert_eq!(told(&[("notify_type", kind)], ALIPAY_KEY, keep_type), Ok(want.clone()), "{kind}");
        }
    }
    assert_eq!(told(&[], OTHER_KEY, true), Err(NotificationRefusal::BadSignature));
    assert_eq!(told(&[("app_id", "2021000000000009")], ALIPAY_KEY, true), Err(NotificationRefusal::Foreign));
    let unnamed = told(&[("external_agreement_no", "")], ALIPAY_KEY, true);
    assert!(matches!(unnamed, Ok(Notice::Other { event, .. }) if event == "dut_user_sign"));
}

#[test]
fn a_message_about_a_hold_says_where_to_look_and_nothing_else() {
    let about = |kind: &str, payee: &str| {
        let members = [
            ("notify_id", "2027011500222155958068450559358071"),
            ("notify_type", kind),
            ("notify_time", NOW_TEXT),
            ("app_id", APP_ID),
            ("sign_type", "RSA2"),
            ("out_order_no", "n1"),
            ("out_request_no", "n1_release"),
            ("auth_no", "2027"),
            ("status", "SUCCESS"),
            ("amount", "12.34"),
            ("payee_user_id", payee),
        ];
        members.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Message>()
    };
    for kind in ["fund_auth_freeze", "fund_auth_unfreeze"] {
        for keep_type in [false, true] {
            let notice = read(&signed_with(ALIPAY_KEY, &about(kind, SELLER), keep_type)).unwrap();
            assert!(matches!(notice, Notice::Look { about: About::Payment(number), .. } if number == "n1"), "{kind}");
        }
        assert_eq!(read(&signed(&about(kind, "2088000000000002"))), Err(NotificationRefusal::Foreign));
        let forged = signed_with(OTHER_KEY, &about(kind, SELLER), false);
        assert_eq!(read(&forged), Err(NotificationRefusal::BadSignature));
    }
}
