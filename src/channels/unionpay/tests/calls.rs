//! What is sent, and what each answer means.

use bursar_core::installments::Installments;
use bursar_core::observation::{PayCode, Receipt};

use super::*;
use crate::channel::CreateRequest;
use crate::outcome::{Closed, RefusalClass};

const NOTIFY_URL: &str = "https://pay.example/notify/unionpay/acc_1";

async fn create(fixture: &Fixture, method: Method) -> Outcome<PayCode> {
    create_of(fixture, payment(method)).await
}

async fn create_of(fixture: &Fixture, payment: Payment) -> Outcome<PayCode> {
    let order = order();
    fixture
        .channel
        .create(&CreateRequest { order: &order, payment: &payment, agreement: None, notify_url: NOTIFY_URL })
        .await
}

fn purchase(more: &[(&str, &str)]) -> Members {
    let mut all = members(&[
        ("txnType", "01"),
        ("txnSubType", "01"),
        ("bizType", "000201"),
        ("orderId", NUMBER),
        ("txnTime", TXN_TIME),
        ("txnAmt", "1234"),
        ("currencyCode", "156"),
        ("payTimeout", "20270115170000"),
        ("backUrl", NOTIFY_URL),
        ("reqReserved", "2027-0001"),
    ]);
    all.extend(members(more));
    all
}

#[tokio::test]
async fn a_payment_in_a_browser_is_a_signed_form_without_any_call() {
    let peer = peer(&[]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let Outcome::Done(PayCode::Form { action, fields }) = create(&fixture, Method::UnionpayWeb).await else { panic!() };
    assert_eq!(action, format!("{}/gateway/api/frontTransReq.do", peer.url()));
    let want = purchase(&[("channelType", "07"), ("frontUrl", "https://shop.example/back")]);
    assert_eq!(verified(fields), want);
    assert_eq!((peer.seen().len(), fixture.count("create", "done")), (0, 1));
}

#[tokio::test]
async fn every_attempt_gives_the_same_form_whatever_the_time() {
    let fixture = Fixture::at(&["http://127.0.0.1:1".to_owned()]);
    let first = create(&fixture, Method::UnionpayWeb).await;
    fixture.clock.advance_ms(10 * HOUR_MS);
    assert_eq!(create(&fixture, Method::UnionpayWeb).await, first);
}

#[tokio::test]
async fn installments_are_a_transaction_of_their_own_and_each_attempt_says_the_same() {
    let answer = signed(about(NUMBER, TXN_TIME, &[("tn", "823716551600001000018"), ("txnType", "01")]));
    let peer = peer(&[(APP, answer)]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let three = |method| Payment { installments: Some(Installments { count: 3, fees: None }), ..payment(method) };
    let members = [("txnSubType", "03"), ("instalTransInfo", "{numberOfInstallments=03}")];
    let code = create_of(&fixture, three(Method::UnionpayWeb)).await;
    fixture.clock.advance_ms(60_000);
    assert_eq!(create_of(&fixture, three(Method::UnionpayWeb)).await, code);
    let Outcome::Done(PayCode::Form { fields, .. }) = code else { panic!() };
    let more = [("channelType", "07"), ("frontUrl", "https://shop.example/back")];
    assert_eq!(verified(fields), purchase(&[&members[..], &more].concat()));

    for _ in 0..2 {
        assert!(matches!(create_of(&fixture, three(Method::UnionpayApp)).await, Outcome::Done(PayCode::Sdk { .. })));
    }
    assert_eq!(sent(&peer.seen()[0]), purchase(&[&members[..], &[("channelType", "08")]].concat()));
    assert_eq!(peer.seen()[0].body, peer.seen()[1].body);
}

#[tokio::test]
async fn browsers_are_sent_to_the_page_that_the_account_names() {
    let mut settings = settings(&["http://127.0.0.1:1".to_owned()]);
    settings["page_base_url"] = json!("https://gateway.example");
    let code = create(&Fixture::with(settings), Method::UnionpayWeb).await;
    let Outcome::Done(PayCode::Form { action, .. }) = code else { panic!() };
    assert_eq!(action, "https://gateway.example/gateway/api/frontTransReq.do");
}

#[tokio::test]
async fn a_payment_in_an_app_is_announced_and_gives_a_tn() {
    let answer = signed(about(NUMBER, TXN_TIME, &[("tn", "823716551600001000018"), ("txnType", "01")]));
    let peer = peer(&[(APP, answer)]).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..2 {
        let Outcome::Done(PayCode::Sdk { fields }) = create(&fixture, Method::UnionpayApp).await else { panic!() };
        assert_eq!(fields, members(&[("tn", "823716551600001000018")]));
        fixture.clock.advance_ms(60_000);
    }
    let seen = peer.seen();
    assert_eq!(sent(&seen[0]), purchase(&[("channelType", "08")]));
    assert_eq!(seen[0].body, seen[1].body);
}

#[tokio::test]
async fn a_tn_that_is_missing_or_a_code_that_is_no_no_is_unknown() {
    for (more, want) in [
        (&[][..], WhyKind::Unreadable),
        (&[("tn", "1 2")], WhyKind::Unreadable),
        (&[("respCode", "05")], WhyKind::SystemError),
        (&[("respCode", "06")], WhyKind::SystemError),
        (&[("respCode", "37")], WhyKind::RateLimited),
        (&[("respCode", "Z9")], WhyKind::Unreadable),
        (&[("respCode", "34")], WhyKind::Unreadable),
        (&[("respCode", "")], WhyKind::Unreadable),
    ] {
        let peer = peer(&[(APP, signed(about(NUMBER, TXN_TIME, more)))]).await;
        let outcome = create(&Fixture::at(&[peer.url()]), Method::UnionpayApp).await;
        assert_eq!(kind(outcome), (want, false), "{more:?}");
    }
}

#[tokio::test]
async fn a_no_says_what_follows_and_a_number_in_use_wants_a_question() {
    for (code, class) in [
        ("12", RefusalClass::NumberInUse),
        ("10", RefusalClass::Definite),
        ("33", RefusalClass::Definite),
        ("11", RefusalClass::Configuration),
        ("40", RefusalClass::Configuration),
    ] {
        // A complaint about a call that could not be read may not repeat its number.
        let mut answer = about(NUMBER, TXN_TIME, &[("respCode", code), ("respMsg", "in words")]);
        if code == "10" {
            answer.remove("orderId");
        }
        let peer = peer(&[(APP, signed(answer))]).await;
        let Outcome::Refused(refusal) = create(&Fixture::at(&[peer.url()]), Method::UnionpayApp).await else {
            panic!("{code}")
        };
        assert_eq!((refusal.code.as_str(), refusal.message.as_str(), refusal.class), (code, "in words", class));
    }
}

#[tokio::test]
async fn a_call_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = peer(&[]).await;
    let mut without_page = settings(&[peer.url()]);
    without_page.as_object_mut().unwrap().remove("front_url");
    let fixture = Fixture::with(without_page);
    let far = Order { expires_at: Timestamp::from_millis(i64::MAX), ..order() };
    let long = format!("https://pay.example/{}", "x".repeat(256));
    let dollars = Payment { amount: Money::new(1, "USD".parse().unwrap()), ..payment(Method::UnionpayApp) };
    let nothing = Payment { amount: Money::new(0, Currency::CNY), ..payment(Method::UnionpayApp) };
    let huge = Payment { amount: Money::new(1_000_000_000_000, Currency::CNY), ..payment(Method::UnionpayApp) };
    let (app, web) = (payment(Method::UnionpayApp), payment(Method::UnionpayWeb));
    let wechat = payment(Method::WechatNative);
    for (order, payment, notify_url, code) in [
        (&order(), &web, NOTIFY_URL, "FRONT_URL"),
        (&far, &app, NOTIFY_URL, "EXPIRES_AT"),
        (&order(), &app, long.as_str(), "NOTIFY_URL"),
        (&order(), &dollars, NOTIFY_URL, "CURRENCY"),
        (&order(), &nothing, NOTIFY_URL, "AMOUNT"),
        (&order(), &huge, NOTIFY_URL, "AMOUNT"),
        (&order(), &wechat, NOTIFY_URL, "METHOD"),
    ] {
        let outcome = fixture.channel.create(&CreateRequest { order, payment, agreement: None, notify_url }).await;
        assert!(matches!(&outcome, Outcome::Refused(refusal) if refusal.code == code), "{code}: {outcome:?}");
    }
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_question_names_the_payment_by_its_number_and_its_own_time() {
    let peer = peer(&[(QUERY, signed(paid(&[])))]).await;
    let fixture = Fixture::at(&[peer.url()]);
    fixture.clock.advance_ms(3 * HOUR_MS);
    let receipt = Receipt {
        transaction_id: QUERY_ID.into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: NOW.plus_ms(30_000),
    };
    assert_eq!(fixture.query().await, Outcome::Done(Standing::Paid(receipt)));
    assert_eq!(
        sent(&peer.seen()[0]),
        members(&[
            ("txnType", "00"),
            ("txnSubType", "00"),
            ("bizType", "000000"),
            ("orderId", NUMBER),
            ("txnTime", TXN_TIME),
        ])
    );
    assert_eq!(fixture.count("query", "done"), 1);
}

#[tokio::test]
async fn the_code_of_the_payment_is_told_from_the_code_of_the_question() {
    let with = |more: &[(&str, &str)]| signed(paid(more));
    for (canned, want) in [
        (
            with(&[("origRespCode", "60"), ("origRespMsg", "no")]),
            Outcome::Done(Standing::AttemptFailed("60: no".into())),
        ),
        (with(&[("origRespCode", "34")]), ABSENT),
        (absent(), ABSENT),
    ] {
        let peer = peer(&[(QUERY, canned)]).await;
        assert_eq!(Fixture::at(&[peer.url()]).query().await, want);
    }
    for (more, want) in [
        (("origRespCode", "05"), WhyKind::SystemError),
        (("origRespCode", "03"), WhyKind::SystemError),
        (("origRespCode", ""), WhyKind::Unreadable),
        (("origRespCode", "77x"), WhyKind::Unreadable),
        // The question itself did not work: what it says of the payment is nothing.
        (("respCode", "05"), WhyKind::SystemError),
        (("respCode", "99"), WhyKind::SystemError),
        (("respCode", "42"), WhyKind::Unreadable),
        (("respCode", "98"), WhyKind::Unreadable),
    ] {
        let peer = peer(&[(QUERY, with(&[more]))]).await;
        assert_eq!(kind(Fixture::at(&[peer.url()]).query().await), (want, false), "{more:?}");
    }
    let peer = peer(&[(QUERY, with(&[("respCode", "31")]))]).await;
    let outcome = Fixture::at(&[peer.url()]).query().await;
    assert!(matches!(outcome, Outcome::Refused(refusal) if refusal.class == RefusalClass::Configuration));
}

#[tokio::test]
async fn another_amount_currency_or_merchant_is_a_receipt_that_says_so() {
    let receipt = |answer: Canned| async move {
        let peer = peer(&[(QUERY, answer)]).await;
        match Fixture::at(&[peer.url()]).query().await {
            Outcome::Done(Standing::Paid(receipt)) => receipt,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(receipt(signed(paid(&[("txnAmt", "1233")]))).await.amount_minor, 1233);
    assert_eq!(receipt(signed(paid(&[("currencyCode", "840")]))).await.currency, "840");
    assert!(!receipt(signed(paid(&[("merId", "777290058110049")]))).await.payee_matches);
}

#[tokio::test]
async fn an_answer_about_another_transaction_proves_nothing() {
    for (name, value) in [("orderId", "x0000000000000000000000003"), ("txnTime", "20270115160001"), ("orderId", "")] {
        for more in [vec![(name, value)], vec![(name, value), ("respCode", "34")]] {
            if value.is_empty() && more.len() > 1 {
                continue;
            }
            let peer = peer(&[(QUERY, signed(paid(&more)))]).await;
            let outcome = Fixture::at(&[peer.url()]).query().await;
            assert_eq!(kind(outcome), (WhyKind::Unreadable, false), "{more:?}");
        }
    }
}

#[tokio::test]
async fn nothing_can_be_closed() {
    let peer = peer(&[]).await;
    let fixture = Fixture::at(&[peer.url()]);
    let outcome = fixture.channel.close(&payment(Method::UnionpayWeb)).await;
    assert_eq!(outcome, Outcome::Done(Closed::NotPossible));
    assert_eq!((peer.seen().len(), fixture.count("close", "done")), (0, 1));
    let refused = fixture.channel.capture(&payment(Method::UnionpayWeb), NOTIFY_URL).await;
    assert!(matches!(refused, Outcome::Refused(_)));
}
