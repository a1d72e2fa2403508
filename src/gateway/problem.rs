//! Errors as RFC 9457 problems: it knows how an error is told, and must never repeat a secret or the inside
//! of the program.

mod kinds;

use axum::response::{IntoResponse, Response};
use bursar_core::id::{OrderId, PaymentId};
use bursar_store::StoreError;
use http::{HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

pub use kinds::Kind;

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What is wrong with one member, parameter or header.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Name of a query parameter, or of a check.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl FieldError {
    /// An error in the body.
    pub fn at(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: Some(pointer.into()), parameter: None, message: message.into() }
    }

    /// An error in a query parameter.
    pub fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: None, parameter: Some(name.into()), message: message.into() }
    }
}

/// An error answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What kind.
    pub kind: Kind,
    /// This occurrence, in words.
    pub detail: String,
    /// The members that are wrong.
    pub errors: Vec<FieldError>,
    /// After how many seconds to try again.
    pub retry_after_s: Option<u32>,
    /// What a program may want to know of this occurrence.
    pub facts: Option<Box<Facts>>,
}

/// Extension members of a problem.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Facts {
    /// The order in question.
    pub order_id: Option<OrderId>,
    /// The payment in question.
    pub payment_id: Option<PaymentId>,
    /// Where the order stands.
    pub order_state: Option<&'static str>,
    /// Where the refund, leg, plan or other thing in question stands.
    pub state: Option<&'static str>,
    /// Minor units asked for.
    pub asked_minor: Option<i64>,
    /// Minor units captured.
    pub captured_minor: Option<i64>,
    /// Minor units given back or set aside for that.
    pub given_back_minor: Option<i64>,
    /// Minor units left.
    pub left_minor: Option<i64>,
    /// What the named shares add up to.
    pub sum_minor: Option<i64>,
    /// Minor units that are missing.
    pub missing_minor: Option<i64>,
}

/// The body of every error answer ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// The kind, as the path of a page that says what to do.
    #[schema(example = "/problems/invalid-request")]
    r#type: String,
    /// The same for every occurrence of the kind.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// This occurrence, in words.
    detail: &'a str,
    /// The members or parameters that are wrong.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    /// The order in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    order_id: Option<OrderId>,
    /// The payment in question.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, nullable = false)]
    payment_id: Option<PaymentId>,
    /// Where the order stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    order_state: Option<&'static str>,
    /// Where the refund or leg in question stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    state: Option<&'static str>,
    /// Minor units asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    asked_minor: Option<i64>,
    /// Minor units captured.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    captured_minor: Option<i64>,
    /// Minor units given back or set aside for refunds under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    given_back_minor: Option<i64>,
    /// Minor units left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    left_minor: Option<i64>,
    /// What the named shares add up to, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    sum_minor: Option<i64>,
    /// Minor units that are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    missing_minor: Option<i64>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), retry_after_s: None, facts: None }
    }

    /// The same problem with what a program may want to know.
    #[must_use]
    pub fn with(self, facts: Facts) -> Self {
        Self { facts: Some(Box::new(facts)), ..self }
    }

    /// One member of the body that is not valid.
    pub fn member(pointer: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError::at(pointer, message)])
    }

    /// Members of the body that are not valid.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = joined(&errors);
        Self { errors, ..Self::new(Kind::InvalidRequest, detail) }
    }

    /// Query parameters that are not valid.
    pub fn parameters(errors: Vec<FieldError>) -> Self {
        let detail = joined(&errors);
        Self { errors, ..Self::new(Kind::InvalidParameter, detail) }
    }

    /// Nothing is there, or it is not the caller's.
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, format!("There is no such {what}."))
    }

    /// A bug of ours; the reason goes to the log only.
    pub fn internal(reason: &str) -> Self {
        tracing::error!(reason, "internal error");
        Self::new(Kind::Internal, "An error inside the program; it was logged.")
    }
}

fn joined(errors: &[FieldError]) -> String {
    errors.iter().map(|e| e.message.as_str()).collect::<Vec<_>>().join("; ")
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            tracing::warn!(%error, "database unavailable");
            let problem = Self::new(Kind::Unavailable, "The database does not answer at the moment.");
            return Self { retry_after_s: Some(1), ..problem };
        }
        Self::internal(&error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let facts = self.facts.as_deref().cloned().unwrap_or_default();
        let body = ProblemBody {
            r#type: self.kind.uri(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: &self.detail,
            errors: &self.errors,
            order_id: facts.order_id,
            payment_id: facts.payment_id,
            order_state: facts.order_state,
            state: facts.state,
            asked_minor: facts.asked_minor,
            captured_minor: facts.captured_minor,
            given_back_minor: facts.given_back_minor,
            left_minor: facts.left_minor,
            sum_minor: facts.sum_minor,
            missing_minor: facts.missing_minor,
        };
        let text = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.kind.status(), [(header::CONTENT_TYPE, PROBLEM_JSON)], text).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::Unauthorized {
            let challenge = HeaderValue::from_static("Bearer realm=\"bursar\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    }
}
