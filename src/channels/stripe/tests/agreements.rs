//! Agreements: how a card is saved, what is found again, and what an end is.

use bursar_core::agreement::{Agreement, Signature};

use super::*;
use crate::channel::SignRequest;
use crate::debit::tests::{agreement as agreement_of, offered};
use crate::outcome::AgreementStanding;

pub(super) const SETUP: &str = "seti_1Qbursar000000000000001";
pub(super) const CUSTOMER: &str = "cus_Qbursar0000001";
pub(super) const METHOD: &str = "pm_1Qbursar000000000000003";
const CODE: &str = "00000000000000000000000004";

pub(super) fn agreement() -> Agreement {
    agreement_of(&payment(Method::CardDebit))
}

fn offered_one() -> Agreement {
    let fields = strings([("client_secret", "s"), ("setup_intent", SETUP)]);
    offered(agreement(), PayCode::Sdk { fields })
}

fn customer() -> Value {
    json!({"id": CUSTOMER, "object": "customer", "livemode": false, "metadata": {"bursar_agreement": CODE}})
}

fn setup(status: &str) -> Value {
    let method = if status == "succeeded" { json!(METHOD) } else { Value::Null };
    json!({
        "id": SETUP, "object": "setup_intent", "client_secret": format!("{SETUP}_secret_x"), "customer": CUSTOMER,
        "created": NOW.as_seconds(), "livemode": false, "metadata": {"bursar_agreement": CODE}, "status": status,
        "payment_method": method, "usage": "off_session", "cancellation_reason": null, "last_setup_error": null,
    })
}

fn method(customer: Value) -> Value {
    let created = NOW.as_seconds() + 30;
    json!({"id": METHOD, "object": "payment_method", "created": created, "customer": customer, "type": "card",
           "card": {"last4": "4242"}, "livemode": false})
}

fn signature() -> Signature {
    let (channel_id, payer_id) = (METHOD.into(), Some(CUSTOMER.into()));
    Signature { channel_id, payer_id, signed_at: NOW.plus_ms(30_000), ends_at: None }
}

fn code() -> PayCode {
    let secret = format!("{SETUP}_secret_x");
    PayCode::Sdk {
        fields: strings([("client_secret", &secret), ("publishable_key", "pk_test_bursar"), ("setup_intent", SETUP)]),
    }
}

async fn sign(fixture: &Fixture, agreement: &Agreement) -> Outcome<PayCode> {
    fixture.channel.sign(&SignRequest { agreement, notify_url: "https://pay.example/n" }).await
}

/// A channel with a customer, an intent in `status` and a payment method of `owner`, which finds nothing by search.
async fn channel(status: &'static str, owner: Value) -> Peer {
    Peer::start(move |s| {
        let path = s.target.split('?').next().unwrap();
        match (s.method.as_str(), path) {
            ("POST", "/v1/customers") => ok(&customer()),
            ("POST" | "GET", _) if path == format!("/v1/setup_intents/{SETUP}") => ok(&setup(status)),
            ("POST", "/v1/setup_intents") => ok(&setup(status)),
            ("GET", "/v1/setup_intents") => list(&[setup(status)]),
            ("GET", "/v1/customers") => list(&[customer()]),
            ("GET", "/v1/customers/search") => list(&[]),
            ("GET", _) if path == format!("/v1/payment_methods/{METHOD}") => ok(&method(owner.clone())),
            _ => error(404, "invalid_request_error", "resource_missing"),
        }
    })
    .await
}

#[tokio::test]
async fn a_customer_and_an_intent_are_made_each_under_a_key_of_its_own_and_the_same_bytes_each_time() {
    let peer = channel("requires_payment_method", Value::Null).await;
    let fixture = Fixture::at(&peer);
    for _ in 0..2 {
        assert_eq!(sign(&fixture, &agreement()).await, Outcome::Done(code()));
        fixture.clock.advance_ms(HOUR_MS);
    }
    let seen = peer.seen();
    assert_eq!(trace(&peer)[..2], ["POST /v1/customers", "POST /v1/setup_intents"]);
    assert!(seen.len() == 4 && seen[0].body == seen[2].body && seen[1].body == seen[3].body);
    let keys: Vec<_> = seen.iter().map(|s| s.header("idempotency-key")).collect();
    let customers_key = format!("{CODE}-customer");
    assert_eq!(keys, [&*customers_key, CODE, &*customers_key, CODE]);
    assert_eq!(body(&seen[0]), strings([("description", "保洁 每月"), ("metadata[bursar_agreement]", CODE)]));
    let want = strings([
        ("customer", CUSTOMER),
        ("usage", "off_session"),
        ("payment_method_types[]", "card"),
        ("description", "保洁 每月"),
        ("metadata[bursar_agreement]", CODE),
    ]);
    assert_eq!(body(&seen[1]), want);
    assert_eq!(fixture.count("sign", "done"), 2);
}

#[tokio::test]
async fn when_the_keys_may_be_forgotten_both_are_looked_for_and_the_known_intent_is_read() {
    let peer = Peer::start(|s| {
        let path = s.target.split('?').next().unwrap();
        match (s.method.as_str(), path) {
            ("GET", "/v1/customers/search") => list(&[customer()]),
            ("GET", "/v1/setup_intents") => list(&[setup("requires_payment_method")]),
            _ => Canned::new(500, ""),
        }
    })
    .await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(20 * HOUR_MS);
    assert_eq!(sign(&fixture, &agreement()).await, Outcome::Done(code()));
    assert_eq!(trace(&peer), ["GET /v1/customers/search", "GET /v1/setup_intents"]);
    let search = members(peer.seen()[0].target.split_once('?').unwrap().1);
    assert_eq!(search["query"], format!("metadata['bursar_agreement']:'{CODE}'"));
    assert_eq!(members(peer.seen()[1].target.split_once('?').unwrap().1)["customer"], CUSTOMER);

    let peer = channel("requires_payment_method", Value::Null).await;
    assert_eq!(sign(&Fixture::at(&peer), &offered_one()).await, Outcome::Done(code()));
    assert_eq!(trace(&peer), [format!("GET /v1/setup_intents/{SETUP}")]);

    // The customer was made, the intent was not.
    let peer = Peer::start(|s| match (s.method.as_str(), s.target.split('?').next().unwrap()) {
        ("GET", "/v1/customers/search") => list(&[customer()]),
        ("GET", _) => list(&[]),
        ("POST", "/v1/setup_intents") => ok(&setup("requires_payment_method")),
        _ => Canned::new(500, ""),
    })
    .await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(20 * HOUR_MS);
    assert_eq!(sign(&fixture, &agreement()).await, Outcome::Done(code()));
    assert_eq!(trace(&peer).last().unwrap(), "POST /v1/setup_intents");
}

#[tokio::test]
async fn old_trouble_with_an_intent_leads_to_the_one_that_was_made_and_else_to_another_key() {
    let old = || error(500, "api_error", "").with("Idempotent-Replayed", "true");
    let peer = Peer::start(move |s| match (s.method.as_str(), s.target.split('?').next().unwrap()) {
        ("POST", "/v1/customers") => ok(&customer()),
        ("POST", _) if s.header("idempotency-key") == CODE => old(),
        ("POST", _) => ok(&setup("requires_payment_method")),
        _ => list(&[]),
    })
    .await;
    assert_eq!(sign(&Fixture::at(&peer), &agreement()).await, Outcome::Done(code()));
    assert_eq!(peer.seen().last().unwrap().header("idempotency-key"), format!("{CODE}-2"));
    let peer = Peer::start(move |s| match (s.method.as_str(), s.target.split('?').next().unwrap()) {
        ("POST", _) => old(),
        ("GET", "/v1/customers/search") => list(&[customer()]),
        _ => list(&[setup("requires_payment_method")]),
    })
    .await;
    assert_eq!(sign(&Fixture::at(&peer), &agreement()).await, Outcome::Done(code()), "both had been made after all");
}

#[tokio::test]
async fn an_offer_without_a_usable_answer_is_unknown_and_a_canceled_intent_is_closed() {
    let answered = async |change: &dyn Fn(&mut Value)| {
        let mut value = setup("requires_payment_method");
        change(&mut value);
        let answer = move |s: &Seen| if s.target == "/v1/customers" { ok(&customer()) } else { ok(&value) };
        shown(sign(&Fixture::at(&Peer::start(answer).await), &agreement()).await)
    };
    assert_eq!(answered(&|v| v["client_secret"] = Value::Null).await, "unreadable");
    assert_eq!(answered(&|v| v["metadata"] = json!({})).await, "unreadable");
    assert_eq!(answered(&|v| v["livemode"] = json!(true)).await, "unreadable");
    assert_eq!(answered(&|v| v["id"] = json!("pi_1")).await, "unreadable");
    assert_eq!(answered(&|v| v["status"] = json!("canceled")).await, "NumberClosed");
    for (canned, want) in [
        (Canned::new(500, ""), "server_error"),
        (error(401, "invalid_request_error", ""), "Configuration"),
        (error(400, "invalid_request_error", "parameter_invalid"), "Definite"),
        (ok(&json!({"id": "x"})), "unreadable"),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(shown(sign(&Fixture::at(&peer), &agreement()).await), want);
        assert_eq!(trace(&peer), ["POST /v1/customers"]);
    }
}

#[tokio::test]
async fn a_saved_card_is_signed_as_long_as_it_is_of_its_customer() {
    let peer = channel("succeeded", json!(CUSTOMER)).await;
    let fixture = Fixture::at(&peer);
    let standing = fixture.channel.query_agreement(&offered_one()).await;
    assert_eq!(standing, Outcome::Done(AgreementStanding::Signed(signature())));
    let paths = [format!("GET /v1/setup_intents/{SETUP}"), format!("GET /v1/payment_methods/{METHOD}")];
    assert_eq!(trace(&peer), paths);
    assert_eq!(fixture.count("query_agreement", "done"), 1);
    // The answer to the offer was lost: by the number.
    let peer = channel("succeeded", json!({"id": CUSTOMER, "object": "customer"})).await;
    let standing = Fixture::at(&peer).channel.query_agreement(&agreement()).await;
    assert_eq!(standing, Outcome::Done(AgreementStanding::Signed(signature())));
    assert_eq!(trace(&peer)[..3], ["GET /v1/customers/search", "GET /v1/customers", "GET /v1/setup_intents"]);
    // The intent never tells that the card was taken away.
    let peer = channel("succeeded", Value::Null).await;
    assert!(shown(Fixture::at(&peer).channel.query_agreement(&offered_one()).await).starts_with("Ended"));
}

#[tokio::test]
async fn what_the_intent_says_of_an_agreement() {
    for (status, want) in [
        ("requires_payment_method", "Unsigned"),
        ("requires_confirmation", "Unsigned"),
        ("requires_action", "Unsigned"),
        ("processing", "Unsigned"),
        ("canceled", "Ended(\"canceled: without a reason\")"),
        ("something_new", "unreadable"),
    ] {
        let peer = channel(status, Value::Null).await;
        assert_eq!(shown(Fixture::at(&peer).channel.query_agreement(&offered_one()).await), want, "{status}");
    }
    let none = Peer::start(|_| list(&[])).await;
    assert_eq!(shown(Fixture::at(&none).channel.query_agreement(&agreement()).await), "Unsigned");
    let gone = Peer::start(|s| match s.target.contains("setup_intents") {
        true => ok(&setup("succeeded")),
        false => error(404, "invalid_request_error", "resource_missing"),
    })
    .await;
    assert!(shown(Fixture::at(&gone).channel.query_agreement(&offered_one()).await).starts_with("Ended"));
    for (name, value) in [("livemode", json!(true)), ("metadata", json!({"bursar_agreement": "other"}))] {
        let mut other = setup("succeeded");
        other[name] = value;
        let peer = Peer::start(move |_| ok(&other)).await;
        assert_eq!(shown(Fixture::at(&peer).channel.query_agreement(&offered_one()).await), "unreadable", "{name}");
    }
}

#[tokio::test]
async fn an_agreement_ends_by_detaching_the_card_or_by_canceling_the_intent() {
    let detached = Peer::start(|s| match s.method.as_str() {
        "POST" => ok(&method(Value::Null)),
        _ => ok(&setup("succeeded")),
    })
    .await;
    assert_eq!(Fixture::at(&detached).channel.end_agreement(&offered_one()).await, Outcome::Done(()));
    let detach = format!("POST /v1/payment_methods/{METHOD}/detach");
    assert_eq!(trace(&detached), [format!("GET /v1/setup_intents/{SETUP}"), detach.clone()]);

    let canceled = Peer::start(|s| match s.method.as_str() {
        "POST" => ok(&setup("canceled")),
        _ => ok(&setup("requires_payment_method")),
    })
    .await;
    assert_eq!(Fixture::at(&canceled).channel.end_agreement(&offered_one()).await, Outcome::Done(()));
    let seen = canceled.seen().pop().unwrap();
    assert_eq!(seen.target, format!("/v1/setup_intents/{SETUP}/cancel"));
    assert_eq!(body(&seen), strings([("cancellation_reason", "abandoned")]));

    // The payer signs in that moment: the card is taken away all the same.
    let reads = std::sync::atomic::AtomicU32::new(0);
    let race = Peer::start(move |s| match (s.method.as_str(), s.target.ends_with("/cancel")) {
        ("POST", true) => error(400, "invalid_request_error", "setup_intent_unexpected_state"),
        ("POST", false) => ok(&method(Value::Null)),
        _ if reads.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 => ok(&setup("requires_action")),
        _ => ok(&setup("succeeded")),
    })
    .await;
    assert_eq!(Fixture::at(&race).channel.end_agreement(&offered_one()).await, Outcome::Done(()));
    assert_eq!(trace(&race).last(), Some(&detach));
}

#[tokio::test]
async fn ending_what_has_ended_is_done_and_what_has_not_is_told() {
    let not_attached = || error(400, "invalid_request_error", "");
    let of = async |detached: Canned, owner: Value| {
        let peer = Peer::start(move |s| match (s.method.as_str(), s.target.contains("payment_methods")) {
            ("POST", _) => detached.clone(),
            ("GET", true) => ok(&method(owner.clone())),
            _ => ok(&setup("succeeded")),
        })
        .await;
        shown(Fixture::at(&peer).channel.end_agreement(&offered_one()).await)
    };
    assert_eq!(of(not_attached(), Value::Null).await, "()");
    assert_eq!(of(error(404, "invalid_request_error", "resource_missing"), Value::Null).await, "()");
    assert_eq!(of(not_attached(), json!(CUSTOMER)).await, "Definite");
    assert_eq!(of(Canned::new(500, ""), Value::Null).await, "server_error");
    let canceled = Peer::start(|_| ok(&setup("canceled"))).await;
    assert_eq!(Fixture::at(&canceled).channel.end_agreement(&offered_one()).await, Outcome::Done(()));
    let none = Peer::start(|_| list(&[])).await;
    assert_eq!(Fixture::at(&none).channel.end_agreement(&agreement()).await, Outcome::Done(()));
    let trouble = Peer::start(|_| Canned::new(503, "")).await;
    assert_eq!(shown(Fixture::at(&trouble).channel.end_agreement(&agreement()).await), "server_error");
}
