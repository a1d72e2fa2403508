//! Refunds and questions about them: what is sent, what each state means, and what breaks on the way.

use bursar_core::id::{LegId, RefundId};
use bursar_core::observation::Receipt;
use bursar_core::refund::{Leg, LegEvidence, LegState, RefundReceipt, Route};

use super::calls::{assert_signed, shown};
use super::*;
use crate::RefundStanding;
use crate::channel::RefundRequest;
use crate::testing::{Peer, Seen, nobody};

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

pub(super) async fn refund_of(fixture: &Fixture, payment: &Payment) -> Outcome<RefundStanding> {
    let request = RefundRequest { payment, leg: &leg(), reason: "不满意", notify_url: NOTIFY_URL };
    fixture.channel.refund(&request).await
}

pub(super) async fn refund(fixture: &Fixture) -> Outcome<RefundStanding> {
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
        assert_eq!(fixture.channel.query_refund(&captured(0), &leg()).await, Outcome::Done(want), "{status}");
    }
}

#[tokio::test]
async fn a_question_names_the_number_and_an_unknown_one_is_absent() {
    let peer = Peer::start(|_| shown_refund(|_| ())).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(fixture.channel.query_refund(&captured(0), &leg()).await, Outcome::Done(processing()));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", format!("/v3/refund/domestic/refunds/{}", leg().number()).as_str())
    );
    assert!(seen.body.is_empty());
    assert_eq!(fixture.count("query_refund", "done"), 1);
    for canned in [error(404, "RESOURCE_NOT_EXISTS"), signed(error(404, "RESOURCE_NOT_EXISTS"))] {
        let peer = Peer::start(move |_| canned.clone()).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query_refund(&captured(0), &leg()).await;
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
    let outcome = Fixture::at(&[peer.url()]).channel.query_refund(&captured(0), &leg()).await;
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
    assert_eq!(peer.seen().len(), 0);
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
            assert_eq!(fixture.channel.query(&numbered(NUMBER)).await, UNPAID);
            assert_eq!(kind(fixture.channel.query_refund(&captured(0), &leg()).await), (WhyKind::Unreadable, false));
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

#[tokio::test]
async fn money_of_pay_after_service_goes_back_by_the_channels_number_only() {
    let taken = Payment { method: Method::WechatScore, ..captured(2 * 24 * HOUR_MS) };
    let of = |id: &'static str| {
        shown_refund(|v| {
            v["out_trade_no"] = json!("a number of the channel");
            v["transaction_id"] = json!(id);
        })
    };
    let peer = Peer::start(move |_| of("42")).await;
    assert_eq!(refund_of(&Fixture::at(&[peer.url()]), &taken).await, Outcome::Done(processing()));
    let body: Value = serde_json::from_slice(&peer.seen()[0].body).unwrap();
    assert_eq!((body.get("out_trade_no"), &body["transaction_id"]), (None, &json!("42")));
    assert_eq!(body["amount"], json!({"refund": 500, "total": 1234, "currency": "CNY"}));

    let peer = Peer::start(move |_| of("43")).await;
    assert_eq!(kind(refund_of(&Fixture::at(&[peer.url()]), &taken).await), (WhyKind::Unreadable, false));
    let untold = Payment { evidence: Evidence::default(), ..taken };
    assert_eq!(shown(refund_of(&Fixture::at(&[peer.url()]), &untold).await), "Definite");
    assert_eq!(peer.seen().len(), 1);
}
