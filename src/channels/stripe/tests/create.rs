//! Making a payment payable: what is sent, what is handed to the payer's page, and what a repeated call may do.

use bursar_core::installments::Installments;

use super::*;
use crate::outcome::RefusalClass;

fn code() -> PayCode {
    let secret = format!("{INTENT}_secret_x");
    let fields =
        strings([("client_secret", &secret), ("payment_intent", INTENT), ("publishable_key", "pk_test_bursar")]);
    PayCode::Sdk { fields }
}

#[tokio::test]
async fn an_intent_is_asked_for_with_the_documented_members_under_the_number_as_key() {
    let peer = Peer::start(|_| ok(&intent(|_| ()))).await;
    let fixture = Fixture::at(&peer);
    assert_eq!(fixture.create(&payment(Method::Card)).await, Outcome::Done(code()));
    let seen = peer.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/v1/payment_intents"));
    assert_eq!(seen.header("authorization"), format!("Bearer {SECRET_KEY}"));
    assert_eq!(seen.header("stripe-version"), "2026-07-29.dahlia");
    assert_eq!(seen.header("idempotency-key"), number());
    assert_eq!(seen.header("content-type"), "application/x-www-form-urlencoded");
    assert!(seen.header("user-agent").starts_with("bursar/"));
    let order = order().id.to_string();
    let want = strings([
        ("amount", "1234"),
        ("currency", "hkd"),
        ("payment_method_types[]", "card"),
        ("capture_method", "automatic"),
        ("description", "日常保洁 \"2 小时\" & more"),
        ("metadata[bursar_payment]", &number()),
        ("metadata[bursar_order]", &order),
        ("metadata[bursar_order_number]", "2027-0001"),
    ]);
    assert_eq!(body(&seen), want);
    assert_eq!(fixture.count("create", "done"), 1);
}

#[tokio::test]
async fn every_attempt_sends_the_same_bytes_and_a_hold_is_captured_by_hand() {
    let peer = Peer::start(|_| ok(&intent(|_| ())).with("Idempotent-Replayed", "true")).await;
    let mut settings = settings(&peer.url());
    settings["statement_descriptor_suffix"] = json!("HOME SERVICE");
    let fixture = Fixture::with(settings);
    for _ in 0..2 {
        assert_eq!(fixture.create(&payment(Method::CardHold)).await, Outcome::Done(code()));
        fixture.clock.advance_ms(HOUR_MS);
    }
    let seen = peer.seen();
    assert!(seen.len() == 2 && seen[0].body == seen[1].body);
    assert_eq!(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
    let body = body(&seen[0]);
    assert_eq!(
        (body["capture_method"].as_str(), body["statement_descriptor_suffix"].as_str()),
        ("manual", "HOME SERVICE")
    );
}

#[tokio::test]
async fn installments_are_allowed_by_the_server_and_counted_by_the_payers_page() {
    let peer = Peer::start(|_| ok(&intent(|intent| intent["currency"] = json!("mxn")))).await;
    let fixture = Fixture::at(&peer);
    let pesos = Payment { amount: Money::new(1234, "MXN".parse().unwrap()), ..payment(Method::Card) };
    let split = Payment { installments: Some(Installments { count: 6, fees: None }), ..pesos.clone() };
    for _ in 0..2 {
        let Outcome::Done(PayCode::Sdk { fields }) = fixture.create(&split).await else { panic!() };
        assert_eq!(fields["installment_count"], "6");
        fixture.clock.advance_ms(60_000);
    }
    let Outcome::Done(PayCode::Sdk { fields }) = fixture.create(&pesos).await else { panic!() };
    assert!(!fields.contains_key("installment_count"), "{fields:?}");
    let seen = peer.seen();
    assert_eq!(seen[0].body, seen[1].body);
    let (split, whole) = (body(&seen[0]), body(&seen[2]));
    assert_eq!(split["payment_method_options[card][installments][enabled]"], "true");
    // The plan is for who confirms.
    assert!(split.keys().all(|name| !name.contains("plan")) && split.len() == whole.len() + 1, "{split:?}");
}

#[tokio::test]
async fn what_cannot_be_asked_for_is_refused_without_a_call() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&peer);
    let amount = |minor, code: &str| Money::new(minor, code.parse().unwrap());
    for payment in [
        payment(Method::WechatNative),
        Payment { amount: amount(0, "HKD"), ..payment(Method::Card) },
        Payment { amount: amount(1001, "KWD"), ..payment(Method::Card) },
    ] {
        let outcome = fixture.create(&payment).await;
        assert!(matches!(outcome, Outcome::Refused(r) if r.class == RefusalClass::Definite), "{payment:?}");
    }
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn an_answer_about_something_else_gives_no_code() {
    for (change, want) in [
        (json!({"metadata": {"bursar_payment": "other"}}), "unreadable"),
        (json!({"metadata": {}}), "unreadable"),
        (json!({"client_secret": null}), "unreadable"),
        (json!({"id": "ch_1"}), "unreadable"),
        (json!({"amount": 1235}), "NumberInUse"),
        (json!({"currency": "usd"}), "NumberInUse"),
        (json!({"status": "succeeded"}), "AlreadyPaid"),
        (json!({"status": "requires_capture"}), "AlreadyPaid"),
        (json!({"status": "canceled"}), "NumberClosed"),
    ] {
        let value = intent(|v| {
            for (name, member) in change.as_object().unwrap() {
                v[name] = member.clone();
            }
        });
        let peer = Peer::start(move |_| ok(&value)).await;
        assert_eq!(shown(Fixture::at(&peer).create(&payment(Method::Card)).await), want, "{change}");
    }
}

/// A peer that answers creations by the key, searches with `found`, and lists with nothing.
async fn replaying(first: Canned, second: Canned, found: Vec<Value>) -> Peer {
    Peer::start(move |seen| match (seen.method.as_str(), seen.header("idempotency-key")) {
        ("POST", key) if key == number() => first.clone(),
        ("POST", _) => second.clone(),
        _ if seen.target.contains("/search?") => list(&found),
        _ => list(&[]),
    })
    .await
}

fn old_trouble() -> Canned {
    error(500, "api_error", "").with("Idempotent-Replayed", "true")
}

#[tokio::test]
async fn old_trouble_that_is_repeated_is_not_the_end_of_the_number() {
    // Nothing had come of it: another key, once, and the same one for every later attempt.
    let peer = replaying(old_trouble(), ok(&intent(|_| ())), vec![]).await;
    let fixture = Fixture::at(&peer);
    for _ in 0..2 {
        assert_eq!(fixture.create(&payment(Method::Card)).await, Outcome::Done(code()));
    }
    let keys: Vec<_> =
        peer.seen().iter().filter(|s| s.method == "POST").map(|s| s.header("idempotency-key").to_owned()).collect();
    assert_eq!(keys, [number(), format!("{}-2", number()), number(), format!("{}-2", number())]);
    // The intent had been made after all.
    let peer = replaying(old_trouble(), Canned::new(500, ""), vec![intent(|_| ())]).await;
    assert_eq!(Fixture::at(&peer).create(&payment(Method::Card)).await, Outcome::Done(code()));
    assert_eq!(trace(&peer), ["POST /v1/payment_intents", "GET /v1/payment_intents/search"]);
    // All keys are spoiled.
    let peer = replaying(old_trouble(), old_trouble(), vec![]).await;
    assert_eq!(kind(Fixture::at(&peer).create(&payment(Method::Card)).await), (WhyKind::ServerError, false));
    assert_eq!(peer.seen().iter().filter(|s| s.method == "POST").count(), 4, "not for ever");
}

#[tokio::test]
async fn fresh_trouble_is_not_worked_around() {
    let peer = replaying(error(500, "api_error", ""), ok(&intent(|_| ())), vec![]).await;
    assert_eq!(kind(Fixture::at(&peer).create(&payment(Method::Card)).await), (WhyKind::ServerError, false));
    assert_eq!(peer.seen().len(), 1, "the same key may still bring the answer");
}

#[tokio::test]
async fn a_key_that_was_used_with_other_content_leads_to_the_intent() {
    let in_use = || error(400, "idempotency_error", "");
    let peer = replaying(in_use(), Canned::new(500, ""), vec![intent(|_| ())]).await;
    assert_eq!(Fixture::at(&peer).create(&payment(Method::Card)).await, Outcome::Done(code()));
    for found in [vec![], vec![intent(|v| v["amount"] = json!(99))]] {
        let peer = replaying(in_use(), ok(&intent(|_| ())), found).await;
        assert_eq!(shown(Fixture::at(&peer).create(&payment(Method::Card)).await), "NumberInUse");
    }
}

#[tokio::test]
async fn when_the_channel_may_have_forgotten_the_key_the_intent_is_looked_for_first() {
    let peer = replaying(Canned::new(500, ""), Canned::new(500, ""), vec![intent(|_| ())]).await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(20 * HOUR_MS);
    assert_eq!(fixture.create(&payment(Method::Card)).await, Outcome::Done(code()));
    assert_eq!(trace(&peer), ["GET /v1/payment_intents/search"]);

    let peer = replaying(ok(&intent(|_| ())), Canned::new(500, ""), vec![]).await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(20 * HOUR_MS);
    assert_eq!(fixture.create(&payment(Method::Card)).await, Outcome::Done(code()));
    assert_eq!(trace(&peer), ["GET /v1/payment_intents/search", "POST /v1/payment_intents"]);
}

#[tokio::test]
async fn a_look_that_fails_is_never_a_no() {
    for answer in [error(400, "invalid_request_error", "parameter_invalid"), error(500, "api_error", "")] {
        let peer = Peer::start(move |_| answer.clone()).await;
        let fixture = Fixture::at(&peer);
        fixture.clock.advance_ms(20 * HOUR_MS);
        let Outcome::Unknown(why) = fixture.create(&payment(Method::Card)).await else { panic!() };
        assert!(why.not_sent, "the call itself was not made");
        assert_eq!(trace(&peer), ["GET /v1/payment_intents/search"]);
    }
}
