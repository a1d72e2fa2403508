//! Answers on their way out: it knows their headers, and must never know why one was given.

use axum::response::Response;
use http::HeaderValue;

use crate::keys::random_text;
use crate::reply::Reply;
use crate::stripe::idempotency::Kept;
use crate::stripe::refusal::Refusal;

/// A fresh id of a request.
pub(crate) fn request_id() -> String {
    format!("req_{}", random_text(14))
}

/// An answer with its headers.
pub(crate) fn reply(kept: &Kept, should_retry: Option<bool>, replayed: bool) -> Reply {
    let mut reply = Reply::new(kept.status, "application/json", kept.body.clone());
    let id = if replayed { request_id() } else { kept.request_id.clone() };
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            reply.headers.insert(name, value);
        }
    };
    put("request-id", &id);
    if replayed {
        put("idempotent-replayed", "true");
        put("original-request", &kept.request_id);
    }
    if let Some(should_retry) = should_retry {
        put("stripe-should-retry", if should_retry { "true" } else { "false" });
    }
    reply
}

/// The answer that a refusal is.
pub(crate) fn of(refusal: &Refusal) -> Kept {
    let body = serde_json::to_vec_pretty(&refusal.body()).unwrap_or_default();
    Kept { status: refusal.status, body, request_id: request_id() }
}

/// A refusal of a request that was not looked at any further.
pub(crate) fn refuse(refusal: &Refusal) -> Response {
    reply(&of(refusal), refusal.should_retry(), false).respond()
}
