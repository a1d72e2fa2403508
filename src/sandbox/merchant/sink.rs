//! A merchant's side of webhooks: checks the signature as Standard Webhooks say (written here apart
//! from the sender's code), remembers what it was told, and sometimes fails.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use bursar_core::Chance;
use serde_json::Value;

use crate::SandboxError;

/// What the sink was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// By webhook id: how often it was accepted.
    pub deliveries: HashMap<String, u32>,
    /// By order id: the sequence numbers that arrived.
    pub sequences: HashMap<String, Vec<i64>>,
    /// Order ids whose `order.paid` arrived.
    pub paid: HashMap<String, u32>,
    /// By order id: whether it is paid, as the first event that ended it said.
    pub ended: HashMap<String, bool>,
    /// Requests whose signature was wrong or missing.
    pub forged: u64,
}

impl Told {
    /// Orders whose sequence numbers have gaps.
    pub fn gaps(&self) -> usize {
        let has_gap = |numbers: &Vec<i64>| {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            sorted.dedup();
            !sorted.iter().zip(1..).all(|(n, i)| *n == i)
        };
        self.sequences.values().filter(|n| has_gap(n)).count()
    }
}

#[derive(Debug)]
struct Inner {
    told: Mutex<Told>,
    keys: Vec<hmac::Key>,
    failing_per_myriad: u64,
    chance: Arc<dyn Chance>,
}

/// A running sink.
#[derive(Clone, Debug)]
pub struct Sink {
    inner: Arc<Inner>,
    address: SocketAddr,
}

impl Sink {
    /// Starts a sink on loopback that knows `secrets` (`whsec_…`) and answers 500 to
    /// `failing_per_myriad` of 10,000 requests.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(
        secrets: &[String],
        failing_per_myriad: u64,
        chance: Arc<dyn Chance>,
    ) -> Result<Self, SandboxError> {
        let decode = |secret: &String| {
            let text = secret.trim().trim_start_matches("whsec_");
            base64::engine::general_purpose::STANDARD.decode(text).map(|k| hmac::Key::new(hmac::HMAC_SHA256, &k))
        };
        let keys = secrets
            .iter()
            .map(decode)
            .collect::<Result<_, _>>()
            .map_err(|e| SandboxError::BadKey(format!("webhook secret: {e}")))?;
        let inner = Arc::new(Inner { told: Mutex::default(), keys, failing_per_myriad, chance });
        let listener =
            tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(|e| SandboxError::Config(e.to_string()))?;
        let address = listener.local_addr().map_err(|e| SandboxError::Config(e.to_string()))?;
        let router = Router::new().route("/webhook", post(receive)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { inner, address })
    }

    /// Where merchants of the play want to be told.
    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// What it was told so far.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.inner.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn receive(State(sink): State<Arc<Inner>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    if sink.chance.below(10_000) < sink.failing_per_myriad {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    let header = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let (id, stamp, signatures) = (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"));
    let mut told = sink.told.lock().unwrap_or_else(PoisonError::into_inner);
    let mut message = format!("{id}.{stamp}.").into_bytes();
    message.extend_from_slice(&body);
    let genuine = signatures.split(' ').filter_map(|s| s.strip_prefix("v1,")).any(|s| {
        let tag = base64::engine::general_purpose::STANDARD.decode(s).unwrap_or_default();
        sink.keys.iter().any(|key| hmac::verify(key, &message, &tag).is_ok())
    });
    let parsed: Option<Value> = serde_json::from_slice(&body).ok();
    let (true, Some(event)) = (genuine, parsed) else {
        told.forged += 1;
        return StatusCode::BAD_REQUEST;
    };
    let order = event.pointer("/data/order_id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let sequence = event.get("sequence").and_then(Value::as_i64).unwrap_or_default();
    *told.deliveries.entry(id).or_default() += 1;
    match event.get("type").and_then(Value::as_str) {
        Some("order.paid") => {
            *told.paid.entry(order.clone()).or_default() += 1;
            told.ended.entry(order.clone()).or_insert(true);
        }
        Some("order.closed") => {
            told.ended.entry(order.clone()).or_insert(false);
        }
        _ => {}
    }
    told.sequences.entry(order).or_default().push(sequence);
    StatusCode::NO_CONTENT
}
