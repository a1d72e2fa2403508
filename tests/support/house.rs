//! The whole program in this process, over a stage: it knows how to place an order and look at it, and
//! must never know the story.

use std::time::Duration;

use bursar::play::audit::{Audit, ByHand, compare};
use bursar::serve::{Parts, Running, bind, start};
use bursar_core::id::OrderId;
use bursar_core::order::Dossier;
use bursar_store::Timeline;
use serde_json::{Value, json};

use crate::{Scene, Stage, http, until};

/// Longest wait for what a story expects, in real time.
const WITHIN: Duration = Duration::from_secs(90);

/// Gateway, workers, sandbox and receiver, all in this process.
#[derive(Debug)]
pub struct House {
    /// The stage.
    pub stage: Stage,
    running: Running,
    client: reqwest::Client,
}

impl House {
    /// Puts up the stage and starts the program on SQLite.
    ///
    /// # Panics
    /// When something cannot be started.
    pub async fn open(scene: Scene) -> Self {
        let stage = Stage::set(scene).await;
        let listener = bind(&format!("127.0.0.1:{}", stage.gateway_port)).await.expect("the gateway's port");
        let running = start(stage.program.clone(), Parts::All, Some(listener)).await.expect("the program");
        Self { stage, running, client: http() }
    }

    /// A program that runs on a stage already.
    pub fn of(stage: Stage, running: Running) -> Self {
        Self { stage, running, client: http() }
    }

    /// Stops the program; the stage stays.
    pub async fn rest(self) -> Stage {
        self.running.stop().await;
        self.stage
    }

    /// Stops everything.
    pub async fn close(self) {
        self.running.stop().await;
        self.stage.sandbox.stop().await;
    }

    /// Places an order of merchant `who` for a payer who behaves as `payer` (`soon`, `inflight`, …) and
    /// lives for `life_s` seconds of the clock.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn order(&self, who: usize, payer: &str, life_s: u64) -> OrderId {
        let number = self.stage.program.chance.next_u64();
        let body = json!({
            "number": format!("n{number}"), "amount_minor": 8_800, "currency": "CNY",
            "description": format!("日常保洁 [payer:{payer}]"), "method": "wechat_native", "expires_in_seconds": life_s,
        });
        let (status, answer) = self.post(who, "/v1/orders", &format!("k{number}"), &body).await;
        assert_eq!(status, 201, "{answer}");
        answer["id"].as_str().expect("an id").parse().expect("an order's id")
    }

    /// Asks for an order to be closed; the status of the answer.
    pub async fn ask_to_close(&self, who: usize, order: OrderId) -> u16 {
        let path = format!("/v1/orders/{order}/close");
        self.post(who, &path, &format!("close-{order}"), &json!({ "reason": "the customer cancelled" })).await.0
    }

    /// Asks for `amount_minor` of the order back, with a number of its own; status and answer.
    pub async fn ask_back(&self, who: usize, order: OrderId, amount_minor: i64, reason: &str) -> (u16, Value) {
        let key = format!("r{}", self.stage.program.chance.next_u64());
        let body = json!({ "amount_minor": amount_minor, "reason": reason });
        self.post(who, &format!("/v1/orders/{order}/refunds"), &key, &body).await
    }

    /// Offers another way to pay the order; status and answer.
    pub async fn offer_another_way(&self, who: usize, order: OrderId) -> (u16, Value) {
        let body = json!({ "method": "wechat_native" });
        self.post(who, &format!("/v1/orders/{order}/payments"), &format!("p-{order}"), &body).await
    }

    async fn post(&self, who: usize, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let actor = self.stage.actors.get(who).expect("a merchant");
        self.post_as(&actor.api_key, path, key, body).await
    }

    /// A request of whoever has `api_key`; status and answer.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post_as(&self, api_key: &str, path: &str, key: &str, body: &Value) -> (u16, Value) {
        self.post_file(api_key, path, key, ("application/json", body.to_string())).await
    }

    /// The same with a body of another type.
    ///
    /// # Panics
    /// When there is no answer.
    pub async fn post_file(&self, api_key: &str, path: &str, key: &str, body: (&str, String)) -> (u16, Value) {
        let request = self
            .client
            .post(format!("{}{path}", self.stage.gateway()))
            .bearer_auth(api_key)
            .header("idempotency-key", key)
            .header("content-type", body.0)
            .body(body.1);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let text = answer.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The order as it stands.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn dossier(&self, order: OrderId) -> Dossier {
        self.stage.program.store.dossier(order).await.expect("the database").expect("the order")
    }

    /// Everything that happened to the order.
    ///
    /// # Panics
    /// When it is not there.
    pub async fn timeline(&self, order: OrderId) -> Timeline {
        self.stage.program.store.timeline(order).await.expect("the database").expect("the order")
    }

    /// Compares the books with the channel's.
    ///
    /// # Panics
    /// When they differ, or something was charged twice, or a payer is out of money.
    pub async fn books_agree(&self) -> Audit {
        let (books, refunds) = (self.stage.sandbox.books(), self.stage.sandbox.refunds());
        let store = self.stage.program.store.as_ref();
        let audit = compare(store, &self.stage.actors, &books, &refunds, &ByHand::default()).await.expect("the books");
        assert!(audit.books_agree(), "seed {}: {audit:#?}", self.stage.seed);
        assert_eq!((audit.channel_effects_doubled, audit.out_of_money), (0, 0), "seed {}: {audit:#?}", self.stage.seed);
        audit
    }

    /// Waits until the order is as `wanted`.
    pub async fn until(&self, order: OrderId, what: &str, wanted: impl Fn(&Dossier) -> bool) -> Dossier {
        let dossier = until(what, WITHIN, || async {
            let dossier = self.dossier(order).await;
            wanted(&dossier).then_some(dossier)
        });
        dossier.await
    }

    /// Waits until the merchants' receiver was told so many events of the order, and gives their numbers.
    pub async fn until_told(&self, order: OrderId, events: usize) -> Vec<i64> {
        let what = format!("{events} events of {order}");
        let told = until(&what, WITHIN, || async {
            let mut numbers = self.stage.sink.told().sequences.get(&order.to_string()).cloned().unwrap_or_default();
            numbers.sort_unstable();
            numbers.dedup();
            (numbers.len() >= events).then_some(numbers)
        });
        told.await
    }
}
