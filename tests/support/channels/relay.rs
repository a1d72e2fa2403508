//! Stands between channels and the gateway: it knows how messages are passed on, repeated and damaged, and must
//! never know what they say.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

use crate::http;

/// What becomes of the messages to an account.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) enum Post {
    /// They are passed on.
    #[default]
    Through,
    /// Each is passed on three times.
    Thrice,
    /// Damaged copies are passed on instead, and the channel is told to come again.
    Damaged,
}

/// What happened to the messages to an account.
#[derive(Clone, Default, Debug)]
pub(super) struct Passed {
    /// Status of the answer to each message that was passed on whole.
    pub(super) whole: Vec<u16>,
    /// Status of the answer to each damaged copy.
    pub(super) damaged: Vec<u16>,
}

#[derive(Debug, Default)]
struct Inner {
    gateway: OnceLock<u16>,
    accounts: Mutex<HashMap<String, (Post, Passed)>>,
    client: OnceLock<reqwest::Client>,
}

/// A running relay on loopback.
#[derive(Clone, Debug)]
pub(super) struct Relay {
    address: SocketAddr,
    inner: Arc<Inner>,
}

impl Relay {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::new(Inner::default());
        let router = Router::new().fallback(pass).with_state(inner.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, inner }
    }

    /// Where channels are told to send their messages.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the gateway listens.
    pub(super) fn leads_to(&self, port: u16) {
        let _ = self.inner.gateway.set(port);
        let _ = self.inner.client.set(http());
    }

    /// From now on.
    pub(super) fn set(&self, account: &str, post: Post) {
        self.inner.change(account, |entry| entry.0 = post);
    }

    /// What happened so far.
    pub(super) fn passed(&self, account: &str) -> Passed {
        self.inner.change(account, |entry| entry.1.clone())
    }
}

impl Inner {
    fn change<T>(&self, account: &str, change: impl FnOnce(&mut (Post, Passed)) -> T) -> T {
        change(self.accounts.lock().unwrap_or_else(PoisonError::into_inner).entry(account.to_owned()).or_default())
    }

    async fn send(&self, uri: &Uri, headers: &HeaderMap, body: Vec<u8>) -> Option<(StatusCode, Bytes)> {
        let url = format!("http://127.0.0.1:{}{uri}", self.gateway.get()?);
        let mut headers = headers.clone();
        for own in [header::HOST, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION] {
            headers.remove(own);
        }
        let answer = self.client.get()?.post(url).headers(headers).body(body).send().await.ok()?;
        Some((answer.status(), answer.bytes().await.ok()?))
    }
}

async fn pass(State(inner): State<Arc<Inner>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let account = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    let post = inner.change(&account, |entry| entry.0);
    if post == Post::Damaged {
        for copy in damaged(&body) {
            if let Some((status, _)) = inner.send(&uri, &headers, copy).await {
                inner.change(&account, |entry| entry.1.damaged.push(status.as_u16()));
            }
        }
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let mut last = None;
    for _ in 0..if post == Post::Thrice { 3 } else { 1 } {
        last = inner.send(&uri, &headers, body.to_vec()).await;
        if let Some((status, _)) = &last {
            inner.change(&account, |entry| entry.1.whole.push(status.as_u16()));
        }
    }
    last.map_or_else(|| StatusCode::BAD_GATEWAY.into_response(), IntoResponse::into_response)
}

/// Copies in which one digit is another: near the start, in the middle and near the end.
fn damaged(body: &[u8]) -> Vec<Vec<u8>> {
    // The name of a method of signing has a digit and is not signed itself.
    let is_name = |at: usize| body.get(at.saturating_sub(3)..at) == Some(b"RSA");
    let digits: Vec<usize> = (0..body.len()).filter(|at| body[*at].is_ascii_digit() && !is_name(*at)).collect();
    let places = [digits.first(), digits.get(digits.len() / 2), digits.last()];
    let copies = places.into_iter().flatten().map(|at| {
        let mut copy = body.to_vec();
        copy[*at] = if copy[*at] == b'9' { b'8' } else { copy[*at] + 1 };
        copy
    });
    copies.collect()
}

#[cfg(test)]
mod tests {
    use super::damaged;

    #[test]
    fn a_damaged_copy_differs_in_one_digit_that_counts() {
        let body = b"sign_type=RSA2&total_amount=88.00&sign=a9b";
        let copies = damaged(body);
        assert_eq!(copies.len(), 3);
        for copy in copies {
            assert_eq!(copy.iter().zip(body).filter(|(a, b)| a != b).count(), 1);
            assert!(copy.starts_with(b"sign_type=RSA2"));
        }
    }
}
