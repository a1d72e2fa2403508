//! Charges of a saved card: what is sent, what a decline proves, and what a question tells.

use bursar_core::agreement::{Agreement, AgreementClaim, Signature};
use bursar_core::decline::{Decline, DeclineClass};

use super::agreements::{CUSTOMER, METHOD, agreement};
use super::*;
use crate::debit::tests::{charge, told};
use crate::outcome::{Closed, RefusalClass};
use crate::{Refusal, Standing};

fn agreed() -> Agreement {
    let (channel_id, payer_id) = (METHOD.into(), Some(CUSTOMER.into()));
    let signature = Signature { channel_id, payer_id, signed_at: NOW, ends_at: None };
    told(agreement(), &AgreementClaim::Signed(signature))
}

fn charged() -> Payment {
    charge(payment(Method::CardDebit), &agreed())
}

async fn debit(fixture: &Fixture, agreement: Option<&Agreement>) -> Outcome<PayCode> {
    let (order, payment) = (order(), charged());
    let request = CreateRequest { order: &order, payment: &payment, agreement, notify_url: "https://pay.example/n" };
    fixture.channel.create(&request).await
}

/// The channel's answer to a charge that was declined.
fn declined(code: &str, decline_code: Option<&str>, advice: Option<&str>) -> Canned {
    let mut error = json!({"type": "card_error", "code": code, "message": "in words", "payment_intent": failed(code)});
    if let Some(decline_code) = decline_code {
        error["decline_code"] = json!(decline_code);
    }
    if let Some(advice) = advice {
        error["advice_code"] = json!(advice);
    }
    Canned::new(402, json!({ "error": error }).to_string()).with("Request-Id", "req_2")
}

fn failed(code: &str) -> Value {
    intent(|v| v["last_payment_error"] = json!({"code": code, "decline_code": "insufficient_funds", "message": "No."}))
}

#[tokio::test]
async fn a_charge_is_made_and_confirmed_by_one_call_under_the_number_as_key() {
    for status in ["succeeded", "processing", "requires_action", "requires_payment_method"] {
        let value = intent_in(status);
        let peer = Peer::start(move |_| ok(&value)).await;
        let fixture = Fixture::at(&peer);
        for _ in 0..2 {
            assert_eq!(debit(&fixture, Some(&agreed())).await, Outcome::Done(PayCode::Debit), "{status}");
        }
        let seen = peer.seen();
        assert!(seen.len() == 2 && seen[0].body == seen[1].body);
        assert_eq!((seen[0].target.as_str(), seen[0].header("idempotency-key")), ("/v1/payment_intents", &*number()));
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
            ("customer", CUSTOMER),
            ("payment_method", METHOD),
            ("off_session", "true"),
            ("confirm", "true"),
        ]);
        assert_eq!(body(&seen[0]), want);
    }
}

#[tokio::test]
async fn nobody_is_charged_without_a_signed_agreement_or_beyond_it() {
    let peer = Peer::start(|_| Canned::new(500, "")).await;
    let fixture = Fixture::at(&peer);
    assert_eq!(shown(debit(&fixture, None).await), "Definite");
    assert_eq!(shown(debit(&fixture, Some(&agreement())).await), "Definite");
    let small = Agreement { limit: Money::new(1233, agreed().limit.currency), ..agreed() };
    assert_eq!(shown(debit(&fixture, Some(&small)).await), "Declined(Terms)");
    let stranger = crate::debit::tests::signed(agreement(), METHOD);
    assert_eq!(shown(debit(&fixture, Some(&stranger)).await), "Definite", "it names no customer");
    assert!(peer.seen().is_empty());
}

#[tokio::test]
async fn a_decline_ends_the_number_and_says_what_follows() {
    use DeclineClass::{Hard, InsufficientFunds, PayerMustAct, Risk, Technical};
    for (code, decline_code, advice, class) in [
        ("card_declined", Some("insufficient_funds"), None, InsufficientFunds),
        ("card_declined", Some("insufficient_funds"), Some("try_again_later"), InsufficientFunds),
        ("card_declined", Some("insufficient_funds"), Some("do_not_try_again"), Hard),
        ("card_declined", Some("do_not_honor"), None, Technical),
        ("card_declined", Some("something_new"), None, Technical),
        ("card_declined", Some("stolen_card"), None, Hard),
        ("card_declined", Some("fraudulent"), None, Risk),
        ("expired_card", None, None, Hard),
        ("authentication_required", Some("authentication_required"), None, PayerMustAct),
    ] {
        let canned = declined(code, decline_code, advice);
        let peer = Peer::start(move |_| canned.clone()).await;
        let Outcome::Refused(refusal) = debit(&Fixture::at(&peer), Some(&agreed())).await else { panic!("{code}") };
        assert_eq!(refusal.class, RefusalClass::Declined(class), "{code} {decline_code:?} {advice:?}");
        assert!(refusal.class.rules_out_money() && refusal.code.starts_with(code));
        assert_eq!(peer.seen().len(), 1);
    }
}

#[tokio::test]
async fn other_answers_to_a_charge_are_never_a_decline() {
    for (canned, want) in [
        (Canned::new(500, ""), "server_error"),
        (error(500, "api_error", ""), "server_error"),
        (error(402, "invalid_request_error", ""), "Definite"),
        (error(400, "invalid_request_error", "parameter_invalid"), "Definite"),
        (error(401, "invalid_request_error", ""), "Configuration"),
        (error(409, "invalid_request_error", "idempotency_key_in_use"), "system_error"),
        (error(429, "invalid_request_error", "lock_timeout"), "rate_limited"),
        (error(402, "something_new", "card_declined"), "unreadable"),
        (declined("card_declined", None, None).with("Stripe-Should-Retry", "true"), "system_error"),
        (ok(&intent_in("canceled")), "NumberClosed"),
        (ok(&intent(|v| v["amount"] = json!(99))), "NumberInUse"),
        (ok(&intent(|v| v["metadata"] = json!({}))), "unreadable"),
    ] {
        let peer = Peer::start(move |_| canned.clone()).await;
        assert_eq!(shown(debit(&Fixture::at(&peer), Some(&agreed())).await), want);
    }
    // The same decline of a payment by the payer himself is no decline of a charge.
    let peer = Peer::start(|_| declined("card_declined", None, None)).await;
    let outcome = Fixture::at(&peer).create(&payment(Method::Card)).await;
    assert!(matches!(outcome, Outcome::Refused(Refusal { class: RefusalClass::Definite, .. })));
}

#[tokio::test]
async fn a_charge_whose_key_may_be_forgotten_is_looked_for_before_it_is_made_again() {
    let peer = Peer::start(|_| list(&[failed("card_declined")])).await;
    let fixture = Fixture::at(&peer);
    fixture.clock.advance_ms(20 * HOUR_MS);
    assert_eq!(debit(&fixture, Some(&agreed())).await, Outcome::Done(PayCode::Debit));
    assert_eq!(trace(&peer), ["GET /v1/payment_intents/search"]);
}

#[tokio::test]
async fn a_question_tells_of_money_and_of_declines() {
    let query = async |value: Value| {
        let peer = Peer::start(move |_| list(std::slice::from_ref(&value))).await;
        Fixture::at(&peer).channel.query(&charged()).await
    };
    assert!(matches!(query(intent_in("succeeded")).await, Outcome::Done(Standing::Paid(r)) if r.amount_minor == 1234));
    for status in ["processing", "requires_confirmation", "requires_payment_method"] {
        assert_eq!(query(intent_in(status)).await, Outcome::Done(Standing::Unpaid), "{status}");
    }
    let decline =
        Decline { class: DeclineClass::InsufficientFunds, reason: "card_declined: insufficient_funds: No.".into() };
    assert_eq!(query(failed("card_declined")).await, Outcome::Done(Standing::Declined(decline)));
    let Outcome::Done(Standing::Declined(decline)) = query(intent_in("requires_action")).await else { panic!() };
    assert_eq!(decline.class, DeclineClass::PayerMustAct);
    assert_eq!(query(intent_in("canceled")).await, Outcome::Done(Standing::Closed));
}

#[tokio::test]
async fn a_declined_charge_is_closed_by_canceling_its_intent() {
    let peer = Peer::start(|s| match s.method.as_str() {
        "POST" => ok(&intent_in("canceled")),
        _ => list(&[failed("card_declined")]),
    })
    .await;
    assert_eq!(Fixture::at(&peer).channel.close(&charged()).await, Outcome::Done(Closed::Accepted));
    assert_eq!(trace(&peer).last().unwrap(), &format!("POST /v1/payment_intents/{INTENT}/cancel"));
}

#[tokio::test]
async fn a_charge_is_called_for_under_a_second_key_only_when_the_first_would_have_shown() {
    let peer = Peer::start(|s| match (s.method.as_str(), s.header("idempotency-key")) {
        ("POST", key) if key == number() => error(500, "api_error", "").with("Idempotent-Replayed", "true"),
        ("POST", _) => ok(&intent_in("succeeded")),
        _ => list(&[]),
    })
    .await;
    let fixture = Fixture::at(&peer);
    let posts = || peer.seen().iter().filter(|s| s.method == "POST").count();
    assert_eq!((kind(debit(&fixture, Some(&agreed())).await), posts()), ((WhyKind::ServerError, false), 1));
    fixture.clock.advance_ms(5 * 60_000);
    assert_eq!((debit(&fixture, Some(&agreed())).await, posts()), (Outcome::Done(PayCode::Debit), 3));
}
