//! Every fault, as a merchant sees it and as the books have it.

use super::app::Answer;
use super::{Stage, stage, stage_with};
use crate::{Faults, PayMode};

const ALWAYS: u32 = 10_000;

async fn faulty(faults: Faults) -> Stage {
    stage_with(|config| config.faults = faults).await
}

async fn create(stage: &Stage) -> reqwest::Result<Answer> {
    stage.app.try_call("alipay.trade.precreate", &stage.app.order("order_1", "cleaning [payer:never]")).await
}

#[tokio::test]
async fn a_lost_answer_breaks_the_connection_or_says_unavailable_after_the_effect() {
    let stage = faulty(Faults { lost_answer_after_effect: ALWAYS, ..Faults::calm() }).await;
    let (mut broken, mut said) = (0, Vec::new());
    for _ in 0..40 {
        match create(&stage).await {
            Err(_) => broken += 1,
            Ok(answer) => {
                assert!(answer.is_genuine());
                said.push(answer.sub_code());
            }
        }
    }
    assert!(broken > 0);
    assert!(said.iter().any(|code| code == "isp.unknow-error") && said.iter().any(|code| code == "ACQ.SYSTEM_ERROR"));
    assert!(said.iter().all(|code| code == "isp.unknow-error" || code == "ACQ.SYSTEM_ERROR"), "{said:?}");
    assert_eq!(stage.sandbox.books().len(), 1);
}

#[tokio::test]
async fn time_outs_and_system_errors_come_without_effect() {
    let stage = faulty(Faults { timeout_before_effect: ALWAYS, ..Faults::calm() }).await;
    assert!(create(&stage).await.is_err());
    stage.sandbox.set_faults(Faults { server_error: ALWAYS, ..Faults::calm() });
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let answer = create(&stage).await.unwrap();
        if answer.status == 502 {
            seen.insert("a page".to_owned());
        } else {
            assert!(answer.status == 200 && answer.is_genuine());
            seen.insert(answer.sub_code());
        }
    }
    let seen: Vec<_> = seen.iter().map(String::as_str).collect();
    assert_eq!(seen, ["ACQ.SYSTEM_ERROR", "a page", "isp.unknow-error"]);
    stage.sandbox.set_faults(Faults { too_many_requests: ALWAYS, ..Faults::calm() });
    assert_eq!(create(&stage).await.unwrap().code(), "40005");
    assert!(stage.sandbox.books().is_empty());
}

#[tokio::test]
async fn a_cancel_has_its_own_spelling_of_a_system_error() {
    let stage = faulty(Faults { server_error: ALWAYS, ..Faults::calm() }).await;
    let biz = serde_json::json!({ "out_trade_no": "order_1" });
    let mut codes = std::collections::BTreeSet::new();
    for _ in 0..40 {
        let answer = stage.app.call("alipay.trade.cancel", &biz).await;
        if answer.status == 200 {
            codes.insert(answer.sub_code());
        }
    }
    assert_eq!(codes.iter().map(String::as_str).collect::<Vec<_>>(), ["AQC.SYSTEM_ERROR", "isp.unknow-error"]);
}

#[tokio::test]
async fn a_bad_signature_is_over_other_bytes_or_noise() {
    let stage = faulty(Faults { bad_signature: ALWAYS, ..Faults::calm() }).await;
    let mut other_bytes = 0;
    for _ in 0..20 {
        let answer = create(&stage).await.unwrap();
        assert!(!answer.is_genuine() && answer.code() == "10000", "{answer:?}");
        other_bytes += usize::from(answer.raw.contains("_response\":{ "));
    }
    assert!((1..20).contains(&other_bytes), "{other_bytes}");
}

#[tokio::test]
async fn a_truncated_answer_is_no_json() {
    let stage = faulty(Faults { truncated_body: ALWAYS, ..Faults::calm() }).await;
    for _ in 0..10 {
        if let Ok(answer) = create(&stage).await {
            assert!(serde_json::from_str::<serde_json::Value>(&answer.raw).is_err());
        }
    }
    assert_eq!(stage.sandbox.books().len(), 1);
}

#[tokio::test]
async fn an_outage_breaks_every_connection_of_this_channel_too() {
    let stage = stage().await;
    create(&stage).await.unwrap();
    stage.sandbox.set_outage(true);
    assert!(create(&stage).await.is_err());
    stage.pay("order_1", PayMode::Normal).unwrap();
    stage.until("an attempt fails", || stage.sandbox.counters().notifications_unanswered == 1).await;
    stage.sandbox.set_outage(false);
    stage.until("the next arrives", || stage.entry("order_1").notifications_accepted == 1).await;
}
