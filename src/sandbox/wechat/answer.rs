//! Answers on their way out: it knows status, headers and signature of an answer, and must never know
//! why it was given.

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;

use crate::keys::random_text;
use crate::serve::hang_up;
use crate::shared::Shared;
use crate::wechat::platform::SignWith;
use crate::wechat::refusal::Refusal;
use crate::wechat::sign;

/// An answer before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// JSON, or empty for 204.
    pub(crate) body: Vec<u8>,
    number: u32,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self { status: 200, body: body.to_string().into_bytes(), number: 0 }
    }

    pub(crate) const fn no_content() -> Self {
        Self { status: 204, body: Vec::new(), number: 0 }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self { status: refusal.status, body: refusal.body().to_string().into_bytes(), number: refusal.number }
    }

    /// Signs the answer; the headers can then still be spoilt.
    pub(crate) fn signed(self, world: &Shared, with: SignWith) -> Signed {
        let signer = world.platform().signer(with);
        match sign::headers(&signer, world.pace.now_seconds(), &self.body) {
            Ok(headers) => Signed { answer: self, headers: Some(headers) },
            Err(error) => {
                tracing::error!(%error, "the sandbox cannot sign its answer and hangs up");
                Signed { answer: self, headers: None }
            }
        }
    }
}

/// An answer with its signature.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) answer: Answer,
    pub(crate) headers: Option<HeaderMap>,
}

impl Signed {
    /// The response whose body is `body` (usually the answer's own).
    pub(crate) fn respond(self, body: Body) -> Response {
        let Some(mut headers) = self.headers else { return hang_up() };
        let id = format!("08{}-{}", random_text(32).to_ascii_uppercase(), self.answer.number);
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("request-id", id);
        }
        if !self.answer.body.is_empty() {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            headers.insert(header::CONTENT_TYPE, json);
        }
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }

    /// The response as it should be.
    pub(crate) fn respond_whole(self) -> Response {
        let body = Body::from(self.answer.body.clone());
        self.respond(body)
    }
}
