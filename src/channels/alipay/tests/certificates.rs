//! Certificate mode: how calls name certificates, and how a new one of the channel comes to be believed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::notifications::{paid, signed_with};
use super::vectors::{text, vectors};
use super::*;
use crate::headers::HeaderLines;
use crate::notice::NotificationRefusal;
use crate::outcome::Closed;
use crate::testing::Peer;

const NEXT: &str = include_str!("../../testdata/alipay/next.crt");
const EXPIRED: &str = include_str!("../../testdata/alipay/expired.crt");
const STRANGER: &str = include_str!("../../testdata/alipay/stranger.crt");
const FORGED: &str = include_str!("../../testdata/alipay/forged.crt");

/// Settings in certificate mode.
pub(super) fn certified(hosts: &[String]) -> Value {
    json!({
        "app_id": APP_ID, "seller_id": SELLER, "private_key": "file:key", "app_certificate": "file:app.crt",
        "alipay_certificates": ["file:alipay.crt"], "alipay_root_certificate": "file:root.crt", "base_urls": hosts,
    })
}

fn serial(name: &str) -> String {
    text(&vectors(), &format!("/serials/{name}")).to_owned()
}

fn is_download(seen: &Seen) -> bool {
    asked(seen)["method"] == "alipay.open.app.alipaycert.download"
}

fn downloads(peer: &Peer) -> usize {
    peer.seen().iter().filter(|seen| is_download(seen)).count()
}

/// A close that was accepted, signed with `key` under the certificate `name`.
fn closed(key: &str, name: &str) -> Canned {
    let content = json!({"code": "10000", "out_trade_no": ours().number()}).to_string();
    let sign = sign(key, content.as_bytes());
    let serial = serial(name);
    let body = format!(r#"{{"alipay_trade_close_response":{content},"alipay_cert_sn":"{serial}","sign":"{sign}"}}"#);
    Canned::new(200, body)
}

fn brought(certificate: &str, key: &str, name: &str) -> Canned {
    let content = json!({"code": "10000", "alipay_cert_content": STANDARD.encode(certificate)}).to_string();
    let (sign, serial) = (sign(key, content.as_bytes()), serial(name));
    let method = "alipay_open_app_alipaycert_download_response";
    Canned::new(200, format!(r#"{{"{method}":{content},"alipay_cert_sn":"{serial}","sign":"{sign}"}}"#))
}

#[tokio::test]
async fn calls_name_our_certificate_and_the_roots() {
    let peer = Peer::start(|_| closed(ALIPAY_KEY, "alipay")).await;
    let fixture = Fixture::with(certified(&[peer.url()]));
    assert_eq!(fixture.channel.close(&ours()).await, Outcome::Done(Closed::Accepted));
    let all = asked(&peer.seen()[0]);
    assert_signed(&all);
    assert_eq!(all["app_cert_sn"], serial("app"));
    assert_eq!(all["alipay_root_cert_sn"], serial("root"), "only the one with RSA counts");
    assert_eq!(downloads(&peer), 0);
}

#[tokio::test]
async fn a_new_certificate_is_fetched_once_and_the_old_one_stays_good() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let rotated = Arc::new(AtomicBool::new(true));
    let state = rotated.clone();
    let peer = Peer::start(move |s| match (is_download(s), state.load(Ordering::SeqCst)) {
        (true, _) => brought(NEXT, OTHER_KEY, "next"),
        (false, true) => closed(OTHER_KEY, "next"),
        (false, false) => closed(ALIPAY_KEY, "alipay"),
    })
    .await;
    let fixture = Fixture::with(certified(&[peer.url()]));
    let one = ours();
    let outcomes = futures::future::join_all((0..8).map(|_| fixture.channel.close(&one))).await;
    assert!(outcomes.iter().all(|o| *o == Outcome::Done(Closed::Accepted)), "{outcomes:?}");
    assert_eq!((downloads(&peer), fixture.count("keys", "done")), (1, 1));
    let asked_for = peer.seen().iter().find(|s| is_download(s)).map(biz).unwrap();
    assert_eq!(asked_for, json!({"alipay_cert_sn": serial("next")}));
    rotated.store(false, Ordering::SeqCst);
    assert_eq!(fixture.channel.close(&one).await, Outcome::Done(Closed::Accepted));
    assert_eq!(downloads(&peer), 1);
}

#[tokio::test]
async fn a_certificate_that_is_not_the_channels_is_not_believed() {
    for (certificate, name, what) in [
        (EXPIRED, "expired", "not in force any more"),
        (STRANGER, "stranger", "another merchant's, below the same roots"),
        (FORGED, "forged", "from an authority that has the name only"),
        (EXPIRED, "next", "not the one that was asked for"),
        ("", "next", "none at all"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "next", "damaged"),
    ] {
        let peer =
            Peer::start(
                move |s| {
                    if is_download(s) { brought(certificate, OTHER_KEY, name) } else { closed(OTHER_KEY, name) }
                },
            )
            .await;
        let fixture = Fixture::with(certified(&[peer.url()]));
        // The call itself was sent: that no certificate could be fetched must not say otherwise.
        assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::BadSignature, false), "{what}");
        assert_eq!((downloads(&peer), fixture.count("keys", "unreadable")), (1, 1), "{what}");
        assert!(fixture.channel.refresh_keys().await.is_ok(), "bounded: tried a moment ago");
        assert_eq!(downloads(&peer), 1, "{what}");
    }
    // The certificate is right, but a stranger signed the answer that brought it.
    let peer =
        Peer::start(|s| if is_download(s) { brought(NEXT, MERCHANT_KEY, "next") } else { closed(OTHER_KEY, "next") })
            .await;
    let fixture = Fixture::with(certified(&[peer.url()]));
    assert_eq!(kind(fixture.channel.close(&ours()).await), (WhyKind::BadSignature, false));
    assert_eq!(fixture.count("keys", "bad_signature"), 1);
}

#[tokio::test]
async fn a_message_under_an_unknown_certificate_starts_a_bounded_fetch() {
    let peer = Peer::start(|_| brought(NEXT, ALIPAY_KEY, "alipay")).await;
    let fixture = Fixture::with(certified(&[peer.url()]));
    let read = |body: &[u8]| fixture.channel.read_notification(&HeaderLines(""), body, NOW);
    let mut message = paid();
    assert!(read(&signed_with(ALIPAY_KEY, &message, false)).is_ok(), "it names no certificate: any known one will do");
    assert_eq!(read(&signed_with(OTHER_KEY, &message, false)), Err(NotificationRefusal::BadSignature));
    message.insert("alipay_cert_sn".into(), serial("next"));
    let body = signed_with(OTHER_KEY, &message, false);
    assert_eq!(read(&body), Err(NotificationRefusal::UnknownSerial(serial("next"))));
    fixture.channel.refresh_keys().await.unwrap();
    assert!(read(&body).is_ok());
    for invented in ["0".repeat(32), "../../etc/passwd".into(), "f".repeat(10_000)] {
        message.insert("alipay_cert_sn".into(), invented);
        for _ in 0..20 {
            assert!(read(&signed_with(OTHER_KEY, &message, false)).is_err());
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(downloads(&peer), 1);
    assert_eq!(peer.seen().len(), 1);
}

#[tokio::test]
async fn rest_names_the_certificates_in_its_headers() {
    let body = json!({"out_trade_no": ours().number()}).to_string();
    let signature = sign(ALIPAY_KEY, format!("1\nn\n{body}\n").as_bytes());
    let peer = Peer::start(move |_| {
        Canned::new(200, body.clone())
            .with("alipay-timestamp", "1")
            .with("alipay-nonce", "n")
            .with("alipay-sn", serial("alipay"))
            .with("alipay-signature", signature.clone())
    })
    .await;
    let mut settings = certified(&[peer.url()]);
    settings["alipay_protocol"] = json!("v3");
    let fixture = Fixture::with(settings);
    assert_eq!(fixture.channel.close(&ours()).await, Outcome::Done(Closed::Accepted));
    let seen = peer.seen().remove(0);
    let start = format!("ALIPAY-SHA256withRSA app_id={APP_ID},app_cert_sn={},nonce=", serial("app"));
    assert!(seen.header("authorization").starts_with(&start), "{}", seen.header("authorization"));
    assert_eq!(seen.header("alipay-root-cert-sn"), serial("root"));
}
