//! What breaks on the way: connections, time-outs, signatures, limits.

use super::*;
use crate::breaker::BreakerState;
use crate::testing::{nobody, rude_peer};

#[tokio::test]
async fn an_answer_that_is_not_signed_or_signed_wrongly_is_unknown_whatever_it_says() {
    let unsigned = |more: &[(&str, &str)]| raw(&paid(more));
    let changed = |name: &str, value: &str| {
        let mut all = signed_with(paid(&[]), CHANNEL_KEY, CHANNEL);
        all.insert(name.into(), value.into());
        raw(&all)
    };
    let cases = [
        unsigned(&[]),
        unsigned(&[("respCode", "34")]),
        unsigned(&[("respCode", "11"), ("respMsg", "验证签名失败[9100004]")]),
        raw(&signed_with(paid(&[]), OTHER_KEY, CHANNEL)),
        changed("txnAmt", "1"),
        changed("signature", ""),
        changed("signature", "!!!!"),
        changed("another", "member"),
        changed("signPubKeyCert", ""),
        signed(paid(&[("version", "5.0.0")])),
        signed(paid(&[("version", "")])),
        signed(paid(&[("signMethod", "12")])),
        signed(paid(&[("signMethod", "11")])),
    ];
    for canned in cases {
        let peer = peer(&[(QUERY, canned.clone())]).await;
        let outcome = Fixture::at(&[peer.url()]).query().await;
        assert_eq!(kind(outcome), (WhyKind::BadSignature, false), "{}", String::from_utf8_lossy(&canned.body));
    }
}

#[tokio::test]
async fn what_an_unsigned_answer_says_is_told_to_people() {
    let peer = peer(&[(QUERY, Canned::new(200, "respCode=11&respMsg=验证签名失败[9100004]"))]).await;
    let Outcome::Unknown(why) = Fixture::at(&[peer.url()]).query().await else { panic!() };
    assert_eq!(why.detail, "the answer is not signed; it says 11: 验证签名失败[9100004]");
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_unknown_and_its_values_are_not_told() {
    for body in ["", "{", "accNo", "accNo=62162610000&accNo=0", "<html>accNo 62162610000</html>", "accNo={62162610000"]
    {
        let peer = peer(&[(QUERY, Canned::new(200, body))]).await;
        let Outcome::Unknown(why) = Fixture::at(&[peer.url()]).query().await else { panic!("{body}") };
        assert_eq!((why.kind, why.not_sent), (WhyKind::Unreadable, false), "{body}");
        assert!(!why.detail.contains("6216"), "{why}");
    }
}

#[tokio::test]
async fn the_number_of_a_card_is_in_no_outcome() {
    for more in [&[][..], &[("origRespCode", "60")], &[("origRespCode", "05")], &[("txnAmt", "x")], &[("orderId", "1")]]
    {
        let peer = peer(&[(QUERY, signed(paid(more)))]).await;
        let outcome = format!("{:?}", Fixture::at(&[peer.url()]).query().await);
        assert!(!outcome.contains("621626"), "{outcome}");
    }
}

#[tokio::test]
async fn any_other_status_is_trouble_on_the_way() {
    for (status, want) in [
        (500, WhyKind::ServerError),
        (502, WhyKind::ServerError),
        (429, WhyKind::RateLimited),
        (400, WhyKind::Unreadable),
        (404, WhyKind::Unreadable),
        (302, WhyKind::Unreadable),
        (204, WhyKind::Unreadable),
    ] {
        // Even with a good answer inside.
        let answer = Canned { status, ..signed(paid(&[])) };
        let (first, second) = (peer(&[(QUERY, answer)]).await, peer(&[(QUERY, absent())]).await);
        let fixture = Fixture::at(&[first.url(), second.url()]);
        assert_eq!(kind(fixture.query().await), (want, false), "{status}");
        assert_eq!((first.seen().len(), second.seen().len()), (1, 0), "{status}");
        assert_eq!(fixture.count("query", want.name()), 1);
    }
}

#[tokio::test]
async fn broken_connections_and_late_answers_may_have_happened() {
    let rude = [
        rude_peer(b"").await,
        rude_peer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nrespCode=0").await,
        rude_peer(b"not http at all\r\n\r\n").await,
    ];
    for host in rude {
        // The second host would answer: it must not be asked, the first may have acted.
        let second = peer(&[(QUERY, absent())]).await;
        let fixture = Fixture::at(&[host, second.url()]);
        assert_eq!(kind(fixture.query().await), (WhyKind::ConnectionLost, false));
        assert_eq!(second.seen().len(), 0);
    }
    let slow = Peer::start(|_| Canned::hang()).await;
    let mut settings = settings(&[slow.url()]);
    settings["timeout_ms"] = json!(100);
    assert_eq!(kind(Fixture::with(settings).query().await), (WhyKind::Timeout, false));
}

#[tokio::test]
async fn nothing_was_sent_when_nobody_listens_and_the_next_host_is_asked() {
    let fixture = Fixture::at(&[nobody().await]);
    assert_eq!(kind(fixture.query().await), (WhyKind::NotConnected, true));
    let second = peer(&[(QUERY, absent())]).await;
    assert_eq!(Fixture::at(&[nobody().await, second.url()]).query().await, ABSENT);
}

#[tokio::test]
async fn an_answer_without_end_is_not_read() {
    let peer = Peer::start(|_| Canned::new(200, vec![b' '; 1024 * 1024 + 1])).await;
    assert_eq!(kind(Fixture::at(&[peer.url()]).query().await), (WhyKind::Unreadable, false));
}

#[tokio::test]
async fn too_many_questions_hold_the_next_ones_back() {
    let peer = peer(&[(QUERY, signed(about(NUMBER, TXN_TIME, &[("respCode", "37")])))]).await;
    let mut settings = settings(&[peer.url()]);
    settings["rate_per_second"] = json!(1);
    let fixture = Fixture::with(settings);
    assert_eq!(kind(fixture.query().await), (WhyKind::RateLimited, false));
    // The clock stands still: what is not promised within the longest wait is not sent.
    let outcomes = futures::future::join_all((0..4).map(|_| fixture.query())).await;
    let held_back = outcomes.into_iter().map(kind).filter(|(_, not_sent)| *not_sent).count();
    assert!(held_back >= 2, "{held_back}");
}

#[tokio::test]
async fn refusals_and_unknown_codes_do_not_open_the_breaker_but_silence_does() {
    let peer = peer(&[(QUERY, signed(about(NUMBER, TXN_TIME, &[("respCode", "99")])))]).await;
    let fixture = Fixture::at(&[peer.url()]);
    for _ in 0..12 {
        assert_eq!(kind(fixture.query().await), (WhyKind::SystemError, false));
    }
    assert_eq!(fixture.channels.breakers()[0].state, BreakerState::Closed);
    let fixture = Fixture::at(&[nobody().await]);
    for _ in 0..10 {
        assert_eq!(kind(fixture.query().await), (WhyKind::NotConnected, true));
    }
    assert_eq!(kind(fixture.query().await), (WhyKind::BreakerOpen, true));
    assert_eq!(
        (fixture.channels.breakers()[0].state, fixture.channels.breakers()[0].channel),
        (BreakerState::Open, ChannelKind::Unionpay)
    );
}
