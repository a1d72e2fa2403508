//! Debits under a contract on WeChat: accepted, decided, declined by class, repeated, refunded.

use serde_json::{Value, json};

use super::merchant::{Answer, Shop, keys};
use super::{Stage, faithful, stage_with};
use crate::{DebitOutcome, Decline, EndedBy, Faults, Purse};

const DAY_MS: i64 = 24 * 3_600_000;
const HOUR_MS: i64 = 3_600_000;

fn mchid() -> &'static str {
    &keys().provisioned.mchid
}

fn debit_body(shop: &Shop, contract: &str, number: &str, fen: i64) -> Value {
    json!({
        "appid": keys().provisioned.appid,
        "out_trade_no": number,
        "description": "nanny, one month",
        "transaction_notify_url": shop.notify_url(),
        "contract_id": contract,
        "amount": { "total": fen, "currency": "CNY" },
    })
}

impl Stage {
    async fn try_debit(&self, contract: &str, number: &str, fen: i64) -> reqwest::Result<Answer> {
        let body = debit_body(&self.shop, contract, number, fen).to_string();
        self.shop.call("POST", "/v3/papay/pay/transactions/apply", body).await
    }

    async fn debit(&self, contract: &str, number: &str, fen: i64) -> Answer {
        self.try_debit(contract, number, fen).await.unwrap()
    }

    fn outcomes(&self) -> Vec<DebitOutcome> {
        self.sandbox.debits().into_iter().map(|entry| entry.outcome).collect()
    }

    async fn trade_state(&self, number: &str) -> String {
        self.shop.query(number).await.json()["trade_state"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn an_accepted_debit_is_decided_a_while_later_told_and_refunded_like_any_order() {
    let stage = stage_with(faithful).await;
    let contract = stage.contract("code-1").await;
    let answer = stage.debit(&contract, "debit-0001", 8_800).await;
    assert_eq!((answer.status, answer.is_genuine()), (200, true));
    assert_eq!(answer.json(), json!({ "out_trade_no": "debit-0001", "amount": { "total": 8_800, "currency": "CNY" } }));
    assert_eq!(stage.trade_state("debit-0001").await, "ACCEPT");
    assert_eq!(stage.shop.close("debit-0001").await.code(), "INVALID_REQUEST");
    assert_eq!(stage.outcomes(), [DebitOutcome::Pending]);

    stage.until("charged and told", || stage.entry("debit-0001").notifications_accepted == 1).await;
    let shown = stage.shop.query("debit-0001").await.json();
    assert_eq!((shown["trade_state"].as_str(), shown["trade_type"].as_str()), (Some("SUCCESS"), Some("PAP")));
    let letters = stage.receiver.letters();
    let letter = letters.iter().find(|letter| letter.envelope()["event_type"] == "TRANSACTION.SUCCESS").unwrap();
    assert_eq!(letter.resource()["out_trade_no"], "debit-0001");
    let entry = stage.entry("debit-0001");
    assert_eq!((entry.charges, entry.agreement.as_deref()), (1, Some("code-1")));
    assert_eq!(stage.outcomes(), [DebitOutcome::Charged]);
    let agreement = stage.agreement("code-1");
    assert_eq!((agreement.charges, agreement.charged_minor), (1, 8_800));
    assert_eq!(stage.sandbox.debits()[0].at_ms, super::START_MS);

    let refund = json!({
        "out_trade_no": "debit-0001", "out_refund_no": "r1", "reason": "ill [refund:success]",
        "amount": { "refund": 800, "total": 8_800, "currency": "CNY" },
    });
    let answer = stage.shop.call("POST", "/v3/refund/domestic/refunds", refund.to_string()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn the_same_debit_again_is_one_debit_and_another_under_its_number_is_refused() {
    let stage = stage_with(faithful).await;
    let contract = stage.contract("code-1").await;
    for _ in 0..3 {
        assert_eq!(stage.debit(&contract, "debit-0001", 8_800).await.status, 200);
    }
    assert_eq!(stage.debit(&contract, "debit-0001", 8_801).await.code(), "INVALID_REQUEST");
    stage.until("charged", || stage.entry("debit-0001").charges > 0).await;
    assert_eq!(stage.debit(&contract, "debit-0001", 8_800).await.code(), "ORDER_PAID");
    assert_eq!(stage.debit(&contract, "debit-0001", 8_801).await.code(), "OUT_TRADE_NO_USED");
    assert_eq!((stage.entry("debit-0001").charges, stage.agreement("code-1").charges), (1, 1));
    let [charged, again, third, other, paid, used] = <[_; 6]>::try_from(stage.outcomes()).unwrap();
    assert_eq!([charged, again, third], [DebitOutcome::Charged, DebitOutcome::Repeated, DebitOutcome::Repeated]);
    let refused = |code: &str| DebitOutcome::Refused(code.to_owned());
    assert_eq!([other, paid, used], ["INVALID_REQUEST", "ORDER_PAID", "OUT_TRADE_NO_USED"].map(refused));
}

#[tokio::test]
async fn a_decline_of_each_class_ends_the_number_and_an_emptied_purse_fills_again() {
    let stage = stage_with(faithful).await;
    let contract = stage.contract("code-1").await;
    for (n, (decline, word)) in [
        (Decline::InsufficientFunds, "余额不足"),
        (Decline::Hard, "注销"),
        (Decline::Risk, "风险"),
        (Decline::Technical, "系统异常"),
        (Decline::Authentication, "确认身份"),
    ]
    .into_iter()
    .enumerate()
    {
        let number = format!("debit-000{n}");
        stage.sandbox.set_purse(mchid(), "code-1", Purse::declines(decline, 1)).unwrap();
        assert_eq!(stage.debit(&contract, &number, 8_800).await.status, 200);
        stage.until("declined and told", || stage.entry(&number).notifications_accepted == 1).await;
        let shown = stage.shop.query(&number).await.json();
        assert_eq!(shown["trade_state"], "PAYERROR");
        assert!(shown["trade_state_desc"].as_str().unwrap().contains(word), "{shown}");
        assert_eq!(stage.outcomes().last(), Some(&DebitOutcome::Declined(decline)));
        let last = stage.receiver.letters().pop().unwrap();
        assert_eq!(last.envelope()["event_type"], "TRANSACTION.FAIL");
        assert_eq!(last.resource()["trade_state"], "PAYERROR");
        assert_eq!(stage.debit(&contract, &number, 8_800).await.code(), "ORDER_CLOSED");
        assert_eq!(stage.entry(&number).charges, 0);
    }
    assert_eq!(stage.debit(&contract, "debit-0009", 8_800).await.status, 200);
    stage.until("the purse is full again", || stage.entry("debit-0009").charges == 1).await;
    assert_eq!(stage.sandbox.counters().declines, 5);
}

#[tokio::test]
async fn where_the_template_asks_for_notice_a_debit_waits_for_the_day_after_the_next() {
    let stage = stage_with(|config| {
        faithful(config);
        config.accounts[0].papay.needs_notice = true;
        config.accounts[0].papay.single_fen = Some(20_000);
    })
    .await;
    let contract = stage.contract("code-1").await;
    assert_eq!(stage.debit(&contract, "debit-0001", 8_800).await.code(), "RULE_LIMIT", "nobody was told");
    assert_eq!(stage.notice(&contract, 8_800, 2).await.status, 204);
    // 2026-11-23T23:59 in Beijing is the day between.
    stage.clock.advance_ms(DAY_MS + 15 * HOUR_MS - 60_000);
    assert_eq!(stage.debit(&contract, "debit-0001", 8_800).await.code(), "RULE_LIMIT", "too soon");
    stage.clock.advance_ms(60_000);
    assert_eq!(stage.debit(&contract, "debit-0001", 8_801).await.code(), "RULE_LIMIT", "more than announced");
    stage.sandbox.set_purse(mchid(), "code-1", Purse::declines(Decline::InsufficientFunds, 1)).unwrap();
    assert_eq!(stage.debit(&contract, "debit-0001", 8_800).await.status, 200);
    stage.until("declined", || stage.entry("debit-0001").failed_attempts == 1).await;
    stage.clock.advance_ms(DAY_MS);
    assert_eq!(stage.debit(&contract, "debit-0002", 8_000).await.status, 200, "the notice still stands");
    stage.until("charged", || stage.entry("debit-0002").charges == 1).await;
    assert_eq!(stage.debit(&contract, "debit-0003", 8_000).await.code(), "RULE_LIMIT", "one notice, one debit");
    assert_eq!(stage.notice(&contract, 30_000, 1).await.status, 204);
    stage.clock.advance_ms(2 * DAY_MS);
    assert_eq!(stage.debit(&contract, "debit-0003", 20_001).await.code(), "RULE_LIMIT", "the contract's own limit");
    stage.clock.advance_ms(DAY_MS);
    assert_eq!(stage.debit(&contract, "debit-0003", 20_000).await.code(), "RULE_LIMIT", "its days are over");
}

#[tokio::test]
async fn under_a_contract_that_is_over_or_was_never_signed_nothing_is_debited() {
    let stage = stage_with(faithful).await;
    let contract = stage.contract("code-1").await;
    assert_eq!(stage.debit(&contract, "debit-0001", 8_800).await.status, 200);
    stage.sandbox.end_agreement(mchid(), "code-1", EndedBy::Payer).unwrap();
    stage.until("decided", || stage.outcomes() == [DebitOutcome::Declined(Decline::Hard)]).await;
    assert_eq!(stage.trade_state("debit-0001").await, "PAYERROR", "who leaves while it is under way is not charged");
    assert_eq!(stage.debit(&contract, "debit-0002", 8_800).await.code(), "NO_AUTH");
    stage.presign("code-2", "nanny [sign:never]").await;
    let unsigned = stage.agreement("code-2").agreement_id;
    assert_eq!(stage.debit(&unsigned, "debit-0002", 8_800).await.code(), "RESOURCE_NOT_EXISTS");
    assert_eq!(stage.debit("Wx0", "debit-0002", 8_800).await.code(), "RESOURCE_NOT_EXISTS");
    let named: Vec<_> = stage.sandbox.debits().into_iter().map(|entry| entry.agreement).collect();
    assert_eq!(named, ["code-1", "code-1", "code-2", "Wx0"]);
}

#[tokio::test]
async fn a_lost_answer_leaves_one_debit_and_a_fault_before_the_effect_none() {
    let lost = Faults { lost_answer_after_effect: 10_000, ..Faults::calm() };
    let held = Faults { timeout_before_effect: 10_000, ..Faults::calm() };
    let stage = stage_with(faithful).await;
    let contract = stage.contract("code-1").await;
    stage.sandbox.set_faults(held);
    assert!(stage.try_debit(&contract, "debit-0001", 8_800).await.is_err());
    assert!(stage.sandbox.debits().is_empty(), "the channel never saw it");
    stage.sandbox.set_faults(lost);
    for _ in 0..2 {
        assert!(stage.try_debit(&contract, "debit-0001", 8_800).await.is_err());
    }
    stage.sandbox.set_faults(Faults::calm());
    stage.until("charged", || stage.entry("debit-0001").charges == 1).await;
    assert_eq!(stage.outcomes(), [DebitOutcome::Charged, DebitOutcome::Repeated]);
}

#[tokio::test]
async fn an_operator_sees_signs_fills_and_ends_over_http() {
    let stage = stage_with(faithful).await;
    stage.presign("code-1", "nanny [sign:never]").await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let at = |path: &str| format!("{}/_sandbox/{path}", stage.sandbox.base_url());
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(status(http.post(at("agreements/code-1/sign"))).await, 204);
    assert_eq!(status(http.post(at("agreements/code-1/sign"))).await, 409);
    assert_eq!(status(http.post(at("agreements/code-9/sign"))).await, 404);
    let purse = http.put(at("agreements/code-1/purse")).body(r#"{"decline":"risk"}"#);
    assert_eq!(status(purse).await, 204);
    assert_eq!(status(http.put(at("agreements/code-1/purse")).body(r#"{"mood":"bad"}"#)).await, 400);
    stage.debit(&stage.agreement("code-1").agreement_id, "debit-0001", 8_800).await;
    stage.until("declined", || stage.outcomes() == [DebitOutcome::Declined(Decline::Risk)]).await;
    assert_eq!(status(http.post(at("agreements/code-1/end?by=payer"))).await, 204);
    let read = async |path: &str| {
        let text = http.get(at(path)).send().await.unwrap().text().await.unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let shown = read("agreements").await;
    assert_eq!(shown[0]["state"], json!({ "ended": "payer" }));
    assert_eq!(read("debits").await[0]["outcome"], json!({ "declined": "risk" }));
    assert_eq!(read("books").await[0]["agreement"], "code-1");
}
