//! A merchant who writes down all that he is told: it knows bodies of webhooks, and must never answer anything but
//! that it has them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::Value;

/// A running endpoint on loopback.
#[derive(Clone, Debug)]
pub(super) struct Ears {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Value>>>,
}

impl Ears {
    pub(super) async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::<Mutex<Vec<Value>>>::default();
        let router = Router::new().route("/webhook", post(hear)).with_state(heard.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, heard }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// How often he was told `kind` of what has this id: an order, a plan or an agreement.
    pub(super) fn told(&self, kind: &str, id: &str) -> usize {
        let about = ["/data/order_id", "/data/plan/id", "/data/agreement/id"];
        let of = |event: &&Value| {
            event["type"] == kind && about.iter().any(|at| event.pointer(at).and_then(Value::as_str) == Some(id))
        };
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(of).count()
    }
}

async fn hear(State(heard): State<Arc<Mutex<Vec<Value>>>>, Json(event): Json<Value>) -> StatusCode {
    heard.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    StatusCode::NO_CONTENT
}
