//! Every request fault, on the calls about refunds: which of them take effect and which do not.

use super::refunder::{REFUNDS, TOTAL};
use super::{Stage, stage};
use crate::Faults;

const ALWAYS: u32 = 10_000;

/// What came of a refund request under a fault, and how many refunds the books have then.
async fn asked(faults: Faults) -> (Stage, reqwest::Result<super::merchant::Answer>, usize) {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.sandbox.set_faults(faults);
    let body = stage.shop.refund_body("order-0001", "r-1", TOTAL).to_string();
    let answer = stage.shop.call("POST", REFUNDS, body).await;
    let refunds = stage.sandbox.refunds().len();
    (stage, answer, refunds)
}

/// The merchant asks again with the same number on a calm day: there is one refund, once.
async fn ends_well(stage: &Stage) {
    stage.sandbox.set_faults(Faults::calm());
    let again = stage.shop.ask_refund(&stage.shop.refund_body("order-0001", "r-1", TOTAL)).await;
    assert_eq!(again.status, 200);
    stage.becomes("r-1", "SUCCESS").await;
    let entry = stage.refund_entry("r-1");
    assert_eq!((stage.sandbox.refunds().len(), entry.effects, entry.succeeded_minor), (1, 1, TOTAL));
}

#[tokio::test]
async fn a_lost_answer_leaves_a_refund_behind() {
    let (stage, answer, refunds) = asked(Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() }).await;
    assert!(answer.unwrap_err().status().is_none());
    assert_eq!(refunds, 1);
    ends_well(&stage).await;
}

#[tokio::test]
async fn a_time_out_an_error_and_too_many_requests_leave_none() {
    for (faults, statuses) in [
        (Faults { timeout_before_effect: ALWAYS, ..Faults::calm() }, &[][..]),
        (Faults { server_error: ALWAYS, ..Faults::calm() }, &[500, 502][..]),
        (Faults { too_many_requests: ALWAYS, ..Faults::calm() }, &[429][..]),
    ] {
        let (stage, answer, refunds) = asked(faults).await;
        match answer {
            Ok(answer) => assert!(statuses.contains(&answer.status), "{}", answer.status),
            Err(_) => assert!(statuses.is_empty()),
        }
        assert_eq!(refunds, 0);
        ends_well(&stage).await;
    }
}

#[tokio::test]
async fn slow_spoilt_and_truncated_answers_come_after_the_effect() {
    for (faults, readable) in [
        (Faults { slow: ALWAYS, ..Faults::calm() }, true),
        (Faults { bad_signature: ALWAYS, ..Faults::calm() }, false),
        (Faults { truncated_body: ALWAYS, ..Faults::calm() }, false),
    ] {
        let (stage, answer, refunds) = asked(faults).await;
        assert_eq!(answer.is_ok_and(|answer| answer.is_genuine()), readable);
        assert_eq!(refunds, 1);
        ends_well(&stage).await;
    }
}

#[tokio::test]
async fn a_bank_card_request_whose_answer_was_lost_is_refused_when_it_comes_again() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let refund_id = stage.tagged("order-0001", "r-1", 100, "abnormal").await["refund_id"].clone();
    stage.becomes("r-1", "ABNORMAL").await;
    stage.sandbox.set_faults(Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() });
    let target = format!("{REFUNDS}/{}/apply-abnormal-refund", refund_id.as_str().unwrap());
    let body = stage.shop.application("r-1");
    assert!(stage.shop.call("POST", &target, body.to_string()).await.is_err());
    stage.sandbox.set_faults(Faults::calm());
    assert_eq!(stage.shop.query_refund("r-1").await.json()["status"], "PROCESSING");
    assert_eq!(stage.shop.apply(refund_id.as_str().unwrap(), &body).await.code(), "INVALID_REQUEST");
    assert_eq!(stage.refund_entry("r-1").applications, 1);
}

#[tokio::test]
async fn the_same_seed_plays_the_same_faults_on_the_same_refunds() {
    let run = async || {
        let stage = stage().await;
        stage.paid("order-0001").await;
        stage.sandbox.set_faults(Faults::harsh());
        let mut seen = Vec::new();
        for n in 0..60 {
            let answer = stage.shop.call("GET", &format!("{REFUNDS}/r-{n}"), String::new()).await;
            seen.push(answer.map(|answer| answer.status).ok());
        }
        (seen, stage.sandbox.counters().faults)
    };
    let first = run().await;
    assert_eq!(first, run().await);
    assert!(first.1.len() >= 3, "{:?}", first.1);
}
