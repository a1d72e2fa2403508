//! Refunds and questions about them: what is sent, what each answer means, and how a no is made sure.

use bursar_core::id::{LegId, RefundId};
use bursar_core::observation::Receipt;
use bursar_core::refund::{Leg, LegEvidence, LegState, RefundReceipt, Route};

use super::calls::{assert_signed, shown};
use super::*;
use crate::RefundStanding;
use crate::channel::RefundRequest;
use crate::outcome::{Refusal, RefusalClass};
use crate::testing::{Peer, Seen, nobody};
use crate::wechat::errors::{Meaning, TABLE};

pub(super) const NOTIFY_URL: &str = "https://pay.example/notify/wechat/acc_1";
pub(super) const REFUND_ID: &str = "50000000382027011509732678859";

/// A payment of `age_ms`.
pub(super) fn captured(age_ms: i64) -> Payment {
    let receipt = Receipt {
        transaction_id: "42".into(),
        amount_minor: 1234,
        currency: "CNY".into(),
        payee_matches: true,
        paid_at: NOW.plus_ms(-age_ms),
    };
    let evidence = Evidence { paid: Some(receipt), ..Evidence::default() };
    Payment { state: PaymentState::Captured, evidence, ..payment(Method::WechatNative) }
}

pub(super) fn leg() -> Leg {
    Leg {
        id: LegId(Uuid::from_u128(0x51)),
        refund: RefundId(Uuid::from_u128(0x50)),
        payment: payment(Method::WechatNative).id,
        sequence: 1,
        route: Route::Channel,
        amount: Money::new(500, Currency::CNY),
        replaces: None,
        state: LegState::Sending,
        evidence: LegEvidence::default(),
        version: 1,
        due_at: None,
        created_at: NOW,
    }
}

async fn refund_of(fixture: &Fixture, payment: &Payment) -> Outcome<RefundStanding> {
    let request = RefundRequest { payment, leg: &leg(), reason: "不满意", notify_url: NOTIFY_URL };
    fixture.channel.refund(&request).await
}

async fn refund(fixture: &Fixture) -> Outcome<RefundStanding> {
    refund_of(fixture, &captured(2 * 24 * HOUR_MS)).await
}

/// A refund as the channel shows it in answers.
pub(super) fn shown_refund(change: impl FnOnce(&mut Value)) -> Canned {
    let mut value = json!({
        "refund_id": REFUND_ID, "out_refund_no": leg().number(), "transaction_id": "42",
        "out_trade_no": payment(Method::WechatNative).number(), "channel": "ORIGINAL",
        "user_received_account": "支付用户零钱", "create_time": "2027-01-15T15:59:00+08:00", "status": "PROCESSING",
        "amount": {"total": 1234, "refund": 500, "payer_total": 1234, "payer_refund": 500, "currency": "CNY"},
    });
    change(&mut value);
    signed(Canned::new(200, value.to_string()))
}

pub(super) fn processing() -> RefundStanding {
    RefundStanding::Processing { refund_id: REFUND_ID.into() }
}

/// A peer that answers what is posted with one thing and what is asked with another.
pub(super) async fn peer(posted: Canned, asked: Canned) -> Peer {
    Peer::start(move |s: &Seen| if s.method == "POST" { posted.clone() } else { asked.clone() }).await
}

#[tokio::test]
async fn a_refund_sends_the_documented_members_and_acceptance_is_not_success() {
    let peer = Peer::start(|_| shown_refund(|_| ())).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(refund(&fixture).await, Outcome::Done(processing()));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v3/refund/domestic/refunds"));
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!(
        serde_json::from_slice::<Value>(&seen.body).unwrap(),
        json!({
            "out_trade_no": payment(Method::WechatNative).number(), "out_refund_no": leg().number(),
            "reason": "不满意", "notify_url": NOTIFY_URL,
            "amount": {"refund": 500, "total": 1234, "currency": "CNY"},
        })
    );
    assert_eq!((fixture.count("refund", "done"), fixture.count("query_refund", "done")), (1, 0));
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_and_an_empty_reason_is_left_out() {
    let peer = Peer::start(|_| shown_refund(|_| ())).await;
    let fixture = Fixture::at(&[peer.url()]);
    let (payment, leg) = (captured(0), leg());
    for reason in ["退款", "退款", "", "\n"] {
        let request = RefundRequest { payment: &payment, leg: &leg, reason, notify_url: NOTIFY_URL };
        assert_eq!(fixture.channel.refund(&request).await, Outcome::Done(processing()));
        fixture.clock.advance_ms(10);
    }
    let seen = peer.seen();
    assert_eq!(seen[0].body, seen[1].body);
    assert_ne!(seen[0].header("authorization"), seen[1].header("authorization"));
    for empty in &seen[2..] {
        assert_eq!(serde_json::from_slice::<Value>(&empty.body).unwrap().get("reason"), None);
    }
}

#[tokio::test]
async fn every_state_of_an_answer_has_its_meaning_for_the_call_and_for_the_question() {
    let receipt = RefundReceipt {
        refund_id: REFUND_ID.into(),
        amount_minor: 500,
        currency: "CNY".into(),
        refunded_at: NOW.plus_ms(-2_000),
    };
    for (status, want) in [
        ("PROCESSING", processing()),
        ("SUCCESS", RefundStanding::Succeeded(receipt)),
        ("CLOSED", RefundStanding::Closed(format!("CLOSED: the channel gave refund {REFUND_ID} up"))),
        ("ABNORMAL", RefundStanding::Abnormal { refund_id: REFUND_ID.into() }),
    ] {
        let answer = shown_refund(|v| {
            v["status"] = json!(status);
            v["success_time"] = json!("2027-01-15T15:59:58+08:00");
        });
        let peer = peer(answer.clone(), answer).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(refund(&fixture).await, Outcome::Done(want.clone()), "{status}");
        assert_eq!(fixture.channel.query_refund(&leg().number()).await, Outcome::Done(want), "{status}");
    }
}

#[tokio::test]
async fn a_question_names_the_number_and_an_unknown_one_is_absent() {
    let number = "a|b@c*_-";
    let peer = Peer::start(move |_| shown_refund(|v| v["out_refund_no"] = json!(number))).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(fixture.channel.query_refund(number).await, Outcome::Done(processing()));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/v3/refund/domestic/refunds/a%7Cb@c*_-"));
    assert!(seen.body.is_empty());
    assert_eq!(fixture.count("query_refund", "done"), 1);
    for canned in [error(404, "RESOURCE_NOT_EXISTS"), signed(error(404, "RESOURCE_NOT_EXISTS"))] {
        let peer = Peer::start(move |_| canned.clone()).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query_refund(number).await;
        assert_eq!(outcome, Outcome::Done(RefundStanding::Absent));
    }
}

#[tokio::test]
async fn an_answer_about_another_refund_or_order_says_nothing() {
    for member in ["out_refund_no", "out_trade_no"] {
        let answer = shown_refund(|v| v[member] = json!("01jd7z0000000000000000000z"));
        let peer = peer(answer.clone(), answer).await;
        assert_eq!(kind(refund(&Fixture::at(&[peer.url()])).await), (WhyKind::Unreadable, false), "{member}");
    }
    let peer = Peer::start(|_| shown_refund(|v| v["out_refund_no"] = json!("another"))).await;
    let outcome = Fixture::at(&[peer.url()]).channel.query_refund(&leg().number()).await;
    assert_eq!(kind(outcome), (WhyKind::Unreadable, false));
}

#[tokio::test]
async fn another_amount_is_told_so_that_the_core_can_hold_it() {
    let answer = shown_refund(|v| {
        v["status"] = json!("SUCCESS");
        v["amount"]["refund"] = json!(501);
    });
    let peer = Peer::start(move |_| answer.clone()).await;
    let Outcome::Done(RefundStanding::Succeeded(receipt)) = refund(&Fixture::at(&[peer.url()])).await else { panic!() };
    assert_eq!(receipt.amount_minor, 501);
    assert!(receipt.mismatch(leg().amount).is_some());
}

#[tokio::test]
async fn a_refund_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&[peer.url()]);
    let good = captured(0);
    let yen = |minor| Money::new(minor, "JPY".parse().unwrap());
    let yuan = |minor| Money::new(minor, Currency::CNY);
    let cases = [
        (good.clone(), yuan(0), NOTIFY_URL),
        (good.clone(), yuan(-1), NOTIFY_URL),
        (good.clone(), yuan(1235), NOTIFY_URL),
        (good.clone(), yen(1), NOTIFY_URL),
        (Payment { amount: yen(1234), ..good.clone() }, yuan(1), NOTIFY_URL),
        (good, yuan(1), "https://pay.example/notify?a=b"),
    ];
    for (payment, amount, notify_url) in &cases {
        let leg = Leg { amount: *amount, ..leg() };
        let outcome = fixture.channel.refund(&RefundRequest { payment, leg: &leg, reason: "r", notify_url }).await;
        assert!(matches!(outcome, Outcome::Refused(r) if r.class.rules_out_money()), "{amount} {notify_url}");
    }
    for number in ["", "../../v3/certificates", "a?b=c", &"x".repeat(65)] {
        assert!(matches!(fixture.channel.query_refund(number).await, Outcome::Refused(_)), "{number}");
    }
    assert_eq!(peer.seen().len(), 0);
}

/// What a refund makes of a 4xx with this code when the number is not known, for an old payment and for a
/// young one.
fn expected(code: &str, meaning: Meaning) -> [&'static str; 2] {
    match meaning {
        Meaning::System => ["system_error"; 2],
        Meaning::TooMany if code == "FREQUENCY_LIMITED" => ["TooSoon"; 2],
        Meaning::TooMany => ["rate_limited"; 2],
        Meaning::Later => ["TooSoon"; 2],
        Meaning::NoFunds => ["NoFunds"; 2],
        Meaning::Account => ["Configuration"; 2],
        Meaning::Paid => ["unreadable"; 2],
        Meaning::InUse => ["NumberInUse"; 2],
        Meaning::Absent => ["Definite", "TooSoon"],
        Meaning::Wrong | Meaning::Invalid | Meaning::Closed => ["Definite"; 2],
    }
}

#[tokio::test]
async fn every_code_of_the_table_means_the_same_signed_and_unsigned_when_the_number_is_not_known() {
    for (code, meaning) in TABLE {
        for sign in [false, true] {
            let (posted, asked) = (error(400, code), error(404, "RESOURCE_NOT_EXISTS"));
            let peer = if sign { peer(signed(posted), signed(asked)).await } else { peer(posted, asked).await };
            let fixture = Fixture::at(&[peer.url()]);
            let [old, young] = expected(code, *meaning);
            assert_eq!(shown(refund(&fixture).await), old, "{code}");
            assert_eq!(shown(refund_of(&fixture, &captured(60_000)).await), young, "{code}");
            let asks = peer.seen().iter().filter(|s| s.method == "GET").count();
            let doubtful = [old, young].iter().filter(|o| ["Definite", "NumberInUse"].contains(o)).count();
            assert_eq!(asks, doubtful, "{code}: only what would lead to another way is asked about");
        }
    }
}

#[tokio::test]
async fn a_no_is_not_believed_when_the_channel_knows_the_number() {
    for code in ["INVALID_REQUEST", "PARAM_ERROR", "USER_ACCOUNT_ABNORMAL", "RULE_LIMIT", "REFUND_FEE_MISMATCH"] {
        let peer = peer(error(400, code), shown_refund(|_| ())).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(refund(&fixture).await, Outcome::Done(processing()), "{code}");
        assert_eq!((fixture.count("refund", "done"), fixture.count("query_refund", "done")), (1, 1));
    }
}

#[tokio::test]
async fn a_no_that_cannot_be_confirmed_is_unknown_and_never_called_unsent() {
    for (asked, want) in [
        (Canned::new(503, ""), WhyKind::ServerError),
        (error(429, "FREQUENCY_LIMITED"), WhyKind::RateLimited),
        (error(401, "SIGN_ERROR"), WhyKind::Unreadable),
        (signed(Canned::new(200, "{}")), WhyKind::Unreadable),
        (signed_with(error(404, "RESOURCE_NOT_EXISTS"), OTHER_KEY, KEY_ID, NOW), WhyKind::BadSignature),
    ] {
        let peer = peer(error(400, "INVALID_REQUEST"), asked).await;
        assert_eq!(kind(refund(&Fixture::at(&[peer.url()])).await), (want, false));
    }
    // The question is turned away by our own limit: it was not sent, but the refund was.
    let peer = peer(error(400, "INVALID_REQUEST"), error(404, "RESOURCE_NOT_EXISTS")).await;
    let mut settings = settings(&[peer.url()]);
    settings["rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    drop(futures::future::join_all((0..3).map(|_| fixture.channel.query_refund(NUMBER))).await);
    assert_eq!(kind(refund(&fixture).await), (WhyKind::RateLimited, false));
}

#[tokio::test]
async fn other_content_under_the_same_number_is_told_by_the_channels_words() {
    let said = |code: &str| {
        let body = json!({"code": code, "message": "订单金额或退款金额与之前请求不一致，请核实后再试"});
        Canned::new(400, body.to_string())
    };
    for code in ["INVALID_REQUEST", "PARAM_ERROR"] {
        let peer = peer(said(code), error(404, "RESOURCE_NOT_EXISTS")).await;
        let Outcome::Refused(Refusal { class, .. }) = refund(&Fixture::at(&[peer.url()])).await else { panic!() };
        assert_eq!(class, RefusalClass::NumberInUse);
    }
}

#[tokio::test]
async fn too_many_is_a_sure_no_only_in_the_words_that_say_so() {
    let answers = [
        (error(429, "FREQUENCY_LIMITED"), "TooSoon"),
        (signed(error(429, "FREQUENCY_LIMITED")), "TooSoon"),
        (signed_with(error(429, "FREQUENCY_LIMITED"), OTHER_KEY, KEY_ID, NOW), "rate_limited"),
        (error(429, "RATELIMIT_EXCEEDED"), "rate_limited"),
        (error(429, "INVALID_REQUEST"), "rate_limited"),
        (Canned::new(429, "<html>"), "rate_limited"),
        (error(500, "FREQUENCY_LIMITED"), "server_error"),
    ];
    for (canned, want) in answers {
        let peer = peer(canned.clone(), Canned::new(500, "")).await;
        assert_eq!(shown(refund(&Fixture::at(&[peer.url()])).await), want, "{canned:?}");
        assert_eq!(peer.seen().len(), 1);
    }
    let peer = peer(error(429, "RATELIMIT_EXCEEDED").with("Retry-After", "7"), Canned::new(500, "")).await;
    let Outcome::Unknown(why) = refund(&Fixture::at(&[peer.url()])).await else { panic!() };
    assert_eq!((why.retry_after_ms, why.not_sent), (Some(7_000), false));
}

#[tokio::test]
async fn statuses_without_a_known_code_are_never_a_no() {
    for (status, body, want) in [
        (400, r#"{"code":"REQUEST_BLOCKED","message":"m"}"#, WhyKind::Unreadable),
        (404, "<html>not found</html>", WhyKind::Unreadable),
        (403, "", WhyKind::Unreadable),
        (302, "", WhyKind::Unreadable),
        (200, r#"{"status":"SUCCESS"}"#, WhyKind::BadSignature),
        (500, r#"{"code":"SYSTEM_ERROR","message":"m"}"#, WhyKind::SystemError),
        (500, r#"{"code":"NOT_ENOUGH","message":"m"}"#, WhyKind::ServerError),
        (502, "<html>bad gateway</html>", WhyKind::ServerError),
    ] {
        let canned = Canned::new(status, body);
        let peer = peer(canned.clone(), canned).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(refund(&fixture).await), (want, false), "{status} {body}");
        assert_eq!(kind(fixture.channel.query_refund("r1").await), (want, false), "{status} {body}");
        assert_eq!(peer.seen().len(), 2, "nothing is repeated");
    }
    for body in ["", "{", "[]", r#"{"status":"SUCCESS"}"#] {
        let canned = signed(Canned::new(200, body));
        let peer = peer(canned.clone(), canned).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(refund(&fixture).await), (WhyKind::Unreadable, false), "{body}");
        assert_eq!(kind(fixture.channel.query_refund("r1").await), (WhyKind::Unreadable, false), "{body}");
    }
}

#[tokio::test]
async fn a_refund_without_an_answer_is_unknown_and_without_a_connection_was_never_sent() {
    let peer = Peer::start(|_| Canned::hang()).await;
    let mut settings = settings(&[peer.url()]);
    settings["timeout_ms"] = json!(50);
    let fixture = Fixture::with(settings);
    assert_eq!(kind(refund(&fixture).await), (WhyKind::Timeout, false));
    assert_eq!(fixture.count("refund", "timeout"), 1);
    let unreachable = Fixture::at(&[nobody().await, nobody().await]);
    assert_eq!(kind(refund(&unreachable).await), (WhyKind::NotConnected, true));
}

#[tokio::test]
async fn refunds_have_a_rate_of_their_own_that_holds_no_payment_back() {
    let peer = Peer::start(|s: &Seen| match s.target.as_str() {
        "/v3/refund/domestic/refunds" => error(429, "FREQUENCY_LIMITED").with("Retry-After", "600"),
        _ => unpaid(),
    })
    .await;
    let mut settings = settings(&[peer.url()]);
    settings["refund_rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    assert_eq!(shown(refund(&fixture).await), "TooSoon");
    // The channel's pause ends after two seconds at most. The clock stands still: one of two gets the turn
    // after it, the other is not sent.
    let waiting = futures::future::join_all([refund(&fixture), refund(&fixture)]);
    let others = async {
        for _ in 0..3 {
            assert_eq!(fixture.channel.query(NUMBER).await, UNPAID);
            assert_eq!(kind(fixture.channel.query_refund("r1").await), (WhyKind::Unreadable, false));
        }
        peer.seen().len()
    };
    let (mut outcomes, seen) = futures::future::join(waiting, others).await;
    assert_eq!(seen, 7, "orders and questions did not wait");
    outcomes.retain(|outcome| !matches!(outcome, Outcome::Refused(_)));
    assert_eq!(outcomes.into_iter().map(kind).collect::<Vec<_>>(), [(WhyKind::RateLimited, true)]);
    assert_eq!(peer.seen().len(), 8);
}

#[tokio::test]
async fn the_breaker_that_refunds_open_is_the_accounts() {
    let peer = Peer::start(|_| Canned::new(503, "")).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..10 {
        assert_eq!(kind(refund(&fixture).await), (WhyKind::ServerError, false));
    }
    assert_eq!(kind(refund(&fixture).await), (WhyKind::BreakerOpen, true));
    assert_eq!(peer.seen().len(), 10);
}
