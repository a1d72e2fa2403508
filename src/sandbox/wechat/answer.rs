//! Answers on their way out: it knows status, headers and signature of an answer, and must never know
//! why it was given.

use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::Value;

use crate::keys::random_text;
use crate::reply::Reply;
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
    /// A file's content type: files are not signed.
    file: Option<&'static str>,
}

impl Answer {
    pub(crate) fn ok(body: &Value) -> Self {
        Self { status: 200, body: body.to_string().into_bytes(), number: 0, file: None }
    }

    pub(crate) const fn no_content() -> Self {
        Self { status: 204, body: Vec::new(), number: 0, file: None }
    }

    /// A file as it is.
    pub(crate) const fn file(bytes: Vec<u8>, content_type: &'static str) -> Self {
        Self { status: 200, body: bytes, number: 0, file: Some(content_type) }
    }

    pub(crate) fn refused(refusal: &Refusal) -> Self {
        Self {
            status: refusal.status,
            body: refusal.body().to_string().into_bytes(),
            number: refusal.number,
            file: None,
        }
    }

    /// Signs the answer; it can then still be spoilt. Without a signature there is no answer.
    pub(crate) fn signed(self, world: &Shared, with: SignWith) -> Option<Reply> {
        if let Some(content_type) = self.file {
            return Some(Reply::new(self.status, content_type, self.body));
        }
        let signer = world.wechat.platform().signer(with);
        let mut headers = match sign::headers(&signer, world.pace.now_seconds(), &self.body) {
            Ok(headers) => headers,
            Err(error) => {
                tracing::error!(%error, "the sandbox cannot sign its answer and hangs up");
                return None;
            }
        };
        let id = format!("08{}-{}", random_text(32).to_ascii_uppercase(), self.number);
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("request-id", id);
        }
        if !self.body.is_empty() {
            let json = HeaderValue::from_static("application/json; charset=utf-8");
            headers.insert(header::CONTENT_TYPE, json);
        }
        Some(Reply { status: self.status, headers, body: self.body })
    }

    /// The response as it should be.
    pub(crate) fn respond(self, world: &Shared, with: SignWith) -> Response {
        self.signed(world, with).map_or_else(hang_up, Reply::respond)
    }
}
