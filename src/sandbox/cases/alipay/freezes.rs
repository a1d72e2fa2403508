//! Pre-authorisations on Alipay: frozen, paid from, let go and undone.

use serde_json::{Value, json};

use super::super::faithful;
use super::app::{Answer, provisioned, query, signed};
use super::{Stage, stage_with};
use crate::{Door, PayMode};

impl Stage {
    fn freeze(&self, number: &str, title: &str, product: &str) -> Value {
        json!({
            "out_order_no": number, "out_request_no": format!("{number}_f"), "order_title": title, "amount": "200.00",
            "product_code": product, "pay_timeout": "15m",
        })
    }

    async fn show_freeze(&self, number: &str) -> Answer {
        let biz = json!({ "out_order_no": number, "out_request_no": format!("{number}_f") });
        self.app.call("alipay.fund.auth.operation.detail.query", &biz).await
    }

    /// A pre-authorisation of 200 yuan by code; gives its number.
    async fn frozen(&self, number: &str) -> String {
        let body = self.freeze(number, "deposit [payer:never]", "PRE_AUTH");
        let answer = self.app.call("alipay.fund.auth.order.voucher.create", &body).await;
        assert_eq!(answer.code(), "10000", "{answer:?}");
        self.sandbox.pay(&provisioned().app_id, number, PayMode::Silent).unwrap();
        self.show_freeze(number).await.node()["auth_no"].as_str().unwrap().to_owned()
    }

    async fn pay_frozen(&self, auth_no: &str, number: &str, yuan: &str, mode: &str) -> Answer {
        let biz = json!({
            "out_trade_no": number, "total_amount": yuan, "subject": "cleaning", "product_code": "PRE_AUTH",
            "auth_no": auth_no, "auth_confirm_mode": mode,
        });
        self.app.call("alipay.trade.pay", &biz).await
    }

    async fn unfreeze(&self, auth_no: &str, number: &str, yuan: &str) -> Answer {
        let biz = json!({ "auth_no": auth_no, "out_request_no": number, "amount": yuan, "remark": "done" });
        self.app.call("alipay.fund.auth.order.unfreeze", &biz).await
    }
}

fn stands(answer: &Answer) -> [String; 4] {
    let node = answer.node();
    ["order_status", "status", "rest_amount", "total_pay_amount"].map(|name| node[name].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_code_freezes_money_when_its_payer_agrees_and_the_last_payment_lets_the_rest_go() {
    let stage = stage_with(faithful).await;
    let body = stage.freeze("hold1", "deposit [payer:soon]", "PRE_AUTH");
    let voucher = stage.app.call("alipay.fund.auth.order.voucher.create", &body).await;
    let again = stage.app.call("alipay.fund.auth.order.voucher.create", &body).await;
    assert_eq!(voucher.node()["code_value"], again.node()["code_value"]);
    assert_eq!(stage.show_freeze("hold1").await.sub_code(), "AUTH_ORDER_NOT_EXIST", "nobody has scanned it");
    let code = voucher.node()["code_value"].as_str().unwrap().to_owned();
    assert_eq!(stage.sandbox.open(&Door::Qr(code)).unwrap().out_trade_no, "hold1");
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["INIT", "INIT", "200.00", "0.00"]);
    stage.until("frozen and told", || stage.entry("hold1").notifications_accepted == 1).await;
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["AUTHORIZED", "SUCCESS", "200.00", "0.00"]);
    let letter = stage.receiver.letters().remove(0);
    assert_eq!((letter.get("notify_type"), letter.get("out_order_no")), ("fund_auth_freeze", "hold1"));
    assert!(letter.is_genuine());

    let auth_no = letter.get("auth_no").to_owned();
    assert_eq!(
        stage.pay_frozen(&auth_no, "trade1", "200.01", "COMPLETE").await.sub_code(),
        "ACQ.AUTH_AMOUNT_NOT_ENOUGH"
    );
    assert_eq!(stage.pay_frozen(&auth_no, "trade1", "50.00", "NOT_COMPLETE").await.code(), "10000");
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["AUTHORIZED", "SUCCESS", "150.00", "50.00"]);
    assert_eq!(stage.pay_frozen(&auth_no, "trade1", "50.00", "NOT_COMPLETE").await.sub_code(), "ACQ.TRADE_HAS_SUCCESS");
    assert_eq!(stage.pay_frozen(&auth_no, "trade2", "100.00", "COMPLETE").await.code(), "10000");
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["FINISH", "SUCCESS", "0.00", "150.00"]);
    assert_eq!(
        stage.pay_frozen(&auth_no, "trade3", "1.00", "COMPLETE").await.sub_code(),
        "ACQ.AUTH_ORDER_HAS_FINISHED"
    );
    let taken: Vec<_> =
        stage.sandbox.books().into_iter().map(|entry| (entry.out_trade_no, entry.captured_minor)).collect();
    assert_eq!(taken, [("hold1".into(), 0), ("trade1".into(), 5_000), ("trade2".into(), 10_000)]);
    assert_eq!(stage.app.status("trade2").await, "TRADE_SUCCESS");
    assert_eq!(stage.app.refund("trade2", "r_1", "1.00", "ill [refund:success]").await.code(), "10000");
}

#[tokio::test]
async fn what_is_not_needed_is_let_go_once() {
    let stage = stage_with(faithful).await;
    let auth_no = stage.frozen("hold1").await;
    for _ in 0..2 {
        let answer = stage.unfreeze(&auth_no, "u1", "120.00").await;
        assert_eq!((answer.code().as_str(), answer.node()["status"].as_str()), ("10000", Some("SUCCESS")));
    }
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["AUTHORIZED", "SUCCESS", "80.00", "0.00"]);
    assert_eq!(stage.unfreeze(&auth_no, "u1", "80.00").await.code(), "40004", "one number, one amount");
    assert_eq!(stage.unfreeze(&auth_no, "u2", "80.01").await.sub_code(), "REQUEST_AMOUNT_EXCEED");
    assert_eq!(stage.unfreeze(&auth_no, "u2", "80.00").await.code(), "10000");
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["FINISH", "SUCCESS", "0.00", "0.00"]);
    assert_eq!(stage.unfreeze(&auth_no, "u3", "0.01").await.sub_code(), "ORDER_ALREADY_FINISHED");
}

#[tokio::test]
async fn a_freeze_is_undone_or_runs_out_and_an_app_brings_its_own() {
    let stage = stage_with(faithful).await;
    stage.frozen("hold1").await;
    let cancel = async |number: &str| {
        let biz = json!({ "out_order_no": number, "out_request_no": format!("{number}_f"), "remark": "x" });
        stage.app.call("alipay.fund.auth.operation.cancel", &biz).await
    };
    for _ in 0..2 {
        assert_eq!(cancel("hold1").await.node()["action"], "unfreeze");
    }
    assert_eq!(stands(&stage.show_freeze("hold1").await), ["FINISH", "SUCCESS", "0.00", "0.00"]);

    let body = stage.freeze("hold2", "deposit [payer:never]", "PRE_AUTH_ONLINE");
    let fields = signed(stage.app.fields("alipay.fund.auth.order.app.freeze", &body));
    let opened = stage.sandbox.open(&Door::OrderString(query(&fields))).unwrap();
    assert_eq!(opened.out_trade_no, "hold2");
    assert_eq!(stands(&stage.show_freeze("hold2").await)[0], "INIT");
    stage.clock.advance_ms(15 * 60_000);
    assert_eq!(stands(&stage.show_freeze("hold2").await)[..2], ["CLOSED", "CLOSED"]);
    assert_eq!(stage.app.status("hold2").await, "ACQ.TRADE_NOT_EXIST", "it is no trade");
    assert_eq!(cancel("hold9").await.sub_code(), "AUTH_ORDER_NOT_EXIST");
}
