//! One signed call: it knows hosts, headers, quotas and how a call can break, and must never know what a
//! call means.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, Request, Url};
use url::Position;

use super::settings::Settings;
use super::sign::{self, SigningKey};
use super::verify;
use crate::headers::HeaderLookup;
use crate::http;
use crate::limit::Limit;
use crate::outcome::{Why, WhyKind};
use crate::registry::Parts;

/// Longest answer that is read: the longest honest one (a list of certificates) has a few kilobytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How long the next host is tried first after the preferred one could not be reached, in milliseconds:
/// long enough to spare most calls the connect time-out, short enough to come back soon.
const DETOUR_MS: i64 = 30_000;

/// What came back, not verified yet.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Answer {
    /// The channel's name for the call, for its support; empty when there is none.
    pub(super) fn request_id(&self) -> &str {
        self.headers.header("Request-ID").unwrap_or_default()
    }
}

/// Which of the channel's quotas a call counts against: each has its own limit, so that refunds that are
/// held back never hold payments back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Quota {
    /// Orders and questions.
    General,
    /// Calls that give money back.
    Refunds,
}

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    method: Method,
    /// Path and query, already percent-encoded.
    target: &'a str,
    body: Bytes,
    quota: Quota,
    /// The key with which members of the body are sealed, when it is another than the account's own.
    sealed_for: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) const fn get(target: &'a str) -> Self {
        Self { method: Method::GET, target, body: Bytes::new(), quota: Quota::General, sealed_for: None }
    }

    pub(super) const fn post(target: &'a str, body: Bytes) -> Self {
        Self { method: Method::POST, target, body, quota: Quota::General, sealed_for: None }
    }

    /// A call that gives money back.
    pub(super) fn refunds(self) -> Self {
        Self { quota: Quota::Refunds, ..self }
    }

    pub(super) fn sealed_for(self, serial: &'a str) -> Self {
        Self { sealed_for: Some(serial), ..self }
    }
}

#[derive(Debug)]
pub(super) struct Transport {
    parts: Parts,
    hosts: Vec<Url>,
    mchid: String,
    serial_no: String,
    signing: SigningKey,
    /// Tells the channel with which key to sign its answers.
    answer_key: Option<String>,
    timeout: Duration,
    limit: Limit,
    refund_limit: Limit,
    /// Until when the second host goes first, in milliseconds.
    detour_until_ms: AtomicI64,
}

impl Transport {
    pub(super) fn new(settings: &Settings, signing: SigningKey, parts: Parts) -> Self {
        Self {
            parts,
            // Checked when the settings were read.
            hosts: settings.hosts().unwrap_or_default(),
            mchid: settings.mchid.clone(),
            serial_no: settings.serial_no.clone(),
            signing,
            answer_key: settings.public_key_id.clone(),
            timeout: Duration::from_millis(settings.timeout_ms),
            limit: Limit::new(settings.rate_per_second),
            refund_limit: Limit::new(settings.refund_rate_per_second),
            detour_until_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub(super) const fn signing(&self) -> &SigningKey {
        &self.signing
    }

    pub(super) const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Sends one call and reads its answer.
    pub(super) async fn exchange(&self, call: Call<'_>) -> Result<Answer, Why> {
        let clock = &*self.parts.clock;
        let limit = match call.quota {
            Quota::General => &self.limit,
            Quota::Refunds => &self.refund_limit,
        };
        let admission = self.parts.breaker.admit(clock.now()).map_err(|ms| {
            Why::not_sent(WhyKind::BreakerOpen, "too many calls failed in a row; waiting before the next")
                .retry_after(ms)
        })?;
        limit.acquire(clock).await?;
        let result = self.send(&call).await;
        match &result {
            Ok(answer) if answer.status < 500 => admission.succeeded(),
            // An answer that cannot be read still shows that the other side is alive.
            Err(why) if why.kind == WhyKind::Unreadable => admission.succeeded(),
            _ => admission.failed(clock.now()),
        }
        if let Ok(answer) = &result
            && answer.status == 429
        {
            limit.pause(clock.now().as_millis(), retry_after_ms(answer));
        }
        result
    }

    /// Tries the hosts in turn. The next host is tried only when no connection was made, so that the
    /// request certainly never left us: any other trouble, and any HTTP answer, ends the call.
    async fn send(&self, call: &Call<'_>) -> Result<Answer, Why> {
        let now = self.parts.clock.now();
        // A clock that went back must not keep the detour for long.
        let left_ms = self.detour_until_ms.load(Ordering::Relaxed).saturating_sub(now.as_millis());
        let detour = (1..=DETOUR_MS).contains(&left_ms) && self.hosts.len() > 1;
        let order = self.hosts.iter().cycle().skip(usize::from(detour)).take(self.hosts.len());
        let mut last = Why::not_sent(WhyKind::NotConnected, "there is no host");
        for (tried, host) in order.enumerate() {
            match self.parts.http.execute(self.request(host, call)?).await {
                Ok(response) => {
                    if tried > 0 && !detour {
                        let until = self.parts.clock.now().plus_ms(DETOUR_MS);
                        self.detour_until_ms.store(until.as_millis(), Ordering::Relaxed);
                    }
                    let (status, headers) = (response.status().as_u16(), response.headers().clone());
                    let body = http::read_bounded(response, MAX_ANSWER_BYTES).await?;
                    return Ok(Answer { status, headers, body });
                }
                Err(error) => {
                    let why = http::why(error);
                    if !why.not_sent {
                        return Err(why);
                    }
                    tracing::warn!(host = host.host_str(), detail = why.detail, "cannot connect");
                    last = why;
                }
            }
        }
        Err(last)
    }

    fn request(&self, host: &Url, call: &Call<'_>) -> Result<Request, Why> {
        let local = |what: &str| Why::not_sent(WhyKind::Unreadable, what);
        let url = host.join(call.target).map_err(|_| local("the path of the call cannot be written"))?;
        let unix_seconds = self.parts.clock.now().as_seconds();
        let nonce = sign::nonce(&*self.parts.chance);
        // What is signed is taken from the address that is sent, not from what we meant.
        let sent_target = &url[Position::BeforePath..Position::AfterQuery];
        let message = sign::request_message(call.method.as_str(), sent_target, unix_seconds, &nonce, &call.body);
        let signature = self.signing.sign(&message).ok_or_else(|| local("the call cannot be signed"))?;
        let authorization = sign::authorization(&self.mchid, &self.serial_no, unix_seconds, &nonce, &signature);
        let mut builder = self
            .parts
            .http
            .request(call.method.clone(), url)
            .timeout(self.timeout)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json");
        // Names the key of what is sealed in the call, and asks for an answer under the same key.
        if let Some(key) = call.sealed_for.or(self.answer_key.as_deref()) {
            builder = builder.header(verify::SERIAL, key);
        }
        if !call.body.is_empty() {
            builder = builder.header(CONTENT_TYPE, "application/json").body(call.body.clone());
        }
        builder.build().map_err(|_| local("the call cannot be written"))
    }
}

/// `Retry-After` in seconds, as milliseconds.
pub(super) fn retry_after_ms(answer: &Answer) -> Option<i64> {
    answer.headers.header(RETRY_AFTER.as_str()).and_then(|text| text.parse::<u32>().ok()).map(|s| i64::from(s) * 1_000)
}
