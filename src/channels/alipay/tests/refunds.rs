//! Refunds and questions about them: what is sent, what each answer means, and how a no is made sure before
//! it is believed.

use bursar_core::refund::RefundReceipt;

use super::*;
use crate::RefundStanding;
use crate::alipay::errors::{Meaning, TABLE};
use crate::channel::RefundRequest;
use crate::testing::{Peer, nobody};

async fn refund(fixture: &Fixture) -> Outcome<RefundStanding> {
    let (payment, leg) = (ours(), leg());
    let request = RefundRequest { payment: &payment, leg: &leg, reason: " 不满意\n退款 ", notify_url: NOTIFY_URL };
    fixture.channel.refund(&request).await
}

fn is_question(seen: &Seen) -> bool {
    asked(seen)["method"] == "alipay.trade.fastpay.refund.query"
}

/// A channel that answers refunds with one thing and questions with another.
async fn peer(
    refund: impl Fn(&Seen) -> Canned + Send + Sync + 'static,
    question: impl Fn(&Seen) -> Canned + Send + Sync + 'static,
) -> Peer {
    Peer::start(move |s| if is_question(s) { question(s) } else { refund(s) }).await
}

/// What the channel says to a refund: `refund_fee` is the sum of all refunds of the trade.
fn taken(seen: &Seen, fund_change: &str) -> Canned {
    done(
        seen,
        json!({"out_trade_no": ours().number(), "trade_no": TRADE_NO, "refund_fee": "9.99", "fund_change": fund_change}),
    )
}

fn shown_refund() -> Value {
    json!({
        "out_trade_no": ours().number(), "trade_no": TRADE_NO, "out_request_no": leg().number(),
        "total_amount": "12.34", "refund_amount": "5.00", "refund_status": "REFUND_SUCCESS",
        "gmt_refund_pay": "2027-01-15 15:59:59",
    })
}

fn found(seen: &Seen) -> Canned {
    done(seen, shown_refund())
}

/// How the channel says that a refund was not taken, is under way, or has failed.
fn nothing(seen: &Seen) -> Canned {
    done(seen, json!({}))
}

fn succeeded() -> RefundStanding {
    RefundStanding::Succeeded(RefundReceipt {
        refund_id: leg().number(),
        amount_minor: 500,
        currency: "CNY".into(),
        refunded_at: NOW.plus_ms(-1_000),
    })
}

fn processing() -> RefundStanding {
    RefundStanding::Processing { refund_id: leg().number() }
}

#[tokio::test]
async fn a_refund_is_sent_with_its_own_number_and_its_receipt_comes_from_the_question() {
    let peer = peer(|s| taken(s, "Y"), found).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(refund(&fixture).await, Outcome::Done(succeeded()), "9.99 is the sum of all refunds, not this one");
    let seen = peer.seen();
    assert_eq!(seen.len(), 2);
    for call in &seen {
        assert_signed(&asked(call));
    }
    assert_eq!(asked(&seen[0])["method"], "alipay.trade.refund");
    assert_eq!(
        biz(&seen[0]),
        json!({
            "out_trade_no": ours().number(), "refund_amount": "5.00", "out_request_no": leg().number(),
            "refund_reason": "不满意 退款",
        })
    );
    assert_eq!(
        biz(&seen[1]),
        json!({
            "out_trade_no": ours().number(), "out_request_no": leg().number(), "query_options": ["gmt_refund_pay"],
        })
    );
    assert_eq!((fixture.count("refund", "done"), fixture.count("query_refund", "done")), (1, 0));
}

#[tokio::test]
async fn money_that_has_moved_is_under_way_until_the_question_shows_it() {
    let fixture = |peer: &Peer| Fixture::at(&[peer.url()]);
    assert_eq!(refund(&fixture(&peer(|s| taken(s, "Y"), nothing).await)).await, Outcome::Done(processing()));
    let silent = peer(|s| taken(s, "Y"), |_| Canned::new(502, "")).await;
    assert_eq!(refund(&fixture(&silent)).await, Outcome::Done(processing()));
    // A repetition: the first call did it.
    assert_eq!(refund(&fixture(&peer(|s| taken(s, "N"), found).await)).await, Outcome::Done(succeeded()));
    // No money moved and no refund is shown: asked again, and called again with the same number.
    let neither = peer(|s| taken(s, "N"), nothing).await;
    assert_eq!(kind(refund(&fixture(&neither)).await), (WhyKind::SystemError, false));
    let neither = peer(|s| taken(s, "N"), |_| Canned::new(502, "")).await;
    assert_eq!(kind(refund(&fixture(&neither)).await), (WhyKind::ServerError, false));
}

#[tokio::test]
async fn what_does_not_show_is_absent_until_the_channel_has_taken_it_and_under_way_from_then_on() {
    for canned in [
        nothing as fn(&Seen) -> Canned,
        |s: &Seen| failed(s, "40004", "ACQ.TRADE_NOT_EXIST"),
        |s: &Seen| failed(s, "40004", "TRADE_NOT_EXIST"),
    ] {
        let peer = Peer::start(canned).await;
        let fixture = Fixture::at(&[peer.url()]);
        let outcome = fixture.channel.query_refund(&ours(), &leg()).await;
        assert_eq!(outcome, Outcome::Done(RefundStanding::Absent));
        let mut taken = leg();
        taken.evidence.refund_id = Some(leg().number());
        assert_eq!(fixture.channel.query_refund(&ours(), &taken).await, Outcome::Done(processing()));
        assert_eq!(fixture.count("query_refund", "done"), 2);
    }
}

#[tokio::test]
async fn a_question_answered_out_of_shape_says_nothing() {
    for change in [
        |v: &mut Value| v["out_request_no"] = json!("another"),
        |v: &mut Value| v["out_trade_no"] = json!("another"),
        |v: &mut Value| v["refund_amount"] = json!("5.001"),
        |v: &mut Value| v["refund_amount"] = json!(5),
        |v: &mut Value| v["refund_amount"] = Value::Null,
        |v: &mut Value| v["refund_status"] = json!("REFUND_SOMETHING"),
        |v: &mut Value| v["gmt_refund_pay"] = json!("today"),
        |v: &mut Value| drop(v.as_object_mut().unwrap().remove("out_request_no")),
    ] {
        let mut value = shown_refund();
        change(&mut value);
        let text = value.to_string();
        let peer = Peer::start(move |s| done(s, value.clone())).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query_refund(&ours(), &leg()).await;
        assert_eq!(kind(outcome), (WhyKind::Unreadable, false), "{text}");
    }
    // Another amount is told, so that the core can hold it.
    let mut other = shown_refund();
    other["refund_amount"] = json!("4.99");
    let peer = Peer::start(move |s| done(s, other.clone())).await;
    let outcome = Fixture::at(&[peer.url()]).channel.query_refund(&ours(), &leg()).await;
    assert!(matches!(outcome, Outcome::Done(RefundStanding::Succeeded(r)) if r.amount_minor == 499));
}

/// What a refund makes of a code with this meaning when the question knows nothing.
fn expected(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::System => "system_error",
        Meaning::TooMany => "rate_limited",
        Meaning::NoFunds => "NoFunds",
        Meaning::Later => "TooSoon",
        Meaning::Account => "Configuration",
        Meaning::Paid => "unreadable",
        Meaning::InUse => "NumberInUse",
        Meaning::Wrong | Meaning::Absent | Meaning::Closed | Meaning::Status => "Definite",
    }
}

#[tokio::test]
async fn a_no_that_sends_the_money_another_way_is_believed_only_when_the_question_agrees() {
    for (code, meaning) in TABLE {
        let code = format!("ACQ.{code}");
        let no = code.clone();
        let agrees = peer(move |s| failed(s, "40004", &no), nothing).await;
        assert_eq!(shown(refund(&Fixture::at(&[agrees.url()])).await), expected(*meaning), "{code}");
        let doubtful = matches!(expected(*meaning), "Definite" | "NumberInUse");
        assert_eq!(agrees.seen().len(), 1 + usize::from(doubtful), "{code}");
        if doubtful {
            let no = code.clone();
            let differs = peer(move |s| failed(s, "40004", &no), found).await;
            assert_eq!(refund(&Fixture::at(&[differs.url()])).await, Outcome::Done(succeeded()), "{code}");
            let no = code.clone();
            let silent = peer(move |s| failed(s, "40004", &no), |_| Canned::new(500, "")).await;
            let outcome = refund(&Fixture::at(&[silent.url()])).await;
            assert_eq!(kind(outcome), (WhyKind::ServerError, false), "{code}");
        }
    }
}

#[tokio::test]
async fn a_refund_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&[peer.url()]);
    let yen = Money::new(100, "JPY".parse().unwrap());
    for (payment, amount) in [
        (ours(), Money::new(0, Currency::CNY)),
        (ours(), Money::new(1235, Currency::CNY)),
        (ours(), yen),
        (Payment { amount: yen, ..ours() }, yen),
    ] {
        let leg = Leg { amount, ..leg() };
        let request = RefundRequest { payment: &payment, leg: &leg, reason: "r", notify_url: NOTIFY_URL };
        let outcome = fixture.channel.refund(&request).await;
        assert!(matches!(outcome, Outcome::Refused(r) if r.class.rules_out_money()), "{amount}");
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
    assert_eq!(kind(refund(&Fixture::at(&[nobody().await])).await), (WhyKind::NotConnected, true));
    // The refund was taken; that the question was not even sent must not say that nothing was.
    let refused = peer_once().await;
    let mut settings = super::settings(&[refused.url()]);
    settings["rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    let question = (ours(), leg());
    drop(futures::future::join_all((0..3).map(|_| fixture.channel.query_refund(&question.0, &question.1))).await);
    assert_eq!(kind(refund(&fixture).await), (WhyKind::RateLimited, false));
}

async fn peer_once() -> Peer {
    peer(|s| taken(s, "N"), nothing).await
}

#[tokio::test]
async fn there_is_no_second_way() {
    let (payment, leg) = (ours(), leg());
    let request = RefundRequest { payment: &payment, leg: &leg, reason: "r", notify_url: NOTIFY_URL };
    let fixture = Fixture::alone();
    assert!(matches!(fixture.channel.refund_second_way(&request, "1", "{}").await, Outcome::Refused(_)));
}
