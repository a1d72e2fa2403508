//! Refunds: accepted first, settled and told later.

use super::{desk, desk_with};
use crate::PayMode;

#[tokio::test]
async fn a_refund_is_accepted_then_settled_and_then_told() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let form = desk.merchant.refund(&id, "refund0001", 300).with("reqReserved", "[refund:success]");
    let answer = desk.merchant.send("backTransReq.do", &form).await;
    assert_eq!((answer.code().as_str(), answer.get("origQryId"), answer.is_genuine()), ("00", id, true));
    let entry = desk.refund_entry("refund0001");
    assert_eq!(
        (entry.state.as_str(), entry.succeeded_minor, entry.out_trade_no.as_str()),
        ("PROCESSING", 0, "order0001")
    );
    assert_eq!(entry.refund_id, answer.get("queryId"));
    assert_eq!(desk.merchant.query(&form).await.original(), "05");
    desk.settled_and_told(1).await;
    let told = desk.merchant.query(&form).await;
    assert_eq!(
        (told.original().as_str(), told.get("txnType").as_str(), told.get("txnAmt").as_str()),
        ("00", "04", "300")
    );
    assert_eq!(desk.refund_entry("refund0001").succeeded_minor, 300);
    assert_eq!((desk.entry("order0001").state.as_str(), desk.entry("order0001").refunded_minor), ("REFUND", 300));
    let notice = desk.inbox.notices().remove(0);
    assert_eq!((notice["txnType"].as_str(), notice["orderId"].as_str()), ("04", "refund0001"));
    assert_eq!((notice["respCode"].as_str(), notice["origQryId"].as_str()), ("00", form.get("origQryId")));
    assert_eq!(desk.merchant.query(&desk.merchant.purchase("order0001")).await.code(), "34", "another time");
}

#[tokio::test]
async fn parts_are_refunded_up_to_the_whole_and_no_further() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    for (number, fen) in [("refund0001", 5_000), ("refund0002", 3_800)] {
        desk.refunded(&id, number, fen, "success").await;
    }
    let more = desk.merchant.refund(&id, "refund0003", 1);
    assert_eq!(desk.merchant.send("backTransReq.do", &more).await.code(), "33");
    assert_eq!(desk.merchant.query(&more).await.code(), "34", "what was refused was not entered");
    desk.settle().await;
    assert_eq!(desk.entry("order0001").refunded_minor, 8_800);
    assert_eq!(desk.sandbox.counters().refund_effects, 2);
}

#[tokio::test]
async fn the_same_refund_again_is_a_duplicate_and_gives_nothing() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let form = desk.refunded(&id, "refund0001", 300, "success").await;
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "12");
    desk.settle().await;
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "12");
    desk.settle().await;
    assert_eq!(desk.refund_entry("refund0001").effects, 1);
    let taken = desk.merchant.refund(&id, "order0001", 300);
    assert_eq!(desk.merchant.send("backTransReq.do", &taken).await.code(), "12", "a purchase has this number");
}

#[tokio::test]
async fn what_is_refunded_is_named_by_the_networks_number_or_by_number_and_time() {
    let desk = desk().await;
    desk.paid("order0001").await;
    let sent = desk.merchant.purchase("order0001");
    let by_name = desk.merchant.refund("", "refund0001", 300).without("origQryId").with("origOrderId", "order0001");
    let answer = desk.merchant.send("backTransReq.do", &by_name).await;
    assert_eq!(answer.code(), "13", "{answer:?}");
    let by_name = by_name.with("origTxnTime", sent.get("txnTime"));
    assert_eq!(desk.merchant.send("backTransReq.do", &by_name).await.code(), "00");
    let unknown = desk.merchant.refund("000000000000000000000", "refund0002", 300);
    assert_eq!(desk.merchant.send("backTransReq.do", &unknown).await.code(), "34");
    let other_time = by_name.with("orderId", "refund0003").with("origTxnTime", &desk.merchant.time(1));
    assert_eq!(desk.merchant.send("backTransReq.do", &other_time).await.code(), "34");
}

#[tokio::test]
async fn an_order_that_is_not_paid_or_too_old_is_not_refunded() {
    let desk = desk().await;
    let form = desk.ordered("order0001", "never").await;
    let refund = desk.merchant.refund("", "refund0001", 300).without("origQryId").with("origOrderId", "order0001");
    let refund = refund.with("origTxnTime", form.get("txnTime"));
    assert_eq!(desk.merchant.send("backTransReq.do", &refund).await.code(), "35");
    desk.pay("order0001", PayMode::Silent);
    desk.clock.advance_ms(330 * 24 * 3_600_000 + 1);
    assert_eq!(desk.merchant.send("backTransReq.do", &refund).await.code(), "35");
    assert!(desk.sandbox.refunds().is_empty());
}

#[tokio::test]
async fn a_refund_that_the_bank_refuses_is_told_to_whoever_asks_only() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    for (number, tag) in [("refund0001", "closed"), ("refund0002", "abnormal"), ("refund0003", "stubborn")] {
        let form = desk.refunded(&id, number, 8_800, tag).await;
        desk.settle().await;
        let code = desk.merchant.query(&form).await.original();
        assert!(["60", "63"].contains(&code.as_str()), "{tag}: {code}");
        assert_eq!(desk.refund_entry(number).state, "CLOSED", "the money is the merchant's again");
    }
    assert_eq!(desk.entry("order0001").refunded_minor, 0);
    desk.refunded(&id, "refund0004", 8_800, "reversed").await;
    desk.settled_and_told(1).await;
    assert_eq!(desk.inbox.notices()[0]["orderId"], "refund0004");
    assert_eq!((desk.entry("order0001").refunded_minor, desk.sandbox.counters().refund_reversals), (8_800, 0));
}

#[tokio::test]
async fn a_merchant_without_funds_is_refused_and_the_same_number_succeeds_later() {
    let desk = desk().await;
    let id = desk.paid("order0001").await;
    let form = desk.merchant.refund(&id, "refund0001", 300).with("reqReserved", "[refund:nofunds]");
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "64");
    assert_eq!(desk.merchant.query(&form).await.code(), "34");
    desk.clock.advance_ms(60_000);
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "00");
    desk.settle().await;
    assert_eq!(desk.refund_entry("refund0001").effects, 1);
}

#[tokio::test]
async fn refunds_behave_by_their_mix_without_tags() {
    let mix = crate::RefundMix::all(crate::RefundBehaviour::Slow);
    let desk = desk_with(|config| config.refunds = mix).await;
    let id = desk.paid("order0001").await;
    let form = desk.merchant.refund(&id, "refund0001", 300);
    assert_eq!(desk.merchant.send("backTransReq.do", &form).await.code(), "00");
    let due_ms = desk.sandbox.world.timers.next_due_ms().unwrap() - desk.now_ms();
    assert!((120_000..=600_000).contains(&due_ms), "{due_ms}");
}
