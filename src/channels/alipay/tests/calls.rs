//! What is sent at the gateway, and what each answer means.

use super::*;
use crate::alipay::errors::{Meaning, TABLE};
use crate::outcome::{Closed, RefusalClass, Standing};
use crate::testing::Peer;

#[tokio::test]
async fn a_code_is_made_with_the_documented_members() {
    let number = ours().number();
    let peer =
        Peer::start(move |s| done(s, json!({"out_trade_no": number, "qr_code": "https://qr.alipay.com/bax1"}))).await;
    let fixture = Fixture::at(&[peer.url()]);
    let code = fixture.create(Method::AlipayQr).await;
    assert_eq!(code, Outcome::Done(PayCode::QrCode { url: "https://qr.alipay.com/bax1".into() }));
    let seen = peer.seen().remove(0);
    assert_eq!(seen.method, "POST");
    assert!(seen.target.starts_with("/gateway.do?") && seen.target.contains("charset=utf-8"), "{}", seen.target);
    assert!(seen.target.is_ascii() && !seen.target.contains("biz_content"));
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded;charset=utf-8");
    let all = asked(&seen);
    assert_signed(&all);
    assert_eq!((all["method"].as_str(), all["notify_url"].as_str()), ("alipay.trade.precreate", NOTIFY_URL));
    assert!(!all.contains_key("app_cert_sn"));
    assert_eq!(
        biz(&seen),
        json!({
            "out_trade_no": ours().number(), "total_amount": "12.34", "subject": "日常保洁 \"2 小时\" abcd + e",
            "product_code": "FACE_TO_FACE_PAYMENT", "time_expire": "2027-01-15 17:00:00",
        })
    );
    assert_eq!(fixture.count("create", "done"), 1);
}

#[tokio::test]
async fn every_attempt_says_the_same_and_no_order_lives_longer_than_the_channel_takes() {
    let peer = Peer::start(|s| done(s, json!({"qr_code": "q"}))).await;
    let mut settings = settings(&[peer.url()]);
    settings["qr_product_code"] = json!("QR_CODE_OFFLINE");
    let fixture = Fixture::with(settings);
    let far = Order { expires_at: NOW.plus_ms(90 * 24 * HOUR_MS), ..order() };
    for _ in 0..3 {
        assert!(matches!(fixture.create_of(&far, &ours(), NOTIFY_URL).await, Outcome::Done(_)));
        fixture.clock.advance_ms(61_000);
    }
    let seen = peer.seen();
    assert!(seen.iter().all(|s| s.body == seen[0].body));
    assert_eq!(biz(&seen[0])["time_expire"], json!("2027-01-30 16:00:00"), "15 days");
    assert_eq!(biz(&seen[0])["product_code"], json!("QR_CODE_OFFLINE"));
}

#[tokio::test]
async fn a_call_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&[peer.url()]);
    let long = format!("https://pay.example/{}", "x".repeat(300));
    let yen = Money::new(100, "JPY".parse().unwrap());
    for (payment, notify_url) in [
        (payment(Method::WechatNative), NOTIFY_URL),
        (payment(Method::Card), NOTIFY_URL),
        (ours(), long.as_str()),
        (ours(), "not an address"),
        (Payment { amount: yen, ..ours() }, NOTIFY_URL),
        (Payment { amount: Money::new(0, Currency::CNY), ..ours() }, NOTIFY_URL),
        (Payment { amount: Money::new(10_000_000_001, Currency::CNY), ..ours() }, NOTIFY_URL),
    ] {
        let outcome = fixture.create_of(&order(), &payment, notify_url).await;
        assert!(matches!(outcome, Outcome::Refused(r) if r.class.rules_out_money()), "{notify_url}");
    }
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_query_names_the_number_and_reads_the_receipt_even_when_it_is_not_what_we_expected() {
    let peer = Peer::start(|s| {
        let mut trade = trade("TRADE_SUCCESS");
        trade["total_amount"] = json!("12.33");
        done(s, trade)
    })
    .await;
    let fixture = Fixture::at(&[peer.url()]);
    let Outcome::Done(Standing::Paid(receipt)) = fixture.channel.query(&ours()).await else { panic!() };
    assert_eq!((receipt.amount_minor, receipt.transaction_id.as_str(), receipt.payee_matches), (1233, TRADE_NO, true));
    assert_eq!(receipt.paid_at, NOW.plus_ms(-2_000));
    assert!(receipt.mismatch(order().amount).is_some(), "the core holds it");
    let seen = peer.seen().remove(0);
    assert_signed(&asked(&seen));
    assert_eq!(asked(&seen)["method"], "alipay.trade.query");
    assert_eq!(biz(&seen), json!({"out_trade_no": ours().number()}));
}

#[tokio::test]
async fn a_closed_trade_is_read_by_whether_it_was_paid() {
    let unpaid_closed = |s: &Seen| {
        let mut trade = unpaid();
        trade["trade_status"] = json!("TRADE_CLOSED");
        done(s, trade)
    };
    let peer = Peer::start(unpaid_closed).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(fixture.channel.query(&ours()).await, Outcome::Done(Standing::Closed));
    // We know of its money: all of it has gone back since.
    let known = bursar_core::observation::Receipt {
        transaction_id: TRADE_NO.into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: NOW.plus_ms(-5_000),
    };
    let captured = Payment { evidence: Evidence { paid: Some(known.clone()), ..Evidence::default() }, ..ours() };
    assert_eq!(fixture.channel.query(&captured).await, Outcome::Done(Standing::Paid(known)));
    let peer = Peer::start(|s| done(s, trade("TRADE_CLOSED"))).await;
    let outcome = Fixture::at(&[peer.url()]).channel.query(&ours()).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234));
}

#[tokio::test]
async fn an_answer_about_another_number_is_unknown() {
    let peer = Peer::start(|s| {
        let mut trade = trade("TRADE_SUCCESS");
        trade["out_trade_no"] = json!("another");
        trade["qr_code"] = json!("q");
        done(s, trade)
    })
    .await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(kind(fixture.channel.query(&ours()).await), (WhyKind::Unreadable, false));
    assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::Unreadable, false));
    assert_eq!(kind(fixture.create(Method::AlipayQr).await), (WhyKind::Unreadable, false));
}

#[tokio::test]
async fn a_close_is_accepted() {
    let number = ours().number();
    let peer = Peer::start(move |s| done(s, json!({"trade_no": TRADE_NO, "out_trade_no": number}))).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(fixture.channel.close(&ours()).await, Outcome::Done(Closed::Accepted));
    let seen = peer.seen().remove(0);
    assert_signed(&asked(&seen));
    assert_eq!(asked(&seen)["method"], "alipay.trade.close");
    assert_eq!(biz(&seen), json!({"out_trade_no": ours().number()}));
}

/// What each verb makes of a code with this meaning: create, query, close.
fn expected(meaning: Meaning) -> [&'static str; 3] {
    match meaning {
        Meaning::System | Meaning::NoFunds | Meaning::Later => ["system_error"; 3],
        Meaning::TooMany => ["rate_limited"; 3],
        Meaning::Wrong => ["Definite"; 3],
        Meaning::Account => ["Configuration"; 3],
        Meaning::Paid => ["AlreadyPaid"; 3],
        Meaning::InUse => ["NumberInUse"; 3],
        Meaning::Closed => ["NumberClosed", "NumberClosed", "Accepted"],
        Meaning::Absent => ["Definite", "Absent", "Absent"],
        Meaning::Status => ["NumberInUse", "NumberInUse", "AlreadyPaid"],
    }
}

#[tokio::test]
async fn every_code_of_the_table_has_its_meaning_for_each_call() {
    for (code, meaning) in TABLE {
        let peer = Peer::start(move |s| failed(s, "40004", &format!("ACQ.{code}"))).await;
        let fixture = Fixture::at(&[peer.url()]);
        let [create, query, close] = expected(*meaning);
        assert_eq!(shown(fixture.create(Method::AlipayQr).await), create, "create {code}");
        assert_eq!(shown(fixture.channel.query(&ours()).await), query, "query {code}");
        assert_eq!(shown(fixture.channel.close(&ours()).await), close, "close {code}");
    }
}

#[tokio::test]
async fn numbers_of_the_gateway_count_where_the_code_says_nothing() {
    for (number, code, want) in [
        ("10003", "", "system_error"),
        ("20000", "isp.unknow-error", "system_error"),
        ("20000", "aop.unknow-error", "system_error"),
        ("20001", "aop.invalid-auth-token", "system_error"),
        ("20001", "isv.invalid-auth-token", "Configuration"),
        ("40001", "isv.missing-method", "Definite"),
        ("40002", "isv.invalid-signature", "Configuration"),
        ("40002", "isv.invalid-timestamp", "Configuration"),
        ("40002", "isv.invalid-parameter", "Definite"),
        ("40003", "isv.something", "Configuration"),
        ("40004", "ACQ.SOMETHING_NEW", "unreadable"),
        ("40004", "", "unreadable"),
        ("40005", "isv.app-call-limited", "rate_limited"),
        ("40006", "isv.insufficient-isv-permissions", "Configuration"),
        ("40004", "AQC.SYSTEM_ERROR", "system_error"),
        ("40004", "ACQ.MERCHANT_STATUS_NOT_NORMAL", "Configuration"),
        ("50000", "", "unreadable"),
    ] {
        let peer = Peer::start(move |s| failed(s, number, code)).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(shown(fixture.create(Method::AlipayQr).await), want, "{number} {code}");
        assert_eq!(shown(fixture.channel.query(&ours()).await), want, "{number} {code}");
    }
}

#[tokio::test]
async fn an_error_may_stand_under_the_gateways_own_name() {
    let peer = Peer::start(|_| {
        answer_with(ALIPAY_KEY, "error", &json!({"code": "40002", "msg": "m", "sub_code": "isv.invalid-app-id"}))
    })
    .await;
    let Outcome::Refused(refusal) = Fixture::at(&[peer.url()]).create(Method::AlipayQr).await else { panic!() };
    assert_eq!((refusal.class, refusal.code.as_str()), (RefusalClass::Configuration, "isv.invalid-app-id"));
}
