//! A merchant's endpoint with manners: it knows how to accept, refuse and keep a sender waiting, and must
//! never check what it is sent (the sandbox's sink does).

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use tokio::sync::watch;

/// How an endpoint behaves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// Answers 204.
    Accepts,
    /// Answers 500.
    Refuses,
    /// Does not answer until it gets another manner.
    Hangs,
}

/// What happened at an endpoint.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Webhook ids of all requests, in order.
    pub requests: Vec<String>,
    /// Webhook ids that were accepted, in order.
    pub accepted: Vec<String>,
    /// Requests whose sender went away while it was kept waiting.
    pub abandoned: usize,
}

#[derive(Debug)]
struct Inner {
    manner: watch::Sender<Manner>,
    seen: Mutex<Seen>,
}

impl Inner {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running endpoint on loopback.
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: SocketAddr,
    inner: Arc<Inner>,
}

impl Endpoint {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(manner: Manner) -> Self {
        let inner = Arc::new(Inner { manner: watch::Sender::new(manner), seen: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let router = Router::new().route("/webhook", post(receive)).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// From now on, and for whoever is kept waiting.
    pub fn set(&self, manner: Manner) {
        self.inner.manner.send_replace(manner);
    }

    /// What happened so far.
    pub fn seen(&self) -> Seen {
        self.inner.seen().clone()
    }
}

/// Counts a request as abandoned unless it was answered.
struct Waiting<'a>(&'a Inner, bool);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.seen().abandoned += 1;
        }
    }
}

async fn receive(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> StatusCode {
    let id = headers.get("webhook-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    inner.seen().requests.push(id.clone());
    let mut waiting = Waiting(&inner, false);
    let mut manner = inner.manner.subscribe();
    let now = manner.wait_for(|m| *m != Manner::Hangs).await.map_or(Manner::Accepts, |m| *m);
    waiting.1 = true;
    if now == Manner::Refuses {
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    inner.seen().accepted.push(id);
    StatusCode::NO_CONTENT
}
