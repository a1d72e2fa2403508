//! What a merchant can do with a trade by code.

use serde_json::json;

use super::{START_MS, stage, stage_with};
use crate::{Behaviour, Channel, PayMode, PayerMix};

#[tokio::test]
async fn a_code_is_a_trade_only_when_a_payer_has_scanned_it() {
    let stage = stage().await;
    let code = stage.app.precreate("order_1", "cleaning [payer:never]").await;
    assert!(code.starts_with("https://qr.alipay.com/bax"), "{code}");
    let absent = stage.app.query("order_1").await;
    assert_eq!((absent.code().as_str(), absent.sub_code().as_str()), ("40004", "ACQ.TRADE_NOT_EXIST"));
    assert!(absent.is_genuine(), "refusals are signed too");
    assert_eq!(stage.app.close("order_1").await.sub_code(), "ACQ.TRADE_NOT_EXIST");

    let opened = stage.sandbox.open(&crate::Door::Qr(code)).unwrap();
    assert_eq!((opened.channel, opened.out_trade_no.as_str()), (Channel::Alipay, "order_1"));
    let waiting = stage.app.query("order_1").await.node();
    assert_eq!(waiting["trade_status"], "WAIT_BUYER_PAY");
    assert_eq!((waiting["total_amount"].as_str(), waiting["receipt_amount"].as_str()), (Some("88.00"), Some("0.00")));
    assert!(waiting.get("send_pay_date").is_none());

    stage.clock.advance_ms(1_500);
    stage.pay("order_1", PayMode::Silent).unwrap();
    let paid = stage.app.query("order_1").await;
    assert!(paid.is_genuine());
    let paid = paid.node();
    assert_eq!(paid["trade_status"], "TRADE_SUCCESS");
    assert_eq!(paid["send_pay_date"], "2026-11-22 09:00:01");
    assert_eq!(
        (paid["trade_no"].as_str(), paid["receipt_amount"].as_str()),
        (waiting["trade_no"].as_str(), Some("88.00"))
    );
    let trade_no = paid["trade_no"].as_str().unwrap();
    assert!(trade_no.len() == 28 && trade_no.starts_with("20261122"), "{trade_no}");
    let by_no = stage.app.call("alipay.trade.query", &json!({ "trade_no": trade_no, "out_trade_no": "other" })).await;
    assert_eq!(by_no.node(), paid, "trade_no wins");

    let entry = stage.entry("order_1");
    assert_eq!((entry.channel, entry.charges, entry.amount_minor), (Channel::Alipay, 1, 8_800));
    assert_eq!((entry.state.as_str(), entry.transaction_id.as_deref()), ("SUCCESS", Some(trade_no)));
}

#[tokio::test]
async fn a_prompt_payer_scans_and_pays_by_itself_and_the_merchant_hears_of_it() {
    let stage = stage().await;
    stage.app.precreate("order_1", "cleaning [payer:soon]").await;
    stage.step().await;
    assert_eq!(stage.app.status("order_1").await, "WAIT_BUYER_PAY", "scanned");
    stage.until("paid", || stage.entry("order_1").charges == 1).await;
    assert_eq!(stage.app.status("order_1").await, "TRADE_SUCCESS");
    stage.until("notified", || stage.entry("order_1").notifications_accepted == 1).await;
}

#[tokio::test]
async fn payers_at_closing_and_money_in_flight_are_as_everywhere() {
    let stage = stage().await;
    for (number, payer) in [("order_1", "closing"), ("order_2", "inflight")] {
        stage.app.precreate(number, &format!("cleaning [payer:{payer}]")).await;
    }
    stage.step().await;
    stage.step().await;
    let closed = stage.app.close("order_1").await;
    assert_eq!(closed.sub_code(), "ACQ.TRADE_STATUS_ERROR");
    assert_eq!(stage.app.status("order_1").await, "TRADE_SUCCESS");

    let closed = stage.app.close("order_2").await.node();
    assert_eq!((closed["code"].as_str(), closed["out_trade_no"].as_str()), (Some("10000"), Some("order_2")));
    assert_eq!(stage.app.status("order_2").await, "TRADE_CLOSED");
    assert_eq!(stage.app.close("order_2").await.sub_code(), "ACQ.REASON_TRADE_STATUS_INVALID");
    stage.until("late money", || stage.sandbox.counters().late_payments == 1).await;
    assert_eq!(stage.app.status("order_2").await, "TRADE_SUCCESS");
}

#[tokio::test]
async fn the_same_order_again_gives_the_same_code_and_another_one_is_refused() {
    let stage = stage().await;
    let code = stage.app.precreate("order_1", "cleaning [payer:never]").await;
    assert_eq!(stage.app.precreate("order_1", "cleaning [payer:never]").await, code);
    let mut dearer = stage.app.order("order_1", "cleaning [payer:never]");
    dearer["total_amount"] = "88.01".into();
    let answer = stage.app.call("alipay.trade.precreate", &dearer).await;
    assert_eq!(answer.sub_code(), "ACQ.CONTEXT_INCONSISTENT");
    stage.pay("order_1", PayMode::Silent).unwrap();
    assert_eq!(stage.app.call("alipay.trade.precreate", &dearer).await.sub_code(), "ACQ.TRADE_HAS_SUCCESS");
    stage.app.precreate("order_2", "cleaning [payer:never]").await;
    assert_eq!(stage.sandbox.books().len(), 2);
}

#[tokio::test]
async fn installments_are_part_of_an_order_and_told_once_it_is_paid() {
    let stage = stage().await;
    let mut order = stage.app.order("order_1", "cleaning [payer:never]");
    order["extend_params"] = json!({ "hb_fq_num": "24", "hb_fq_seller_percent": "0" });
    let refused = stage.app.call("alipay.trade.precreate", &order).await;
    assert_eq!((refused.code().as_str(), refused.sub_code().as_str()), ("40004", "ACQ.INVALID_PARAMETER"));
    assert!(refused.node()["sub_msg"].as_str().unwrap().contains("hb_fq_num must be one of 3, 6, 12"));
    order["extend_params"] = json!({ "hb_fq_num": "12", "hb_fq_seller_percent": "0" });
    let code = stage.app.call("alipay.trade.precreate", &order).await.node()["qr_code"].clone();
    assert_eq!(stage.app.call("alipay.trade.precreate", &order).await.node()["qr_code"], code);
    for other in [json!({ "hb_fq_num": "6" }), json!({ "hb_fq_num": "12", "hb_fq_seller_percent": "100" })] {
        order["extend_params"] = other;
        let answer = stage.app.call("alipay.trade.precreate", &order).await;
        assert_eq!(answer.sub_code(), "ACQ.CONTEXT_INCONSISTENT", "another plan needs another number");
    }
    stage.sandbox.open(&crate::Door::Qr(code.as_str().unwrap().to_owned())).unwrap();
    assert_eq!(stage.app.query("order_1").await.node().get("hb_fq_pay_info"), None);
    stage.pay("order_1", PayMode::Silent).unwrap();
    let paid = stage.app.query("order_1").await.node();
    assert_eq!(paid["hb_fq_pay_info"], json!({ "user_install_num": "12", "fq_amount": "88.00" }));
    assert_eq!(paid["receipt_amount"], "88.00", "the merchant has the whole");
}

#[tokio::test]
async fn a_scanned_trade_closes_at_its_end_and_says_so_and_an_unscanned_code_just_dies() {
    let stage = stage().await;
    for number in ["order_1", "order_2"] {
        let mut order = stage.app.order(number, "cleaning [payer:inflight]");
        order["time_expire"] = "2026-11-22 09:10:00".into();
        if number == "order_2" {
            order["subject"] = "cleaning [payer:never]".into();
        }
        assert_eq!(stage.app.call("alipay.trade.precreate", &order).await.code(), "10000");
    }
    let code = stage.app.precreate("order_3", "cleaning [payer:never]").await;
    stage.clock.advance_ms(9 * 60_000);
    stage.until("scanned", || stage.sandbox.world.orders().list[0].met_at_ms.is_some()).await;
    assert_eq!(stage.app.status("order_1").await, "WAIT_BUYER_PAY");
    // Whether this one who never pays scans it at all is the seed's.
    stage.sandbox.world.orders().list[1].met_at_ms = None;
    stage.clock.advance_ms(60_000);
    assert_eq!(stage.app.status("order_1").await, "TRADE_CLOSED");
    assert_eq!(stage.app.status("order_2").await, "ACQ.TRADE_NOT_EXIST");
    assert!(stage.pay("order_2", PayMode::Normal).is_err());
    stage.until("told", || stage.entry("order_1").notifications_accepted == 1).await;
    let letter = stage.receiver.letters().remove(0);
    assert_eq!((letter.get("trade_status"), letter.get("out_trade_no")), ("TRADE_CLOSED", "order_1"));
    assert_eq!((letter.get("gmt_close"), letter.get("gmt_payment")), ("2026-11-22 09:10:00", ""));
    assert_eq!(stage.receiver.count(), 1, "nobody is told of a trade that never was");

    stage.clock.advance_ms(2 * 3_600_000 - 10 * 60_000);
    assert!(stage.sandbox.open(&crate::Door::Qr(code)).is_err(), "a code dies after two hours");
}

#[tokio::test]
async fn a_cancel_closes_what_is_unpaid_and_gives_back_what_is_paid() {
    let stage = stage().await;
    let cancel = async |number: &str| {
        let answer = stage.app.call("alipay.trade.cancel", &json!({ "out_trade_no": number })).await;
        assert_eq!(answer.code(), "10000", "{answer:?}");
        let node = answer.node();
        assert_eq!(node["retry_flag"], "N");
        node["action"].as_str().map(str::to_owned)
    };
    let code = stage.app.precreate("order_1", "cleaning [payer:never]").await;
    assert_eq!(cancel("order_1").await, None, "nothing was there");
    stage.sandbox.open(&crate::Door::Qr(code)).unwrap();
    assert_eq!(cancel("order_1").await.as_deref(), Some("close"));
    assert_eq!(stage.app.status("order_1").await, "TRADE_CLOSED");

    stage.paid("order_2").await;
    for _ in 0..2 {
        assert_eq!(cancel("order_2").await.as_deref(), Some("refund"));
    }
    assert_eq!(stage.entry("order_2").refunded_minor, 8_800);
    assert_eq!(stage.app.status("order_2").await, "TRADE_CLOSED");

    stage.paid("order_3").await;
    stage.clock.advance_ms(25 * 3_600_000);
    let late = stage.app.call("alipay.trade.cancel", &json!({ "out_trade_no": "order_3" })).await;
    assert_eq!(late.sub_code(), "ACQ.TRADE_CANCEL_TIME_OUT");
}

#[tokio::test]
async fn the_same_seed_sends_the_same_payers_whatever_the_numbers_are() {
    let run = async |seed: u64, prefix: &str| {
        let stage = stage_with(|config| config.seed = seed).await;
        for n in 0..12 {
            stage.app.precreate(&format!("{prefix}_{n}"), "cleaning").await;
        }
        let orders = stage.sandbox.world.orders();
        orders.list.iter().map(|order| (order.behaviour, order.fate)).collect::<Vec<_>>()
    };
    let first = run(7, "order").await;
    assert_eq!(first, run(7, "number").await);
    assert_ne!(first, run(8, "order").await);
}

#[tokio::test]
async fn a_paid_trade_is_finished_when_its_refunds_are_over() {
    let stage = stage_with(|config| config.payers = PayerMix::all(Behaviour::Never)).await;
    stage.paid("order_1").await;
    stage.clock.advance_ms(365 * 24 * 3_600_000);
    assert_eq!(stage.app.status("order_1").await, "TRADE_SUCCESS");
    stage.clock.advance_ms(1);
    assert_eq!(stage.app.status("order_1").await, "TRADE_FINISHED");
    assert_eq!(stage.app.refund("order_1", "r_1", "1.00", "late").await.sub_code(), "ACQ.TRADE_HAS_FINISHED");
    assert!(stage.entry("order_1").paid_at_ms.unwrap() >= START_MS);
}
