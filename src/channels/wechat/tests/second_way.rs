//! The second way: how a bank account is sealed, what is sent, and how a no is made sure.

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::calls::{assert_signed, shown};
use super::keys::{certificates, downloading, fetches, is_fetch};
use super::refunds::{NOTIFY_URL, REFUND_ID, captured, leg, peer, processing, shown_refund};
use super::*;
use crate::channel::{Payee, RefundRequest};
use crate::outcome::RefundStanding;
use crate::pem;
use crate::testing::{Peer, Seen, nobody};
use crate::wechat::payee::SealedPayee;

/// Opens what was sealed, as only the channel can.
pub(super) fn opened(sealed: &str) -> String {
    let key = PrivateDecryptingKey::from_pkcs8(&pem::decode("PRIVATE KEY", PLATFORM_KEY).unwrap()).unwrap();
    let key = OaepPrivateDecryptingKey::new(key).unwrap();
    let (bytes, mut room) = (STANDARD.decode(sealed).unwrap(), vec![0; key.min_output_size()]);
    let plain = key.decrypt(&OAEP_SHA1_MGF1SHA1, &bytes, &mut room, None).unwrap();
    String::from_utf8(plain.to_vec()).unwrap()
}

fn payee() -> Payee {
    Payee { bank: "CMB_DEBIT".into(), account: "6225 8801 2345 6789".into(), name: "张三".into() }
}

/// Settings with a certificate in a file.
fn certificate_mode(hosts: &[String]) -> Value {
    let mut value = downloading(hosts);
    value["platform_certificates"] = json!(["file:certificate"]);
    value["download_certificates"] = json!(false);
    value
}

async fn second_way(fixture: &Fixture, refund_id: &str, payee: &str) -> Outcome<RefundStanding> {
    let (payment, leg) = (captured(HOUR_MS), leg());
    let request = RefundRequest { payment: &payment, leg: &leg, reason: "r", notify_url: NOTIFY_URL };
    fixture.channel.refund_second_way(&request, refund_id, payee).await
}

async fn sealed(fixture: &Fixture) -> String {
    fixture.channel.seal_payee(&payee()).await.unwrap()
}

#[tokio::test]
async fn a_payee_is_sealed_under_the_public_key_and_can_be_stored() {
    let fixture = Fixture::at(&["http://127.0.0.1:1".to_owned()]);
    let text = sealed(&fixture).await;
    for clear in ["6225", "6789", "张三"] {
        assert!(!text.contains(clear), "{text}");
    }
    let stored = SealedPayee::read(&text).unwrap();
    assert_eq!((stored.serial.as_str(), stored.bank_type.as_str()), (KEY_ID, "CMB_DEBIT"));
    assert_eq!(opened(&stored.bank_account), "6225880123456789");
    assert_eq!(opened(&stored.real_name), "张三");
    assert_ne!(sealed(&fixture).await, text, "the same account is never recognised by its sealed text");
    assert!(!format!("{:?}", payee()).contains("6225"));
}

#[tokio::test]
async fn the_longest_name_fits_under_the_key_and_a_wrong_account_is_named() {
    let fixture = Fixture::at(&["http://127.0.0.1:1".to_owned()]);
    let long = Payee { name: "三".repeat(66), ..payee() };
    let stored = SealedPayee::read(&fixture.channel.seal_payee(&long).await.unwrap()).unwrap();
    assert_eq!(opened(&stored.real_name), "三".repeat(66));
    let wrong = Payee { account: "123".into(), ..payee() };
    assert!(fixture.channel.seal_payee(&wrong).await.unwrap_err().contains("`account`"));
}

#[tokio::test]
async fn both_kinds_of_keys_seal_and_the_public_key_goes_first() {
    let fixture = Fixture::with(certificate_mode(&["http://127.0.0.1:1".to_owned()]));
    let stored = SealedPayee::read(&sealed(&fixture).await).unwrap();
    assert_eq!(stored.serial, CERTIFICATE_SERIAL);
    assert_eq!(opened(&stored.real_name), "张三");
    let mut both = settings(&["http://127.0.0.1:1".to_owned()]);
    both["platform_certificates"] = json!(["file:certificate"]);
    assert_eq!(SealedPayee::read(&sealed(&Fixture::with(both)).await).unwrap().serial, KEY_ID);
}

#[tokio::test]
async fn an_expired_certificate_seals_nothing_and_the_error_says_what_to_do() {
    let fixture = Fixture::with(certificate_mode(&["http://127.0.0.1:1".to_owned()]));
    fixture.clock.advance_ms(20 * 365 * 24 * HOUR_MS);
    let error = fixture.channel.seal_payee(&payee()).await.unwrap_err();
    assert!(error.contains("`public_key_id`") && !error.contains("6225"), "{error}");
}

#[tokio::test]
async fn a_certificate_is_fetched_for_sealing_and_its_trouble_is_told() {
    let peer = Peer::start(|_| certificates("2030-01-01T00:00:00+08:00", PLATFORM_KEY)).await;
    let fixture = Fixture::with(downloading(&[peer.url()]));
    for _ in 0..2 {
        assert_eq!(SealedPayee::read(&sealed(&fixture).await).unwrap().serial, CERTIFICATE_SERIAL);
    }
    assert_eq!(fetches(&peer), 1);
    let unreachable = Fixture::with(downloading(&[nobody().await]));
    let error = unreachable.channel.seal_payee(&payee()).await.unwrap_err();
    assert!(error.contains("not_connected") && error.contains("again"), "{error}");
    // A moment later nothing is fetched again, and there is still no key.
    assert!(unreachable.channel.seal_payee(&payee()).await.unwrap_err().contains("`public_key_id`"));
}

#[tokio::test]
async fn the_second_way_sends_what_was_sealed_under_the_key_that_sealed_it() {
    let peer = Peer::start(|_| shown_refund(|v| v["channel"] = json!("OTHER_BANKCARD"))).await;
    let fixture = Fixture::at(&[peer.url()]);
    let text = sealed(&fixture).await;
    let stored = SealedPayee::read(&text).unwrap();
    assert_eq!(second_way(&fixture, REFUND_ID, &text).await, Outcome::Done(processing()));
    assert_eq!(second_way(&fixture, REFUND_ID, &text).await, Outcome::Done(processing()));
    let seen = peer.seen();
    assert_signed(&seen[0]);
    assert_eq!(seen[0].body, seen[1].body, "sealed once, sent as often as it must be");
    let target = format!("/v3/refund/domestic/refunds/{REFUND_ID}/apply-abnormal-refund");
    assert_eq!((seen[0].method.as_str(), &seen[0].target), ("POST", &target));
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
        json!({
            "out_refund_no": leg().number(), "type": "USER_BANK_CARD", "bank_type": "CMB_DEBIT",
            "bank_account": stored.bank_account, "real_name": stored.real_name,
        })
    );
    assert_eq!(fixture.count("refund_second_way", "done"), 2);
}

#[tokio::test]
async fn the_key_is_named_also_when_it_is_not_the_accounts_own_any_more() {
    // Sealed under a certificate; the account has moved to the public key meanwhile.
    let before = Fixture::with(certificate_mode(&["http://127.0.0.1:1".to_owned()]));
    let text = sealed(&before).await;
    let peer = Peer::start(|s: &Seen| if is_fetch(s) { Canned::new(500, "") } else { shown_refund(|_| ()) }).await;
    for settings in [settings(&[peer.url()]), {
        let mut both = settings(&[peer.url()]);
        both["platform_certificates"] = json!(["file:certificate"]);
        both
    }] {
        assert_eq!(second_way(&Fixture::with(settings), REFUND_ID, &text).await, Outcome::Done(processing()));
    }
    assert!(peer.seen().iter().all(|s| s.header("wechatpay-serial") == CERTIFICATE_SERIAL));
}

#[tokio::test]
async fn a_second_way_that_cannot_be_written_is_refused_without_being_sent() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&[peer.url()]);
    let text = sealed(&fixture).await;
    for (refund_id, payee) in [("", text.as_str()), ("../x", &text), (REFUND_ID, "{}"), (REFUND_ID, "6225880123456789")]
    {
        let Outcome::Refused(refusal) = second_way(&fixture, refund_id, payee).await else { panic!() };
        assert!(refusal.class.rules_out_money() && !refusal.message.contains("6225"), "{refusal}");
    }
    assert_eq!(peer.seen().len(), 0);
}

fn abnormal() -> Canned {
    shown_refund(|v| v["status"] = json!("ABNORMAL"))
}

#[tokio::test]
async fn a_no_is_believed_only_while_the_refund_is_still_abnormal() {
    let text = sealed(&Fixture::at(&["http://127.0.0.1:1".to_owned()])).await;
    for (code, asked, want) in [
        ("INVALID_REQUEST", abnormal(), "Definite"),
        ("PARAM_ERROR", abnormal(), "Definite"),
        ("RESOURCE_NOT_EXISTS", abnormal(), "Definite"),
        ("INVALID_REQUEST", error(404, "RESOURCE_NOT_EXISTS"), "unreadable"),
        ("INVALID_REQUEST", Canned::new(502, ""), "server_error"),
        ("NOT_ENOUGH", Canned::new(500, ""), "NoFunds"),
        ("FREQUENCY_LIMITED", Canned::new(500, ""), "TooSoon"),
        ("NO_AUTH", Canned::new(500, ""), "Configuration"),
        ("SOMETHING_NEW", Canned::new(500, ""), "unreadable"),
    ] {
        let peer = peer(error(403, code), asked).await;
        let outcome = second_way(&Fixture::at(&[peer.url()]), REFUND_ID, &text).await;
        assert_eq!(shown(outcome), want, "{code}");
    }
    // An earlier attempt had been taken, and its answer was lost.
    let peer = peer(error(400, "INVALID_REQUEST"), shown_refund(|_| ())).await;
    let outcome = second_way(&Fixture::at(&[peer.url()]), REFUND_ID, &text).await;
    assert_eq!(outcome, Outcome::Done(processing()));
}

#[tokio::test]
async fn a_second_way_without_a_usable_answer_is_unknown() {
    let text = sealed(&Fixture::at(&["http://127.0.0.1:1".to_owned()])).await;
    let other = shown_refund(|v| v["out_refund_no"] = json!("another"));
    let unsigned = Canned { headers: Vec::new(), ..shown_refund(|_| ()) };
    for (posted, want) in [
        (Canned::new(500, ""), WhyKind::ServerError),
        (error(500, "SYSTEM_ERROR"), WhyKind::SystemError),
        (error(429, "RATELIMIT_EXCEEDED"), WhyKind::RateLimited),
        (other, WhyKind::Unreadable),
        (unsigned, WhyKind::BadSignature),
    ] {
        let peer = peer(posted, Canned::new(500, "")).await;
        let fixture = Fixture::at(&[peer.url()]);
        assert_eq!(kind(second_way(&fixture, REFUND_ID, &text).await), (want, false));
        assert_eq!(peer.seen().len(), 1);
    }
}
