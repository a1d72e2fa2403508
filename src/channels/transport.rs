//! One call to one of a channel's hosts: it knows turns, the breaker, how long an answer may be and how a
//! call can break, and must never know how a call is written or signed.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, Request, Url};

use crate::headers::HeaderLookup;
use crate::http::{self, Sink};
use crate::limit::Limit;
use crate::outcome::{Why, WhyKind};
use crate::parts::Parts;
use crate::settings::Common;

/// Longest answer that is read: the longest honest one (a list of certificates) has a few kilobytes.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How long the next host is tried first after the preferred one could not be reached, in milliseconds:
/// long enough to spare most calls the connect time-out, short enough to come back soon.
const DETOUR_MS: i64 = 30_000;

/// What came back, not verified yet.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The header `name`; empty when there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.header(name).unwrap_or_default()
    }

    /// `Retry-After` in seconds, as milliseconds.
    pub(crate) fn retry_after_ms(&self) -> Option<i64> {
        self.header(RETRY_AFTER.as_str()).parse::<u32>().ok().map(|seconds| i64::from(seconds) * 1_000)
    }
}

/// Which of the channel's quotas a call counts against: each has its own limit, so that refunds that are
/// held back never hold payments back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Quota {
    /// Orders and questions.
    General,
    /// Calls that give money back.
    Refunds,
}

/// The way to a channel for one account.
#[derive(Debug)]
pub(crate) struct Transport {
    parts: Parts,
    hosts: Vec<Url>,
    timeout: Duration,
    limit: Limit,
    refund_limit: Limit,
    /// Until when the second host goes first, in milliseconds.
    detour_until_ms: AtomicI64,
}

impl Transport {
    pub(crate) fn new(common: &Common, parts: Parts) -> Self {
        Self {
            parts,
            hosts: common.hosts.clone(),
            timeout: Duration::from_millis(common.timeout_ms),
            limit: Limit::new(common.rate_per_second),
            refund_limit: Limit::new(common.refund_rate_per_second),
            detour_until_ms: AtomicI64::new(i64::MIN),
        }
    }

    pub(crate) const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Sends one call and reads its answer, whatever its status. `write` makes the request for one host: it
    /// is asked again for each host that is tried. The total time-out is set here.
    pub(crate) async fn exchange(
        &self,
        quota: Quota,
        write: impl Fn(&Client, &Url) -> Result<Request, Why> + Sync,
    ) -> Result<Answer, Why> {
        self.admitted(quota, self.send(&self.hosts, write, None)).await
    }

    /// The same for an answer of any length: the body of a 2xx goes to `sink` piece by piece, and the answer has none.
    /// The time-out counts for the head and for each piece.
    pub(crate) async fn download(
        &self,
        quota: Quota,
        write: impl Fn(&Client, &Url) -> Result<Request, Why> + Sync,
        sink: &mut Sink<'_>,
    ) -> Result<Answer, Why> {
        self.admitted(quota, self.send(&self.hosts, write, Some(sink))).await
    }

    /// The same from another host than the account's own.
    pub(crate) async fn download_from(
        &self,
        host: &Url,
        write: impl Fn(&Client, &Url) -> Result<Request, Why> + Sync,
        sink: &mut Sink<'_>,
    ) -> Result<Answer, Why> {
        self.admitted(Quota::General, self.send(std::slice::from_ref(host), write, Some(sink))).await
    }

    /// Whether `url` is at one of the account's own hosts.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        self.hosts.iter().any(|host| host.origin() == url.origin())
    }

    async fn admitted(&self, quota: Quota, call: impl Future<Output = Result<Answer, Why>>) -> Result<Answer, Why> {
        let clock = &*self.parts.clock;
        let limit = match quota {
            Quota::General => &self.limit,
            Quota::Refunds => &self.refund_limit,
        };
        let admission = self.parts.breaker.admit(clock.now()).map_err(|ms| {
            Why::not_sent(WhyKind::BreakerOpen, "too many calls failed in a row; waiting before the next")
                .retry_after(ms)
        })?;
        limit.acquire(clock).await?;
        let result = call.await;
        match &result {
            Ok(answer) if answer.status < 500 => admission.succeeded(),
            // An answer that cannot be read still shows that the other side is alive.
            Err(why) if why.kind == WhyKind::Unreadable => admission.succeeded(),
            _ => admission.failed(clock.now()),
        }
        if let Ok(answer) = &result
            && answer.status == 429
        {
            limit.pause(clock.now().as_millis(), answer.retry_after_ms());
        }
        result
    }

    /// Holds calls of this quota back for a while: for channels that say "too many" with HTTP 200.
    pub(crate) fn pause(&self, quota: Quota, ms: Option<i64>) {
        let limit = match quota {
            Quota::General => &self.limit,
            Quota::Refunds => &self.refund_limit,
        };
        limit.pause(self.parts.now().as_millis(), ms);
    }

    /// Tries the hosts in turn. The next host is tried only when no connection was made, so that the
    /// request certainly never left us: any other trouble, and any HTTP answer, ends the call.
    async fn send(
        &self,
        hosts: &[Url],
        write: impl Fn(&Client, &Url) -> Result<Request, Why>,
        mut sink: Option<&mut Sink<'_>>,
    ) -> Result<Answer, Why> {
        let now = self.parts.clock.now();
        // A clock that went back must not keep the detour for long.
        let left_ms = self.detour_until_ms.load(Ordering::Relaxed).saturating_sub(now.as_millis());
        let detour = (1..=DETOUR_MS).contains(&left_ms) && hosts.len() > 1;
        let order = hosts.iter().cycle().skip(usize::from(detour)).take(hosts.len());
        let mut last = Why::not_sent(WhyKind::NotConnected, "there is no host");
        for (tried, host) in order.enumerate() {
            let mut request = write(&self.parts.http, host)?;
            // A file may take long to come; nothing else may.
            *request.timeout_mut() = sink.is_none().then_some(self.timeout);
            let call = self.parts.http.execute(request);
            let result = if sink.is_none() {
                call.await
            } else {
                tokio::time::timeout(self.timeout, call).await.map_err(|_| late())?
            };
            match result {
                Ok(response) => {
                    if tried > 0 && !detour {
                        let until = self.parts.clock.now().plus_ms(DETOUR_MS);
                        self.detour_until_ms.store(until.as_millis(), Ordering::Relaxed);
                    }
                    let (status, headers) = (response.status().as_u16(), response.headers().clone());
                    let body = match sink.as_deref_mut() {
                        Some(sink) if (200..300).contains(&status) => {
                            http::read_into(response, self.timeout, sink).await?;
                            Bytes::new()
                        }
                        _ => {
                            let body = http::read_bounded(response, MAX_ANSWER_BYTES);
                            tokio::time::timeout(self.timeout, body).await.map_err(|_| late())??
                        }
                    };
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
}

fn late() -> Why {
    Why::new(WhyKind::Timeout, "no answer in time")
}

/// Trouble with writing a call: a fault of ours, before anything was sent.
pub(crate) fn unwritten(what: &str) -> Why {
    Why::not_sent(WhyKind::Unreadable, what)
}
