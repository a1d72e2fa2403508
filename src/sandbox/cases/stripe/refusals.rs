//! What is refused at the door, and what faults look like.

use super::caller::{provisioned, secret_key};
use super::{stage, stage_with};
use crate::Faults;

#[tokio::test]
async fn only_the_accounts_key_opens_the_door() {
    let stage = stage().await;
    let send = async |value: Option<String>| {
        let headers: Vec<_> = value.iter().map(|value| ("authorization", value.as_str())).collect();
        stage.caller.send("GET", "/v1/payment_intents", &headers, &[]).await.unwrap()
    };
    use base64::Engine;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{}:", secret_key()));
    assert_eq!(send(Some(format!("Bearer {}", secret_key()))).await.status, 200);
    assert_eq!(send(Some(format!("Basic {basic}"))).await.status, 200);
    for wrong in
        [None, Some("Bearer sk_test_other".to_owned()), Some("Bearer".to_owned()), Some(format!("Digest {basic}"))]
    {
        let answer = send(wrong).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "invalid_request_error"));
        assert!(answer.header("request-id").starts_with("req_"));
    }
    let answer = send(Some(format!("Bearer {}", provisioned().stripe.publishable_key))).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "secret_key_required"));
}

#[tokio::test]
async fn a_version_that_never_was_is_refused() {
    let stage = stage().await;
    let bearer = format!("Bearer {}", secret_key());
    for (version, status) in [("2026-07-29.dahlia", 200), ("2020-08-27", 200), ("latest", 400), ("2026-7-29", 400)] {
        let headers = [("authorization", bearer.as_str()), ("stripe-version", version)];
        let answer = stage.caller.send("GET", "/v1/refunds", &headers, &[]).await.unwrap();
        assert_eq!(answer.status, status, "{version}");
    }
}

#[tokio::test]
async fn members_that_are_wrong_missing_or_unknown_are_named() {
    let stage = stage().await;
    for (name, value, code) in [
        ("amount", "-", "parameter_missing"),
        ("amount", "12.5", "parameter_invalid_integer"),
        ("amount", "0", "invalid_request_error"),
        ("amount", "100000000", "invalid_request_error"),
        ("currency", "-", "parameter_missing"),
        ("currency", "h1d", "invalid_request_error"),
        ("amount_minor", "1", "parameter_unknown"),
        ("capture_method", "later", "invalid_request_error"),
        ("payment_method_types[]", "-", "invalid_request_error"),
        ("statement_descriptor", "SHOP", "invalid_request_error"),
        ("expand[]", "customer", "invalid_request_error"),
        ("confirm", "true", "invalid_request_error"),
        ("amount[x", "1", "invalid_request_error"),
    ] {
        let answer = stage.caller.ask("n1", None, &[(name, value)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, code), "{name}={value}");
    }
    let kuwait = stage.caller.ask("n1", None, &[("currency", "kwd"), ("amount", "1234")]).await;
    assert_eq!(kuwait.status, 400);
    assert_eq!(stage.sandbox.books().len(), 0);
    assert_eq!(stage.caller.get("/v1/payment_intents/pi_none", &[]).await.code(), "resource_missing");
    assert_eq!(stage.caller.get("/v1/nothing", &[]).await.status, 404);
    assert_eq!(stage.caller.get("/v1/payment_intents", &[("limit", "101")]).await.status, 400);
    assert_eq!(stage.caller.get("/v1/payment_intents/search", &[("query", "amount>1")]).await.status, 400);
    let long = "x".repeat(256);
    assert_eq!(stage.caller.ask("n1", Some(&long), &[]).await.status, 400);
}

#[tokio::test]
async fn faults_look_as_a_client_meets_them() {
    let stage = stage_with(|config| config.faults = Faults { too_many_requests: 10_000, ..Faults::calm() }).await;
    let answer = stage.caller.ask("n1", Some("n1"), &[]).await;
    assert_eq!((answer.status, answer.code().as_str()), (429, "rate_limit"));
    stage.sandbox.set_faults(Faults { truncated_body: 10_000, ..Faults::calm() });
    let bearer = format!("Bearer {}", secret_key());
    let cut = stage.caller.send("GET", "/v1/payment_intents", &[("authorization", &bearer)], &[]).await;
    assert!(cut.is_err() || serde_json::from_slice::<serde_json::Value>(&cut.unwrap().body).is_err());
    stage.sandbox.set_faults(Faults { bad_signature: 10_000, ..Faults::calm() });
    let spoilt = stage.caller.get("/v1/payment_intents", &[]).await;
    assert!(serde_json::from_slice::<serde_json::Value>(&spoilt.body).is_err(), "no signature to spoil: the body");
    stage.sandbox.set_faults(Faults::calm());
    stage.sandbox.set_outage(true);
    assert!(stage.caller.send("GET", "/v1/payment_intents", &[("authorization", &bearer)], &[]).await.is_err());
    assert_eq!(stage.sandbox.books().len(), 0);
}
