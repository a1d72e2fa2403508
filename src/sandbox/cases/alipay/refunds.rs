//! Refunds as a merchant sees them and as the books have them.

use serde_json::json;

use super::{stage, stage_with};
use crate::{Channel, RefundBehaviour, RefundMix};

#[tokio::test]
async fn a_refund_takes_effect_at_once_and_its_fee_is_cumulative() {
    let stage = stage().await;
    stage.paid("order_1").await;
    let first = stage.app.refund("order_1", "r_1", "30.00", "ill [refund:success]").await;
    assert!(first.is_genuine());
    let first = first.node();
    assert_eq!((first["fund_change"].as_str(), first["refund_fee"].as_str()), (Some("Y"), Some("30.00")));
    assert_eq!(stage.app.status("order_1").await, "TRADE_SUCCESS");

    let again = stage.app.refund("order_1", "r_1", "30.00", "ill [refund:success]").await.node();
    assert_eq!((again["fund_change"].as_str(), again["refund_fee"].as_str()), (Some("N"), Some("30.00")));
    let other = stage.app.refund("order_1", "r_1", "30.01", "ill").await;
    assert_eq!(other.sub_code(), "ACQ.DISCORDANT_REPEAT_REQUEST");

    stage.clock.advance_ms(3_000);
    let rest = stage.app.refund("order_1", "r_2", "58.00", "ill [refund:success]").await.node();
    assert_eq!((rest["fund_change"].as_str(), rest["refund_fee"].as_str()), (Some("Y"), Some("88.00")));
    assert_eq!(stage.app.status("order_1").await, "TRADE_CLOSED");
    let entry = stage.entry("order_1");
    assert_eq!((entry.refunded_minor, entry.state.as_str()), (8_800, "REFUND"));
    let refund = stage.refund_entry("r_1");
    assert_eq!((refund.channel, refund.effects, refund.succeeded_minor), (Channel::Alipay, 1, 3_000));
    assert_eq!(refund.out_trade_no, "order_1");
}

#[tokio::test]
async fn a_refund_query_is_silent_until_the_money_has_gone() {
    let stage = stage().await;
    stage.paid("order_1").await;
    let silent = stage.app.query_refund("order_1", "r_1").await;
    assert_eq!(silent.node(), json!({ "code": "10000", "msg": "Success" }), "unknown");
    let slow = stage.app.refund("order_1", "r_1", "30.00", "ill [refund:slow]").await.node();
    assert_eq!((slow["fund_change"].as_str(), slow["refund_fee"].as_str()), (Some("N"), Some("0.00")));
    assert_eq!(stage.app.query_refund("order_1", "r_1").await.node().get("refund_status"), None, "under way");
    stage.until("it arrives", || stage.refund_entry("r_1").effects == 1).await;
    let done = stage.app.query_refund("order_1", "r_1").await.node();
    assert_eq!(done["refund_status"], "REFUND_SUCCESS");
    assert_eq!((done["refund_amount"].as_str(), done["total_amount"].as_str()), (Some("30.00"), Some("88.00")));
    assert!(done["gmt_refund_pay"].as_str().unwrap().starts_with("2026-11-22 "));
    let again = stage.app.refund("order_1", "r_1", "30.00", "ill [refund:slow]").await.node();
    assert_eq!((again["fund_change"].as_str(), again["refund_fee"].as_str()), (Some("N"), Some("30.00")));
    assert_eq!(stage.app.query_refund("order_9", "r_1").await.sub_code(), "ACQ.TRADE_NOT_EXIST");
}

#[tokio::test]
async fn numbers_belong_to_their_trade_and_a_part_needs_one() {
    let stage = stage().await;
    stage.paid("order_1").await;
    stage.paid("order_2").await;
    for order in ["order_1", "order_2"] {
        assert_eq!(stage.app.refund(order, "r_1", "1.00", "ill [refund:success]").await.node()["fund_change"], "Y");
    }
    stage.paid("order_3").await;
    let biz =
        |yuan: &str| json!({ "out_trade_no": "order_3", "refund_amount": yuan, "refund_reason": "[refund:success]" });
    assert_eq!(stage.app.call("alipay.trade.refund", &biz("1.00")).await.sub_code(), "ACQ.INVALID_PARAMETER");
    assert_eq!(stage.app.call("alipay.trade.refund", &biz("88.00")).await.node()["fund_change"], "Y");
    assert_eq!(stage.app.query_refund("order_3", "order_3").await.node()["refund_status"], "REFUND_SUCCESS");
}

#[tokio::test]
async fn what_is_not_lawful_is_refused_in_the_channels_words() {
    let stage = stage().await;
    let refused = async |order: &str, number: &str, yuan: &str, reason: &str| {
        stage.app.refund(order, number, yuan, reason).await.sub_code()
    };
    assert_eq!(refused("order_9", "r_1", "1.00", "ill").await, "ACQ.TRADE_NOT_EXIST");
    let code = stage.app.precreate("order_1", "cleaning [payer:never]").await;
    stage.sandbox.open(&crate::Door::Qr(code)).unwrap();
    assert_eq!(refused("order_1", "r_1", "1.00", "ill").await, "ACQ.TRADE_STATUS_ERROR");
    stage.paid("order_2").await;
    assert_eq!(refused("order_2", "r_1", "88.01", "ill").await, "ACQ.REASON_TRADE_REFUND_FEE_ERR");
    assert_eq!(refused("order_2", "r_1", "1.00", "[refund:closed]").await, "ACQ.TRADE_NOT_ALLOW_REFUND");
    assert_eq!(refused("order_2", "r_2", "1.00", "[refund:success]").await, "");
    assert_eq!(refused("order_2", "r_3", "1.00", "[refund:success]").await, "ACQ.SYSTEM_ERROR", "too soon");
    stage.clock.advance_ms(3_000);
    assert_eq!(refused("order_2", "r_3", "87.00", "[refund:success]").await, "");
    stage.clock.advance_ms(3_000);
    assert_eq!(refused("order_2", "r_4", "0.01", "[refund:success]").await, "ACQ.TRADE_HAS_CLOSE");
    assert_eq!(stage.sandbox.refunds().len(), 2);
}

#[tokio::test]
async fn a_low_balance_refuses_for_a_while_and_then_accepts_the_same_number() {
    let stage = stage().await;
    stage.paid("order_1").await;
    for wait_ms in [0, 9_999] {
        stage.clock.advance_ms(wait_ms);
        let answer = stage.app.refund("order_1", "r_1", "1.00", "[refund:nofunds]").await;
        assert_eq!(answer.sub_code(), "ACQ.SELLER_BALANCE_NOT_ENOUGH");
    }
    stage.clock.advance_ms(60_000);
    assert_eq!(stage.app.refund("order_1", "r_1", "1.00", "[refund:nofunds]").await.node()["fund_change"], "Y");
    assert_eq!(stage.refund_entry("r_1").effects, 1);
}

#[tokio::test]
async fn what_banks_do_later_is_no_business_of_the_merchant() {
    for behaviour in [RefundBehaviour::Abnormal, RefundBehaviour::Stubborn, RefundBehaviour::Reversed] {
        let stage = stage_with(|config| config.refunds = RefundMix::all(behaviour)).await;
        stage.paid("order_1").await;
        assert_eq!(stage.app.refund("order_1", "r_1", "1.00", "ill").await.node()["fund_change"], "Y");
        stage.clock.advance_ms(600_000);
        assert_eq!(stage.app.query_refund("order_1", "r_1").await.node()["refund_status"], "REFUND_SUCCESS");
        assert_eq!(stage.refund_entry("r_1").state, "SUCCESS");
    }
}
