//! Which messages are taken.

use bursar_core::refund::RefundReceipt;

use super::*;
use crate::RefundStanding;
use crate::notice::{About, Notice, NotificationRefusal};

/// What a message about the paid payment has.
fn told(more: &[(&str, &str)]) -> Members {
    let mut all = paid(more);
    all.retain(|name, _| !name.starts_with("orig"));
    all
}

fn encoded(members: &Members) -> Vec<u8> {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish().into_bytes()
}

fn message(members: Members) -> Vec<u8> {
    encoded(&signed_with(members, CHANNEL_KEY, CHANNEL))
}

fn channel() -> Arc<dyn Channel> {
    Fixture::at(&["http://127.0.0.1:1".to_owned()]).channel
}

fn no_headers() -> Vec<(String, String)> {
    Vec::new()
}

fn read(body: &[u8]) -> Result<Notice, NotificationRefusal> {
    channel().read_notification(&no_headers(), body, NOW)
}

#[test]
fn a_genuine_message_is_read_and_read_again_later_from_what_was_stored() {
    let body = message(told(&[]));
    let notice = read(&body).unwrap();
    let Notice::Payment { channel_id, number, standing: Standing::Paid(receipt), at } = &notice else {
        panic!("{notice:?}")
    };
    assert_eq!((channel_id.as_str(), number.as_str()), ("442701151600307846498-01-00", NUMBER));
    assert_eq!((receipt.amount_minor, receipt.transaction_id.as_str(), receipt.payee_matches), (1234, QUERY_ID, true));
    assert_eq!((*at, receipt.paid_at), (NOW.plus_ms(30_000), NOW.plus_ms(30_000)));
    assert_eq!(channel().proof_headers(), [""; 0]);
    assert_eq!(channel().reread_notification(&no_headers(), &body), Ok(notice));
}

#[tokio::test]
async fn a_message_and_the_answer_to_a_question_tell_the_same() {
    let peer = peer(&[(QUERY, signed(paid(&[])))]).await;
    let Outcome::Done(Standing::Paid(asked)) = Fixture::at(&[peer.url()]).query().await else { panic!() };
    let Ok(Notice::Payment { standing: Standing::Paid(told), .. }) = read(&message(told(&[]))) else { panic!() };
    assert_eq!(told, asked);
}

#[test]
fn a_blank_may_be_a_plus_or_an_escape_and_members_come_in_any_order() {
    let members = signed_with(told(&[("respMsg", "all is well")]), CHANNEL_KEY, CHANNEL);
    let notice = read(&encoded(&members)).unwrap();
    let escaped = String::from_utf8(encoded(&members)).unwrap().replace('+', "%20");
    assert_eq!(read(escaped.as_bytes()), Ok(notice.clone()));
    let mut parts: Vec<_> = escaped.split('&').collect();
    parts.reverse();
    assert_eq!(read(parts.join("&").as_bytes()), Ok(notice.clone()));
    let lower = escaped.replace("%2B", "%2b").replace("%3D", "%3d");
    assert_eq!(read(lower.as_bytes()), Ok(notice));
}

#[test]
fn a_message_of_any_age_is_taken_while_its_certificate_was_in_force_and_is_the_same_message() {
    let body = message(told(&[]));
    let notice = read(&body).unwrap();
    let late = channel().read_notification(&no_headers(), &body, NOW.plus_ms(72 * HOUR_MS)).unwrap();
    assert_eq!(late, notice);
    // What is sealed for us is sealed anew in each copy; the id stays.
    let copy = read(&message(told(&[("accNo", "c2VhbGVkIGFuZXc=")]))).unwrap();
    assert_eq!(copy.channel_id(), notice.channel_id());
    // Another turn of the same transaction is another message.
    let other = read(&message(told(&[("respCode", "60")]))).unwrap();
    assert_ne!(other.channel_id(), notice.channel_id());
}

#[test]
fn after_the_certificate_has_ended_a_new_message_is_refused_and_a_stored_one_is_not() {
    let certificate = include_str!("../../testdata/unionpay/channel_expired.pem");
    let body = encoded(&signed_with(told(&[]), CHANNEL_KEY, certificate));
    let before = NOW.plus_ms(-10 * 24 * HOUR_MS);
    let notice = channel().read_notification(&no_headers(), &body, before).unwrap();
    assert!(matches!(read(&body), Err(NotificationRefusal::UnknownSerial(why)) if why.contains("not valid now")));
    assert_eq!(channel().reread_notification(&no_headers(), &body), Ok(notice));
}

#[test]
fn any_change_is_found() {
    let good = signed_with(told(&[]), CHANNEL_KEY, CHANNEL);
    for name in good.keys().filter(|name| *name != "signPubKeyCert") {
        let mut changed = good.clone();
        changed.get_mut(name).unwrap().push('0');
        assert_eq!(read(&encoded(&changed)), Err(NotificationRefusal::BadSignature), "{name}");
        changed.remove(name);
        assert_eq!(read(&encoded(&changed)), Err(NotificationRefusal::BadSignature), "without {name}");
    }
    let mut more = good;
    more.insert("a".into(), "b".into());
    assert_eq!(read(&encoded(&more)), Err(NotificationRefusal::BadSignature));
}

#[test]
fn a_message_of_a_stranger_is_refused() {
    let stranger = include_str!("../../testdata/unionpay/channel_by_stranger.pem");
    let company = include_str!("../../testdata/unionpay/channel_other_company.pem");
    for (key, certificate) in [(CHANNEL_KEY, stranger), (CHANNEL_KEY, company), (MERCHANT_KEY, MIDDLE)] {
        let refusal = read(&encoded(&signed_with(told(&[]), key, certificate))).unwrap_err();
        assert!(matches!(refusal, NotificationRefusal::UnknownSerial(_)), "{refusal}");
        assert_eq!(channel().refuse(&refusal).status, 401);
    }
    let forged = encoded(&signed_with(told(&[]), OTHER_KEY, CHANNEL));
    assert_eq!(read(&forged), Err(NotificationRefusal::BadSignature));
    // The signature of another message.
    let other = signed_with(told(&[("txnAmt", "1")]), CHANNEL_KEY, CHANNEL);
    let mut mixed = signed_with(told(&[]), CHANNEL_KEY, CHANNEL);
    mixed.insert("signature".into(), other["signature"].clone());
    assert_eq!(read(&encoded(&mixed)), Err(NotificationRefusal::BadSignature));
}

#[test]
fn two_members_cannot_hide_in_the_value_of_one() {
    let mut merged = signed_with(told(&[]), CHANNEL_KEY, CHANNEL);
    // The signed text stays the same: …&orderId=…&queryId=…&respCode=…
    let hidden = merged.remove("queryId").unwrap();
    merged.get_mut("orderId").unwrap().push_str(&format!("&queryId={hidden}"));
    assert!(matches!(read(&encoded(&merged)), Err(NotificationRefusal::Unreadable(_))));
}

#[test]
fn what_is_no_form_is_unreadable() {
    let good = String::from_utf8(message(told(&[]))).unwrap();
    let gbk = good.replace("%E6%88%90%E5%8A%9F", "%B3%C9%B9%A6");
    assert_ne!(gbk, good);
    let bodies: [Vec<u8>; 9] = [
        b"{}".to_vec(),
        b"<xml/>".to_vec(),
        vec![0xff; 64],
        format!("{good}&orderId=1").into_bytes(),
        format!("{good}&orderId={NUMBER}").into_bytes(),
        gbk.into_bytes(),
        good.replace("orderId=", "order%49d%3D=").into_bytes(),
        format!("{good}&%").into_bytes(),
        (0..200).map(|i| format!("k{i}=1")).collect::<Vec<_>>().join("&").into_bytes(),
    ];
    for body in bodies {
        let refusal = read(&body).unwrap_err();
        assert!(matches!(refusal, NotificationRefusal::Unreadable(_)), "{}", String::from_utf8_lossy(&body));
        assert_eq!(channel().refuse(&refusal).status, 400);
    }
    for body in ["", "&&&", "a=b"] {
        assert_eq!(read(body.as_bytes()), Err(NotificationRefusal::BadSignature), "{body}");
    }
}

#[test]
fn a_genuine_message_for_another_merchant_is_foreign() {
    for mer_id in ["777290058110049", ""] {
        for txn_type in ["01", "04", "31", "02"] {
            let body = message(told(&[("merId", mer_id), ("txnType", txn_type)]));
            assert_eq!(read(&body), Err(NotificationRefusal::Foreign), "{mer_id} {txn_type}");
        }
    }
}

#[test]
fn another_amount_or_currency_is_not_refused_here() {
    let receipt = |more: (&str, &str)| match read(&message(told(&[more]))) {
        Ok(Notice::Payment { standing: Standing::Paid(receipt), .. }) => receipt,
        other => panic!("{other:?}"),
    };
    let off_by_one = receipt(("txnAmt", "1233"));
    assert!(off_by_one.amount_minor == 1233 && off_by_one.mismatch(order().amount).is_some());
    let dollars = receipt(("currencyCode", "840"));
    assert!(dollars.currency == "840" && dollars.mismatch(order().amount).is_some());
}

#[test]
fn a_payment_that_we_never_made_is_told_by_its_number() {
    let notice = read(&message(told(&[("orderId", "pay20240105145046")]))).unwrap();
    assert!(matches!(notice, Notice::Payment { number, .. } if number == "pay20240105145046"));
}

#[test]
fn a_failed_attempt_is_told_and_what_is_not_sure_is_asked_about() {
    let failed = read(&message(told(&[("respCode", "64"), ("respMsg", "no funds")]))).unwrap();
    assert!(matches!(failed, Notice::Payment { standing: Standing::AttemptFailed(why), .. } if why == "64: no funds"));
    for code in ["03", "05", "12", "34", "Z9", ""] {
        let notice = read(&message(told(&[("respCode", code)]))).unwrap();
        assert!(matches!(&notice, Notice::Look { about: About::Payment(n), .. } if n == NUMBER), "{code}: {notice:?}");
        let notice = read(&message(told(&[("respCode", code), ("txnType", "04")]))).unwrap();
        let under_way = matches!(&notice, Notice::Refund { standing: RefundStanding::Processing { .. }, .. });
        let asked = matches!(&notice, Notice::Look { about: About::Refund(n), .. } if n == NUMBER);
        assert!(if ["03", "05"].contains(&code) { under_way } else { asked }, "{code}: {notice:?}");
    }
}

#[test]
fn a_success_out_of_shape_is_unreadable_so_that_it_comes_again() {
    for (name, value) in [("queryId", ""), ("queryId", "a b"), ("txnAmt", ""), ("txnAmt", "1.00"), ("orderId", "")] {
        let refusal = read(&message(told(&[(name, value)]))).unwrap_err();
        assert!(matches!(refusal, NotificationRefusal::Unreadable(_)), "{name} {value:?}: {refusal}");
    }
}

#[test]
fn refunds_and_voids_are_told_and_other_transactions_are_named() {
    let receipt = RefundReceipt {
        refund_id: QUERY_ID.into(),
        amount_minor: 500,
        currency: "CNY".into(),
        refunded_at: NOW.plus_ms(30_000),
    };
    for txn_type in ["04", "31"] {
        let done =
            message(told(&[("txnType", txn_type), ("txnSubType", "00"), ("txnAmt", "500"), ("currencyCode", "")]));
        let want = Notice::Refund {
            channel_id: format!("{QUERY_ID}-{txn_type}-00"),
            number: NUMBER.into(),
            standing: RefundStanding::Succeeded(receipt.clone()),
            at: NOW.plus_ms(30_000),
        };
        assert_eq!(read(&done), Ok(want.clone()));
        assert_eq!(channel().reread_notification(&no_headers(), &done), Ok(want));
        let failed = read(&message(told(&[("txnType", txn_type), ("respCode", "36"), ("respMsg", "no")]))).unwrap();
        assert!(matches!(failed, Notice::Refund { standing: RefundStanding::Closed(why), .. } if why == "36: no"));
    }
    for txn_type in ["02", "73", ""] {
        let notice = read(&message(told(&[("txnType", txn_type)]))).unwrap();
        assert!(matches!(notice, Notice::Other { event, .. } if event == format!("txnType {txn_type}")));
    }
}

#[test]
fn the_number_of_a_card_is_in_no_notice_and_no_refusal() {
    for more in [&[][..], &[("txnType", "04")], &[("txnType", "72")], &[("txnAmt", "x")], &[("merId", "7")]] {
        let shown = format!("{:?}", read(&message(told(more))));
        assert!(!shown.contains("621626"), "{shown}");
    }
}

#[test]
fn the_channel_hears_its_own_words() {
    let channel = channel();
    assert_eq!((channel.acknowledge().status, channel.acknowledge().body.as_str()), (200, "ok"));
    assert_eq!(channel.refuse(&NotificationRefusal::BadSignature).status, 401);
    assert_eq!(channel.unavailable().status, 503);
    assert!([channel.unavailable(), channel.refuse(&NotificationRefusal::Foreign)].iter().all(|r| r.body != "ok"));
}

#[test]
fn an_opening_is_asked_about_and_a_charge_tells_of_money_and_of_declines() {
    let opening = about(
        "00000000000000000000000004",
        TXN_TIME,
        &[
            ("txnType", "79"),
            ("txnSubType", "00"),
            ("bizType", "000902"),
            ("activateStatus", "1"),
            ("tokenPayData", "{token=6235240000760877254&trId=62000000001&tokenType=01}"),
        ],
    );
    let notice = read(&message(opening.clone())).unwrap();
    let want = About::Agreement("00000000000000000000000004".into());
    assert!(matches!(&notice, Notice::Look { about, .. } if *about == want), "{notice:?}");
    assert!(!format!("{notice:?}").contains("62352"), "no token is kept");
    let mut foreign = opening;
    foreign.insert("merId".into(), "777290058110049".into());
    assert_eq!(read(&message(foreign)), Err(NotificationRefusal::Foreign));

    let paid = read(&message(told(&[("bizType", "000902")])));
    assert!(matches!(paid, Ok(Notice::Payment { standing: Standing::Paid(_), .. })));
    let failed = read(&message(told(&[("bizType", "000902"), ("respCode", "64"), ("respMsg", "in words")])));
    let Ok(Notice::Payment { standing: Standing::Declined(decline), number, .. }) = failed else {
        panic!("{failed:?}")
    };
    assert_eq!(
        (decline.class.name(), decline.reason.as_str(), number.as_str()),
        ("insufficient_funds", "64: in words", NUMBER)
    );
}
