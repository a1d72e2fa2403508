//! Where an application's notifications arrive: a server that keeps what it was sent and answers as the case
//! wants.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use tokio::task::AbortHandle;

use super::app::{Fields, provisioned, string_of, unwrap_pem, verifies};

#[derive(Clone, Debug)]
pub struct Letter(pub Fields);

struct Shelf {
    letters: Mutex<Vec<Letter>>,
    answer: Mutex<String>,
}

pub struct Receiver {
    shelf: Arc<Shelf>,
    url: String,
    server: AbortHandle,
}

impl Receiver {
    pub async fn start() -> Self {
        let shelf = Arc::new(Shelf { letters: Mutex::default(), answer: Mutex::new("success".into()) });
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
    pub fn answer_with(&self, text: &str) {
        text.clone_into(&mut self.shelf.answer.lock().unwrap());
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

/// Forged ones are refused; the rest is answered as set.
async fn receive(State(shelf): State<Arc<Shelf>>, body: Bytes) -> String {
    let letter = Letter(url::form_urlencoded::parse(&body).into_owned().collect());
    let genuine = letter.is_genuine();
    shelf.letters.lock().unwrap().push(letter);
    if genuine { shelf.answer.lock().unwrap().clone() } else { "failure".to_owned() }
}

impl Letter {
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn is_genuine(&self) -> bool {
        self.is_signed_with(&unwrap_pem(&provisioned().alipay_public_key))
    }

    pub fn is_signed_with(&self, der: &[u8]) -> bool {
        verifies(&string_of(&self.0, &["sign", "sign_type"]), self.get("sign"), der)
    }
}
