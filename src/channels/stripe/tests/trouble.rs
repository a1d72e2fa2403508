//! What breaks on the way, and settings that do not fit each other.

use super::*;
use crate::testing::{nobody, rude_peer};

#[tokio::test]
async fn answers_that_are_none_of_the_channels_prove_nothing() {
    for (status, body, want) in [
        (200, "", WhyKind::Unreadable),
        (200, "<html>", WhyKind::Unreadable),
        (200, "{}", WhyKind::Unreadable),
        (302, "", WhyKind::Unreadable),
        (400, "<html>bad request</html>", WhyKind::Unreadable),
        (403, "", WhyKind::Unreadable),
        (404, "not found", WhyKind::Unreadable),
        (429, "", WhyKind::RateLimited),
        (500, "", WhyKind::ServerError),
        (502, "<html>bad gateway</html>", WhyKind::ServerError),
    ] {
        let peer = Peer::start(move |_| Canned::new(status, body).with("Location", "http://127.0.0.1:1/")).await;
        let fixture = Fixture::at(&peer);
        assert_eq!(kind(fixture.create(&payment(Method::Card)).await), (want, false), "create {status}");
        assert_eq!(kind(fixture.channel.query(&open(Method::Card)).await), (want, false), "query {status}");
        assert_eq!(kind(fixture.channel.close(&open(Method::Card)).await), (want, false), "close {status}");
        assert_eq!(kind(fixture.channel.capture(&open(Method::CardHold), "").await), (want, false), "capture {status}");
        assert_eq!(kind(fixture.refund(&open(Method::Card), &leg(), "").await), (want, false), "refund {status}");
        assert_eq!(peer.seen().len(), 5, "nothing is repeated and no redirect is followed");
    }
}

#[tokio::test]
async fn broken_connections_and_late_answers_may_have_happened_and_no_connection_did_not() {
    for host in [rude_peer(b"").await, rude_peer(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\"").await] {
        let fixture = Fixture::with(settings(&host));
        assert_eq!(kind(fixture.create(&payment(Method::Card)).await), (WhyKind::ConnectionLost, false));
    }
    let slow = Peer::start(|_| Canned::hang()).await;
    let mut impatient = settings(&slow.url());
    impatient["timeout_ms"] = json!(100);
    let fixture = Fixture::with(impatient);
    assert_eq!(kind(fixture.refund(&open(Method::Card), &leg(), "").await), (WhyKind::Timeout, false));
    let fixture = Fixture::with(settings(&nobody().await));
    assert_eq!(kind(fixture.create(&payment(Method::Card)).await), (WhyKind::NotConnected, true));
    assert_eq!(fixture.count("create", "not_connected"), 1);
}

#[test]
fn settings_that_cannot_work_are_named() {
    let registry = registry(Arc::new(ManualClock::at(NOW)));
    for (member, value, words) in [
        ("secret_key", json!("file:missing"), "`secret_key`"),
        ("secret_key", json!("file:hook"), "`secret_key`"),
        ("secret_key", json!("file:live"), "both be live or both test"),
        ("webhook_secrets", json!(["file:key"]), "`webhook_secrets`"),
        ("webhook_secrets", json!("file:hook"), "`webhook_secrets`"),
        ("base_urls", json!(["http://api.stripe.com"]), "`base_urls`"),
        ("card", json!("4242424242424242"), "`card`"),
    ] {
        let mut settings = settings("http://127.0.0.1:9");
        settings[member] = value;
        let error = registry.check(&account(settings)).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains("whsec_bursar") && !error.contains("sk_test_b"), "{error}");
    }
}
