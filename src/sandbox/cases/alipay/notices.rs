//! Notifications: their form, their schedule and what a merchant's answer does.

use serde_json::Value;

use super::super::eventually;
use super::app::provisioned;
use super::{stage, stage_with};
use crate::alipay::front::WAITS_S;
use crate::{Door, Faults, PayMode};

#[tokio::test]
async fn a_payment_is_told_once_as_a_form_whose_kind_of_signature_is_not_signed() {
    let stage = stage().await;
    let mut order = stage.app.order("order_1", "保洁 2h [payer:never]");
    order["passback_params"] = "a%3D1".into();
    stage.app.call("alipay.trade.precreate", &order).await;
    stage.pay("order_1", PayMode::Normal).unwrap();
    stage.until("accepted", || stage.entry("order_1").notifications_accepted == 1).await;
    let letter = stage.receiver.letters().remove(0);
    assert!(letter.is_genuine());
    let trade_no = stage.entry("order_1").transaction_id.unwrap();
    for (name, value) in [
        ("notify_type", "trade_status_sync"),
        ("trade_status", "TRADE_SUCCESS"),
        ("out_trade_no", "order_1"),
        ("trade_no", trade_no.as_str()),
        ("app_id", provisioned().app_id.as_str()),
        ("seller_id", provisioned().seller_id.as_str()),
        ("total_amount", "88.00"),
        ("receipt_amount", "88.00"),
        ("subject", "保洁 2h [payer:never]"),
        ("passback_params", "a%3D1"),
        ("gmt_payment", "2026-11-22 09:00:00"),
        ("charset", "utf-8"),
        ("sign_type", "RSA2"),
        ("refund_fee", ""),
    ] {
        assert_eq!(letter.get(name), value, "{name}");
    }
    let bills: Value = serde_json::from_str(letter.get("fund_bill_list")).unwrap();
    assert_eq!(bills[0]["amount"], "88.00");
    assert_eq!(letter.get("notify_id").len(), 34);
    assert!(stage.next_due_ms().is_none_or(|ms| ms > stage.now_ms() + 3_600_000), "it is not repeated");
}

#[tokio::test]
async fn refunds_are_told_with_what_went_back_in_all() {
    let stage = stage().await;
    stage.paid("order_1").await;
    for (number, yuan) in [("r_1", "30.00"), ("r_2", "58.00")] {
        stage.app.refund("order_1", number, yuan, "ill [refund:success]").await;
        stage.clock.advance_ms(3_000);
        stage.until("told", || stage.refund_entry(number).notifications_accepted == 1).await;
    }
    let letters = stage.receiver.letters();
    let told: Vec<_> = letters
        .iter()
        .map(|l| [l.get("trade_status"), l.get("refund_fee"), l.get("out_biz_no"), l.get("gmt_payment")])
        .collect();
    let paid = "2026-11-22 09:00:00";
    assert_eq!(told, [["TRADE_SUCCESS", "30.00", "r_1", paid], ["TRADE_CLOSED", "88.00", "r_2", paid]]);
    assert_eq!(letters[0].get("gmt_refund"), "2026-11-22 09:00:00.000");
    assert!(letters.iter().all(super::receiver::Letter::is_genuine));
    assert_ne!(letters[0].get("notify_id"), letters[1].get("notify_id"));
}

#[tokio::test]
async fn nothing_but_seven_bytes_is_an_acknowledgement_and_the_schedule_has_eight_attempts() {
    let stage = stage().await;
    // A life that outlasts the schedule, whose end would be due in between.
    let long = |order: &mut Value| order["time_expire"] = "2026-12-22 09:00:00".into();
    stage.sandbox.open(&Door::Url(stage.app.page("order_1", "cleaning [payer:never]", long))).unwrap();
    stage.receiver.answer_with("SUCCESS");
    stage.pay("order_1", PayMode::Normal).unwrap();
    stage.clock.advance_ms(stage.next_due_ms().unwrap() - stage.now_ms());
    let next = ["success\n", "fail", "", "<p>success</p>", "\"success\"", "ok", "successful"];
    for ((attempt, wait_s), next) in (1..).zip(WAITS_S).zip(next) {
        let want = stage.now_ms() + wait_s * 1_000;
        eventually("the attempt is refused and the next planned", || {
            stage.sandbox.counters().notifications_refused == attempt && stage.next_due_ms() == Some(want)
        })
        .await;
        stage.receiver.answer_with(next);
        stage.clock.advance_ms(wait_s * 1_000);
    }
    eventually("given up", || stage.sandbox.counters().notifications_given_up == 1).await;
    let letters = stage.receiver.letters();
    assert_eq!(letters.len(), 8);
    assert!(letters.iter().all(|letter| letter.get("notify_id") == letters[0].get("notify_id")));
    assert_ne!(letters[0].get("notify_time"), letters[7].get("notify_time"), "each is signed at its own time");
}

#[tokio::test]
async fn forged_probes_and_duplicates_are_played_as_everywhere() {
    let faults = Faults { signtest_probe: 10_000, ..Faults::calm() };
    let stage = stage_with(|config| config.faults = faults).await;
    stage.app.precreate("order_1", "cleaning [payer:never]").await;
    stage.pay("order_1", PayMode::Normal).unwrap();
    stage.until("accepted", || stage.entry("order_1").notifications_accepted == 1).await;
    let letters = stage.receiver.letters();
    assert_eq!(letters.iter().map(|letter| letter.is_genuine()).collect::<Vec<_>>(), [false, true]);
    assert_eq!(stage.sandbox.counters().probes_accepted, 0);
}

#[tokio::test]
async fn without_an_address_nobody_is_told() {
    let mut stage = stage().await;
    stage.app.notify_url = String::new();
    stage.app.precreate("order_1", "cleaning [payer:never]").await;
    stage.pay("order_1", PayMode::Normal).unwrap();
    assert_eq!(stage.app.status("order_1").await, "TRADE_SUCCESS");
    assert_eq!(stage.receiver.count(), 0);
    assert_eq!(stage.sandbox.counters().notifications_sent, 0);
}
