//! Agreements: how one is offered, asked about and ended.

use bursar_core::agreement::{Agreement, Rhythm, RhythmUnit, Signature};

use super::*;
use crate::channel::SignRequest;
use crate::debit::tests::{agreement as agreement_of, signed as signed_by};
use crate::outcome::{AgreementStanding, RefusalClass};
use crate::testing::Peer;

pub(super) const AGREEMENT_NO: &str = "20275115001234567890";
const CODE: &str = "00000000000000000000000004";

pub(super) fn agreement() -> Agreement {
    agreement_of(&payment(Method::AlipayDebit))
}

pub(super) fn cycle(hosts: &[String]) -> Value {
    let mut value = settings(hosts);
    value["agreements"] = json!({"product_code": "CYCLE_PAY_AUTH", "sign_scene": "INDUSTRY|OTHERS"});
    value
}

fn general(hosts: &[String]) -> Value {
    let mut value = settings(hosts);
    value["agreements"] = json!({
        "product_code": "GENERAL_WITHHOLDING", "sign_scene": "INDUSTRY|HOME", "access_channel": "ALIPAYAPP",
        "sign_validity_period": "12m",
    });
    value["return_url"] = json!("https://shop.example/done");
    value
}

fn monthly(first_on: &str) -> Agreement {
    let rhythm = Rhythm { every: 2, unit: RhythmUnit::Month, first_on: first_on.parse().unwrap() };
    Agreement { rhythm: Some(rhythm), ..agreement() }
}

async fn sign(fixture: &Fixture, agreement: &Agreement) -> Outcome<PayCode> {
    fixture.channel.sign(&SignRequest { agreement, notify_url: NOTIFY_URL }).await
}

fn page(code: Outcome<PayCode>) -> BTreeMap<String, String> {
    let Outcome::Done(PayCode::Redirect { url }) = code else { panic!("{code:?}") };
    let (start, query) = url.split_once('?').unwrap();
    assert_eq!(start, "http://127.0.0.1:1/gateway.do");
    members(query)
}

fn hosts() -> Vec<String> {
    vec!["http://127.0.0.1:1".to_owned()]
}

#[tokio::test]
async fn a_rhythm_is_offered_on_a_signed_page_with_the_most_that_one_charge_may_be() {
    let fixture = Fixture::with(cycle(&hosts()));
    let first = sign(&fixture, &monthly("2027-02-28")).await;
    assert_eq!(sign(&fixture, &monthly("2027-02-28")).await, first, "every attempt says the same");
    let all = page(first);
    assert_signed(&all);
    assert_eq!((&*all["method"], &*all["notify_url"]), ("alipay.user.agreement.page.sign", NOTIFY_URL));
    let content: Value = serde_json::from_str(&all["biz_content"]).unwrap();
    assert_eq!(
        content,
        json!({
            "external_agreement_no": CODE, "product_code": "GENERAL_WITHHOLDING",
            "personal_product_code": "CYCLE_PAY_AUTH_P", "sign_scene": "INDUSTRY|OTHERS",
            "access_params": {"channel": "QRCODE"},
            "period_rule_params": {
                "period_type": "MONTH", "period": 2, "execute_time": "2027-02-28", "single_amount": "12.34",
            },
        })
    );
    let daily = Rhythm { every: 7, unit: RhythmUnit::Day, first_on: "2027-01-31".parse().unwrap() };
    let all = page(sign(&fixture, &Agreement { rhythm: Some(daily), ..agreement() }).await);
    let content: Value = serde_json::from_str(&all["biz_content"]).unwrap();
    assert_eq!(
        (&content["period_rule_params"]["period_type"], &content["period_rule_params"]["period"]),
        (&json!("DAY"), &json!(7))
    );
    assert_eq!(fixture.count("sign", "done"), 3);
}

#[tokio::test]
async fn charges_without_a_rhythm_are_offered_with_what_the_settings_say() {
    let all = page(sign(&Fixture::with(general(&hosts())), &agreement()).await);
    assert_eq!(all["return_url"], "https://shop.example/done");
    let content: Value = serde_json::from_str(&all["biz_content"]).unwrap();
    assert_eq!(
        content,
        json!({
            "external_agreement_no": CODE, "product_code": "GENERAL_WITHHOLDING",
            "personal_product_code": "GENERAL_WITHHOLDING_P", "sign_scene": "INDUSTRY|HOME",
            "access_params": {"channel": "ALIPAYAPP"}, "sign_validity_period": "12m",
        })
    );
}

#[tokio::test]
async fn what_cannot_be_offered_is_refused_with_what_to_change() {
    let fixture = Fixture::with(cycle(&hosts()));
    for (agreement, word) in [
        (agreement(), "CYCLE_PAY_AUTH"),
        (monthly("2027-01-29"), "28th"),
        (Agreement { limit: Money::new(1, "USD".parse().unwrap()), ..monthly("2027-01-01") }, "CNY"),
        (Agreement { limit: Money::new(10_000_000_001, Currency::CNY), ..monthly("2027-01-01") }, "yuan"),
    ] {
        let Outcome::Refused(refusal) = sign(&fixture, &agreement).await else { panic!("{word}") };
        assert!(refusal.class == RefusalClass::Definite && refusal.message.contains(word), "{refusal}");
    }
    let none = Fixture::alone();
    for outcome in [
        sign(&none, &agreement()).await.map(drop),
        none.channel.query_agreement(&agreement()).await.map(drop),
        none.channel.end_agreement(&agreement()).await,
    ] {
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`agreements`"), "{refusal}");
    }
}

/// Members of an agreement as a question shows it.
fn view(status: &str) -> Value {
    json!({
        "agreement_no": AGREEMENT_NO, "external_agreement_no": CODE, "status": status, "sign_time": NOW_TEXT,
        "valid_time": NOW_TEXT, "invalid_time": "2115-02-01 00:00:00", "next_deduct_time": "2027-02-28",
    })
}

async fn query(
    agreement: &Agreement,
    answer: impl Fn(&Seen) -> Canned + Send + Sync + 'static,
) -> (Fixture, Peer, String) {
    let peer = Peer::start(answer).await;
    let fixture = Fixture::with(cycle(&[peer.url()]));
    fixture.clock.advance_ms(HOUR_MS);
    let found = shown(fixture.channel.query_agreement(agreement).await);
    (fixture, peer, found)
}

#[tokio::test]
async fn an_agreement_is_asked_about_by_our_number_product_and_scene() {
    let peer = Peer::start(|s| done(s, view("NORMAL"))).await;
    let fixture = Fixture::with(cycle(&[peer.url()]));
    let ends_at = Timestamp::parse_rfc3339("2115-02-01T00:00:00+08:00").ok();
    let signature = Signature { channel_id: AGREEMENT_NO.into(), payer_id: None, signed_at: NOW, ends_at };
    let standing = fixture.channel.query_agreement(&agreement()).await;
    assert_eq!(standing, Outcome::Done(AgreementStanding::Signed(signature)));
    let seen = peer.seen().remove(0);
    let all = asked(&seen);
    assert_signed(&all);
    assert_eq!(all["method"], "alipay.user.agreement.query");
    let named = json!({
        "personal_product_code": "CYCLE_PAY_AUTH_P", "sign_scene": "INDUSTRY|OTHERS", "external_agreement_no": CODE,
    });
    assert_eq!(biz(&seen), named);
}

#[tokio::test]
async fn what_the_channel_says_of_an_agreement() {
    for (status, want) in
        [("TEMP", "Unsigned"), ("STOP", "Unsigned"), ("UNSIGN", "Ended(\"UNSIGN\")"), ("NEW", "unreadable")]
    {
        assert_eq!(query(&agreement(), move |s| done(s, view(status))).await.2, want, "{status}");
    }
    let signed = signed_by(agreement(), AGREEMENT_NO);
    for code in ["USER_AGREEMENT_NOT_EXIST", "ACQ.USER_AGREEMENT_NOT_EXIST"] {
        assert_eq!(query(&agreement(), move |s| failed(s, "40004", code)).await.2, "Unsigned");
        let ended = query(&signed, move |s| failed(s, "40004", code)).await.2;
        assert!(ended.starts_with("Ended"), "{ended}");
    }
    for (member, value) in [
        ("external_agreement_no", json!("another")),
        ("agreement_no", json!("")),
        ("sign_time", json!("yesterday")),
        ("status", Value::Null),
    ] {
        let changed = move |s: &Seen| {
            let mut view = view("NORMAL");
            view[member] = value.clone();
            done(s, view)
        };
        assert_eq!(query(&agreement(), changed).await.2, "unreadable", "{member}");
    }
    assert_eq!(query(&agreement(), |_| Canned::new(502, "")).await.2, "server_error");
    assert_eq!(
        query(&agreement(), |s| failed(s, "40006", "isv.insufficient-isv-permissions")).await.2,
        "Configuration"
    );
}

#[tokio::test]
async fn an_agreement_of_a_moment_ago_that_is_not_found_has_not_ended() {
    let peer = Peer::start(|s| failed(s, "40004", "USER_AGREEMENT_NOT_EXIST")).await;
    let fixture = Fixture::with(cycle(&[peer.url()]));
    let signed = signed_by(agreement(), AGREEMENT_NO);
    assert_eq!(shown(fixture.channel.query_agreement(&signed).await), "system_error");
}

#[tokio::test]
async fn an_agreement_is_ended_by_our_number_and_ending_it_twice_is_done() {
    let signed = signed_by(agreement(), AGREEMENT_NO);
    let end = async |unsigned: (&'static str, &'static str), then: &'static str| {
        let peer = Peer::start(move |s| match asked(s)["method"].as_str() {
            "alipay.user.agreement.unsign" if unsigned.0 == "10000" => done(s, json!({})),
            "alipay.user.agreement.unsign" => failed(s, unsigned.0, unsigned.1),
            _ if then == "gone" => failed(s, "40004", "USER_AGREEMENT_NOT_EXIST"),
            _ => done(s, view(then)),
        })
        .await;
        let fixture = Fixture::with(cycle(&[peer.url()]));
        fixture.clock.advance_ms(HOUR_MS);
        (shown(fixture.channel.end_agreement(&signed).await), biz(&peer.seen()[0]))
    };
    let (found, content) = end(("10000", ""), "NORMAL").await;
    assert_eq!(found, "()");
    let named = json!({
        "personal_product_code": "CYCLE_PAY_AUTH_P", "sign_scene": "INDUSTRY|OTHERS", "external_agreement_no": CODE,
    });
    assert_eq!(content, named);
    assert_eq!(end(("40004", "USER_AGREEMENT_NOT_EXIST"), "NORMAL").await.0, "()");
    assert_eq!(end(("40004", "SOMETHING_NEW"), "gone").await.0, "()");
    assert_eq!(end(("40004", "SOMETHING_NEW"), "NORMAL").await.0, "unreadable");
    assert_eq!(end(("40004", "INVALID_PARAMETER"), "NORMAL").await.0, "Definite");
    assert_eq!(end(("20000", "isp.unknow-error"), "NORMAL").await.0, "system_error");
}

#[test]
fn settings_of_agreements_that_cannot_be_meant_are_named() {
    let registry = registry(Arc::new(ManualClock::at(NOW)));
    for (agreements, word) in [
        (json!({"sign_scene": "A"}), "product_code"),
        (json!({"product_code": "X", "sign_scene": "A"}), "agreements.product_code"),
        (json!({"product_code": "CYCLE_PAY_AUTH"}), "sign_scene"),
        (json!({"product_code": "CYCLE_PAY_AUTH", "sign_scene": "a b"}), "agreements.sign_scene"),
        (json!({"product_code": "CYCLE_PAY_AUTH", "sign_scene": "A", "access_channel": ""}), "access_channel"),
        (
            json!({"product_code": "CYCLE_PAY_AUTH", "sign_scene": "A", "sign_validity_period": "1y"}),
            "sign_validity_period",
        ),
        (
            json!({"product_code": "CYCLE_PAY_AUTH", "sign_scene": "A", "sign_validity_period": "0d"}),
            "sign_validity_period",
        ),
    ] {
        let mut value = settings(&hosts());
        value["agreements"] = agreements;
        let error = registry.of(&account(value)).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
