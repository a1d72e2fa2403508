//! Tests of deliveries over loopback.

use std::sync::Arc;

use bursar_core::Timestamp;
use bursar_core::clock::ManualClock;
use bursar_core::id::{EndpointId, MerchantId};
use bursar_core::merchant::Endpoint;
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::{DeliveryOutcome, MerchantHttp, MerchantSettings};
use crate::http::HttpSettings;
use crate::secrets::{SecretBytes, Secrets};
use crate::testing::{Canned, Peer, nobody, rude_peer};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_500);

#[derive(Debug)]
struct OneSecret;

impl Secrets for OneSecret {
    fn read(&self, _reference: &str) -> Result<SecretBytes, String> {
        // base64 of 24 times the letter b.
        Ok(SecretBytes::new(b"whsec_YmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi".to_vec()))
    }
}

struct Fixture {
    clock: Arc<ManualClock>,
    http: MerchantHttp,
}

fn fixture(change: impl FnOnce(&mut MerchantSettings)) -> Fixture {
    let mut settings = MerchantSettings { allow_private_addresses: true, allow_http: true, ..Default::default() };
    change(&mut settings);
    let clock = Arc::new(ManualClock::at(NOW));
    let http = MerchantHttp::new(settings, &HttpSettings::default(), Arc::new(OneSecret), clock.clone()).unwrap();
    Fixture { clock, http }
}

fn endpoint(number: u128, url: impl Into<String>) -> Endpoint {
    Endpoint {
        id: EndpointId(Uuid::from_u128(number)),
        merchant: MerchantId(Uuid::from_u128(1)),
        url: url.into(),
        secrets: vec!["file:secret".into()],
        enabled: true,
        created_at: NOW,
    }
}

impl Fixture {
    async fn deliver(&self, endpoint: &Endpoint) -> DeliveryOutcome {
        self.http.deliver(endpoint, "dlv_1", "{\"a\":1}", NOW).await
    }

    async fn why(&self, endpoint: &Endpoint) -> String {
        match self.deliver(endpoint).await {
            DeliveryOutcome::Failed { why, gone: false } => why,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_event_is_posted_as_standard_webhooks_say() {
    let peer = Peer::start(|_| Canned::new(204, "")).await;
    let outcome = fixture(|_| ()).deliver(&endpoint(1, format!("{}/hook?a=b", peer.url()))).await;
    assert_eq!(outcome, DeliveryOutcome::Delivered);
    let seen = peer.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/hook?a=b"));
    assert_eq!(seen.body, b"{\"a\":1}");
    assert_eq!(seen.header("content-type"), "application/json");
    assert_eq!((seen.header("webhook-id"), seen.header("webhook-timestamp")), ("dlv_1", "1800000000"));
    // printf 'dlv_1.1800000000.{"a":1}' | openssl dgst -sha256 -hmac bbbbbbbbbbbbbbbbbbbbbbbb -binary | base64
    assert_eq!(seen.header("webhook-signature"), "v1,mCrtx7bJkTopcunuEK2Tcd8UglxlC2JeuE4uZknQzQE=");
}

#[tokio::test]
async fn only_2xx_is_delivered_and_410_says_never_again() {
    for (status, delivered) in [(200, true), (202, true), (302, false), (400, false), (404, false), (500, false)] {
        let peer = Peer::start(move |_| Canned::new(status, "").with("Location", "http://127.0.0.1:1/")).await;
        let outcome = fixture(|_| ()).deliver(&endpoint(1, peer.url())).await;
        assert_eq!(outcome == DeliveryOutcome::Delivered, delivered, "{status}: {outcome:?}");
        assert_eq!(peer.seen().len(), 1, "no redirect is followed, nothing is repeated");
    }
    let peer = Peer::start(|_| Canned::new(410, "")).await;
    let outcome = fixture(|_| ()).deliver(&endpoint(1, peer.url())).await;
    assert!(matches!(outcome, DeliveryOutcome::Failed { gone: true, .. }), "{outcome:?}");
}

#[tokio::test]
async fn an_address_inside_is_not_called_even_when_it_was_registered() {
    let peer = Peer::start(|_| Canned::new(200, "")).await;
    let strict = fixture(|s| s.allow_private_addresses = false);
    let port = peer.port;
    for host in ["127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"] {
        let why = strict.why(&endpoint(1, format!("http://{host}:{port}/"))).await;
        assert!(why.contains("not a public one"), "{host}: {why}");
    }
    let clear = fixture(|s| s.allow_http = false).why(&endpoint(2, peer.url())).await;
    assert!(clear.contains("https://"), "{clear}");
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn a_name_that_resolves_to_an_address_inside_is_not_called() {
    // The check of the address cannot know this; the resolver at the moment of connecting does. The
    // name of this machine is the only one that a test can count on.
    let guard = super::address::Guard::new(false);
    let client = reqwest::Client::builder().no_proxy().dns_resolver(guard).build().unwrap();
    let peer = Peer::start(|_| Canned::new(200, "")).await;
    let error = client.get(format!("http://localhost:{}/", peer.port)).send().await.unwrap_err();
    assert!(error.is_connect());
    assert!(crate::http::describe(error).contains("not a public one"));
    assert_eq!(peer.seen().len(), 0);
}

#[tokio::test]
async fn every_way_to_fail_is_said_in_words() {
    let fixture = fixture(|s| s.timeout_ms = 100);
    let slow = Peer::start(|_| Canned::hang()).await;
    assert_eq!(fixture.why(&endpoint(1, slow.url())).await, "did not answer in time");
    assert!(fixture.why(&endpoint(2, nobody().await)).await.starts_with("cannot be reached"));
    assert!(fixture.why(&endpoint(3, rude_peer(b"").await)).await.starts_with("broke the connection"));
    assert_eq!(
        fixture.why(&Endpoint { secrets: vec![], ..endpoint(4, slow.url()) }).await.split(';').next(),
        Some("the endpoint has no signing secret")
    );
}

#[tokio::test]
async fn an_answer_without_end_is_still_an_answer() {
    let peer = Peer::start(|_| Canned::new(200, vec![b'x'; 10 * 1024 * 1024])).await;
    assert_eq!(fixture(|_| ()).deliver(&endpoint(1, peer.url())).await, DeliveryOutcome::Delivered);
}

#[tokio::test]
async fn a_dead_endpoint_is_left_alone_for_a_while_and_others_are_not_touched() {
    let (dead, well) = (Peer::start(|_| Canned::new(503, "")).await, Peer::start(|_| Canned::new(200, "")).await);
    let fixture = fixture(|_| ());
    for _ in 0..5 {
        assert_eq!(fixture.why(&endpoint(1, dead.url())).await, "answered 503");
    }
    let why = fixture.why(&endpoint(1, dead.url())).await;
    assert_eq!(why, format!("endpoint is failing; next probe at {}", NOW.plus_ms(30_000)));
    assert_eq!(dead.seen().len(), 5);
    assert_eq!(fixture.deliver(&endpoint(2, well.url())).await, DeliveryOutcome::Delivered);
    assert_eq!(fixture.deliver(&endpoint(1, well.url())).await, DeliveryOutcome::Delivered, "a new address");
    fixture.clock.advance_ms(30_000);
    assert_eq!(fixture.why(&endpoint(1, dead.url())).await, "answered 503");
}

#[tokio::test]
async fn one_endpoint_gets_a_bounded_number_of_deliveries_at_once() {
    let gate = Arc::new(Semaphore::new(0));
    let closed = gate.clone();
    let peer = Peer::start(move |seen| Canned {
        gate: (seen.target == "/slow").then(|| closed.clone()),
        ..Canned::new(200, "")
    })
    .await;
    let fixture = fixture(|s| s.concurrency = 2);
    let (slow, quick) = (endpoint(1, format!("{}/slow", peer.url())), endpoint(2, format!("{}/quick", peer.url())));
    let arrived = || peer.seen().iter().filter(|s| s.target == "/slow").count();
    let deliveries = futures::future::join_all((0..6).map(|_| fixture.deliver(&slow)));
    let watch = async {
        while arrived() < 2 {
            tokio::task::yield_now().await;
        }
        // Whoever could have come by now has had the time of twenty whole deliveries to come.
        for _ in 0..20 {
            assert_eq!(fixture.deliver(&quick).await, DeliveryOutcome::Delivered, "others do not wait");
        }
        let at_once = arrived();
        gate.add_permits(6);
        at_once
    };
    let (outcomes, at_once) = futures::future::join(deliveries, watch).await;
    assert_eq!(at_once, 2);
    assert!(outcomes.iter().all(|o| *o == DeliveryOutcome::Delivered), "waiting for a turn is not failing");
}
