//! A merchant's backend that places orders through the API: it knows their pace, and must never know what
//! becomes of an order.

use std::sync::Arc;
use std::time::Duration;

use bursar_core::Chance;
use bursar_core::channel::Method;
use bursar_core::id::OrderId;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use super::api::{Api, Request, refused};
use super::variety::{Errand, Kind, Variety};
use crate::SandboxError;

/// From a customer's choice to his next (real time).
const CHANGES_HIS_MIND_AFTER: Duration = Duration::from_millis(250);

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

/// One placed order.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Which of the backends placed it.
    pub backend: usize,
    /// Its id.
    pub order: OrderId,
    /// Counts the orders of the feed.
    pub number: u32,
    /// How it is paid.
    pub kind: Kind,
    /// By what each of its payments is to be paid.
    pub methods: Vec<Method>,
    /// What is owed, in minor units.
    pub amount_minor: u64,
}

/// Places all orders of `feed` for `backends` in turn, each with one payment. `placed` is called for each.
///
/// # Errors
/// The first order that was refused.
pub async fn place(
    feed: &Feed,
    backends: &[Backend],
    chance: &dyn Chance,
    placed: impl Fn(&Placed),
) -> Result<Vec<Placed>, SandboxError> {
    place_varied(feed, backends, &Variety::default(), chance, placed).await
}

/// The same with orders of several kinds.
///
/// # Errors
/// The first order that was refused.
pub async fn place_varied(
    feed: &Feed,
    backends: &[Backend],
    variety: &Variety,
    chance: &dyn Chance,
    placed: impl Fn(&Placed),
) -> Result<Vec<Placed>, SandboxError> {
    let api = Api::new(&feed.gateway, feed.concurrency, feed.patient)?;
    let gate = Arc::new(Semaphore::new(feed.concurrency));
    let mut running = tokio::task::JoinSet::new();
    let mut all = Vec::new();
    let mut done = |result: Result<Result<Placed, SandboxError>, JoinError>| {
        let one = result.map_err(|e| refused(&e.to_string()))??;
        placed(&one);
        all.push(one);
        Ok::<_, SandboxError>(())
    };
    let mut pace =
        feed.per_second.map(|n| tokio::time::interval(Duration::from_micros(1_000_000 / u64::from(n.max(1)))));
    for number in 0..feed.orders {
        if let Some(pace) = &mut pace {
            pace.tick().await;
        }
        let place = gate.clone().acquire_owned().await.map_err(|e| refused(&e.to_string()))?;
        let index = usize::try_from(number).unwrap_or(0) % backends.len().max(1);
        let Some(backend) = backends.get(index) else { return Err(refused("a feed needs merchants")) };
        let errand = variety.errand(feed, number, index, chance);
        let (api, backend, key) = (api.clone(), backend.clone(), format!("{}-{number}", feed.label));
        running.spawn(async move {
            let result = run(&api, &backend, &key, &errand).await;
            drop(place);
            let Errand { kind, amount_minor, .. } = errand;
            result.map(|(order, methods)| Placed { backend: index, order, number, kind, methods, amount_minor })
        });
        while let Some(result) = running.try_join_next() {
            done(result)?;
        }
    }
    while let Some(result) = running.join_next().await {
        done(result)?;
    }
    Ok(all)
}

/// One order, with the further payment that its customer wants, or what he picks; and by what it is to be paid.
async fn run(api: &Api, backend: &Backend, key: &str, errand: &Errand) -> Result<(OrderId, Vec<Method>), SandboxError> {
    let (status, answer) = post(api, backend, "/v1/orders", key, &errand.body).await?;
    if !(200..300).contains(&status) {
        return Err(refused(&format!("order refused: {status} {answer}")));
    }
    let id = answer.get("id").and_then(Value::as_str).unwrap_or_default();
    let order: OrderId = id.parse().map_err(|e: String| refused(&e))?;
    if let Some(body) = &errand.again {
        let path = format!("/v1/orders/{order}/payments");
        let (status, answer) = post(api, backend, &path, &format!("{key}-again"), body).await?;
        // The payer may have been faster: then the order takes no further payment.
        if !(200..300).contains(&status) && status != 409 {
            return Err(refused(&format!("further payment refused: {status} {answer}")));
        }
    }
    if errand.picks.is_empty() {
        Ok((order, errand.methods.clone()))
    } else {
        pick(api, backend, key, errand, order).await
    }
}

async fn post(
    api: &Api,
    backend: &Backend,
    path: &str,
    idempotency_key: &str,
    body: &Value,
) -> Result<(u16, Value), SandboxError> {
    api.post(Request { api_key: &backend.api_key, path, idempotency_key, body }).await
}

/// The customer looks at the ways to pay and picks one; some pick another before they have paid.
async fn pick(
    api: &Api,
    backend: &Backend,
    key: &str,
    errand: &Errand,
    order: OrderId,
) -> Result<(OrderId, Vec<Method>), SandboxError> {
    let (status, shown) = api.get(&backend.api_key, &format!("/v1/orders/{order}/methods")).await?;
    let shown = shown.get("methods").and_then(Value::as_array).cloned().unwrap_or_default();
    if status != 200 || shown.len() != errand.picks.len() {
        return Err(refused(&format!("{order} offers other ways than it was given: {status} {shown:?}")));
    }
    let available = |method: &Method| {
        let is_it = |way: &&Value| way.get("method").and_then(Value::as_str) == Some(method.name());
        shown.iter().find(is_it).and_then(|way| way.get("available")).and_then(Value::as_bool).unwrap_or_default()
    };
    let mut picked = Vec::new();
    for (method, body) in errand.picks.iter().filter(|(method, _)| available(method)) {
        if picked.len() >= errand.wanted {
            break;
        }
        if !picked.is_empty() {
            tokio::time::sleep(CHANGES_HIS_MIND_AFTER).await;
        }
        let (path, key) = (format!("/v1/orders/{order}/pick"), format!("{key}-pick-{method}"));
        match post(api, backend, &path, &key, body).await? {
            (200..300, _) => picked.push(*method),
            // The channel has gone down meanwhile, or the customer has paid.
            (409, _) => {}
            (status, answer) => {
                return Err(refused(&format!("{order}: {method} could not be picked: {status} {answer}")));
            }
        }
    }
    Ok((order, picked))
}
