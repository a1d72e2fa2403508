//! What stands before every handler: it knows load, time and the outside of answers, and must never
//! know what a request is about.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderName, HeaderValue, header};
use tokio::sync::Semaphore;

use crate::App;
use crate::problem::{Kind, Problem};

/// Nothing may be loaded by our answers; they are data, not pages.
const STRICT_CSP: &str = "default-src 'none'; frame-ancestors 'none'";
/// The API page loads its own scripts and styles from here, and nothing from elsewhere.
const DOCS_CSP: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'";

/// Counts, bounds panics, and puts the safety headers on every answer.
pub async fn outside(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let docs = request.uri().path().starts_with("/docs");
    let data = request.uri().path().starts_with("/v1/");
    let run = AssertUnwindSafe(next.run(request)).catch_unwind();
    let mut response = match run.await {
        Ok(response) => response,
        Err(_) => Problem::internal("a handler panicked").into_response(),
    };
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    app.metrics.count_request(route, response.status().as_u16());
    tracing::debug!(route, status = response.status().as_u16(), "answered");
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(HeaderName::from_static("referrer-policy"), HeaderValue::from_static("no-referrer"));
    let policy = if docs { DOCS_CSP } else { STRICT_CSP };
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    if data {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

async fn bounded(places: &Semaphore, limit_ms: u64, request: Request, next: Next) -> Response {
    let later = |kind, detail: &str| Problem { retry_after_s: Some(1), ..Problem::new(kind, detail) }.into_response();
    let Ok(_place) = places.try_acquire() else {
        return later(Kind::Overloaded, "Too many requests are in progress.");
    };
    match tokio::time::timeout(Duration::from_millis(limit_ms), next.run(request)).await {
        Ok(response) => response,
        Err(_) => later(Kind::Timeout, "The request took too long."),
    }
}

/// Bounds API requests in number and time.
pub async fn api(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    bounded(&app.in_flight, app.settings.request_timeout_ms, request, next).await
}

/// Bounds notifications in number and time.
pub async fn notifications(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    bounded(&app.notifications_in_flight, app.settings.request_timeout_ms, request, next).await
}

/// The answer to an address that does not exist.
pub async fn no_such_route() -> Problem {
    Problem::new(Kind::NotFound, "There is nothing at this address; /openapi.json lists what there is.")
}

/// The answer to a method that an address does not take.
pub async fn no_such_method() -> Problem {
    Problem::new(Kind::MethodNotAllowed, "This address does not take this method.")
}
