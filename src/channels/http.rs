//! The shared HTTP client: it knows time-outs, pools and how a call can break, and must never know what
//! is sent.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Client, ClientBuilder, Response, redirect, retry};

use crate::outcome::{Why, WhyKind};

/// Settings of outgoing HTTP, for all channels.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpSettings {
    /// How the program names itself.
    pub user_agent: String,
    /// Idle connections kept per host. A new TLS handshake costs more than a call, so it is about as
    /// large as the number of calls that run at once.
    pub pool_max_idle_per_host: usize,
    /// How long an idle connection is kept, in real milliseconds: shorter than servers keep theirs, or
    /// calls would be written into connections that are just being closed.
    pub pool_idle_timeout_ms: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            user_agent: concat!("bursar/", env!("CARGO_PKG_VERSION")).to_owned(),
            pool_max_idle_per_host: 256,
            pool_idle_timeout_ms: 30_000,
        }
    }
}

/// A client that does nothing by itself: no redirects, no retries, no proxy from the environment.
///
/// # Errors
/// A sentence when TLS cannot be set up.
pub(crate) fn client(
    settings: &HttpSettings,
    connect_timeout_ms: u64,
    more: impl Fn(ClientBuilder) -> ClientBuilder,
) -> Result<Client, String> {
    let builder = || {
        more(
            Client::builder()
                .user_agent(settings.user_agent.as_str())
                .redirect(redirect::Policy::none())
                .retry(retry::never())
                .no_proxy()
                .referer(false)
                .tcp_nodelay(true)
                .connect_timeout(Duration::from_millis(connect_timeout_ms))
                .pool_idle_timeout(Duration::from_millis(settings.pool_idle_timeout_ms))
                .pool_max_idle_per_host(settings.pool_max_idle_per_host),
        )
    };
    builder().build().or_else(|error| {
        // A machine without any CA certificates can still run the demonstration on loopback; every
        // https call fails then, which is the safe side.
        tracing::warn!(error = describe(error), "no CA certificates found: install ca-certificates; https will fail");
        builder().tls_certs_only([]).build().map_err(|e| format!("cannot set up HTTP: {}", describe(e)))
    })
}

/// The whole chain of causes, without the URL (which may hold numbers of people and orders).
pub(crate) fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Sorts a broken call. Only a failed connection is known not to have sent anything.
pub(crate) fn why(error: reqwest::Error) -> Why {
    if error.is_connect() {
        Why::not_sent(WhyKind::NotConnected, describe(error))
    } else if error.is_timeout() {
        Why::new(WhyKind::Timeout, describe(error))
    } else {
        Why::new(WhyKind::ConnectionLost, describe(error))
    }
}

/// Reads a body of at most `max_bytes`; a longer one is refused without being read to its end.
pub(crate) async fn read_bounded(mut response: Response, max_bytes: usize) -> Result<Bytes, Why> {
    let too_long = || Why::new(WhyKind::Unreadable, format!("the answer is longer than {max_bytes} bytes"));
    let declared = response.content_length().unwrap_or(0);
    if usize::try_from(declared).map_or(true, |length| length > max_bytes) {
        return Err(too_long());
    }
    let mut whole = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(why)? {
        if whole.len() + chunk.len() > max_bytes {
            return Err(too_long());
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.freeze())
}

/// Takes a body piece by piece.
pub(crate) type Sink<'a> = dyn FnMut(&[u8]) -> io::Result<()> + Send + 'a;

/// Gives a body of any length to `sink`; each piece must come within `each`.
pub(crate) async fn read_into(mut response: Response, each: Duration, sink: &mut Sink<'_>) -> Result<(), Why> {
    loop {
        let next = tokio::time::timeout(each, response.chunk()).await;
        let next = next.map_err(|_| Why::new(WhyKind::Timeout, "no more of the file comes"))?;
        let Some(chunk) = next.map_err(why)? else { return Ok(()) };
        sink(&chunk).map_err(|error| Why::new(WhyKind::Unreadable, format!("the file is not taken: {error}")))?;
    }
}
