//! What breaks on the way: connections, time-outs, signatures, limits.

use super::*;
use crate::breaker::BreakerState;
use crate::outcome::Closed;
use crate::testing::{Peer, nobody, rude_peer};

#[tokio::test]
async fn a_success_that_is_not_signed_or_signed_wrongly_is_unknown() {
    let body = r#"{"code_url":"weixin://1"}"#;
    let good = || Canned::new(200, body);
    let old = NOW.plus_ms(-300_000);
    let cases = [
        good(),
        signed_with(good(), OTHER_KEY, KEY_ID, NOW),
        signed_with(good(), PLATFORM_KEY, "PUB_KEY_ID_09", NOW),
        signed_with(good(), PLATFORM_KEY, KEY_ID, old),
        Canned { body: br#"{"code_url":"weixin://2"}"#.to_vec(), ..signed(good()) },
        good().with("Wechatpay-Signature", "WECHATPAY/SIGNTEST/xyz").with("Wechatpay-Serial", KEY_ID),
        // The same for a no that carries a wrong signature.
        signed_with(error(404, "ORDER_NOT_EXIST"), OTHER_KEY, KEY_ID, NOW),
    ];
    for canned in cases {
        let answer = canned.clone();
        let peer = Peer::start(move |_| answer.clone()).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(fixture.channel.query(&numbered(NUMBER)).await), (WhyKind::BadSignature, false), "{canned:?}");
        assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (WhyKind::BadSignature, false), "{canned:?}");
    }
}

#[tokio::test]
async fn a_signed_answer_that_cannot_be_read_is_unknown() {
    for body in ["", "{", "[]", "<html>", r#"{"trade_state":"SUCCESS"}"#, "\u{0}"] {
        let peer = Peer::start(move |_| signed(Canned::new(200, body))).await;
        let outcome = Fixture::at(&[peer.url()]).channel.query(&numbered(NUMBER)).await;
        assert_eq!(kind(outcome), (WhyKind::Unreadable, false), "{body:?}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let peer = Peer::start(|_| signed(Canned::new(200, vec![b' '; 1024 * 1024 + 1]))).await;
    assert_eq!(kind(Fixture::at(&[peer.url()]).channel.query(&numbered(NUMBER)).await), (WhyKind::Unreadable, false));
    // Without a declared length it is found out while reading.
    let mut bytes = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
    bytes.resize(3 * 1024 * 1024, b' ');
    let host = rude_peer(bytes.leak()).await;
    let Outcome::Unknown(why) = Fixture::at(&[host]).channel.query(&numbered(NUMBER)).await else { panic!() };
    assert_eq!((why.kind, why.detail.as_str()), (WhyKind::Unreadable, "the answer is longer than 1048576 bytes"));
}

#[tokio::test]
async fn broken_connections_and_late_answers_may_have_happened() {
    let rude = [
        rude_peer(b"").await,
        rude_peer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"code_u").await,
        rude_peer(b"not http at all\r\n\r\n").await,
    ];
    for host in rude {
        // The second host would answer: it must not be asked, the first may have acted.
        let second = Peer::start(|_| signed(Canned::new(204, ""))).await;
        let fixture = Fixture::at(&[host, second.url()]);
        assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (WhyKind::ConnectionLost, false));
        assert_eq!(second.seen().len(), 0);
    }
    let (slow, second) = (Peer::start(|_| Canned::hang()).await, Peer::start(|_| unpaid()).await);
    let mut settings = settings(&[slow.url(), second.url()]);
    settings["timeout_ms"] = json!(100);
    assert_eq!(kind(Fixture::with(settings).channel.query(&numbered(NUMBER)).await), (WhyKind::Timeout, false));
    assert_eq!(second.seen().len(), 0);
}

#[tokio::test]
async fn the_second_host_is_asked_when_the_first_cannot_be_reached_and_then_goes_first_for_a_while() {
    let second = Peer::start(|_| unpaid()).await;
    let fixture = Fixture::at(&[nobody().await, second.url()]);
    assert_eq!(fixture.channel.query(&numbered(NUMBER)).await, UNPAID);
    assert_eq!(fixture.channel.query(&numbered(NUMBER)).await, UNPAID);
    assert_eq!(second.seen().len(), 2);
}

#[tokio::test]
async fn the_second_host_is_not_asked_after_an_http_answer() {
    for status in [500, 502, 429, 400] {
        let (first, second) = (Peer::start(move |_| Canned::new(status, "")).await, Peer::start(|_| unpaid()).await);
        let fixture = Fixture::at(&[first.url(), second.url()]);
        assert!(matches!(fixture.channel.query(&numbered(NUMBER)).await, Outcome::Unknown(_)), "{status}");
        assert_eq!((first.seen().len(), second.seen().len()), (1, 0), "{status}");
    }
}

#[tokio::test]
async fn nothing_was_sent_when_nobody_listens() {
    let fixture = Fixture::at(&[nobody().await, nobody().await]);
    assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (WhyKind::NotConnected, true));
    assert_eq!(fixture.count("close", "not_connected"), 1);
}

#[tokio::test]
async fn the_breaker_opens_after_failures_in_a_row_and_one_probe_closes_it() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let well = Arc::new(AtomicBool::new(false));
    let state = well.clone();
    let answer = move |_: &crate::testing::Seen| {
        if state.load(Ordering::SeqCst) {
            signed_with(Canned::new(204, ""), PLATFORM_KEY, KEY_ID, NOW.plus_ms(10_000))
        } else {
            Canned::new(503, "")
        }
    };
    let peer = Peer::start(answer).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..10 {
        assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (WhyKind::ServerError, false));
    }
    let Outcome::Unknown(why) = fixture.channel.close(&numbered(NUMBER)).await else { panic!() };
    assert_eq!((why.kind, why.not_sent, why.retry_after_ms), (WhyKind::BreakerOpen, true, Some(10_000)));
    assert_eq!(peer.seen().len(), 10);
    assert_eq!(fixture.channels.breakers()[0].state, BreakerState::Open);
    well.store(true, Ordering::SeqCst);
    fixture.clock.advance_ms(10_000);
    assert_eq!(fixture.channel.close(&numbered(NUMBER)).await, Outcome::Done(Closed::Accepted));
    assert_eq!(fixture.channels.breakers()[0].state, BreakerState::Closed);
}

#[tokio::test]
async fn refusals_do_not_open_the_breaker() {
    let peer = Peer::start(|_| error(400, "PARAM_ERROR")).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..20 {
        assert!(matches!(fixture.channel.query(&numbered(NUMBER)).await, Outcome::Refused(_)));
    }
}

#[tokio::test]
async fn a_call_beyond_the_rate_is_not_sent() {
    let peer = Peer::start(|_| unpaid()).await;
    let mut settings = settings(&[peer.url()]);
    settings["rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    // The clock stands still: three turns are promised (now, and within the longest wait), no fourth.
    let one = numbered(NUMBER);
    let calls = (0..4).map(|_| fixture.channel.query(&one));
    let outcomes = futures::future::join_all(calls).await;
    let refused: Vec<_> = outcomes.into_iter().filter(|o| *o != UNPAID).map(kind).collect();
    assert_eq!(refused, [(WhyKind::RateLimited, true)]);
    assert_eq!(peer.seen().len(), 3);
}

#[tokio::test]
async fn after_too_many_the_channel_says_how_long_to_wait() {
    let peer = Peer::start(|_| error(429, "FREQUENCY_LIMITED").with("Retry-After", "7")).await;
    let Outcome::Unknown(why) = Fixture::at(&[peer.url()]).channel.query(&numbered(NUMBER)).await else { panic!() };
    assert_eq!((why.kind, why.retry_after_ms, why.not_sent), (WhyKind::RateLimited, Some(7_000), false));
}
