//! One call and its judgement: it knows headers, idempotency keys and which answers are believed, and must never
//! know what was asked.

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Client, Method, Request, Url};
use serde::de::DeserializeOwned;
use tracing::Span;

use super::Stripe;
use super::errors::{ApiError, Meaning};
use super::form::Form;
use crate::outcome::{Outcome, Refusal, Why, WhyKind};
use crate::transport::{Answer, Quota, unwritten};

/// One call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    method: Method,
    /// Path and query, escaped.
    target: String,
    body: String,
    /// Under which the channel takes the call at most once, and replays what it answered then.
    key: Option<String>,
    quota: Quota,
}

impl Call {
    pub(super) fn get(path: &str, query: &Form) -> Self {
        let target = format!("{path}?{}", query.encoded());
        Self { method: Method::GET, target, body: String::new(), key: None, quota: Quota::General }
    }

    pub(super) fn post(path: &str, form: &Form) -> Self {
        let (target, body) = (path.to_owned(), form.encoded());
        Self { method: Method::POST, target, body, key: None, quota: Quota::General }
    }

    pub(super) fn once(self, key: String) -> Self {
        Self { key: Some(key), ..self }
    }

    /// A call that gives money back.
    pub(super) fn refunds(self) -> Self {
        Self { quota: Quota::Refunds, ..self }
    }
}

/// An answer that was judged.
pub(super) enum Answered {
    /// 2xx.
    Success {
        answer: Answer,
        /// It is what was answered to an earlier call with the same key: it may be out of date.
        replayed: bool,
    },
    /// One of the channel's errors.
    Error(ApiError),
}

/// Why a question has no answer.
#[derive(Debug)]
pub(super) enum Trouble {
    Refused(Refusal),
    Unknown(Why),
}

impl Trouble {
    pub(super) fn outcome<T>(self) -> Outcome<T> {
        match self {
            Self::Refused(refusal) => Outcome::Refused(refusal),
            Self::Unknown(why) => Outcome::Unknown(why),
        }
    }

    /// As trouble of a call that asked this only to make sure: what is refused is the question, not that call.
    pub(super) fn why(self) -> Why {
        match self {
            Self::Refused(refusal) => Why::new(WhyKind::Unreadable, format!("looking first was refused: {refusal}")),
            Self::Unknown(why) => why,
        }
    }

    /// The same, before that call was made.
    pub(super) fn before(self) -> Why {
        Why { not_sent: true, ..self.why() }
    }
}

impl From<Why> for Trouble {
    fn from(why: Why) -> Self {
        Self::Unknown(why)
    }
}

impl From<ApiError> for Trouble {
    fn from(error: ApiError) -> Self {
        match error.outcome::<std::convert::Infallible>() {
            Outcome::Refused(refusal) => Self::Refused(refusal),
            Outcome::Unknown(why) => Self::Unknown(why),
            Outcome::Done(never) => match never {},
        }
    }
}

/// Trouble with an answer that says something else than was asked.
pub(super) fn unreadable(what: impl std::fmt::Display) -> Why {
    Why::new(WhyKind::Unreadable, format!("the answer: {what}"))
}

/// Reads an object.
pub(super) fn object<T: DeserializeOwned>(answer: &Answer) -> Result<T, Why> {
    serde_json::from_slice(&answer.body).map_err(unreadable)
}

impl Stripe {
    /// Makes one call and judges its answer.
    pub(super) async fn call(&self, call: Call) -> Result<Answered, Why> {
        let answer = self.transport.exchange(call.quota, |http, host| self.request(http, host, &call)).await?;
        let (status, request_id) = (answer.status, answer.header("Request-Id"));
        // On the span, so that every line about this call names it: the channel's support asks for it.
        Span::current().record("status", status).record("request_id", request_id);
        let replayed = answer.header("Idempotent-Replayed") == "true";
        let should_retry = answer.header("Stripe-Should-Retry").parse().ok();
        let retry_after_ms = answer.retry_after_ms();
        match status {
            200..=299 => Ok(Answered::Success { answer, replayed }),
            400..=599 => match ApiError::read(status, &answer.body, should_retry) {
                Some(error) => Ok(Answered::Error(ApiError { replayed, retry_after_ms, ..error })),
                None => Err(Why { retry_after_ms, ..bare(&answer) }),
            },
            _ => Err(bare(&answer)),
        }
    }

    /// Reads one object; `None` when the channel does not know it.
    pub(super) async fn read<T: DeserializeOwned>(&self, path: &str, query: &Form) -> Result<Option<T>, Trouble> {
        match self.call(Call::get(path, query)).await? {
            Answered::Success { answer, .. } => Ok(Some(object(&answer)?)),
            Answered::Error(error) if error.meaning == Some(Meaning::Absent) => Ok(None),
            Answered::Error(error) => Err(error.into()),
        }
    }

    fn request(&self, http: &Client, host: &Url, call: &Call) -> Result<Request, Why> {
        let wrong = || unwritten("the call cannot be written");
        let url = host.join(&call.target).map_err(|_| wrong())?;
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", self.secret.expose())).map_err(|_| wrong())?;
        bearer.set_sensitive(true);
        let mut builder = http
            .request(call.method.clone(), url)
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, "application/json")
            .header("Stripe-Version", &self.api_version);
        if let Some(key) = &call.key {
            builder = builder.header("Idempotency-Key", key);
        }
        if call.method == Method::POST {
            builder = builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(call.body.clone());
        }
        builder.build().map_err(|_| wrong())
    }
}

/// Trouble with an answer whose body is none of the channel's.
fn bare(answer: &Answer) -> Why {
    let kind = match answer.status {
        429 => WhyKind::RateLimited,
        500..=599 => WhyKind::ServerError,
        _ => WhyKind::Unreadable,
    };
    let (status, request_id) = (answer.status, answer.header("Request-Id"));
    Why::new(kind, format!("HTTP {status}, request {request_id}, without an error of the channel"))
}
