//! Agreements: taken, shown, listed, ended, and orders that are charged by them.

use bursar_core::agreement::{AgreementClaim, Signature};
use bursar_core::id::AgreementId;
use bursar_core::job::JobKind;
use bursar_core::observation::{Claim, Observation, PayCode, Source};
use bursar_core::{Clock, Timestamp};
use serde_json::{Value, json};

use super::{Answer, House, START, order_with, text};

const DAY_MS: i64 = 86_400_000;

/// A lawful request with some members replaced, or removed by null.
pub fn agreement_with(changes: &Value) -> Value {
    let mut body = json!({
        "payer": "family-wu", "method": "card_debit", "description": "Nanny, monthly", "limit_minor": 600_000,
        "currency": "CNY",
    });
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

impl House {
    /// An agreement that waits for the channel.
    pub async fn agreement(&self, key: &str, changes: &Value) -> Value {
        let body = agreement_with(changes).to_string();
        self.post("/v1/agreements", key, body).await.expect(202).json()
    }

    /// Puts a claim about an agreement on the books.
    pub async fn agreement_told(&self, agreement: &Value, claim: AgreementClaim) {
        self.clock.advance_ms(1);
        let id: AgreementId = text(&agreement["id"]).parse().unwrap();
        let seen = Observation::new(Source::Query, self.clock.now(), Claim::Agreement(claim));
        self.desk.observe_agreement(id, &seen, None, |_, _| {}).await.unwrap();
    }

    /// An agreement that the payer has signed.
    pub async fn signed(&self, key: &str, changes: &Value) -> Value {
        let agreement = self.agreement(key, changes).await;
        self.agreement_told(&agreement, signed_until(None)).await;
        self.get(&format!("/v1/agreements/{}", text(&agreement["id"]))).await.expect(200).json()
    }
}

pub fn signed_until(ends_at: Option<Timestamp>) -> AgreementClaim {
    AgreementClaim::Signed(Signature { channel_id: "pm_1".into(), payer_id: None, signed_at: START, ends_at })
}

fn offered() -> AgreementClaim {
    AgreementClaim::Offered { code: PayCode::Redirect { url: "https://sign.example".into() } }
}

async fn end(house: &House, agreement: &Value, key: &str) -> Answer {
    let body = json!({ "by": "Li Na", "reason": "moved away" }).to_string();
    house.post(&format!("/v1/agreements/{}/end", text(&agreement["id"])), key, body).await
}

#[tokio::test]
async fn an_agreement_is_taken_offered_signed_and_ended_and_each_is_shown() {
    let house = House::new().await;
    let rhythm = json!({ "every": 1, "unit": "month", "first_on": "2026-12-01" });
    let body = agreement_with(&json!({ "rhythm": rhythm, "details": { "client_ip": "203.0.113.7" } }));
    let taken = house.post("/v1/agreements", "k1", body.to_string()).await.expect(202);
    let agreement = taken.json();
    assert_eq!(taken.headers["location"].to_str().unwrap(), format!("/v1/agreements/{}", text(&agreement["id"])));
    assert_eq!((&agreement["state"], &agreement["rhythm"]), (&json!("new"), &rhythm));
    assert_eq!(agreement["sign_by"], START.plus_ms(DAY_MS).to_string());
    assert!(!taken.text().contains("203.0.113.7"), "what the channel must know of the payer is not shown");
    let jobs = house.jobs().await;
    assert_eq!((jobs.len(), jobs[0].key.kind), (1, JobKind::FollowAgreement));
    let show = async || house.get(&format!("/v1/agreements/{}", text(&agreement["id"]))).await.expect(200).json();
    house.agreement_told(&agreement, offered()).await;
    let signing = show().await;
    assert_eq!(signing["state"], "signing");
    assert_eq!(signing["code"], json!({ "kind": "redirect", "url": "https://sign.example" }));
    house.agreement_told(&agreement, signed_until(Some(START.plus_ms(9 * DAY_MS)))).await;
    let active = show().await;
    assert_eq!((&active["state"], active.get("code")), (&json!("active"), None));
    assert_eq!(active["signed_at"], START.to_string());
    assert_eq!(active["ends_at"], START.plus_ms(9 * DAY_MS).to_string());
    let ending = end(&house, &agreement, "k2").await.expect(202).json();
    assert_eq!((&ending["state"], &ending["why"]), (&json!("ending"), &json!("Li Na: moved away")));
    house.agreement_told(&agreement, AgreementClaim::Ended { reason: "terminated".into() }).await;
    let ended = end(&house, &agreement, "k3").await.expect(200).json();
    assert_eq!((&ended["state"], &ended["why"]), (&json!("ended"), &json!("terminated")));
}

#[tokio::test]
async fn the_same_request_makes_one_agreement_and_ends_one_once() {
    let house = House::new().await;
    let body = agreement_with(&json!({})).to_string();
    let answers = futures::future::join_all((0..20).map(|_| house.post("/v1/agreements", "k1", body.clone()))).await;
    assert!(answers.iter().all(|a| a.status == 202 && a.bytes == answers[0].bytes));
    assert_eq!(house.get("/v1/agreements").await.json()["agreements"].as_array().unwrap().len(), 1);
    let other = agreement_with(&json!({ "limit_minor": 1 })).to_string();
    assert_eq!(house.post("/v1/agreements", "k1", other).await.expect(422).problem(), "idempotency-key-reused");
    let agreement = answers[0].json();
    // Nobody was shown it: it is over at once.
    let first = end(&house, &agreement, "k2").await.expect(200);
    assert_eq!(first.json()["state"], "declined");
    let before = house.fingerprint().await;
    let again = end(&house, &agreement, "k2").await.expect(200);
    assert_eq!((&again.bytes, again.headers["idempotency-replayed"].to_str().unwrap()), (&first.bytes, "true"));
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn every_bad_member_of_an_agreement_is_refused_with_its_pointer_and_changes_nothing() {
    let house = House::new().await;
    let before = house.fingerprint().await;
    let rhythm = |every: i64, unit: &str, first_on: &str| json!({ "rhythm": { "every": every, "unit": unit, "first_on": first_on } });
    for (name, changes, pointer) in [
        ("payer with spaces", json!({ "payer": "family Wu" }), "/payer"),
        ("method of the payer", json!({ "method": "card" }), "/method"),
        ("method unknown", json!({ "method": "gold" }), "/method"),
        ("no account", json!({ "method": "alipay_debit" }), "/method"),
        ("foreign account", json!({ "account_id": "acc_00000000000000000000000000" }), "/account_id"),
        ("description empty", json!({ "description": "" }), "/description"),
        ("limit zero", json!({ "limit_minor": 0 }), "/limit_minor"),
        ("limit missing", json!({ "limit_minor": null }), "/limit_minor"),
        ("currency unknown", json!({ "currency": "XXX" }), "/currency"),
        ("currency of another channel", json!({ "method": "wechat_debit", "currency": "USD" }), "/currency"),
        ("address bad", json!({ "details": { "client_ip": "x" } }), "/details/client_ip"),
        ("collector", json!({ "details": { "collector": "w-1" } }), "/details/collector"),
        ("details unknown", json!({ "details": { "phone": "1" } }), "/details/phone"),
        ("every zero", rhythm(0, "month", "2026-12-01"), "/rhythm/every"),
        ("unit", rhythm(1, "moon", "2026-12-01"), "/rhythm/unit"),
        ("first day past", rhythm(1, "day", "2026-11-21"), "/rhythm/first_on"),
        ("first day no day", rhythm(1, "day", "2026-02-30"), "/rhythm/first_on"),
        ("too soon", json!({ "sign_within_s": 59 }), "/sign_within_s"),
        ("too late", json!({ "sign_within_s": 604_801 }), "/sign_within_s"),
        ("overflow", json!({ "sign_within_s": i64::MAX }), "/sign_within_s"),
        ("in the past", json!({ "sign_by": "2026-11-22T08:59:00Z" }), "/sign_by"),
        ("both", json!({ "sign_by": "2026-11-22T10:00:00Z", "sign_within_s": 60 }), "/sign_by"),
        ("unknown member", json!({ "limit": 1 }), "/limit"),
    ] {
        let answer = house.post("/v1/agreements", "k", agreement_with(&changes).to_string()).await.expect(422);
        assert_eq!(
            (answer.problem().as_str(), answer.pointers()),
            ("invalid-request", vec![pointer.to_owned()]),
            "{name}"
        );
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn agreements_are_listed_by_payer_and_state_in_pages_and_nobody_sees_anothers() {
    let house = House::new().await;
    for (n, payer) in ["p-1", "p-2", "p-1", "p-1"].into_iter().enumerate() {
        house.clock.advance_ms(1_000);
        house.agreement(&format!("k{n}"), &json!({ "payer": payer })).await;
    }
    let page = house.get("/v1/agreements?payer=p-1&limit=2").await.expect(200).json();
    let cursor = text(&page["next_cursor"]).to_owned();
    assert_eq!(page["agreements"].as_array().unwrap().len(), 2);
    let last = house.get(&format!("/v1/agreements?payer=p-1&limit=2&cursor={cursor}")).await.expect(200).json();
    assert_eq!((last["agreements"].as_array().unwrap().len(), &last["next_cursor"]), (1, &Value::Null));
    let none = house.get("/v1/agreements?state=active").await.expect(200).json();
    assert_eq!(none["agreements"], json!([]));
    for bad in ["state=signed", "payer=", "limit=0", &format!("payer=p-2&cursor={cursor}"), "merchant=x"] {
        assert_eq!(
            house.get(&format!("/v1/agreements?{bad}")).await.expect(400).problem(),
            "invalid-parameter",
            "{bad}"
        );
    }
    let id = text(&page["agreements"][0]["id"]).to_owned();
    house.get_as_other(&format!("/v1/agreements/{id}")).await.expect(404);
    let body = json!({ "by": "Li Na", "reason": "x" });
    house.post_as_other(&format!("/v1/agreements/{id}/end"), "k", &body).await.expect(404);
    assert_eq!(house.get_as_other("/v1/agreements").await.expect(200).json()["agreements"], json!([]));
    house.get(&format!("/v1/agreements/{id}")).await.expect(200);
    house.get("/v1/agreements/agr_x").await.expect(404);
}

#[tokio::test]
async fn an_order_is_charged_by_an_agreement_through_its_account() {
    let house = House::new().await;
    let agreement = house.signed("k0", &json!({})).await;
    let part = json!([{ "method": "card_debit", "agreement": agreement["id"], "amount_minor": 12_800 }]);
    let body = order_with(&json!({ "method": null, "payments": part, "customer": "family-wu" }));
    let order = house.post("/v1/orders", "k1", body.to_string()).await.expect(201).json();
    let payment = &order["payments"][0];
    assert_eq!((&payment["agreement"], &payment["account_id"]), (&agreement["id"], &agreement["account_id"]));
    let stored = &house.dossier(&order).await.payments[0];
    assert_eq!(stored.agreement.unwrap().to_string(), text(&agreement["id"]));
    // The short form, and a further payment of an order.
    let short = order_with(&json!({ "number": "b-2", "method": "card_debit", "agreement": agreement["id"] }));
    house.post("/v1/orders", "k2", short.to_string()).await.expect(201);
    let open = house.order("b-3").await;
    let more = json!({ "method": "card_debit", "agreement": agreement["id"] }).to_string();
    let path = format!("/v1/orders/{}/payments", text(&open["id"]));
    assert_eq!(house.post(&path, "k3", more).await.expect(201).json()["payments"][1]["agreement"], agreement["id"]);
}

#[tokio::test]
async fn an_agreement_that_does_not_fit_the_order_is_refused_and_says_why() {
    let house = House::new().await;
    let good = house.signed("k0", &json!({ "limit_minor": 12_799 })).await;
    let fresh = house.agreement("k1", &json!({})).await;
    let ended = house.signed("k2", &json!({})).await;
    house.agreement_told(&ended, AgreementClaim::Ended { reason: "by the payer".into() }).await;
    let short = house.agreement("k3", &json!({})).await;
    house.agreement_told(&short, signed_until(Some(START.plus_ms(1)))).await;
    let dollars = house.signed("k4", &json!({ "currency": "USD" })).await;
    let wide = house.signed("k5", &json!({})).await;
    let foreign = json!({ "id": "agr_00000000000000000000000000" });
    let by = |agreement: &Value| json!({ "method": "card_debit", "agreement": agreement["id"] });
    let with = |agreement: &Value, more: Value| {
        let mut body = by(agreement);
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let before = house.fingerprint().await;
    for (changes, pointer, words) in [
        (by(&good), "/agreement", "127.99"),
        (by(&fresh), "/agreement", "not signed it yet"),
        (by(&ended), "/agreement", "is ended"),
        (by(&short), "/agreement", "ended at"),
        (by(&dollars), "/agreement", "USD"),
        (by(&foreign), "/agreement", "not one of your agreements"),
        (json!({ "method": "card_debit" }), "/agreement", "name one"),
        (with(&wide, json!({ "method": "wechat_debit" })), "/agreement", "card_debit"),
        (with(&wide, json!({ "method": "wechat_native" })), "/agreement", "methods that debit"),
        (with(&wide, json!({ "customer": "family-li" })), "/agreement", "another payer"),
        (with(&wide, json!({ "account_id": house.account.to_string() })), "/account_id", "leave it out"),
        (with(&wide, json!({ "payer": { "name": "x" } })), "/payer", "leave it out"),
    ] {
        let answer = house.post("/v1/orders", "k", order_with(&changes).to_string()).await.expect(422);
        assert_eq!(answer.pointers(), [pointer], "{changes}");
        assert!(answer.text().contains(words), "{changes}: {}", answer.text());
    }
    assert_eq!(house.fingerprint().await, before);
}

#[tokio::test]
async fn a_payer_is_never_offered_and_never_picks_what_charges_him() {
    let house = House::new().await;
    let offers = order_with(&json!({ "method": null, "offers": ["wechat_native", "card_debit"] }));
    let answer = house.post("/v1/orders", "k", offers.to_string()).await.expect(422);
    assert_eq!(answer.pointers(), ["/offers/1"]);
    let order = house.offering_order("b-1").await;
    let body = json!({ "method": "card_debit" }).to_string();
    let path = format!("/v1/orders/{}/pick", text(&order["id"]));
    let answer = house.post(&path, "k", body).await.expect(422);
    assert_eq!(answer.pointers(), ["/method"]);
    assert!(answer.text().contains("cannot choose"), "{}", answer.text());
}
