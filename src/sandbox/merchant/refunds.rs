//! A merchant's backend that asks for refunds through the API: it knows when a customer comes back, and must
//! never know how money goes back.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::api::{Api, Request, refused};
use super::feed::{Backend, Feed, Placed};
use super::sink::Sink;
use super::wish::{Expected, Wish};
use crate::SandboxError;

/// How often the receiver of webhooks is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Customers who are served at once.
const AT_ONCE: usize = 8;

/// What was asked for, and how it was answered.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Refunds that were taken.
    pub taken: u64,
    /// Of them, agreed to by a second person.
    pub approved: u64,
    /// Refunds that were refused, as they had to be.
    pub refused: u64,
    /// Answers that were not what they had to be, in words.
    pub surprises: Vec<String>,
}

impl Asked {
    fn add(&mut self, other: Self) {
        self.taken += other.taken;
        self.approved += other.approved;
        self.refused += other.refused;
        self.surprises.extend(other.surprises);
    }
}

/// Serves the customers of `placed` who want money back, each when the merchant was told how the order ended.
/// Ends when all were served.
///
/// # Errors
/// When the gateway does not answer.
pub async fn want_back(
    feed: &Feed,
    backends: &[Backend],
    placed: Vec<Placed>,
    sink: &Sink,
    seed: u64,
) -> Result<Asked, SandboxError> {
    let api = Api::new(&feed.gateway, AT_ONCE, feed.patient)?;
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let (mut waiting, mut running, mut all) = (placed, JoinSet::new(), Asked::default());
    while !waiting.is_empty() || !running.is_empty() {
        for (order, paid) in told(&mut waiting, sink) {
            let wish = Wish::of(&order, paid, seed);
            let Some(backend) = backends.get(order.backend).cloned() else { continue };
            let (api, gate) = (api.clone(), gate.clone());
            let key = format!("{}-{}-back", feed.label, order.number);
            running.spawn(async move {
                let _place = gate.acquire_owned().await.map_err(|e| refused(&e.to_string()))?;
                serve(&api, &backend, &order, wish, &key).await
            });
        }
        while let Some(served) = running.try_join_next() {
            all.add(served.map_err(|e| refused(&e.to_string()))??);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(all)
}

/// Takes those orders out of `waiting` whose end the merchant was told, with whether they are paid.
fn told(waiting: &mut Vec<Placed>, sink: &Sink) -> Vec<(Placed, bool)> {
    let told = sink.told();
    let ended = waiting.extract_if(.., |order| told.ended.contains_key(&order.order.to_string()));
    ended.map(|order| (order.clone(), told.ended.get(&order.order.to_string()).copied().unwrap_or(false))).collect()
}

async fn serve(api: &Api, backend: &Backend, order: &Placed, wish: Wish, key: &str) -> Result<Asked, SandboxError> {
    let mut asked = Asked::default();
    let path = format!("/v1/orders/{}/refunds", order.order);
    for ((body, expected), nth) in wish.requests(order).into_iter().zip(1..) {
        let key = format!("{key}-{nth}");
        let request = Request { api_key: &backend.api_key, path: &path, idempotency_key: &key, body: &body };
        let (status, answer) = api.post(request).await?;
        match (status, expected) {
            (202, Expected::Taken) => {
                asked.taken += 1;
                if answer.get("state").is_some_and(|state| state == "awaiting_approval") {
                    approve(api, backend, &answer, &key).await?;
                    asked.approved += 1;
                }
            }
            (422, Expected::Refused) => asked.refused += 1,
            _ => asked.surprises.push(format!("{} {wish:?} #{nth}: {status} {answer}", order.order)),
        }
    }
    Ok(asked)
}

/// A second person agrees.
async fn approve(api: &Api, backend: &Backend, refund: &Value, key: &str) -> Result<(), SandboxError> {
    let id = refund.get("id").and_then(Value::as_str).unwrap_or_default();
    let (path, key, body) =
        (format!("/v1/refunds/{id}/approve"), format!("{key}-approve"), json!({ "by": "店长 Wang" }));
    let request = Request { api_key: &backend.api_key, path: &path, idempotency_key: &key, body: &body };
    match api.post(request).await? {
        (200, _) => Ok(()),
        (status, answer) => Err(refused(&format!("{id} could not be approved: {status} {answer}"))),
    }
}
