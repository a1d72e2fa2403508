//! Where notifications arrive: a server that keeps what it was sent and answers as the case wants.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::task::AbortHandle;

use super::merchant::{is_genuine, open};

#[derive(Clone)]
pub struct Letter {
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

#[derive(Default)]
struct Shelf {
    letters: Mutex<Vec<Letter>>,
    status: AtomicU16,
}

pub struct Receiver {
    shelf: Arc<Shelf>,
    url: String,
    server: AbortHandle,
}

impl Receiver {
    pub async fn start() -> Self {
        let shelf = Arc::new(Shelf { status: AtomicU16::new(204), ..Shelf::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/notifications", listener.local_addr().unwrap());
        let router = Router::new().route("/notifications", post(receive)).with_state(shelf.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { shelf, url, server }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What every notification is answered from now on.
    pub fn answer_with(&self, status: u16) {
        self.shelf.status.store(status, Ordering::SeqCst);
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.shelf.letters.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.shelf.letters.lock().unwrap().len()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Probes are refused, as the documents ask; the rest is answered as set.
async fn receive(State(shelf): State<Arc<Shelf>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let letter = Letter { headers, body: body.to_vec() };
    let genuine = letter.is_genuine();
    shelf.letters.lock().unwrap().push(letter);
    if genuine { StatusCode::from_u16(shelf.status.load(Ordering::SeqCst)).unwrap() } else { StatusCode::UNAUTHORIZED }
}

impl Letter {
    pub fn is_genuine(&self) -> bool {
        is_genuine(&self.headers, &self.body)
    }

    pub fn envelope(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The transaction or refund inside.
    pub fn resource(&self) -> Value {
        serde_json::from_slice(&open(&self.envelope()["resource"])).unwrap()
    }
}
