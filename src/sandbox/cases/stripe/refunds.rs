//! Refunds: their fates, their sums and how they are found.

use serde_json::Value;

use super::caller::text;
use super::{Stage, stage};

async fn refund(stage: &Stage, id: &str) -> Value {
    stage.caller.get(&format!("/v1/refunds/{id}"), &[]).await.json()
}

#[tokio::test]
async fn a_refund_succeeds_at_once_and_is_told() {
    let stage = stage().await;
    let intent = text(&stage.paid("n1").await["id"]);
    let made = stage.caller.refund(&intent, "r1", "3000", "[refund:success]").await.json();
    assert_eq!((&made["object"], &made["status"]), (&"refund".into(), &"succeeded".into()));
    assert_eq!((&made["amount"], &made["currency"]), (&3_000.into(), &"hkd".into()));
    assert_eq!((&made["payment_intent"], &made["metadata"]["bursar_leg"]), (&intent.as_str().into(), &"r1".into()));
    assert_eq!(refund(&stage, &text(&made["id"])).await, made);
    let event = stage.message("refund.created").await;
    assert_eq!(event["data"]["object"], made);
    assert_eq!((stage.entry("n1").refunded_minor, stage.entry("n1").state), (3_000, "REFUND".to_owned()));
    assert_eq!(stage.sandbox.refunds()[0].out_refund_no, "r1");
    let charge = &stage.caller.intent(&intent).await["latest_charge"];
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&3_000.into(), &false.into()));
}

#[tokio::test]
async fn a_slow_refund_is_pending_first() {
    let stage = stage().await;
    let intent = text(&stage.paid("n1").await["id"]);
    let made = stage.caller.refund(&intent, "r1", "3000", "[refund:slow]").await.json();
    assert_eq!(made["status"], "pending");
    assert_eq!(stage.entry("n1").refunded_minor, 0);
    let event = stage.message("refund.updated").await;
    assert_eq!(event["data"]["object"]["status"], "succeeded");
    assert_eq!(refund(&stage, &text(&made["id"])).await["status"], "succeeded");
}

#[tokio::test]
async fn a_refund_that_fails_gives_its_money_back_to_the_balance() {
    let stage = stage().await;
    for (number, tag) in [("n1", "[refund:closed]"), ("n2", "[refund:abnormal]"), ("n3", "[refund:reversed]")] {
        let intent = text(&stage.paid(number).await["id"]);
        let made = stage.caller.refund(&intent, &format!("r-{number}"), "8800", tag).await.json();
        let id = text(&made["id"]);
        for _ in 0..6 {
            if refund(&stage, &id).await["status"] == "failed" {
                break;
            }
            stage.skip_to_next().await;
        }
        let failed = refund(&stage, &id).await;
        assert_eq!((&failed["status"], failed["failure_reason"].is_string()), (&"failed".into(), true), "{tag}");
        assert_eq!(stage.entry(number).refunded_minor, 0, "{tag}");
        let again = stage.caller.refund(&intent, &format!("again-{number}"), "8800", "[refund:success]").await;
        assert_eq!(again.json()["status"], "succeeded", "{tag}: it can go back once more");
    }
    assert_eq!(stage.message("refund.failed").await["data"]["object"]["status"], "failed");
}

#[tokio::test]
async fn the_balance_is_too_low_for_a_while_and_the_key_keeps_saying_so() {
    let stage = stage().await;
    let intent = text(&stage.paid("n1").await["id"]);
    let short = stage.caller.refund(&intent, "r1", "3000", "[refund:nofunds]").await;
    assert_eq!((short.status, short.code().as_str()), (400, "balance_insufficient"));
    stage.clock.advance_ms(61_000);
    let again = stage.caller.refund(&intent, "r1", "3000", "[refund:nofunds]").await;
    assert_eq!((again.code(), again.header("idempotent-replayed")), (short.code(), "true".into()));
    let members = [
        ("payment_intent", intent.as_str()),
        ("amount", "3000"),
        ("metadata[bursar_leg]", "r1"),
        ("metadata[why]", "[refund:nofunds]"),
    ];
    let other_key = stage.caller.call("POST", "/v1/refunds", Some("r1-2"), &members).await;
    assert_eq!(other_key.json()["status"], "succeeded");
    assert_eq!(stage.entry("n1").refunded_minor, 3_000);
}

#[tokio::test]
async fn no_more_goes_back_than_was_paid() {
    let stage = stage().await;
    let intent = text(&stage.paid("n1").await["id"]);
    let refuse =
        async |number: &str, amount: &str| stage.caller.refund(&intent, number, amount, "[refund:success]").await;
    assert_eq!(refuse("r1", "8801").await.code(), "invalid_request_error");
    assert_eq!(refuse("r2", "8000").await.status, 200);
    assert_eq!(refuse("r3", "801").await.code(), "invalid_request_error");
    let rest = stage.caller.call("POST", "/v1/refunds", Some("r4"), &[("payment_intent", &intent)]).await;
    assert_eq!(rest.json()["amount"], 800, "without an amount, all that is left");
    assert_eq!(refuse("r5", "1").await.code(), "charge_already_refunded");
    assert_eq!(stage.entry("n1").refunded_minor, 8_800);
    let unpaid = text(&stage.caller.create("n2", &[]).await["id"]);
    assert_eq!(stage.caller.refund(&unpaid, "r6", "1", "").await.code(), "invalid_request_error");
    assert_eq!(stage.caller.refund("pi_none", "r7", "1", "").await.code(), "resource_missing");
}

#[tokio::test]
async fn refunds_of_an_intent_are_listed_newest_first() {
    let stage = stage().await;
    let (one, two) = (text(&stage.paid("n1").await["id"]), text(&stage.paid("n2").await["id"]));
    for (intent, number) in [(&one, "r1"), (&two, "r2"), (&one, "r3")] {
        assert_eq!(stage.caller.refund(intent, number, "100", "[refund:success]").await.status, 200);
    }
    let page = stage.caller.get("/v1/refunds", &[("payment_intent", &one), ("limit", "100")]).await.json();
    let numbers: Vec<_> = page["data"].as_array().unwrap().iter().map(|r| text(&r["metadata"]["bursar_leg"])).collect();
    assert_eq!(numbers, ["r3", "r1"]);
    assert_eq!(page["has_more"], false);
}
