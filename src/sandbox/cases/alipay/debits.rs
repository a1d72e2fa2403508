//! Debits under an agreement on Alipay: answered at once or later, within their days and limits, and declined.

use serde_json::{Value, json};

use super::super::{eventually, faithful};
use super::app::{Answer, provisioned};
use super::{Stage, stage_with};
use crate::{DebitOutcome, Decline, EndedBy, Faults, Purse};

const DAY_MS: i64 = 24 * 3_600_000;

fn debit_of(agreement: &str, number: &str, yuan: &str) -> Value {
    json!({
        "out_trade_no": number, "total_amount": yuan, "subject": "nanny", "product_code": "CYCLE_PAY_AUTH",
        "agreement_params": { "agreement_no": agreement },
    })
}

impl Stage {
    async fn debit(&self, agreement: &str, number: &str, yuan: &str) -> Answer {
        self.app.call("alipay.trade.pay", &debit_of(agreement, number, yuan)).await
    }

    fn outcomes(&self) -> Vec<DebitOutcome> {
        self.sandbox.debits().into_iter().map(|entry| entry.outcome).collect()
    }

    fn general(&self, number: &str) -> String {
        self.signed_agreement(number, |biz| {
            biz["personal_product_code"] = "GENERAL_WITHHOLDING_P".into();
            biz.as_object_mut().unwrap().remove("period_rule_params");
        })
    }
}

#[tokio::test]
async fn most_debits_are_answered_at_once_and_the_others_later() {
    let stage = stage_with(faithful).await;
    let no = stage.general("agr1");
    let mut codes = Vec::new();
    for n in 0..40 {
        let number = format!("debit_{n}");
        let answer = stage.debit(&no, &number, "88.00").await;
        assert!(answer.is_genuine());
        let status = stage.app.status(&number).await;
        match answer.code().as_str() {
            "10000" => assert_eq!((status.as_str(), stage.entry(&number).charges), ("TRADE_SUCCESS", 1)),
            "10003" => {
                assert_eq!(status, "WAIT_BUYER_PAY");
                assert_eq!(stage.debit(&no, &number, "88.00").await.code(), "10003", "the same again is the same");
                stage.until("charged", || stage.entry(&number).charges == 1).await;
            }
            other => panic!("{other}"),
        }
        assert_eq!(stage.debit(&no, &number, "88.00").await.sub_code(), "ACQ.TRADE_HAS_SUCCESS");
        assert_eq!(stage.debit(&no, &number, "88.01").await.sub_code(), "ACQ.CONTEXT_INCONSISTENT");
        codes.push(answer.code());
    }
    let count = |code: &str| codes.iter().filter(|known| *known == code).count();
    assert!(count("10000") >= 30 && count("10003") >= 1, "{codes:?}");
    assert!(stage.sandbox.books().iter().all(|entry| entry.charges == 1 && entry.agreement.as_deref() == Some("agr1")));
    stage.until("told", || stage.entry("debit_0").notifications_accepted == 1).await;
    let letters = stage.receiver.letters();
    assert!(letters.iter().any(|l| l.get("out_trade_no") == "debit_0" && l.get("trade_status") == "TRADE_SUCCESS"));
    assert_eq!(stage.app.refund("debit_0", "r_1", "8.00", "ill [refund:success]").await.code(), "10000");
}

#[tokio::test]
async fn a_periodic_debit_comes_within_its_days_and_a_success_moves_them() {
    let stage = stage_with(faithful).await;
    // The 22nd; the debit is due on the 28th, so its days begin on the 23rd.
    let no = stage.signed_agreement("agr1", |biz| biz["period_rule_params"]["execute_time"] = "2026-11-28".into());
    assert_eq!(stage.debit(&no, "debit_1", "88.00").await.sub_code(), "ACQ.CYCLE_PAY_DATE_NOT_MATCH");
    stage.clock.advance_ms(DAY_MS);
    assert_eq!(stage.debit(&no, "debit_1", "88.01").await.sub_code(), "ACQ.CYCLE_PAY_SINGLE_FEE_EXCEED");
    stage.sandbox.set_purse(&provisioned().app_id, "agr1", Purse::declines(Decline::InsufficientFunds, 1)).unwrap();
    let declined = stage.debit(&no, "debit_1", "88.00").await;
    if declined.code() == "10003" {
        stage.until("declined", || stage.entry("debit_1").failed_attempts == 1).await;
    }
    assert_eq!(
        stage.app.show_agreement("agr1").await.node()["next_deduct_time"],
        "2026-11-28",
        "a failure moves nothing"
    );
    stage.clock.advance_ms(5 * DAY_MS);
    stage.debit(&no, "debit_2", "88.00").await;
    stage.until("charged on the day itself", || stage.entry("debit_2").charges == 1).await;
    assert_eq!(stage.app.show_agreement("agr1").await.node()["next_deduct_time"], "2026-12-28");
    assert_eq!(stage.debit(&no, "debit_3", "88.00").await.sub_code(), "ACQ.CYCLE_PAY_DATE_NOT_MATCH");
    stage.clock.advance_ms(31 * DAY_MS);
    assert_eq!(stage.debit(&no, "debit_3", "88.00").await.sub_code(), "ACQ.CYCLE_PAY_DATE_NOT_MATCH", "a day late");
    let calls: Vec<_> = stage.sandbox.debits().into_iter().map(|entry| (entry.out_trade_no, entry.at_ms)).collect();
    assert_eq!(calls.len(), 6);
    assert_eq!(calls[5], ("debit_3".to_owned(), stage.now_ms()));
}

#[tokio::test]
async fn sums_and_counts_are_limited() {
    let stage = stage_with(faithful).await;
    let days = |biz: &mut Value, name: &str, value: Value| {
        biz["period_rule_params"]["period_type"] = "DAY".into();
        biz["period_rule_params"]["period"] = 7.into();
        biz["period_rule_params"][name] = value;
    };
    let by_sum = stage.signed_agreement("agr1", |biz| days(biz, "total_amount", "100.00".into()));
    let by_count = stage.signed_agreement("agr2", |biz| days(biz, "total_payments", 1.into()));
    for (no, number) in [(&by_sum, "debit_1"), (&by_count, "debit_2")] {
        stage.debit(no, number, "88.00").await;
        stage.until("charged", || stage.entry(number).charges == 1).await;
    }
    stage.clock.advance_ms(7 * DAY_MS);
    assert_eq!(stage.debit(&by_sum, "debit_3", "12.01").await.sub_code(), "ACQ.CYCLE_PAY_TOTAL_FEE_EXCEED");
    assert_eq!(stage.debit(&by_count, "debit_4", "1.00").await.sub_code(), "ACQ.CYCLE_PAY_TOTAL_TIMES_EXCEED");
}

#[tokio::test]
async fn declines_have_the_documented_codes_and_the_number_can_be_tried_again() {
    let stage = stage_with(faithful).await;
    let no = stage.general("agr1");
    for (n, (decline, code)) in [
        (Decline::InsufficientFunds, "ACQ.BUYER_BALANCE_NOT_ENOUGH"),
        (Decline::Hard, "ACQ.BUYER_ENABLE_STATUS_FORBID"),
        (Decline::Risk, "ACQ.PAYMENT_REQUEST_HAS_RISK"),
        (Decline::Technical, "ACQ.PAYMENT_FAIL"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("debit_{n}");
        stage.sandbox.set_purse(&provisioned().app_id, "agr1", Purse::declines(decline, 1)).unwrap();
        let answer = stage.debit(&no, &number, "88.00").await;
        if answer.code() == "10003" {
            stage.until("declined and told", || stage.entry(&number).notifications_accepted == 1).await;
            assert_eq!(stage.app.status(&number).await, "TRADE_CLOSED");
            assert_eq!(stage.debit(&no, &number, "88.00").await.sub_code(), "ACQ.TRADE_HAS_CLOSE");
            continue;
        }
        assert_eq!(answer.sub_code(), code);
        assert_eq!(stage.app.status(&number).await, "ACQ.TRADE_NOT_EXIST", "it left no trade");
        stage.debit(&no, &number, "88.00").await;
        stage.until("charged once", || stage.entry(&number).charges == 1).await;
        assert_eq!(stage.entry(&number).failed_attempts, 1);
    }
}

#[tokio::test]
async fn under_an_agreement_that_is_over_or_unknown_nothing_is_debited() {
    let stage = stage_with(faithful).await;
    let no = stage.general("agr1");
    assert_eq!(stage.debit("20269", "debit_1", "88.00").await.sub_code(), "ACQ.AGREEMENT_NOT_EXIST");
    stage.sandbox.end_agreement(&provisioned().app_id, "agr1", EndedBy::Payer).unwrap();
    assert_eq!(stage.debit(&no, "debit_1", "88.00").await.sub_code(), "ACQ.AGREEMENT_INVALID");
    let refused = |code: &str| DebitOutcome::Refused(code.to_owned());
    assert_eq!(stage.outcomes(), ["ACQ.AGREEMENT_NOT_EXIST", "ACQ.AGREEMENT_INVALID"].map(refused));
    let mut bare = debit_of(&no, "debit_2", "88.00");
    bare.as_object_mut().unwrap().remove("agreement_params");
    assert_eq!(stage.app.call("alipay.trade.pay", &bare).await.sub_code(), "ACQ.INVALID_PARAMETER");
}

#[tokio::test]
async fn a_debit_that_shall_be_told_later_is_closed_before_it_is_decided() {
    let stage = stage_with(faithful).await;
    let no = stage.general("agr1");
    let mut later = debit_of(&no, "debit_1", "88.00");
    later["is_async_pay"] = true.into();
    let answer = stage.app.call("alipay.trade.pay", &later).await;
    assert_eq!((answer.code().as_str(), answer.node()["async_pay_apply_status"].as_str()), ("10003", Some("S")));
    assert_eq!(stage.app.close("debit_1").await.code(), "10000");
    stage.until("decided", || stage.outcomes() == [DebitOutcome::Closed]).await;
    assert_eq!((stage.entry("debit_1").charges, stage.agreement("agr1").charges), (0, 0));
}

#[tokio::test]
async fn a_lost_answer_leaves_one_charge() {
    let stage = stage_with(faithful).await;
    let no = stage.general("agr1");
    stage.sandbox.set_faults(Faults { lost_answer_after_effect: 10_000, ..Faults::calm() });
    for _ in 0..3 {
        // Lost on the way, or inside the gateway that then says it does not know.
        if let Ok(answer) = stage.app.try_call("alipay.trade.pay", &debit_of(&no, "debit_1", "88.00")).await {
            assert!(["20000", "40004"].contains(&answer.code().as_str()), "{answer:?}");
        }
    }
    stage.sandbox.set_faults(Faults::calm());
    stage.until("charged", || stage.entry("debit_1").charges == 1).await;
    eventually("three calls", || stage.sandbox.debits().len() == 3).await;
    assert_eq!(stage.app.status("debit_1").await, "TRADE_SUCCESS");
}
