//! What becomes of a refund, by tag and by draw.

use super::refunder::TOTAL;
use super::{START_MS, Stage, stage, stage_with};
use crate::{RefundBehaviour, RefundMix};

fn books(stage: &Stage) -> (i64, i64) {
    let entry = stage.entry("order-0001");
    (entry.captured_minor, entry.refunded_minor)
}

#[tokio::test]
async fn a_refund_is_accepted_first_and_arrives_later() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let before = stage.shop.query("order-0001").await.json();
    let answer = stage.shop.ask_refund(&stage.shop.refund_body("order-0001", "r-1", 3_000)).await;
    assert_eq!(answer.status, 200);
    assert!(answer.is_genuine());
    let accepted = answer.json();
    assert_eq!(accepted["status"], "PROCESSING");
    assert_eq!(
        (accepted["out_refund_no"].as_str(), accepted["out_trade_no"].as_str()),
        (Some("r-1"), Some("order-0001"))
    );
    assert_eq!(accepted["transaction_id"], before["transaction_id"]);
    assert_eq!(
        (accepted["channel"].as_str(), accepted["create_time"].as_str()),
        (Some("ORIGINAL"), Some("2026-11-22T09:00:00+08:00"))
    );
    assert_eq!(
        (accepted["amount"]["total"].as_i64(), accepted["amount"]["refund"].as_i64()),
        (Some(TOTAL), Some(3_000))
    );
    assert!(accepted.get("success_time").is_none());
    assert!(accepted["refund_id"].as_str().is_some_and(|id| id.len() == 28), "{accepted}");
    assert_eq!((stage.refund_entry("r-1").effects, books(&stage)), (0, (TOTAL, 0)));

    let due_ms = stage.sandbox.world.timers.next_due_ms().unwrap() - START_MS;
    assert!((2_000..=20_000).contains(&due_ms), "{due_ms}");
    stage.becomes("r-1", "SUCCESS").await;
    let arrived = stage.shop.query_refund("r-1").await;
    assert!(arrived.is_genuine());
    assert_eq!(arrived.json()["status"], "SUCCESS");
    assert_eq!(arrived.json()["refund_id"], accepted["refund_id"]);
    assert!(arrived.json()["success_time"].as_str() > accepted["create_time"].as_str());
    let entry = stage.refund_entry("r-1");
    assert_eq!((entry.succeeded_minor, entry.effects, entry.succeeded_at_ms), (3_000, 1, Some(START_MS + due_ms)));
    assert_eq!(books(&stage), (TOTAL, 3_000));
}

#[tokio::test]
async fn a_payment_with_a_refund_says_so_and_keeps_everything_else() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let mut before = stage.shop.query("order-0001").await.json();
    assert_eq!(before["trade_state"], "SUCCESS");
    stage.refund("order-0001", "r-1", 100).await;
    let under_way = stage.shop.query("order-0001").await.json();
    assert_eq!(
        (under_way["trade_state"].as_str(), stage.entry("order-0001").state.as_str()),
        (Some("REFUND"), "REFUND")
    );
    before["trade_state"] = under_way["trade_state"].clone();
    before["trade_state_desc"] = under_way["trade_state_desc"].clone();
    assert_eq!(under_way, before);
    stage.becomes("r-1", "SUCCESS").await;
    assert_eq!(stage.shop.query("order-0001").await.json(), before);
    assert_eq!(stage.shop.close("order-0001").await.code(), "ORDER_PAID");
}

#[tokio::test]
async fn a_refund_can_name_the_transaction_instead_of_the_order() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let mut body = stage.shop.refund_body("order-0001", "r-1", TOTAL);
    body.as_object_mut().unwrap().remove("out_trade_no");
    body["transaction_id"] = stage.entry("order-0001").transaction_id.unwrap().into();
    let answer = stage.shop.ask_refund(&body).await;
    assert_eq!((answer.status, answer.json()["out_trade_no"].as_str()), (200, Some("order-0001")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_number_with_the_same_content_is_one_refund_even_at_the_same_moment() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let body = stage.shop.refund_body("order-0001", "r-1", 3_000);
    let answers = futures::future::join_all((0..16).map(|_| stage.shop.ask_refund(&body))).await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json() == answers[0].json()));
    assert_eq!((stage.sandbox.refunds().len(), stage.sandbox.counters().refunds), (1, 1));
    stage.becomes("r-1", "SUCCESS").await;
    // A timer that fires twice.
    stage.sandbox.world.refund_moves(0, 0);
    stage.sandbox.world.refund_moves(0, 0);
    assert_eq!(stage.shop.ask_refund(&body).await.json(), stage.shop.query_refund("r-1").await.json());
    assert_eq!((stage.refund_entry("r-1").effects, stage.refund_entry("r-1").succeeded_minor), (1, 3_000));
    let counters = stage.sandbox.counters();
    assert_eq!((counters.refund_effects, counters.refunds_doubled), (1, 0));
}

#[tokio::test]
async fn an_abnormal_refund_arrives_after_it_is_sent_to_a_bank_card() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let refund_id = stage.tagged("order-0001", "r-1", 3_000, "abnormal").await["refund_id"].clone();
    stage.becomes("r-1", "ABNORMAL").await;
    assert_eq!(stage.shop.query_refund("r-1").await.json()["status"], "ABNORMAL");
    assert_eq!(books(&stage), (TOTAL, 0));

    let answer = stage.shop.apply(refund_id.as_str().unwrap(), &stage.shop.application("r-1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        (answer.json()["status"].as_str(), answer.json()["channel"].as_str()),
        (Some("PROCESSING"), Some("OTHER_BANKCARD"))
    );
    stage.becomes("r-1", "SUCCESS").await;
    let entry = stage.refund_entry("r-1");
    assert_eq!((entry.succeeded_minor, entry.effects, entry.reversals, entry.applications), (3_000, 1, 0, 1));
}

#[tokio::test]
async fn a_stubborn_refund_needs_two_bank_cards() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let refund_id = stage.tagged("order-0001", "r-1", 3_000, "stubborn").await["refund_id"].clone();
    for state in ["ABNORMAL", "SUCCESS"] {
        stage.settle().await;
        assert_eq!(stage.refund_entry("r-1").state, "ABNORMAL");
        let mut body = stage.shop.application("r-1");
        if state == "SUCCESS" {
            body = serde_json::json!({ "out_refund_no": "r-1", "type": "MERCHANT_BANK_CARD" });
        }
        assert_eq!(stage.shop.apply(refund_id.as_str().unwrap(), &body).await.status, 200);
        stage.settle().await;
        assert_eq!(stage.refund_entry("r-1").state, state);
    }
    assert_eq!((stage.refund_entry("r-1").applications, books(&stage)), (2, (TOTAL, 3_000)));
}

#[tokio::test]
async fn a_closed_refund_will_not_happen_and_its_amount_is_free_for_another_number() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.tagged("order-0001", "r-1", TOTAL, "closed").await;
    stage.becomes("r-1", "CLOSED").await;
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "SUCCESS");
    assert_eq!(stage.tagged("order-0001", "r-1", TOTAL, "closed").await["status"], "CLOSED");
    assert_eq!(stage.refund_entry("r-1").effects, 0);
    stage.clock.advance_ms(60_000);
    stage.refund("order-0001", "r-2", TOTAL).await;
    stage.settle().await;
    assert_eq!(books(&stage), (TOTAL, TOTAL));
}

#[tokio::test]
async fn a_slow_refund_takes_minutes() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    stage.tagged("order-0001", "r-1", 1, "slow").await;
    let due_ms = stage.sandbox.world.timers.next_due_ms().unwrap() - START_MS;
    assert!((120_000..=600_000).contains(&due_ms), "{due_ms}");
    stage.becomes("r-1", "SUCCESS").await;
}

#[tokio::test]
async fn a_reversed_refund_succeeds_and_is_abnormal_some_time_later() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let refund_id = stage.tagged("order-0001", "r-1", 3_000, "reversed").await["refund_id"].clone();
    stage.becomes("r-1", "SUCCESS").await;
    assert_eq!(books(&stage), (TOTAL, 3_000));
    stage.settle().await;
    let entry = stage.refund_entry("r-1");
    assert_eq!((entry.state.as_str(), entry.succeeded_minor, entry.effects, entry.reversals), ("ABNORMAL", 0, 1, 1));
    assert_eq!(books(&stage), (TOTAL, 0));
    assert!(stage.shop.query_refund("r-1").await.json().get("success_time").is_none());

    stage.shop.apply(refund_id.as_str().unwrap(), &stage.shop.application("r-1")).await;
    stage.settle().await;
    let entry = stage.refund_entry("r-1");
    assert_eq!((entry.state.as_str(), entry.succeeded_minor, entry.effects), ("SUCCESS", 3_000, 2));
    let counters = stage.sandbox.counters();
    assert_eq!((counters.refund_effects, counters.refund_reversals, counters.refunds_doubled), (2, 1, 0));
}

#[tokio::test]
async fn a_balance_that_is_too_low_refuses_for_a_while_and_then_takes_the_same_number() {
    let stage = stage().await;
    stage.paid("order-0001").await;
    let mut body = stage.shop.refund_body("order-0001", "r-1", 3_000);
    body["reason"] = "[refund:nofunds]".into();
    for wait_ms in [0, 5_000, 4_999] {
        stage.clock.advance_ms(wait_ms);
        let answer = stage.shop.ask_refund(&body).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "NOT_ENOUGH"));
        assert_eq!(stage.shop.query_refund("r-1").await.code(), "RESOURCE_NOT_EXISTS");
        assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "SUCCESS");
    }
    stage.clock.advance_ms(60_000);
    assert_eq!(stage.shop.ask_refund(&body).await.json()["status"], "PROCESSING");
    stage.becomes("r-1", "SUCCESS").await;
    assert_eq!(stage.refund_entry("r-1").effects, 1);
}

#[tokio::test]
async fn the_fate_of_a_refund_follows_from_the_seed_and_its_number() {
    let run = async |seed: u64, order: &str, backwards: bool| {
        let far = |config: &mut crate::SandboxConfig| {
            config.seed = seed;
            config.refund_limits.interval_ms = 0;
        };
        let stage = stage_with(far).await;
        stage.paid(order).await;
        let mut numbers: Vec<i64> = (1..=24).collect();
        if backwards {
            numbers.reverse();
        }
        for n in numbers {
            let mut body = stage.shop.refund_body(order, &format!("r-{n}"), n);
            body["reason"] = "the cleaner was ill".into();
            // Those without funds are refused now, and accepted when they ask again.
            if stage.shop.ask_refund(&body).await.code() == "NOT_ENOUGH" {
                stage.clock.advance_ms(60_000);
                assert_eq!(stage.shop.ask_refund(&body).await.status, 200);
            }
        }
        let orders = stage.sandbox.world.orders();
        let mut seen: Vec<_> =
            orders.refunds.list.iter().map(|one| (one.number.clone(), one.behaviour, one.fate)).collect();
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        seen
    };
    let first = run(7, "order-0001", false).await;
    assert_eq!(first.len(), 24);
    assert!(first.iter().any(|(_, behaviour, _)| *behaviour != RefundBehaviour::Success), "{first:?}");
    assert_eq!(first, run(7, "order-0002", true).await);
    assert_ne!(first, run(8, "order-0001", false).await);
}

#[tokio::test]
async fn a_mix_of_one_behaviour_needs_no_tags() {
    let stage = stage_with(|config| config.refunds = RefundMix::all(RefundBehaviour::Closed)).await;
    stage.paid("order-0001").await;
    let mut body = stage.shop.refund_body("order-0001", "r-1", 1);
    body.as_object_mut().unwrap().remove("reason");
    assert_eq!(stage.shop.ask_refund(&body).await.status, 200);
    stage.becomes("r-1", "CLOSED").await;
}
