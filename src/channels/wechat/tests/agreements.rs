//! Agreements: how one is offered, asked about and ended, and which messages tell of one.

use bursar_core::agreement::{Agreement, AgreementClaim, Rhythm, RhythmUnit, Signature};
use bursar_core::observation::PayCode;

use super::calls::{assert_signed, shown};
use super::*;
use crate::channel::SignRequest;
use crate::debit::tests::{agreement as agreement_of, told};
use crate::outcome::{AgreementStanding, RefusalClass};
use crate::testing::{Peer, Seen};

pub(super) const NOTIFY_URL: &str = "https://pay.example/notify/wechat/acc_1";
pub(super) const CONTRACT_ID: &str = "202701150000001";
pub(super) const CODE: &str = "00000000000000000000000004";

pub(super) fn agreement() -> Agreement {
    agreement_of(&payment(Method::WechatDebit))
}

/// Settings with what agreements need.
pub(super) fn with(hosts: &[String], agreements: Value) -> Value {
    let mut value = settings(hosts);
    value["agreements"] = agreements;
    value
}

pub(super) fn plain(peer: &Peer) -> Fixture {
    Fixture::with(with(&[peer.url()], json!({"plan_id": 12535})))
}

async fn sign(fixture: &Fixture, agreement: &Agreement) -> Outcome<PayCode> {
    fixture.channel.sign(&SignRequest { agreement, notify_url: NOTIFY_URL }).await
}

fn redirect() -> Canned {
    signed(Canned::new(200, r#"{"redirect_url":"https://wx.example/sign?x=1"}"#))
}

pub(super) fn contract(state: &str, change: impl FnOnce(&mut Value)) -> Canned {
    let mut value = json!({
        "mchid": MCHID, "appid": APPID, "plan_id": 12535, "out_contract_code": CODE, "contract_id": CONTRACT_ID,
        "contract_display_account": "customer-17", "contract_state": state, "openid": "o1",
        "contract_signed_time": "2027-01-15T16:00:00+08:00", "contract_expired_time": "2029-01-15T16:00:00+08:00",
    });
    change(&mut value);
    signed(Canned::new(200, value.to_string()))
}

#[tokio::test]
async fn an_agreement_is_offered_with_the_documented_members_and_the_same_bytes_each_time() {
    let peer = Peer::start(|_| redirect()).await;
    let fixture = plain(&peer);
    for _ in 0..2 {
        let code = sign(&fixture, &agreement()).await;
        assert_eq!(code, Outcome::Done(PayCode::Redirect { url: "https://wx.example/sign?x=1".into() }));
    }
    let seen = peer.seen();
    assert_signed(&seen[0]);
    assert_eq!(seen[0].body, seen[1].body);
    assert_eq!((seen[0].method.as_str(), &*seen[0].target), ("POST", "/v3/papay/sign/contracts/pre-entrust-sign"));
    assert_eq!(
        serde_json::from_slice::<Value>(&seen[0].body).unwrap(),
        json!({
            "appid": APPID, "plan_id": 12535, "out_contract_code": CODE, "contract_display_account": "customer-17",
            "contract_notify_url": NOTIFY_URL,
        })
    );
    assert_eq!(fixture.count("sign", "done"), 2);
}

#[tokio::test]
async fn one_whose_charges_are_scheduled_is_offered_where_the_payer_is_with_the_first_charge() {
    let peer = Peer::start(|_| redirect()).await;
    let of = |scene: Option<&str>| {
        let mut agreements = json!({"plan_id": 7, "scheduled": true});
        if let Some(scene) = scene {
            agreements["scene"] = json!(scene);
        }
        Fixture::with(with(&[peer.url()], agreements))
    };
    let rhythm = Rhythm { every: 1, unit: RhythmUnit::Month, first_on: "2027-02-01".parse().unwrap() };
    let details = PayerDetails { openid: Some("o1".into()), name: Some("张 三".into()), ..PayerDetails::default() };
    let inside = Agreement { details, rhythm: Some(rhythm), ..agreement() };
    let browser = Agreement { details: PayerDetails::default(), ..inside.clone() };
    for (scene, agreement, want) in [
        (None, &inside, "jsapi"),
        (None, &browser, "h5"),
        (Some("app"), &inside, "app"),
        (Some("mini_program"), &browser, "mini-program"),
    ] {
        assert!(matches!(sign(&of(scene), agreement).await, Outcome::Done(_)));
        let seen = peer.seen().pop().unwrap();
        assert_eq!(seen.target, format!("/v3/papay/scheduled-deduct-sign/contracts/pre-entrust-sign/{want}"));
    }
    assert_eq!(
        serde_json::from_slice::<Value>(&peer.seen()[0].body).unwrap(),
        json!({
            "appid": APPID, "openid": "o1", "plan_id": 7, "out_contract_code": CODE,
            "contract_display_account": "张 三", "contract_notify_url": NOTIFY_URL,
            "deduct_schedule": {
                "estimated_deduct_date": "2027-02-01", "estimated_deduct_amount": {"total": 1234, "currency": "CNY"},
                "description": "保洁 每月",
            },
        })
    );
}

#[tokio::test]
async fn newer_contracts_are_told_the_scene_and_an_id_is_for_the_merchants_app() {
    let id = r#"{"pre_entrustweb_id":"5778aadd","mini_program_path":"pages/sign?x=1","mini_program_username":""}"#;
    let peer = Peer::start(move |_| signed(Canned::new(200, id))).await;
    let fixture = Fixture::with(with(&[peer.url()], json!({"plan_id": 12535, "sign_scene": "app"})));
    let details = PayerDetails { client_ip: Some("203.0.113.9".into()), ..PayerDetails::default() };
    let Outcome::Done(PayCode::Sdk { fields }) = sign(&fixture, &Agreement { details, ..agreement() }).await else {
        panic!()
    };
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let want = [("appid", APPID), ("mini_program_path", "pages/sign?x=1"), ("pre_entrustweb_id", "5778aadd")];
    assert_eq!(fields, want);
    let body: Value = serde_json::from_slice(&peer.seen()[0].body).unwrap();
    assert_eq!((&body["sign_scene"], &body["out_user_code"]), (&json!("SIGN_SCENE_APP"), &json!("customer-17")));
    assert_eq!(body["device_info"]["device_ip"], json!("203.0.113.9"));
    assert_eq!(body["device_info"].as_object().unwrap().len(), 8);
}

#[tokio::test]
async fn without_the_settings_nothing_is_called_and_the_refusal_names_them() {
    let peer = Peer::start(|_| redirect()).await;
    let fixture = Fixture::at(&[peer.url()]);
    let agreement = agreement();
    let refusals = [
        sign(&fixture, &agreement).await.map(drop),
        fixture.channel.query_agreement(&agreement).await.map(drop),
        fixture.channel.end_agreement(&agreement).await,
    ];
    for outcome in refusals {
        let Outcome::Refused(refusal) = outcome else { panic!("{outcome:?}") };
        assert!(refusal.class == RefusalClass::Definite && refusal.message.contains("`agreements`"), "{refusal}");
    }
    let dollars = Agreement { limit: Money::new(1, "USD".parse().unwrap()), ..agreement.clone() };
    assert_eq!(shown(sign(&plain(&peer), &dollars).await), "Definite");
    let request = SignRequest { agreement: &agreement, notify_url: "https://pay.example/n?a=b" };
    assert_eq!(shown(plain(&peer).channel.sign(&request).await), "Configuration");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn an_offer_without_a_usable_answer_is_unknown_and_a_refused_one_says_so() {
    for (canned, want) in [
        (Canned::new(500, ""), "server_error"),
        (signed(Canned::new(200, "{}")), "unreadable"),
        (signed(Canned::new(200, r#"{"redirect_url":""}"#)), "unreadable"),
        (Canned::new(200, r#"{"redirect_url":"https://x"}"#), "bad_signature"),
        (error(400, "PARAM_ERROR"), "Definite"),
        (error(403, "NO_AUTH"), "Configuration"),
        (error(400, "SOMETHING_NEW"), "unreadable"),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(shown(sign(&plain(&peer), &agreement()).await), want);
    }
}

fn signature() -> Signature {
    let at = |text| Timestamp::parse_rfc3339(text).unwrap();
    Signature {
        channel_id: CONTRACT_ID.into(),
        payer_id: None,
        signed_at: at("2027-01-15T08:00:00Z"),
        ends_at: Some(at("2029-01-15T08:00:00Z")),
    }
}

#[tokio::test]
async fn an_agreement_is_asked_about_by_template_and_number() {
    let peer = Peer::start(|_| contract("SIGNED", |_| ())).await;
    let fixture = plain(&peer);
    let standing = fixture.channel.query_agreement(&agreement()).await;
    assert_eq!(standing, Outcome::Done(AgreementStanding::Signed(signature())));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    let target = format!("/v3/papay/sign/contracts/plan-id/12535/out-contract-code/{CODE}");
    assert_eq!((seen.method.as_str(), seen.target), ("GET", target));
    assert_eq!(fixture.count("query_agreement", "done"), 1);
}

#[tokio::test]
async fn what_the_channel_says_of_an_agreement() {
    for (canned, want) in [
        (contract("TERMINATED", |_| ()), "Ended(\"TERMINATED\")"),
        (contract("SIGN_FAILED", |_| ()), "Unsigned"),
        (error(404, "RESOURCE_NOT_EXISTS"), "Unsigned"),
        (error(400, "CONTRACT_NOT_EXIST"), "Unsigned"),
        (error(403, "NO_AUTH"), "Configuration"),
        (Canned::new(502, ""), "server_error"),
        (contract("SIGNED", |v| v["out_contract_code"] = json!("another")), "unreadable"),
        (contract("SIGNED", |v| v["mchid"] = json!("20")), "unreadable"),
        (contract("TERMINATED", |v| v["plan_id"] = json!(1)), "unreadable"),
        (contract("SOMETHING", |_| ()), "unreadable"),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(shown(plain(&peer).channel.query_agreement(&agreement()).await), want);
    }
}

/// A peer that answers a termination with the first and everything else with the second.
async fn ending(terminated: Canned, asked: Canned) -> Peer {
    Peer::start(move |s: &Seen| if s.method == "POST" { terminated.clone() } else { asked.clone() }).await
}

#[tokio::test]
async fn an_agreement_is_ended_with_the_reason_and_ending_it_twice_is_done() {
    let peer = ending(signed(Canned::new(204, "")), Canned::new(500, "")).await;
    let ending_one = told(agreement(), &AgreementClaim::EndRequested { by: "the customer moved\naway".into() });
    assert_eq!(plain(&peer).channel.end_agreement(&ending_one).await, Outcome::Done(()));
    let seen = peer.seen().remove(0);
    assert_signed(&seen);
    assert_eq!(seen.target, format!("/v3/papay/sign/contracts/plan-id/12535/out-contract-code/{CODE}/terminate"));
    assert_eq!(seen.body, br#"{"contract_termination_remark":"the customer moved away"}"#);
    let none = || error(404, "RESOURCE_NOT_EXISTS");
    for (terminated, asked, want) in [
        (none(), Canned::new(500, ""), "()"),
        (error(400, "INVALID_REQUEST"), contract("TERMINATED", |_| ()), "()"),
        (error(400, "SOMETHING_NEW"), none(), "()"),
        (error(400, "INVALID_REQUEST"), contract("SIGNED", |_| ()), "Definite"),
        (error(400, "SOMETHING_NEW"), Canned::new(500, ""), "unreadable"),
        (Canned::new(500, ""), contract("TERMINATED", |_| ()), "server_error"),
    ] {
        let peer = ending(terminated, asked).await;
        assert_eq!(shown(plain(&peer).channel.end_agreement(&agreement()).await), want);
    }
}

#[test]
fn settings_of_agreements_that_cannot_be_meant_are_named() {
    let hosts = ["http://127.0.0.1:1".to_owned()];
    let registry = registry(Arc::new(ManualClock::at(NOW)));
    for (agreements, word) in [
        (json!({}), "plan_id"),
        (json!({"plan_id": 0}), "plan_id"),
        (json!({"plan_id": "x"}), "agreements.plan_id"),
        (json!({"plan_id": 1, "scene": "app"}), "scheduled"),
        (json!({"plan_id": 1, "scheduled": true, "sign_scene": "app"}), "sign_scene"),
        (json!({"plan_id": 1, "scheduled": true, "scene": "tv"}), "agreements.scene"),
        (json!({"plan_id": 1, "more": 1}), "more"),
    ] {
        let error = registry.of(&account(with(&hosts, agreements))).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
}
