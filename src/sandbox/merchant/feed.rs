//! A merchant's backend that places orders through the API: it knows idempotency keys and patience, and
//! must never know what becomes of an order.

use std::sync::Arc;
use std::time::Duration;

use bursar_core::Chance;
use bursar_core::id::OrderId;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::SandboxError;

/// A merchant's backend.
#[derive(Clone, Debug)]
pub struct Backend {
    /// Its API key.
    pub api_key: String,
}

/// How orders are placed.
#[derive(Clone, Debug)]
pub struct Feed {
    /// The gateway, without a slash at the end.
    pub gateway: String,
    /// How many.
    pub orders: u32,
    /// At once.
    pub concurrency: usize,
    /// Orders per second at most; `None`: as fast as they are taken.
    pub per_second: Option<u32>,
    /// Life of an order in seconds of the program's clock: from, to.
    pub life_seconds: (u64, u64),
    /// A name for this feed in order numbers.
    pub label: String,
    /// Tries again for ever while the gateway is away (crash campaigns), or gives up after some tries.
    pub patient: bool,
}

/// What home-service orders are for.
const SERVICES: [(&str, u64); 8] = [
    ("日常保洁 2 小时", 8_800),
    ("深度保洁 4 小时", 26_800),
    ("月嫂服务定金", 200_000),
    ("育儿嫂 (按月)", 780_000),
    ("老人陪护 (日)", 32_000),
    ("家电清洗", 12_900),
    ("搬家服务", 58_000),
    ("擦玻璃", 9_900),
];

/// One placed order.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Which of the backends placed it.
    pub backend: usize,
    /// Its id.
    pub order: OrderId,
}

/// Places all orders of `feed` for `backends` in turn. `placed` is called for each.
///
/// # Errors
/// The first order that was refused.
pub async fn place(
    feed: &Feed,
    backends: &[Backend],
    chance: &dyn Chance,
    placed: impl Fn(&Placed),
) -> Result<Vec<Placed>, SandboxError> {
    let http = reqwest::Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .pool_max_idle_per_host(feed.concurrency)
        .timeout(Duration::from_secs(20))
        .build()
        .map_err(|e| refused(&e.to_string()))?;
    let gate = Arc::new(Semaphore::new(feed.concurrency));
    let mut running = tokio::task::JoinSet::new();
    let mut all = Vec::new();
    let mut pace =
        feed.per_second.map(|n| tokio::time::interval(Duration::from_micros(1_000_000 / u64::from(n.max(1)))));
    for number in 0..feed.orders {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let place = gate.clone().acquire_owned().await.map_err(|e| refused(&e.to_string()))?;
        let index = usize::try_from(number).unwrap_or(0) % backends.len().max(1);
        let Some(backend) = backends.get(index) else { return Err(refused("a feed needs merchants")) };
        let body = order(feed, number, chance);
        let (http, url, key) = (http.clone(), format!("{}/v1/orders", feed.gateway), backend.api_key.clone());
        let idempotency_key = format!("{}-{number}", feed.label);
        let patient = feed.patient;
        running.spawn(async move {
            let result = post(&http, &url, &key, &idempotency_key, &body, patient).await;
            drop(place);
            result.map(|order| Placed { backend: index, order })
        });
        while let Some(done) = running.try_join_next() {
            all.push(done.map_err(|e| refused(&e.to_string()))??);
            all.last().iter().for_each(|p| placed(p));
        }
    }
    while let Some(done) = running.join_next().await {
        all.push(done.map_err(|e| refused(&e.to_string()))??);
        all.last().iter().for_each(|p| placed(p));
    }
    Ok(all)
}

fn order(feed: &Feed, number: u32, chance: &dyn Chance) -> Value {
    let pick = usize::try_from(chance.below(8)).unwrap_or(0);
    let (service, price) = SERVICES.get(pick).copied().unwrap_or(("保洁", 10_000));
    let (from, to) = feed.life_seconds;
    json!({
        "number": format!("{}-{number:06}", feed.label),
        "amount_minor": price + chance.below(100),
        "currency": "CNY",
        "description": format!("{service} #{number}"),
        "method": "wechat_native",
        "expires_in_seconds": from + chance.below(to.saturating_sub(from) + 1),
    })
}

/// One order; the same idempotency key on every try, so that trying again is harmless.
async fn post(
    http: &reqwest::Client,
    url: &str,
    key: &str,
    idempotency_key: &str,
    body: &Value,
    patient: bool,
) -> Result<OrderId, SandboxError> {
    let mut tries = 0;
    loop {
        tries += 1;
        let request = http
            .post(url)
            .bearer_auth(key)
            .header("idempotency-key", idempotency_key)
            .header("content-type", "application/json")
            .body(body.to_string());
        let problem = match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                match (status, answer.text().await) {
                    (200 | 201, Ok(text)) => {
                        let order: Value = serde_json::from_str(&text).map_err(|e| refused(&e.to_string()))?;
                        let id = order.get("id").and_then(Value::as_str).unwrap_or_default();
                        return id.parse().map_err(|e: String| refused(&e));
                    }
                    (500.. | 409 | 429 | 200 | 201, text) => format!("{status} {}", text.unwrap_or_default()),
                    (_, text) => return Err(refused(&format!("order refused: {status} {}", text.unwrap_or_default()))),
                }
            }
            Err(error) => error.to_string(),
        };
        if tries >= 20 && !patient {
            return Err(refused(&format!("order not taken after {tries} tries: {problem}")));
        }
        tokio::time::sleep(Duration::from_millis(50 * tries.min(10))).await;
    }
}

fn refused(why: &str) -> SandboxError {
    SandboxError::Config(why.to_owned())
}
