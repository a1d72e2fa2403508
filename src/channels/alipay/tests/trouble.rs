//! What breaks on the way: connections, time-outs, signatures, limits.

use super::*;
use crate::breaker::BreakerState;
use crate::outcome::{Closed, Standing};
use crate::testing::{Peer, nobody, rude_peer};

const METHOD: &str = "alipay.trade.query";

#[tokio::test]
async fn an_answer_that_is_not_signed_or_signed_wrongly_is_unknown_whatever_it_says() {
    let mut content = trade("TRADE_SUCCESS");
    content["code"] = json!("10000");
    let good = answer_with(ALIPAY_KEY, METHOD, &content);
    let text = String::from_utf8(good.body.clone()).unwrap();
    let unsigned = format!(r#"{{"alipay_trade_query_response":{content}}}"#);
    let no = json!({"code": "40004", "msg": "m", "sub_code": "ACQ.TRADE_NOT_EXIST", "sub_msg": "w"});
    for canned in [
        Canned::new(200, unsigned.clone()),
        Canned::new(200, unsigned.replace("}}", r#"},"sign":""}"#)),
        answer_with(OTHER_KEY, METHOD, &content),
        Canned::new(200, text.replace("12.34", "12.35")),
        // Written again with the same members in another order.
        Canned::new(200, text.replacen(r#""buyer_pay_amount":"10.00","#, "", 1)),
        Canned::new(200, format!(r#"{{"alipay_trade_query_response":{no}}}"#)),
        answer_with(OTHER_KEY, METHOD, &no),
    ] {
        let shown = format!("{canned:?}");
        let peer = Peer::start(move |_| canned.clone()).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query(&ours()).await;
        assert_eq!(kind(outcome), (WhyKind::BadSignature, false), "{shown}");
    }
    let peer = Peer::start(move |_| good.clone()).await;
    assert!(matches!(Fixture::at(&[peer.url()]).channel.query(&ours()).await, Outcome::Done(Standing::Paid(_))));
}

#[tokio::test]
async fn an_unsigned_error_of_the_gateway_is_told_in_words() {
    let body = r#"{"error_response":{"code":"40002","msg":"Invalid Arguments","sub_code":"isv.invalid-app-id","sub_msg":"bad"}}"#;
    let peer = Peer::start(move |_| Canned::new(200, body)).await;
    let Outcome::Unknown(why) = Fixture::at(&[peer.url()]).channel.query(&ours()).await else { panic!() };
    assert!(why.detail.contains("isv.invalid-app-id"), "{why}");
}

#[tokio::test]
async fn a_signed_answer_that_cannot_be_read_is_unknown() {
    for content in [json!({}), json!([]), json!("x"), json!({"code": 10000}), json!({"code": "10000"})] {
        let shown = content.to_string();
        let peer = Peer::start(move |s| answer(s, &content)).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query(&ours()).await;
        assert_eq!(kind(outcome), (WhyKind::Unreadable, false), "{shown}");
    }
    for body in ["", "{", "[]", "<html>", "\u{0}", r#"{"alipay_trade_close_response":{}}"#] {
        let peer = Peer::start(move |_| Canned::new(200, body)).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query(&ours()).await;
        assert_eq!(kind(outcome), (WhyKind::Unreadable, false), "{body:?}");
    }
}

#[tokio::test]
async fn statuses_other_than_200_are_never_a_no_and_no_redirect_is_followed() {
    for (status, want) in [
        (301, WhyKind::Unreadable),
        (302, WhyKind::Unreadable),
        (400, WhyKind::Unreadable),
        (403, WhyKind::Unreadable),
        (404, WhyKind::Unreadable),
        (429, WhyKind::RateLimited),
        (500, WhyKind::ServerError),
        (502, WhyKind::ServerError),
        (504, WhyKind::ServerError),
    ] {
        let body = answer_with(ALIPAY_KEY, METHOD, &json!({"code": "40004", "sub_code": "ACQ.TRADE_NOT_EXIST"})).body;
        let peer =
            Peer::start(move |_| Canned::new(status, body.clone()).with("Location", "http://127.0.0.1:1/")).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(fixture.channel.query(&ours()).await), (want, false), "{status}");
        assert_eq!(kind(fixture.channel.close(&ours()).await), (want, false), "{status}");
        assert_eq!(kind(fixture.create(Method::AlipayQr).await), (want, false), "{status}");
        assert_eq!(peer.seen().len(), 3, "nothing is repeated and no redirect is followed");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let peer = Peer::start(|_| Canned::new(200, vec![b' '; 1024 * 1024 + 1])).await;
    let outcome = Fixture::at(&[peer.url()]).channel.query(&ours()).await;
    assert_eq!(kind(outcome), (WhyKind::Unreadable, false));
}

#[tokio::test]
async fn broken_connections_and_late_answers_may_have_happened() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"alipay", b"not http at all\r\n\r\n"] {
        let fixture = Fixture::at(&[rude_peer(bytes).await]);
        assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::ConnectionLost, false));
    }
    let slow = Peer::start(|_| Canned::hang()).await;
    let mut settings = settings(&[slow.url()]);
    settings["timeout_ms"] = json!(100);
    assert_eq!(kind(Fixture::with(settings).create(Method::AlipayQr).await), (WhyKind::Timeout, false));
    let fixture = Fixture::at(&[nobody().await]);
    assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::NotConnected, true));
    assert_eq!(fixture.count("close", "not_connected"), 1);
}

#[tokio::test]
async fn the_breaker_opens_after_failures_in_a_row_and_one_probe_closes_it() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let well = Arc::new(AtomicBool::new(false));
    let state = well.clone();
    let peer =
        Peer::start(move |s| if state.load(Ordering::SeqCst) { done(s, json!({})) } else { Canned::new(503, "") })
            .await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..10 {
        assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::ServerError, false));
    }
    assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::BreakerOpen, true));
    assert_eq!(fixture.channels.breakers()[0].state, BreakerState::Open);
    well.store(true, Ordering::SeqCst);
    fixture.clock.advance_ms(10_000);
    assert_eq!(fixture.channel.close(&ours()).await, Outcome::Done(Closed::Accepted));
}

#[tokio::test]
async fn after_too_many_calls_are_held_back_although_the_status_was_200() {
    let peer = Peer::start(|s| failed(s, "40005", "isv.app-call-limited")).await;
    let fixture = Fixture::at(&[peer.url()]);
    assert_eq!(kind(fixture.channel.query(&ours()).await), (WhyKind::RateLimited, false));
    // The clock stands still: the pause of a second leaves turns within the longest wait, and then no more.
    let one = ours();
    let calls = (0..150).map(|_| fixture.channel.query(&one));
    let outcomes = futures::future::join_all(calls).await;
    let unsent = outcomes.into_iter().map(kind).filter(|(_, not_sent)| *not_sent).count();
    assert!(unsent > 0, "some of them could not wait");
}
