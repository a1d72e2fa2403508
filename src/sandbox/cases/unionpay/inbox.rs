//! Where UnionPay's notifications arrive: a server that keeps what it was sent and answers as the case wants.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use tokio::task::AbortHandle;

use super::merchant::is_genuine;

/// The fields of a notification.
pub type Notice = BTreeMap<String, String>;

struct Shelf {
    notices: Mutex<Vec<Notice>>,
    status: AtomicU16,
}

pub struct Inbox {
    shelf: Arc<Shelf>,
    url: String,
    server: AbortHandle,
}

impl Inbox {
    pub async fn start() -> Self {
        let shelf = Arc::new(Shelf { notices: Mutex::default(), status: AtomicU16::new(200) });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/unionpay?shop=1&way=back", listener.local_addr().unwrap());
        let router = Router::new().route("/unionpay", post(receive)).with_state(shelf.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { shelf, url, server }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// What every genuine notification is answered from now on.
    pub fn answer_with(&self, status: u16) {
        self.shelf.status.store(status, Ordering::SeqCst);
    }

    pub fn notices(&self) -> Vec<Notice> {
        self.shelf.notices.lock().unwrap().clone()
    }

    pub fn count(&self) -> usize {
        self.shelf.notices.lock().unwrap().len()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(shelf): State<Arc<Shelf>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let kind = headers["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/x-www-form-urlencoded"), "{kind}");
    let notice: Notice = url::form_urlencoded::parse(&body).into_owned().collect();
    let genuine = is_genuine(&notice);
    shelf.notices.lock().unwrap().push(notice);
    if genuine { StatusCode::from_u16(shelf.status.load(Ordering::SeqCst)).unwrap() } else { StatusCode::UNAUTHORIZED }
}
