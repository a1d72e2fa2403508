//! A merchant's side of the protocol, written from the documents alone: it calls with a key, and keeps and checks the
//! messages that arrive.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use tokio::task::AbortHandle;

use crate::{Provisioned, provision, system_random};

/// Read once for all cases.
pub fn provisioned() -> &'static Provisioned {
    static MADE: OnceLock<Provisioned> = OnceLock::new();
    MADE.get_or_init(|| provision(&crate::cases::folder::shared(), "shop", &system_random).unwrap())
}

pub fn secret_key() -> String {
    std::fs::read_to_string(&provisioned().stripe.secret_key).unwrap()
}

pub fn webhook_secret() -> String {
    std::fs::read_to_string(&provisioned().stripe.webhook_secret).unwrap()
}

/// An answer as received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// `error.code`, else `error.type`.
    pub fn code(&self) -> String {
        let error = &self.json()["error"];
        error["code"].as_str().or_else(|| error["type"].as_str()).unwrap_or_default().to_owned()
    }

    pub fn header(&self, name: &str) -> String {
        self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
    }
}

pub type Members<'a> = &'a [(&'a str, &'a str)];

pub fn encoded(members: Members<'_>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish()
}

/// A merchant's client.
pub struct Caller {
    base: String,
    http: reqwest::Client,
}

impl Caller {
    pub fn new(base: String) -> Self {
        Self { base, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub async fn send(
        &self,
        method: &str,
        target: &str,
        headers: Members<'_>,
        members: Members<'_>,
    ) -> reqwest::Result<Answer> {
        let query =
            if method == "POST" || members.is_empty() { String::new() } else { format!("?{}", encoded(members)) };
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{target}{query}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if method == "POST" {
            request = request.header("content-type", "application/x-www-form-urlencoded").body(encoded(members));
        }
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
    }

    pub async fn call(&self, method: &str, target: &str, key: Option<&str>, members: Members<'_>) -> Answer {
        let bearer = format!("Bearer {}", secret_key());
        let mut headers = vec![("authorization", bearer.as_str()), ("stripe-version", "2026-07-29.dahlia")];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        self.send(method, target, &headers, members).await.unwrap()
    }

    pub async fn get(&self, target: &str, members: Members<'_>) -> Answer {
        self.call("GET", target, None, members).await
    }

    pub async fn post(&self, target: &str, members: Members<'_>) -> Answer {
        self.call("POST", target, None, members).await
    }

    /// Asks for an intent whose payer waits to be told; `more` members replace these or are added.
    pub async fn ask(&self, number: &str, key: Option<&str>, more: Members<'_>) -> Answer {
        let usual = [
            ("amount", "8800"),
            ("currency", "hkd"),
            ("payment_method_types[]", "card"),
            ("capture_method", "automatic"),
            ("description", "two hours of cleaning [payer:never]"),
            ("metadata[bursar_payment]", number),
        ];
        let kept = usual.into_iter().filter(|(name, _)| more.iter().all(|(other, _)| other != name));
        let members: Vec<_> = kept.chain(more.iter().copied().filter(|(_, value)| *value != "-")).collect();
        self.call("POST", "/v1/payment_intents", key, &members).await
    }

    pub async fn create(&self, number: &str, more: Members<'_>) -> Value {
        let answer = self.ask(number, Some(number), more).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    pub async fn intent(&self, id: &str) -> Value {
        let expand = [("expand[]", "latest_charge.balance_transaction")];
        self.get(&format!("/v1/payment_intents/{id}"), &expand).await.json()
    }

    pub async fn refund(&self, intent: &str, number: &str, amount: &str, reason: &str) -> Answer {
        let members = [
            ("payment_intent", intent),
            ("amount", amount),
            ("metadata[bursar_leg]", number),
            ("metadata[why]", reason),
        ];
        self.call("POST", "/v1/refunds", Some(number), &members).await
    }
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// A message as it came.
#[derive(Clone)]
pub struct Letter {
    pub signature: String,
    pub body: Vec<u8>,
}

impl Letter {
    /// Whether one of the `v1` signatures was made with this secret.
    pub fn is_signed_with(&self, secret: &str) -> bool {
        let parts: Vec<_> = self.signature.split(',').filter_map(|part| part.split_once('=')).collect();
        let time = parts.iter().find(|(name, _)| *name == "t").unwrap().1;
        let mut signed = format!("{time}.").into_bytes();
        signed.extend_from_slice(&self.body);
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), &signed);
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        parts.iter().any(|(name, value)| *name == "v1" && *value == hex)
    }

    pub fn event(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Default)]
struct Shelf {
    letters: Mutex<Vec<Letter>>,
    status: AtomicU16,
}

/// Where messages arrive: a server that keeps them and answers as the case wants.
pub struct Inbox {
    shelf: Arc<Shelf>,
    url: String,
    server: AbortHandle,
}

impl Inbox {
    pub async fn start() -> Self {
        let shelf = Arc::new(Shelf { status: AtomicU16::new(200), ..Shelf::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let router = Router::new().route("/hooks", post(receive)).with_state(shelf.clone());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }).abort_handle();
        Self { shelf, url, server }
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn answer_with(&self, status: u16) {
        self.shelf.status.store(status, Ordering::SeqCst);
    }

    pub fn letters(&self) -> Vec<Letter> {
        self.shelf.letters.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<Value> {
        self.letters().iter().map(Letter::event).collect()
    }

    pub fn count(&self) -> usize {
        self.shelf.letters.lock().unwrap().len()
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn receive(State(shelf): State<Arc<Shelf>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signature = headers.get("stripe-signature").map(|value| value.to_str().unwrap().to_owned());
    let letter = Letter { signature: signature.unwrap_or_default(), body: body.to_vec() };
    let good = letter.is_signed_with(&webhook_secret());
    shelf.letters.lock().unwrap().push(letter);
    if good { StatusCode::from_u16(shelf.status.load(Ordering::SeqCst)).unwrap() } else { StatusCode::BAD_REQUEST }
}
