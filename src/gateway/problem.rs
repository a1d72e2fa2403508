//! Errors as RFC 9457 problems: it knows every kind of error with its status and advice, and must never
//! repeat a secret or the inside of the program.

use axum::response::{IntoResponse, Response};
use bursar_core::id::{OrderId, PaymentId};
use bursar_store::StoreError;
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// The media type of problems.
pub const PROBLEM_JSON: &str = "application/problem+json";

macro_rules! kinds {
    ($($name:ident, $slug:literal, $status:ident, $title:literal, $advice:literal;)*) => {
        /// A kind of problem. Its slug is stable: clients may branch on it.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Kind {
            $(
                #[doc = $title]
                $name,
            )*
        }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The stable name; `/problems/{slug}` is its page and its `type`.
            pub const fn slug(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The short text that is the same for every occurrence.
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the client should do, in words.
            pub const fn advice(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

impl Kind {
    /// The `type` of its problems.
    pub fn uri(self) -> String {
        format!("/problems/{}", self.slug())
    }
}

kinds! {
    MalformedJson, "malformed-json", BAD_REQUEST, "The body is not the JSON that is expected",
        "Send one JSON object in UTF-8, each member once. Nothing was changed.";
    InvalidParameter, "invalid-parameter", BAD_REQUEST, "A query parameter is not valid",
        "Correct the parameters named in `errors`. A cursor is only valid with the filters it was given for: start again without it.";
    MissingIdempotencyKey, "missing-idempotency-key", BAD_REQUEST, "The Idempotency-Key header is missing",
        "Send a fresh random key (a UUID) with each new operation and the same key with each retry of it.";
    InvalidIdempotencyKey, "invalid-idempotency-key", BAD_REQUEST, "The Idempotency-Key header is not valid",
        "Send exactly one Idempotency-Key of 1 to 255 visible ASCII characters.";
    Unauthorized, "unauthorized", UNAUTHORIZED, "The API key is missing or not valid",
        "Send `Authorization: Bearer bk_…` with a key that was made by `bursar merchant add-key` and is not revoked.";
    NotFound, "not-found", NOT_FOUND, "There is no such thing",
        "Check the address and the id. Ids of other merchants do not exist for you.";
    MethodNotAllowed, "method-not-allowed", METHOD_NOT_ALLOWED, "The method is not allowed here",
        "Use a method that the `Allow` header names.";
    BodyTimeout, "body-timeout", REQUEST_TIMEOUT, "The body did not arrive in time",
        "Send the request again. Nothing was changed.";
    IdempotencyKeyInFlight, "idempotency-key-in-flight", CONFLICT, "The first request with this key is still running",
        "Repeat the same request with the same key in a moment.";
    OrderNumberTaken, "order-number-taken", CONFLICT, "There is an order with this number",
        "Numbers are unique per merchant. To retry a request repeat its Idempotency-Key; for another order choose another number. `order_id` names the order that has it.";
    OrderAlreadyPaid, "order-already-paid", CONFLICT, "The order is paid",
        "A paid order cannot be closed. Give the money back instead.";
    OrderHeld, "order-held", CONFLICT, "The order waits for a person",
        "A payment of this order is held because the channel contradicts our books. It can be closed when an operator has answered the question.";
    OrderPartlyPaid, "order-partly-paid", CONFLICT, "A part of the order is paid and kept",
        "Nothing of this order is open, so there is nothing to close. Add a payment for the rest, or refund what was paid.";
    OrderTakesNoPayment, "order-takes-no-payment", CONFLICT, "The order takes no further payment",
        "Only an order that is not paid, not closed and not expired takes another payment. Take another order, or give a later `expires_at`.";
    RefundNotAwaitingApproval, "refund-not-awaiting-approval", CONFLICT, "The refund does not wait for approval",
        "Only a refund in the state `awaiting_approval` can be approved or rejected, once. `state` tells where it stands.";
    LegNotAwaitingTransfer, "leg-not-awaiting-transfer", CONFLICT, "The leg does not wait for a transfer",
        "Only a leg in the state `awaiting_transfer` can be confirmed. `state` tells where it stands. Do not transfer money for a leg in another state: it would be paid twice.";
    LegUnderWay, "leg-under-way", CONFLICT, "The leg cannot be dropped",
        "Only a leg that was never sent, or waits for a transfer, can be abandoned. Once a call may have left, only the channel can say what became of it. `state` tells where it stands.";
    NoLateMoneyQuestion, "no-late-money-question", CONFLICT, "No question about late money is open",
        "Only money that came for a closed order and was set aside for an answer can be decided about, once. Read the order: it may have been given back already.";
    LateMoneyNotWhole, "late-money-not-whole", CONFLICT, "The late money does not make the order whole",
        "Money can only be kept when it pays the whole order; `missing_minor` tells how much it lacks. Answer `refund` instead.";
    Overtaken, "overtaken", CONFLICT, "Others were faster",
        "Nothing was changed. Read the resource again and decide again.";
    SecondPersonNeeded, "second-person-needed", FORBIDDEN, "A second person must decide",
        "Whoever asked for a refund cannot approve or reject it. Let another person do so; case and spaces make no difference.";
    BodyTooLarge, "body-too-large", PAYLOAD_TOO_LARGE, "The body is too large",
        "No lawful request comes near the limit. Check what is being sent.";
    UnsupportedMediaType, "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "The body is of an unsupported type",
        "Send `Content-Type: application/json` and no `Content-Encoding`.";
    InvalidRequest, "invalid-request", UNPROCESSABLE_ENTITY, "A member of the request is not valid",
        "Correct the members named in `errors` (JSON pointers). Nothing was changed.";
    NothingToRefund, "nothing-to-refund", UNPROCESSABLE_ENTITY, "No money of the order is held",
        "Nothing was captured for this order, or all of it is given back or set aside. `order_state` tells where the order stands; its refunds are listed with it.";
    RefundWhilePaying, "refund-while-paying", UNPROCESSABLE_ENTITY, "The order is still being paid",
        "A combined order gives everything back when it is closed before it is whole. Close it instead.";
    RefundTooMuch, "refund-too-much", UNPROCESSABLE_ENTITY, "More than is left",
        "Of the captured money (`captured_minor`) a part is given back or set aside for refunds under way (`given_back_minor`). Ask for at most `left_minor`.";
    RefundNotPositive, "refund-not-positive", UNPROCESSABLE_ENTITY, "A refund is of at least one minor unit",
        "Ask for 1 minor unit or more, from each named payment too.";
    RefundPaymentUnknown, "refund-payment-unknown", UNPROCESSABLE_ENTITY, "A named payment cannot be refunded",
        "Name payments of this order that were captured and have something left. `payment_id` is not one of them.";
    RefundPaymentTwice, "refund-payment-twice", UNPROCESSABLE_ENTITY, "A payment is named twice",
        "Name each payment once, with the sum. `payment_id` stands twice.";
    RefundSharesDiffer, "refund-shares-differ", UNPROCESSABLE_ENTITY, "The named shares are not the amount",
        "Let the named shares add up to `amount_minor`, or leave `amount_minor` out. `sum_minor` is what they add up to.";
    PayeeRefused, "payee-refused", UNPROCESSABLE_ENTITY, "The payee cannot be sealed for the channel",
        "The detail says why. Correct the payee, or leave it out: then a person transfers what the payer's account does not take.";
    IdempotencyKeyReused, "idempotency-key-reused", UNPROCESSABLE_ENTITY, "The key belongs to another request",
        "This Idempotency-Key was used with another method, path or body. Use a fresh key for a new operation; for a retry send exactly the same bytes.";
    Internal, "internal", INTERNAL_SERVER_ERROR, "Something went wrong here",
        "Repeat the request with the same Idempotency-Key. When it persists, tell the operator the time of the request.";
    Overloaded, "overloaded", SERVICE_UNAVAILABLE, "Too many requests are in progress",
        "Nothing was done. Repeat the request after `Retry-After`, with increasing pauses.";
    Unavailable, "unavailable", SERVICE_UNAVAILABLE, "The database does not answer",
        "Whether the request took effect is not known. Repeat it with the same Idempotency-Key after `Retry-After`.";
    NotReady, "not-ready", SERVICE_UNAVAILABLE, "This process is not ready",
        "The failing checks are named in `errors`. `bursar doctor` says how to mend each.";
    Timeout, "timeout", SERVICE_UNAVAILABLE, "The request took too long",
        "Whether it took effect is not known. Repeat it with the same Idempotency-Key after `Retry-After`.";
}

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
    /// Where the refund or leg in question stands.
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
