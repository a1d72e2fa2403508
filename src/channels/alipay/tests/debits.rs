//! Charges by an agreement: what is sent, what each answer proves, and what ends one.

use bursar_core::agreement::Agreement;
use bursar_core::decline::DeclineClass;

use super::agreements::{AGREEMENT_NO, agreement, cycle};
use super::*;
use crate::alipay::declines::CODES;
use crate::debit::tests::{charge, signed as signed_by};
use crate::outcome::{Closed, RefusalClass, Standing};
use crate::testing::Peer;

fn agreed() -> Agreement {
    signed_by(agreement(), AGREEMENT_NO)
}

fn charged() -> Payment {
    charge(payment(Method::AlipayDebit), &agreed())
}

async fn debit(fixture: &Fixture, agreement: Option<&Agreement>) -> Outcome<PayCode> {
    let (order, payment) = (order(), charged());
    let request = CreateRequest { order: &order, payment: &payment, agreement, notify_url: NOTIFY_URL };
    fixture.channel.create(&request).await
}

/// What a charge comes to when the channel answers it, and then the closing, with these codes.
async fn outcome(number: &'static str, code: &'static str, closing: Option<&'static str>) -> (String, Vec<String>) {
    let peer = Peer::start(move |s| match asked(s)["method"].as_str() {
        "alipay.trade.pay" => failed(s, number, code),
        _ => match closing {
            Some("10000") => done(s, json!({"out_trade_no": charged().number()})),
            Some(code) => failed(s, "40004", code),
            None => Canned::new(502, ""),
        },
    })
    .await;
    let found = shown(debit(&Fixture::with(cycle(&[peer.url()])), Some(&agreed())).await);
    (found, peer.seen().iter().map(|s| asked(s)["method"].clone()).collect())
}

#[tokio::test]
async fn a_charge_sends_the_documented_members_in_yuan_and_names_nobody_but_the_agreement() {
    let peer = Peer::start(|s| done(s, json!({"out_trade_no": charged().number(), "trade_no": TRADE_NO}))).await;
    let fixture = Fixture::with(cycle(&[peer.url()]));
    for _ in 0..2 {
        assert_eq!(debit(&fixture, Some(&agreed())).await, Outcome::Done(PayCode::Debit));
    }
    let seen = peer.seen();
    let all = asked(&seen[0]);
    assert_signed(&all);
    assert_eq!((&*all["method"], &*all["notify_url"]), ("alipay.trade.pay", NOTIFY_URL));
    assert!(seen.len() == 2 && seen[0].body == seen[1].body);
    assert_eq!(
        biz(&seen[0]),
        json!({
            "out_trade_no": charged().number(), "total_amount": "12.34", "subject": "日常保洁 \"2 小时\" abcd + e",
            "product_code": "CYCLE_PAY_AUTH", "agreement_params": {"agreement_no": AGREEMENT_NO},
            "time_expire": "2027-01-15 17:00:00",
        })
    );
    assert_eq!(fixture.count("create", "done"), 2);
}

#[tokio::test]
async fn nobody_is_charged_without_a_signed_agreement_or_beyond_it() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::with(cycle(&[peer.url()]));
    assert_eq!(shown(debit(&fixture, None).await), "Definite");
    assert_eq!(shown(debit(&fixture, Some(&agreement())).await), "Definite");
    let small = Agreement { limit: Money::new(1233, Currency::CNY), ..agreed() };
    assert_eq!(shown(debit(&fixture, Some(&small)).await), "Declined(Terms)");
    let Outcome::Refused(refusal) = debit(&Fixture::at(&[peer.url()]), Some(&agreed())).await else { panic!() };
    assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`agreements`"), "{refusal}");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn a_decline_is_believed_once_there_is_no_trade_that_could_be_paid() {
    for (code, class) in CODES {
        for closing in ["10000", "ACQ.TRADE_NOT_EXIST", "ACQ.TRADE_HAS_CLOSE"] {
            let (found, calls) = outcome("40004", code, Some(closing)).await;
            assert_eq!(found, format!("{:?}", RefusalClass::Declined(*class)), "{code} {closing}");
            assert_eq!(calls, ["alipay.trade.pay", "alipay.trade.close"]);
        }
    }
    let declined = |closing| outcome("40004", "ACQ.BUYER_BALANCE_NOT_ENOUGH", closing);
    assert_eq!(declined(Some("ACQ.TRADE_STATUS_ERROR")).await.0, "AlreadyPaid", "an earlier call took the money");
    assert_eq!(declined(Some("ACQ.ACCESS_FORBIDDEN")).await.0, "NumberInUse");
    assert_eq!(declined(Some("ACQ.SYSTEM_ERROR")).await.0, "system_error");
    assert_eq!(declined(None).await.0, "server_error");
}

#[tokio::test]
async fn a_charge_that_is_under_way_was_taken_on_and_trouble_is_never_a_decline() {
    for (number, code, want) in [
        ("10003", "", "Debit"),
        ("20000", "isp.unknow-error", "system_error"),
        ("40004", "ACQ.SYSTEM_ERROR", "system_error"),
        ("40004", "ACQ.SOMETHING_NEW", "unreadable"),
        ("40004", "ACQ.TRADE_HAS_SUCCESS", "AlreadyPaid"),
        ("40004", "ACQ.TRADE_HAS_CLOSE", "NumberClosed"),
        ("40004", "ACQ.CONTEXT_INCONSISTENT", "NumberInUse"),
        ("40004", "ACQ.INVALID_PARAMETER", "Definite"),
        ("40004", "ACQ.ACCESS_FORBIDDEN", "Configuration"),
        ("40005", "isv.app-call-limited", "rate_limited"),
    ] {
        let (found, calls) = outcome(number, code, Some("10000")).await;
        assert_eq!((found.as_str(), calls.len()), (want, 1), "{number} {code}");
    }
    let peer = Peer::start(|s| done(s, json!({"out_trade_no": "another"}))).await;
    assert_eq!(shown(debit(&Fixture::with(cycle(&[peer.url()])), Some(&agreed())).await), "unreadable");
    let forged = Peer::start(|s| {
        let content = json!({"code": "40004", "msg": "x", "sub_code": "ACQ.BUYER_BALANCE_NOT_ENOUGH", "sub_msg": "x"});
        answer_with(OTHER_KEY, &asked(s)["method"], &content)
    })
    .await;
    assert_eq!(shown(debit(&Fixture::with(cycle(&[forged.url()])), Some(&agreed())).await), "bad_signature");
}

#[tokio::test]
async fn a_charge_is_asked_about_and_closed_like_a_payment() {
    let query = async |answer: Value| {
        let peer = Peer::start(move |s| done(s, answer.clone())).await;
        Fixture::with(cycle(&[peer.url()])).channel.query(&charged()).await
    };
    assert_eq!(query(unpaid()).await, Outcome::Done(Standing::Unpaid));
    assert!(matches!(query(trade("TRADE_SUCCESS")).await, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234));
    let peer = Peer::start(|s| failed(s, "40004", "ACQ.TRADE_NOT_EXIST")).await;
    let channel = Fixture::with(cycle(&[peer.url()])).channel;
    assert_eq!(channel.query(&charged()).await, Outcome::Done(Standing::Absent));
    assert_eq!(channel.close(&charged()).await, Outcome::Done(Closed::Absent));
    assert_eq!(CODES.iter().filter(|(_, class)| *class == DeclineClass::Terms).count(), 5);
}
