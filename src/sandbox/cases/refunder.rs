//! A merchant who refunds: request bodies that are in order, and the shortest way to a refund in a given
//! state.

use serde_json::{Value, json};

use super::merchant::{Answer, Shop, encrypted, keys};
use super::{Stage, eventually};
use crate::{PayMode, RefundEntry};

pub const REFUNDS: &str = "/v3/refund/domestic/refunds";
/// What the shop's orders cost.
pub const TOTAL: i64 = 8_800;

impl Shop {
    pub fn refund_body(&self, order: &str, number: &str, fen: i64) -> Value {
        json!({
            "out_trade_no": order,
            "out_refund_no": number,
            "reason": "the cleaner was ill [refund:success]",
            "notify_url": self.notify_url(),
            "amount": { "refund": fen, "total": TOTAL, "currency": "CNY" },
        })
    }

    pub async fn ask_refund(&self, body: &Value) -> Answer {
        self.call("POST", REFUNDS, body.to_string()).await.unwrap()
    }

    pub async fn query_refund(&self, number: &str) -> Answer {
        self.call("GET", &format!("{REFUNDS}/{number}"), String::new()).await.unwrap()
    }

    /// Sends an abnormal refund to the user's bank card.
    pub async fn apply(&self, refund_id: &str, body: &Value) -> Answer {
        self.call("POST", &format!("{REFUNDS}/{refund_id}/apply-abnormal-refund"), body.to_string()).await.unwrap()
    }

    pub fn application(&self, number: &str) -> Value {
        json!({
            "out_refund_no": number,
            "type": "USER_BANK_CARD",
            "bank_type": "ICBC_DEBIT",
            "bank_account": encrypted("6222020200112233445"),
            "real_name": encrypted("张三"),
        })
    }
}

impl Stage {
    /// An order that is paid, without a notification.
    pub async fn paid(&self, number: &str) {
        self.shop.create(number, "cleaning [payer:never]").await;
        self.sandbox.pay(&keys().provisioned.mchid, number, PayMode::Silent).unwrap();
    }

    /// An accepted refund that will succeed.
    pub async fn refund(&self, order: &str, number: &str, fen: i64) -> Value {
        self.tagged(order, number, fen, "success").await
    }

    /// An accepted refund with the fate `tag`.
    pub async fn tagged(&self, order: &str, number: &str, fen: i64, tag: &str) -> Value {
        let mut body = self.shop.refund_body(order, number, fen);
        body["reason"] = format!("the cleaner was ill [refund:{tag}]").into();
        let answer = self.shop.ask_refund(&body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Moves the clock on, from one thing that is due to the next, until the refund is in `state`.
    pub async fn becomes(&self, number: &str, state: &str) {
        while self.refund_entry(number).state != state {
            self.step().await;
        }
    }

    /// Moves the clock on until nothing is due any more.
    pub async fn settle(&self) {
        while self.sandbox.world.timers.next_due_ms().is_some() {
            self.step().await;
        }
    }

    /// Moves the clock to the next thing that is due, and waits until it has fired.
    pub async fn step(&self) {
        let timers = &self.sandbox.world.timers;
        eventually("something is due", || timers.next_due_ms().is_some()).await;
        let due_ms = timers.next_due_ms();
        self.clock.advance_ms((due_ms.unwrap_or(0) - self.now_ms()).max(0));
        eventually("it fires", || timers.next_due_ms() != due_ms && timers.is_quiet()).await;
    }

    pub fn refund_entry(&self, number: &str) -> RefundEntry {
        self.sandbox.refunds().into_iter().find(|entry| entry.out_refund_no == number).unwrap()
    }
}
