//! Disputes: how they open, end and stand in the way of refunds.

use super::caller::{provisioned, text};
use super::stage;
use crate::DisputeAct;

#[tokio::test]
async fn a_dispute_opens_ends_and_keeps_refunds_away() {
    let stage = stage().await;
    let account = &provisioned().stripe.account_id;
    let act = |number: &str, act| stage.sandbox.dispute(account, number, act);
    let intent = text(&stage.paid("n1").await["id"]);
    assert!(act("n1", DisputeAct::Won).is_err() && act("nobody", DisputeAct::Open).is_err());
    act("n1", DisputeAct::Open).unwrap();
    assert!(act("n1", DisputeAct::Open).is_err(), "once");
    let event = stage.message("charge.dispute.created").await;
    let dispute = &event["data"]["object"];
    assert_eq!((&dispute["amount"], &dispute["status"]), (&8_800.into(), &"needs_response".into()));
    assert_eq!((&dispute["payment_intent"], &dispute["metadata"]), (&intent.as_str().into(), &serde_json::json!({})));
    assert_eq!(stage.caller.refund(&intent, "r1", "1", "[refund:success]").await.code(), "charge_disputed");
    act("n1", DisputeAct::Lost).unwrap();
    assert_eq!(stage.message("charge.dispute.closed").await["data"]["object"]["status"], "lost");
    assert_eq!(stage.caller.refund(&intent, "r2", "1", "[refund:success]").await.code(), "charge_disputed");
    let id = text(&dispute["id"]);
    assert_eq!(stage.caller.get(&format!("/v1/disputes/{id}"), &[]).await.json()["status"], "lost");
    let listed = stage.caller.get("/v1/disputes", &[("payment_intent", &intent)]).await.json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert_eq!(stage.sandbox.disputes()[0].won, Some(false));
}

#[tokio::test]
async fn after_a_dispute_was_won_the_charge_can_be_refunded() {
    let stage = stage().await;
    let account = &provisioned().stripe.account_id;
    let intent = text(&stage.paid("n1").await["id"]);
    stage.sandbox.dispute(account, "n1", DisputeAct::Open).unwrap();
    stage.sandbox.dispute(account, "n1", DisputeAct::Won).unwrap();
    assert_eq!(stage.caller.refund(&intent, "r1", "8800", "[refund:success]").await.json()["status"], "succeeded");
    stage.caller.create("n2", &[]).await;
    assert!(stage.sandbox.dispute(account, "n2", DisputeAct::Open).is_err(), "nothing was paid");
}

#[tokio::test]
async fn a_complaint_that_is_asked_for_comes_and_ends_by_itself() {
    let stage = stage().await;
    stage.caller.create("n1", &[("description", "[payer:never] [dispute:won]")]).await;
    stage.pay("n1");
    stage.message("charge.dispute.created").await;
    assert_eq!(stage.message("charge.dispute.closed").await["data"]["object"]["status"], "won");
}
