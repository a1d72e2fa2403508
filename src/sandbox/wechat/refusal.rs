//! Refusals in the channel's words: it knows error codes and their HTTP status, and must never decide
//! whether something is refused.

use serde_json::{Value, json};

/// An error answer of the channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) detail: Option<Value>,
    /// The internal number at the end of the `Request-ID` header.
    pub(crate) number: u32,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: None, number: 268_435_462 }
    }

    /// 400: the member at `field` (a JSON pointer, or a name of the query) is wrong.
    pub(crate) fn parameter(field: &str, issue: impl Into<String>) -> Self {
        let issue = issue.into();
        let detail = json!({ "field": field, "issue": issue, "location": "body" });
        Self { detail: Some(detail), ..Self::new(400, "PARAM_ERROR", format!("parameter {field}: {issue}")) }
    }

    /// 401: the request is not signed as the documents say.
    pub(crate) fn signature(issue: impl Into<String>) -> Self {
        let issue = issue.into();
        let detail = json!({ "field": "signature", "issue": issue, "location": "authorization" });
        Self { detail: Some(detail), ..Self::new(401, "SIGN_ERROR", issue) }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST", message)
    }

    pub(crate) fn no_such_order() -> Self {
        Self::new(404, "ORDER_NOT_EXIST", "the order does not exist")
    }

    pub(crate) fn no_such_resource(what: &str) -> Self {
        Self::new(404, "RESOURCE_NOT_EXISTS", format!("the {what} does not exist"))
    }

    pub(crate) fn with_number(self, number: u32) -> Self {
        Self { number, ..self }
    }

    /// The body of the answer.
    pub(crate) fn body(&self) -> Value {
        match &self.detail {
            Some(detail) => json!({ "code": self.code, "message": self.message, "detail": detail }),
            None => json!({ "code": self.code, "message": self.message }),
        }
    }
}
