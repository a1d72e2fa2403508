//! What payers do, by tag and by draw.

use super::merchant::keys;
use super::{START_MS, eventually, payers, stage, stage_with};
use crate::{Behaviour, PayMode, PayerMix};

#[tokio::test]
async fn a_prompt_payer_pays_within_seconds_and_the_merchant_hears_of_it() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:soon]").await;
    let due_ms = stage.sandbox.world.timers.next_due_ms().unwrap() - START_MS;
    assert!((2_000..=20_000).contains(&due_ms), "{due_ms}");
    stage.skip_to_next().await;
    eventually("paid", || stage.entry("order-0001").charges == 1).await;
    stage.skip_to_next().await;
    eventually("notified", || stage.entry("order-0001").notifications_accepted == 1).await;
}

#[tokio::test]
async fn a_late_payer_pays_in_the_second_half_of_the_orders_life() {
    let stage = stage().await;
    let mut body = stage.shop.described("order-0001", "cleaning [payer:late]");
    body["time_expire"] = "2026-11-22T09:10:00+08:00".into();
    stage.shop.native(&body).await;
    let due_ms = stage.sandbox.world.timers.next_due_ms().unwrap() - START_MS;
    assert!((300_000..600_000).contains(&due_ms), "{due_ms}");
    stage.skip_to_next().await;
    eventually("paid", || stage.entry("order-0001").state == "SUCCESS").await;
}

#[tokio::test]
async fn a_payer_at_closing_beats_the_close() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:closing]").await;
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "NOTPAY");
    let answer = stage.shop.close("order-0001").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "ORDER_PAID"));
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "SUCCESS");
    assert_eq!(stage.shop.close("order-0001").await.code(), "ORDER_PAID");
    let entry = stage.entry("order-0001");
    assert_eq!((entry.charges, entry.closed_at_ms), (1, None));
}

#[tokio::test]
async fn money_in_flight_surfaces_after_a_successful_close() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:inflight]").await;
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "CLOSED");
    stage.skip_to_next().await;
    eventually("late money", || stage.sandbox.counters().late_payments == 1).await;
    assert_eq!(stage.shop.query("order-0001").await.json()["trade_state"], "SUCCESS");
    let entry = stage.entry("order-0001");
    assert_eq!((entry.charges, entry.closed_at_ms), (1, Some(START_MS)));
    assert!(entry.paid_at_ms > entry.closed_at_ms);
    stage.skip_to_next().await;
    eventually("notified all the same", || stage.receiver.count() == 1).await;
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None, "money lands once");
}

#[tokio::test]
async fn a_payer_who_fails_once_pays_at_the_second_attempt() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:retry]").await;
    stage.skip_to_next().await;
    eventually("failed once", || stage.entry("order-0001").failed_attempts == 1).await;
    let answer = stage.shop.query("order-0001").await.json();
    assert_eq!((answer["trade_state"].as_str(), stage.entry("order-0001").charges), (Some("NOTPAY"), 0));
    stage.skip_to_next().await;
    eventually("paid", || stage.entry("order-0001").charges == 1).await;
}

#[tokio::test]
async fn a_payer_who_never_pays_leaves_the_order_alone() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:never]").await;
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
    assert_eq!(stage.sandbox.world.timers.next_due_ms(), None);
}

#[tokio::test]
async fn nobody_pays_a_closed_order_whose_money_was_not_under_way() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:soon]").await;
    assert_eq!(stage.shop.close("order-0001").await.status, 204);
    stage.clock.advance_ms(60_000);
    eventually("the payer came too late", || stage.sandbox.world.timers.next_due_ms().is_none()).await;
    let entry = stage.entry("order-0001");
    assert_eq!((entry.charges, entry.state.as_str()), (0, "CLOSED"));
}

#[tokio::test]
async fn the_same_seed_sends_the_same_payers_whatever_the_numbers_are() {
    let run = async |seed: u64, prefix: &str| {
        let stage = stage_with(|config| config.seed = seed).await;
        for n in 0..12 {
            stage.shop.create(&format!("{prefix}-{n:04}"), "cleaning").await;
        }
        let orders = stage.sandbox.world.orders();
        orders.list.iter().map(|order| (order.behaviour, order.fate)).collect::<Vec<_>>()
    };
    let first = run(7, "order").await;
    assert_eq!(first, run(7, "number").await);
    assert_ne!(first, run(8, "order").await);
}

#[tokio::test]
async fn a_mix_of_one_behaviour_needs_no_tags() {
    let stage = stage_with(payers(PayerMix::all(Behaviour::Closing))).await;
    stage.shop.create("order-0001", "cleaning").await;
    assert_eq!(stage.shop.close("order-0001").await.code(), "ORDER_PAID");
}

#[tokio::test]
async fn two_orders_for_the_same_thing_are_two_charges_and_so_is_a_planted_double_charge() {
    let stage = stage().await;
    let mchid = &keys().provisioned.mchid;
    for number in ["order-0001", "order-0002"] {
        stage.shop.create(number, "cleaning [payer:never]").await;
        stage.sandbox.pay(mchid, number, PayMode::Silent).unwrap();
    }
    assert_eq!(stage.sandbox.books().iter().map(|entry| entry.charges).sum::<u32>(), 2);
    assert!(stage.sandbox.pay(mchid, "order-0001", PayMode::Late).is_err());
    stage.sandbox.pay(mchid, "order-0001", PayMode::Again).unwrap();
    assert_eq!(stage.entry("order-0001").charges, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closes_at_the_same_moment_take_the_payers_money_once() {
    let stage = stage().await;
    stage.shop.create("order-0001", "cleaning [payer:closing]").await;
    let shop = &stage.shop;
    let answers = futures::future::join_all((0..16).map(|_| shop.close("order-0001"))).await;
    assert!(answers.iter().all(|answer| answer.code() == "ORDER_PAID"));
    // Two closes between whose check and effect the other one ran.
    stage.sandbox.world.money_beats_the_close(0);
    stage.sandbox.world.payer_pays(0);
    stage.sandbox.world.money_lands(0);
    assert_eq!(stage.entry("order-0001").charges, 1);
}
