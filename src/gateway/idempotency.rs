//! Idempotency keys: it knows when two requests are the same and that the first answer is the answer,
//! and must never know what the request does.
//!
//! A key is taken in the same transaction as what the request does, together with the answer. So there
//! is no moment in which a request has happened but its key is free: of fifty equal requests at once
//! one commits and the others read its answer. Only *successful* answers are kept: an error changed
//! nothing, and the corrected request may use the key.

use aws_lc_rs::digest;
use axum::response::{IntoResponse, Response};
use bursar_core::Timestamp;
use bursar_core::id::MerchantId;
use bursar_store::IdempotencyKey;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::App;
use crate::limits::IDEMPOTENCY_KEY_MAX_CHARS;
use crate::problem::{Kind, Problem};

/// The request header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Says in an answer that it is the stored one.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// A request with its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyedRequest {
    merchant: MerchantId,
    key: String,
    request_digest: Vec<u8>,
}

impl KeyedRequest {
    /// Reads the key from the headers; the digest is over the method, the path and the body's bytes.
    ///
    /// # Errors
    /// [`Kind::MissingIdempotencyKey`] or [`Kind::InvalidIdempotencyKey`].
    pub fn new(
        merchant: MerchantId,
        headers: &HeaderMap,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let key = read(headers)?;
        let mut context = digest::Context::new(&digest::SHA256);
        for part in [method.as_bytes(), b" ", path.as_bytes(), b"\n", body] {
            context.update(part);
        }
        Ok(Self { merchant, key, request_digest: context.finish().as_ref().to_vec() })
    }

    /// The row that takes the key for `answer`.
    pub fn row(&self, status: StatusCode, answer: String, created_at: Timestamp) -> IdempotencyKey {
        IdempotencyKey {
            merchant: self.merchant,
            key: self.key.clone(),
            request_digest: self.request_digest.clone(),
            status: status.as_u16(),
            answer,
            created_at,
        }
    }

    /// The answer that was given to this request before; `None` when its key is free.
    ///
    /// # Errors
    /// [`Kind::IdempotencyKeyReused`] when the key belongs to another request.
    pub async fn stored(&self, app: &App) -> Result<Option<Response>, Problem> {
        let Some(row) = app.desk.gatherer.store().idempotency(self.merchant, &self.key).await? else {
            return Ok(None);
        };
        if row.request_digest != self.request_digest {
            let detail = "This Idempotency-Key was used for another request before.";
            return Err(Problem::new(Kind::IdempotencyKeyReused, detail));
        }
        let status = StatusCode::from_u16(row.status).unwrap_or(StatusCode::OK);
        let mut response = json(status, row.answer);
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        Ok(Some(response))
    }

    /// The answer that was given before; or else that of `work`, which takes the key itself. When `work` finds
    /// that it cannot be done because the same request has just done it, the first answer counts.
    ///
    /// # Errors
    /// What `work` says, or [`Kind::IdempotencyKeyReused`].
    pub async fn once(
        &self,
        app: &App,
        work: impl Future<Output = Result<Response, Problem>>,
    ) -> Result<Response, Problem> {
        if let Some(response) = self.stored(app).await? {
            return Ok(response);
        }
        match work.await {
            Ok(response) => Ok(response),
            Err(problem) => self.stored(app).await?.ok_or(problem),
        }
    }

    /// The answer of whoever was faster with this key.
    ///
    /// # Errors
    /// [`Kind::IdempotencyKeyReused`], or [`Kind::IdempotencyKeyInFlight`] when there is none yet.
    pub async fn again(&self, app: &App) -> Result<Response, Problem> {
        self.stored(app).await?.ok_or_else(|| {
            let problem =
                Problem::new(Kind::IdempotencyKeyInFlight, "The first request with this key is not finished.");
            Problem { retry_after_s: Some(1), ..problem }
        })
    }
}

/// A JSON answer.
pub fn json(status: StatusCode, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// The key in `headers`.
///
/// # Errors
/// See [`KeyedRequest::new`].
pub fn read(headers: &HeaderMap) -> Result<String, Problem> {
    let invalid = |why: &str| Problem::new(Kind::InvalidIdempotencyKey, why);
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Err(Problem::new(Kind::MissingIdempotencyKey, "This call needs an Idempotency-Key header."));
    };
    if values.next().is_some() {
        return Err(invalid("The Idempotency-Key header stands more than once."));
    }
    let visible = !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_graphic);
    let text = value.to_str().ok().filter(|_| visible);
    let text = text.ok_or_else(|| invalid("The Idempotency-Key must be visible ASCII characters without spaces."))?;
    if text.len() > IDEMPOTENCY_KEY_MAX_CHARS {
        return Err(invalid(&format!("The Idempotency-Key is longer than {IDEMPOTENCY_KEY_MAX_CHARS} characters.")));
    }
    Ok(text.to_owned())
}
