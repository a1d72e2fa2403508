//! Settings, and certificates that are fetched.

use super::*;
use crate::notice::NotificationRefusal;
use crate::testing::{Peer, Seen};

pub(super) fn certificates(expire_time: &str, key: &str) -> Canned {
    let sealed = api_key().seal("twelve bytes", "certificate", PLATFORM_CERTIFICATE.as_bytes());
    let body = json!({"data": [{
        "serial_no": CERTIFICATE_SERIAL, "effective_time": "2026-01-01T00:00:00+08:00", "expire_time": expire_time,
        "encrypt_certificate": {
            "algorithm": sealed.algorithm, "nonce": sealed.nonce,
            "associated_data": sealed.associated_data, "ciphertext": sealed.ciphertext,
        },
    }]});
    signed_with(Canned::new(200, body.to_string()), key, CERTIFICATE_SERIAL, NOW)
}

/// Settings in certificate mode.
pub(super) fn downloading(hosts: &[String]) -> Value {
    let mut value = settings(hosts);
    for member in ["public_key_id", "public_key"] {
        value.as_object_mut().unwrap().remove(member);
    }
    value["download_certificates"] = json!(true);
    value
}

fn closed() -> Canned {
    signed_with(Canned::new(204, ""), PLATFORM_KEY, CERTIFICATE_SERIAL, NOW)
}

pub(super) fn is_fetch(seen: &Seen) -> bool {
    seen.target == "/v3/certificates"
}

pub(super) fn fetches(peer: &Peer) -> usize {
    peer.seen().iter().filter(|s| is_fetch(s)).count()
}

#[tokio::test]
async fn certificates_are_fetched_once_for_many_calls_and_again_after_twelve_hours() {
    let good = |s: &Seen| if is_fetch(s) { certificates("2030-01-01T00:00:00+08:00", PLATFORM_KEY) } else { closed() };
    let peer = Peer::start(good).await;
    let fixture = Fixture::with(downloading(&[peer.url()]));
    let one = numbered(NUMBER);
    let outcomes = futures::future::join_all((0..8).map(|_| fixture.channel.close(&one))).await;
    assert!(outcomes.iter().all(|o| *o == Outcome::Done(crate::Closed::Accepted)), "{outcomes:?}");
    assert_eq!((fetches(&peer), fixture.count("keys", "done")), (1, 1));
    assert!(peer.seen().iter().all(|s| s.header("wechatpay-serial").is_empty()), "no key is asked for in this mode");
    fixture.clock.advance_ms(12 * HOUR_MS);
    // The answers are older than the clock now; the fetch is still made.
    drop(fixture.channel.close(&numbered(NUMBER)).await);
    assert_eq!(fetches(&peer), 2);
}

#[tokio::test]
async fn a_list_of_certificates_that_is_forged_expired_or_renamed_is_not_trusted() {
    let expired = || certificates("2027-01-15T16:00:00+08:00", PLATFORM_KEY);
    let forged = || certificates("2030-01-01T00:00:00+08:00", OTHER_KEY);
    let renamed = || {
        let mut canned = certificates("2030-01-01T00:00:00+08:00", PLATFORM_KEY);
        canned.body = String::from_utf8(canned.body).unwrap().replace(CERTIFICATE_SERIAL, "77").into_bytes();
        canned
    };
    let refused = || error(401, "SIGN_ERROR");
    for list in [expired(), forged(), renamed(), refused()] {
        let answer = list.clone();
        let peer = Peer::start(move |s: &Seen| if is_fetch(s) { answer.clone() } else { closed() }).await;
        let fixture = Fixture::with(downloading(&[peer.url()]));
        // The call itself was sent: that its keys could not be fetched must not say otherwise.
        assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (WhyKind::BadSignature, false), "{list:?}");
        assert!(fixture.channel.refresh_keys().await.is_ok(), "bounded: tried a moment ago");
        assert_eq!(fetches(&peer), 1);
    }
}

#[tokio::test]
async fn a_fetch_that_fails_is_not_mistaken_for_the_call_that_wanted_it() {
    use std::sync::atomic::{AtomicBool, Ordering};
    let rotated = Arc::new(AtomicBool::new(false));
    let state = rotated.clone();
    let peer = Peer::start(move |s: &Seen| match (is_fetch(s), state.load(Ordering::SeqCst)) {
        (true, false) => certificates("2030-01-01T00:00:00+08:00", PLATFORM_KEY),
        (true, true) => error(429, "FREQUENCY_LIMITED"),
        (false, false) => closed(),
        (false, true) => signed_with(Canned::new(204, ""), OTHER_KEY, "77", NOW),
    })
    .await;
    let fixture = Fixture::with(downloading(&[peer.url()]));
    assert_eq!(fixture.channel.close(&numbered(NUMBER)).await, Outcome::Done(crate::Closed::Accepted));
    rotated.store(true, Ordering::SeqCst);
    fixture.clock.advance_ms(10_000);
    assert_eq!(kind(fixture.channel.close(&numbered(NUMBER)).await), (WhyKind::BadSignature, false));
    assert_eq!(fetches(&peer), 2);
}

#[tokio::test]
async fn a_message_with_an_unknown_key_starts_a_bounded_fetch() {
    let good = |s: &Seen| if is_fetch(s) { certificates("2030-01-01T00:00:00+08:00", PLATFORM_KEY) } else { closed() };
    let peer = Peer::start(good).await;
    let fixture = Fixture::with(downloading(&[peer.url()]));
    let canned = signed_with(Canned::new(200, "{}"), PLATFORM_KEY, CERTIFICATE_SERIAL, NOW);
    let read = || fixture.channel.read_notification(&canned.headers, &canned.body, NOW).unwrap_err();
    assert_eq!(read(), NotificationRefusal::UnknownSerial(CERTIFICATE_SERIAL.into()));
    fixture.channel.refresh_keys().await.unwrap();
    assert!(matches!(read(), NotificationRefusal::Unreadable(_)), "now the signature is right");
    let invented = signed_with(Canned::new(200, "{}"), PLATFORM_KEY, "1234", NOW);
    for _ in 0..50 {
        assert!(fixture.channel.read_notification(&invented.headers, &invented.body, NOW).is_err());
        tokio::task::yield_now().await;
    }
    assert_eq!(fetches(&peer), 1);
}

#[tokio::test]
async fn both_kinds_of_keys_work_side_by_side_during_a_migration() {
    let peer = Peer::start(|s: &Seen| if s.method == "GET" { unpaid() } else { closed() }).await;
    let mut settings = settings(&[peer.url()]);
    settings["platform_certificates"] = json!(["file:certificate"]);
    let fixture = Fixture::with(settings);
    assert_eq!(fixture.channel.query(&numbered(NUMBER)).await, UNPAID);
    assert_eq!(fixture.channel.close(&numbered(NUMBER)).await, Outcome::Done(crate::Closed::Accepted));
}

fn wrong(change: impl FnOnce(&mut Value)) -> String {
    let mut value = settings(&["https://api.mch.weixin.qq.com".to_owned()]);
    change(&mut value);
    registry(Arc::new(ManualClock::at(NOW))).of(&account(value)).map(drop).unwrap_err().to_string()
}

fn set(member: &str, value: Value) -> String {
    wrong(|v| v[member] = value)
}

fn without(member: &str) -> String {
    wrong(|v| drop(v.as_object_mut().unwrap().remove(member)))
}

#[test]
fn wrong_settings_name_the_member_and_show_no_secret() {
    for (error, member) in [
        (set("mchid", json!("19 00")), "mchid"),
        (set("mchid", json!(1_900_000_001)), "mchid"),
        (set("appid", json!("")), "appid"),
        (set("serial_no", json!("not hex")), "serial_no"),
        (set("private_key", json!("file:api")), "private_key"),
        (set("private_key", json!("file:missing")), "private_key"),
        (set("apiv3_key", json!("file:key")), "apiv3_key"),
        (set("public_key", json!("file:certificate")), "public_key"),
        (set("public_key_id", json!("5DEA")), "public_key_id"),
        (set("platform_certificates", json!(["file:public"])), "platform_certificates"),
        (set("timeout_ms", json!(0)), "timeout_ms"),
        (set("timeout_ms", json!(60_000)), "timeout_ms"),
        (set("rate_per_second", json!(-1)), "rate_per_second"),
        (set("refund_rate_per_second", json!(0)), "refund_rate_per_second"),
        (set("base_urls", json!([])), "base_urls"),
        (set("base_urls", json!(["http://api.mch.weixin.qq.com"])), "base_urls"),
        (set("base_urls", json!(["https://u:p@api.mch.weixin.qq.com"])), "base_urls"),
        (set("base_urls", json!(["https://api.mch.weixin.qq.com/proxy"])), "base_urls"),
        (set("base_urls", json!(["api.mch.weixin.qq.com"])), "base_urls"),
        (set("sandbox", json!(true)), "sandbox"),
        (without("mchid"), "mchid"),
        (without("public_key"), "public_key"),
        (without("private_key"), "private_key"),
    ] {
        assert!(error.contains(&format!("`{member}`")), "{member}: {error}");
        assert!(error.starts_with("channel account acc_"), "{error}");
        assert!(!error.contains(API_KEY) && !error.contains("BEGIN"), "{error}");
    }
    let none = wrong(|v| {
        v.as_object_mut().unwrap().retain(|name, _| !name.starts_with("public_key"));
    });
    assert!(none.contains("nothing to verify answers with"), "{none}");
}

#[test]
fn an_adapter_is_kept_until_its_settings_change() {
    let channels = registry(Arc::new(ManualClock::at(NOW)));
    let value = settings(&["https://api.mch.weixin.qq.com".to_owned()]);
    let first = channels.of(&account(value.clone())).unwrap();
    assert!(Arc::ptr_eq(&first, &channels.of(&account(value.clone())).unwrap()));
    let mut changed = value.clone();
    changed["private_key"] = json!("file:pkcs1");
    let second = channels.of(&account(changed.clone())).unwrap();
    assert!(!Arc::ptr_eq(&first, &second));
    channels.forget(account(value).id);
    assert!(!Arc::ptr_eq(&second, &channels.of(&account(changed)).unwrap()));
}

#[test]
fn an_adapter_shows_no_secret() {
    let shown = format!("{:?}", Fixture::at(&["https://api.mch.weixin.qq.com".to_owned()]).channel);
    assert!(shown.contains(MCHID));
    assert!(!shown.contains(API_KEY) && !shown.contains("PRIVATE"), "{shown}");
}
