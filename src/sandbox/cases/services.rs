//! Service orders on WeChat (pay after service): confirmed, completed, collected, lowered, cancelled, paid elsewhere.

use serde_json::{Value, json};

use super::merchant::{Answer, keys};
use super::{Stage, faithful, stage_with};
use crate::pace::beijing_digits;
use crate::{Door, PayMode};

const SERVICE: &str = "2002000000000558128851361561536";

impl Stage {
    async fn serve(&self, number: &str, introduction: &str) -> Value {
        let answer = self.shop.call("POST", "/v3/payscore/serviceorder", self.service(number, introduction)).await;
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    fn service(&self, number: &str, introduction: &str) -> String {
        let body = json!({
            "out_order_no": number,
            "appid": keys().provisioned.appid,
            "service_id": SERVICE,
            "service_introduction": introduction,
            "time_range": { "start_time": "OnAccept" },
            "risk_fund": { "name": "ESTIMATE_ORDER_COST", "amount": 20_000 },
            "notify_url": self.shop.notify_url(),
            "need_user_confirm": true,
        });
        body.to_string()
    }

    async fn act(&self, number: &str, word: &str, more: Value) -> Answer {
        let mut body = json!({ "appid": keys().provisioned.appid, "service_id": SERVICE });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let target = format!("/v3/payscore/serviceorder/{number}/{word}");
        self.shop.call("POST", &target, body.to_string()).await.unwrap()
    }

    async fn complete(&self, number: &str, fen: i64) -> Answer {
        self.complete_at(number, fen, &beijing_digits(self.now_ms())).await
    }

    async fn complete_at(&self, number: &str, fen: i64, end_time: &str) -> Answer {
        let payments = json!([{ "name": "cleaning", "amount": fen }]);
        let range = json!({ "end_time": end_time });
        let body = json!({ "post_payments": payments, "total_amount": fen, "time_range": range });
        self.act(number, "complete", body).await
    }

    async fn show_service(&self, number: &str) -> Value {
        let appid = &keys().provisioned.appid;
        let target = format!("/v3/payscore/serviceorder?out_order_no={number}&service_id={SERVICE}&appid={appid}");
        self.shop.call("GET", &target, String::new()).await.unwrap().json()
    }

    /// A service that was done and paid for.
    pub async fn served(&self, number: &str, fen: i64) {
        self.serve(number, "[payer:never]").await;
        self.confirm(number);
        self.complete(number, fen).await;
        self.until("collected", || self.entry(number).captured_minor == fen).await;
    }

    fn confirm(&self, number: &str) {
        self.sandbox.pay(&keys().provisioned.mchid, number, PayMode::Silent).unwrap();
        // The service takes a while.
        self.clock.advance_ms(1_000);
    }
}

fn stands(shown: &Value) -> (&str, &str) {
    (shown["state"].as_str().unwrap(), shown["state_description"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn a_service_is_confirmed_completed_and_collected_and_refunded_by_its_transaction_only() {
    let stage = stage_with(faithful).await;
    let made = stage.serve("srv1", "[payer:soon]").await;
    assert_eq!(stands(&made), ("CREATED", ""));
    let package = made["package"].as_str().unwrap().to_owned();
    assert_eq!(stage.sandbox.open(&Door::OrderString(package)).unwrap().out_trade_no, "srv1");
    assert_eq!(stage.complete("srv1", 15_000).await.code(), "INVALID_ORDER_STATE", "nobody has confirmed");
    stage.until("confirmed and told", || stage.entry("srv1").notifications_accepted == 1).await;
    let letter = stage.receiver.letters().remove(0);
    assert_eq!(letter.envelope()["event_type"], "PAYSCORE.USER_CONFIRM");
    assert_eq!(stands(&letter.resource()), ("DOING", "USER_CONFIRM"));
    assert_eq!((stage.entry("srv1").state.as_str(), stage.entry("srv1").charges), ("AUTHORIZED", 0));

    stage.clock.advance_ms(1_000);
    assert_eq!(stage.complete("srv1", 20_001).await.code(), "PARAM_ERROR", "more than was secured");
    for _ in 0..2 {
        assert_eq!(stands(&stage.complete("srv1", 15_000).await.json()), ("DOING", "MCH_COMPLETE"));
    }
    assert_eq!(stage.show_service("srv1").await["collection"]["state"], "USER_PAYING");
    assert_eq!(stage.act("srv1", "cancel", json!({ "reason": "x" })).await.code(), "INVALID_ORDER_STATE");
    stage.until("collected and told", || stage.entry("srv1").notifications_accepted == 2).await;
    let shown = stage.show_service("srv1").await;
    assert_eq!((stands(&shown), &shown["collection"]["paid_amount"]), (("DONE", ""), &15_000.into()));
    let entry = stage.entry("srv1");
    assert_eq!((entry.charges, entry.captured_minor), (1, 15_000));
    assert_eq!(stage.receiver.letters()[1].envelope()["event_type"], "PAYSCORE.USER_PAID");

    assert_eq!(stage.shop.query("srv1-x").await.code(), "ORDER_NOT_EXIST");
    let refund = |of: Value| {
        let mut body = json!({
            "out_refund_no": "r1", "reason": "[refund:success]",
            "amount": { "refund": 500, "total": 15_000, "currency": "CNY" },
        });
        body.as_object_mut().unwrap().extend(of.as_object().unwrap().clone());
        body.to_string()
    };
    let target = "/v3/refund/domestic/refunds";
    let by_number = stage.shop.call("POST", target, refund(json!({ "out_trade_no": "srv1-0" }))).await.unwrap();
    assert_eq!(by_number.code(), "RESOURCE_NOT_EXISTS");
    let transaction = &shown["collection"]["details"][0]["transaction_id"];
    let by_id = stage.shop.call("POST", target, refund(json!({ "transaction_id": transaction }))).await.unwrap();
    assert_eq!(by_id.status, 200, "{by_id:?}");
}

#[tokio::test]
async fn what_cannot_be_collected_is_lowered_or_paid_elsewhere() {
    let stage = stage_with(faithful).await;
    stage.serve("srv1", "[payer:never]").await;
    stage.confirm("srv1");
    stage.complete("srv1", 15_000).await;
    let payments = |fen: i64| json!({ "post_payments": [{ "name": "cleaning", "amount": fen }], "total_amount": fen, "reason": "x" });
    assert_eq!(stage.act("srv1", "modify", payments(15_001)).await.code(), "INVALID_ORDER_STATE", "never more");
    let mut wrong = payments(12_000);
    wrong["total_amount"] = 11_999.into();
    assert_eq!(stage.act("srv1", "modify", wrong).await.code(), "PARAM_ERROR", "sums must add up");
    assert_eq!(stage.act("srv1", "modify", payments(12_000)).await.json()["total_amount"], 12_000);
    stage.until("collected", || stage.entry("srv1").captured_minor == 12_000).await;

    stage.serve("srv2", "[collect:never]").await;
    stage.confirm("srv2");
    stage.complete("srv2", 15_000).await;
    stage.until("asked in vain", || stage.sandbox.world.timers.next_due_ms().is_none()).await;
    assert_eq!(stage.act("srv2", "pay", json!({})).await.status, 200);
    let paid = json!({ "type": "Order_Paid", "detail": { "paid_time": "20261122100000" } });
    for _ in 0..2 {
        assert_eq!(stands(&stage.act("srv2", "sync", paid.clone()).await.json()), ("DONE", ""));
    }
    stage.until("nothing is left to do", || stage.sandbox.world.timers.next_due_ms().is_none()).await;
    assert_eq!(stage.entry("srv2").charges, 0);
    let shown = stage.show_service("srv2").await;
    let detail = &shown["collection"]["details"][0];
    assert_eq!((&detail["paid_type"], &detail["paid_time"]), (&"MCH".into(), &"20261122100000".into()));
    assert_eq!(stage.act("srv2", "cancel", json!({ "reason": "x" })).await.code(), "ORDER_DONE");
}

#[tokio::test]
async fn a_service_that_was_ordered_without_an_end_gets_one_with_its_completion() {
    let stage = stage_with(faithful).await;
    stage.serve("srv1", "[payer:never]").await;
    let agreed = beijing_digits(stage.now_ms());
    stage.confirm("srv1");
    let payments = json!([{ "name": "cleaning", "amount": 1 }]);
    let without = json!({ "post_payments": payments, "total_amount": 1 });
    assert_eq!(stage.act("srv1", "complete", without).await.code(), "PARAM_ERROR");
    let tomorrow = beijing_digits(stage.now_ms() + 86_400_000);
    for wrong in [agreed.as_str(), &tomorrow, "20261122", "2026-11-22 9:00"] {
        assert_eq!(stage.complete_at("srv1", 1, wrong).await.code(), "PARAM_ERROR", "{wrong}");
    }
    assert_eq!(stands(&stage.complete("srv1", 1).await.json()), ("DOING", "MCH_COMPLETE"));
}

#[tokio::test]
async fn a_service_is_cancelled_before_it_is_completed_or_expires_unconfirmed() {
    let stage = stage_with(faithful).await;
    for number in ["srv1", "srv2", "srv3", "srv4"] {
        stage.serve(number, "[payer:never]").await;
    }
    stage.confirm("srv2");
    stage.confirm("srv4");
    for number in ["srv1", "srv2", "srv1"] {
        let answer = stage.act(number, "cancel", json!({ "reason": "ill" })).await;
        assert_eq!(stands(&answer.json()), ("REVOKED", ""));
    }
    assert_eq!(stage.complete("srv2", 1).await.code(), "ORDER_CANCELED");
    assert_eq!(stands(&stage.complete("srv4", 0).await.json()), ("DONE", ""), "nothing is to be collected");
    stage.clock.advance_ms(30 * 24 * 3_600_000);
    assert_eq!(stands(&stage.show_service("srv3").await), ("EXPIRED", ""));
    assert_eq!(stands(&stage.show_service("srv1").await), ("REVOKED", ""));
    let again = stage.shop.call("POST", "/v3/payscore/serviceorder", stage.service("srv3", "other")).await.unwrap();
    assert_eq!(again.code(), "INVALID_REQUEST");
    assert!(stage.sandbox.books().iter().all(|entry| entry.charges == 0));
}
