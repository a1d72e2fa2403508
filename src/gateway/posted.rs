//! A request with an Idempotency-Key as it comes in: it knows the checks that stand before every such
//! request and their order, and must never know what a request means.

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;

use crate::auth::Caller;
use crate::idempotency::{self, KeyedRequest};
use crate::problem::Problem;
use crate::{App, body};

/// The body and the key of a request.
#[derive(Debug)]
pub struct Posted {
    /// The whole body.
    pub body: Bytes,
    /// Its key.
    pub keyed: KeyedRequest,
}

/// Reads a request to `path` whose body must be JSON.
///
/// # Errors
/// What is wrong with its headers, its key or its size.
pub async fn json(app: &App, caller: Caller, headers: &HeaderMap, path: &str, body: Body) -> Result<Posted, Problem> {
    body::check_json(headers)?;
    keyed(app, caller, headers, path, body).await
}

/// Reads a request to `path` whose body may be left out.
///
/// # Errors
/// What is wrong with its headers, its key or its size.
pub async fn keyed(app: &App, caller: Caller, headers: &HeaderMap, path: &str, body: Body) -> Result<Posted, Problem> {
    body::check_encoding(headers)?;
    idempotency::read(headers)?;
    let body = body::read(headers, body, &app.settings).await?;
    let keyed = KeyedRequest::new(caller.merchant, headers, "POST", path, &body)?;
    Ok(Posted { body, keyed })
}
