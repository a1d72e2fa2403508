//! Closing and capturing.

use super::*;
use crate::outcome::{Closed, RefusalClass};
use crate::{Refusal, Standing};

#[tokio::test]
async fn a_close_cancels_the_intent_without_a_key_that_would_repeat_old_answers() {
    let peer = Peer::start(|_| ok(&intent_in("canceled"))).await;
    let fixture = Fixture::at(&peer);
    assert_eq!(fixture.channel.close(&open(Method::Card)).await, Outcome::Done(Closed::Accepted));
    let seen = peer.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.clone()), ("POST", format!("/v1/payment_intents/{INTENT}/cancel")));
    assert_eq!(body(&seen), strings([("cancellation_reason", "abandoned")]));
    assert_eq!(seen.header("idempotency-key"), "");
    assert_eq!(fixture.count("close", "done"), 1);
}

/// A peer that refuses every change for the state of the intent, which is `status`.
async fn in_state(status: &'static str) -> Peer {
    Peer::start(move |s| match s.method.as_str() {
        "POST" => error(400, "invalid_request_error", "payment_intent_unexpected_state"),
        _ => ok(&intent_in(status)),
    })
    .await
}

#[tokio::test]
async fn what_cannot_be_canceled_is_read() {
    for (status, want) in [
        ("succeeded", "AlreadyPaid"),
        ("canceled", "Accepted"),
        ("processing", "TooEarly"),
        ("requires_action", "system_error"),
    ] {
        let peer = in_state(status).await;
        assert_eq!(shown(Fixture::at(&peer).channel.close(&open(Method::Card)).await), want, "{status}");
    }
}

#[tokio::test]
async fn what_was_never_seen_is_looked_for_before_it_is_closed() {
    let peer =
        Peer::start(|s| if s.method == "POST" { ok(&intent_in("canceled")) } else { list(&[intent(|_| ())]) }).await;
    let fixture = Fixture::at(&peer);
    assert_eq!(fixture.channel.close(&payment(Method::Card)).await, Outcome::Done(Closed::Accepted));
    let cancel = format!("POST /v1/payment_intents/{INTENT}/cancel");
    assert_eq!(trace(&peer), ["GET /v1/payment_intents/search", &cancel]);

    let peer = Peer::start(|_| list(&[])).await;
    assert_eq!(Fixture::at(&peer).channel.close(&payment(Method::Card)).await, Outcome::Done(Closed::Absent));
}

#[tokio::test]
async fn a_close_that_is_answered_with_something_else_is_unknown() {
    let other = intent(|v| {
        v["id"] = json!("pi_other");
        v["status"] = json!("canceled");
    });
    for value in [intent_in("requires_action"), other, json!({})] {
        let peer = Peer::start(move |_| ok(&value)).await;
        assert_eq!(kind(Fixture::at(&peer).channel.close(&open(Method::Card)).await), (WhyKind::Unreadable, false));
    }
}

#[tokio::test]
async fn a_capture_takes_all_that_is_held() {
    let peer = Peer::start(|_| ok(&intent_in("succeeded"))).await;
    let fixture = Fixture::at(&peer);
    let outcome = fixture.channel.capture(&open(Method::CardHold), "").await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234));
    let seen = peer.seen().remove(0);
    assert_eq!((seen.method.as_str(), seen.target.clone()), ("POST", format!("/v1/payment_intents/{INTENT}/capture")));
    let want = strings([("amount_to_capture", "1234"), ("expand[]", "latest_charge.balance_transaction")]);
    assert_eq!(body(&seen), want);
    assert_eq!(seen.header("idempotency-key"), "");
    assert_eq!(fixture.count("capture", "done"), 1);
}

/// What the channel shows after `received` of the whole intent were captured.
fn taken_in_part(received: i64) -> Value {
    intent(|v| {
        *v = intent_in("succeeded");
        v["capture_method"] = json!("manual");
        v["amount_received"] = json!(received);
    })
}

/// A held payment whose service came to `minor`.
fn came_to(minor: i64) -> Payment {
    let held = open(Method::CardHold);
    Payment { amount: Money::new(minor, held.amount.currency), ..held }
}

#[tokio::test]
async fn a_service_that_came_to_less_is_captured_for_less_and_asked_about_alike() {
    let peer = Peer::start(|_| ok(&taken_in_part(1000))).await;
    let fixture = Fixture::at(&peer);
    for outcome in [fixture.channel.capture(&came_to(1000), "").await, fixture.channel.query(&came_to(1000)).await] {
        assert!(
            matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1000 && r.transaction_id == INTENT)
        );
    }
    assert_eq!(body(&peer.seen()[0])["amount_to_capture"], "1000");
}

#[tokio::test]
async fn a_capture_in_part_whose_answer_was_lost_is_found_by_its_repetition() {
    let peer = Peer::start(|s| match s.method.as_str() {
        "POST" => error(400, "invalid_request_error", "payment_intent_unexpected_state"),
        _ => ok(&taken_in_part(1000)),
    })
    .await;
    let outcome = Fixture::at(&peer).channel.capture(&came_to(1000), "").await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1000));
    // Somebody took another amount at the channel's own pages: that is told as it is.
    let outcome = Fixture::at(&peer).channel.capture(&came_to(900), "").await;
    assert!(matches!(outcome, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1000));
}

#[tokio::test]
async fn a_hold_for_more_than_the_service_came_to_is_told_whole() {
    let peer = Peer::start(|_| ok(&intent_in("requires_capture"))).await;
    let outcome = Fixture::at(&peer).channel.query(&came_to(1000)).await;
    assert!(matches!(outcome, Outcome::Done(Standing::Authorized(h)) if h.receipt.amount_minor == 1234));
}

#[tokio::test]
async fn an_amount_that_the_channel_cannot_write_is_not_captured() {
    let peer = Peer::start(|_| ok(&intent_in("succeeded"))).await;
    let payment = Payment { amount: Money::new(1234, "KWD".parse().unwrap()), ..open(Method::CardHold) };
    let outcome = Fixture::at(&peer).channel.capture(&payment, "").await;
    assert!(matches!(outcome, Outcome::Refused(Refusal { class: RefusalClass::Definite, .. })), "{outcome:?}");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn what_cannot_be_captured_is_read_and_only_what_is_still_held_is_refused() {
    for (status, want) in [("succeeded", "Paid"), ("canceled", "Closed"), ("requires_payment_method", "Unpaid")] {
        let peer = in_state(status).await;
        let outcome = shown(Fixture::at(&peer).channel.capture(&open(Method::CardHold), "").await);
        assert!(outcome.starts_with(want), "{status}: {outcome}");
    }
    let peer = in_state("requires_capture").await;
    let outcome = Fixture::at(&peer).channel.capture(&open(Method::CardHold), "").await;
    assert!(matches!(outcome, Outcome::Refused(Refusal { class: RefusalClass::Definite, .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_capture_without_an_answer_is_unknown() {
    let peer = Peer::start(|_| error(500, "api_error", "")).await;
    assert_eq!(
        kind(Fixture::at(&peer).channel.capture(&open(Method::CardHold), "").await),
        (WhyKind::ServerError, false)
    );
    let peer = Peer::start(|_| error(429, "invalid_request_error", "lock_timeout")).await;
    assert_eq!(
        kind(Fixture::at(&peer).channel.capture(&open(Method::CardHold), "").await),
        (WhyKind::RateLimited, true)
    );
}
