//! Refusals in the channel's words: it knows types, codes and statuses by the documents, and must never know why one
//! is given.

use serde_json::{Value, json};

/// An error answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: Option<&'static str>,
    decline_code: Option<&'static str>,
    advice_code: Option<&'static str>,
    message: String,
    param: Option<Box<str>>,
    /// The object as it stands, where the error is about its state, with its kind.
    about: Option<Box<(&'static str, Value)>>,
    /// Whether it came from carrying the request out, and not from looking at it: only then is it kept under the
    /// request's idempotency key.
    pub(crate) kept: bool,
}

impl Refusal {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            status,
            kind,
            code,
            decline_code: None,
            advice_code: None,
            message,
            param: None,
            about: None,
            kept: false,
        }
    }

    /// A member that is wrong.
    pub(crate) fn invalid(param: &str, message: &str) -> Self {
        let param = (!param.is_empty()).then(|| Box::from(param));
        Self { param, ..Self::new(400, "invalid_request_error", None, message) }
    }

    pub(crate) fn missing(param: &str) -> Self {
        let code = Some("parameter_missing");
        Self { code, ..Self::invalid(param, &format!("Missing required param: {param}.")) }
    }

    pub(crate) fn unknown(param: &str) -> Self {
        let code = Some("parameter_unknown");
        Self { code, ..Self::invalid(param, &format!("Received unknown parameter: {param}")) }
    }

    pub(crate) fn not_an_integer(param: &str) -> Self {
        let code = Some("parameter_invalid_integer");
        Self { code, ..Self::invalid(param, &format!("Invalid integer: {param}")) }
    }

    /// The request was carried out as far as this.
    pub(crate) fn refused(code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { kept: true, ..Self::new(400, "invalid_request_error", code, message) }
    }

    /// The intent is in a state in which this cannot be done.
    pub(crate) fn state(doing: &str, intent: Value) -> Self {
        let status = intent.get("status").and_then(Value::as_str).unwrap_or_default();
        let message = format!("You cannot {doing} this PaymentIntent because it has a status of {status}.");
        let code = Some("payment_intent_unexpected_state");
        Self { about: Some(Box::new(("payment_intent", intent))), ..Self::refused(code, message) }
    }

    /// The payer's bank said no.
    pub(crate) fn declined(decline_code: &'static str, intent: Value) -> Self {
        let declined = Self::new(402, "card_error", Some("card_declined"), "Your card was declined.");
        Self {
            decline_code: Some(decline_code),
            about: Some(Box::new(("payment_intent", intent))),
            kept: true,
            ..declined
        }
    }

    /// The payer's bank said no to a charge without him.
    pub(crate) fn declined_off_session(
        (code, decline_code, advice_code, message): (&'static str, &'static str, Option<&'static str>, &'static str),
        intent: Value,
    ) -> Self {
        let declined = Self::new(402, "card_error", Some(code), message);
        Self {
            decline_code: Some(decline_code),
            advice_code,
            about: Some(Box::new(("payment_intent", intent))),
            kept: true,
            ..declined
        }
    }

    /// The setup intent is in a state in which this cannot be done.
    pub(crate) fn setup_state(doing: &str, setup: Value) -> Self {
        let status = setup.get("status").and_then(Value::as_str).unwrap_or_default();
        let message = format!("You cannot {doing} this SetupIntent because it has a status of {status}.");
        let code = Some("setup_intent_unexpected_state");
        Self { about: Some(Box::new(("setup_intent", setup))), ..Self::refused(code, message) }
    }

    /// The payer's bank does not let his card be saved.
    pub(crate) fn setup_declined(setup: Value) -> Self {
        let declined = Self::new(402, "card_error", Some("card_declined"), "Your card was declined.");
        Self {
            decline_code: Some("generic_decline"),
            about: Some(Box::new(("setup_intent", setup))),
            kept: true,
            ..declined
        }
    }

    /// A member names something that is not there.
    pub(crate) fn no_such_param(param: &str, id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        let code = Some("resource_missing");
        Self { code, ..Self::invalid(param, &format!("No such {param}: '{shown}'")) }
    }

    pub(crate) fn no_such(what: &str, id: &str) -> Self {
        let shown: String = id.chars().take(64).collect();
        let code = Some("resource_missing");
        Self {
            param: Some(Box::from("id")),
            ..Self::new(404, "invalid_request_error", code, format!("No such {what}: '{shown}'"))
        }
    }

    pub(crate) fn no_such_address() -> Self {
        Self::new(404, "invalid_request_error", None, "Unrecognized request URL. Please see the documents.")
    }

    pub(crate) fn unauthorized(message: &str) -> Self {
        Self::new(401, "invalid_request_error", None, message)
    }

    /// The key may not do this.
    pub(crate) fn forbidden() -> Self {
        let message = "This API call cannot be made with a publishable API key. Please use a secret API key.";
        Self::new(403, "invalid_request_error", Some("secret_key_required"), message)
    }

    pub(crate) fn key_mismatch() -> Self {
        let message =
            "Keys for idempotent requests can only be used with the same parameters they were first used with.";
        Self::new(400, "idempotency_error", None, message)
    }

    pub(crate) fn key_in_use() -> Self {
        let message = "There is currently another in-progress request using this idempotency key.";
        Self::new(409, "idempotency_error", Some("idempotency_key_in_use"), message)
    }

    pub(crate) fn too_many() -> Self {
        Self::new(429, "invalid_request_error", Some("rate_limit"), "Request rate limit exceeded.")
    }

    pub(crate) fn broken() -> Self {
        Self::new(500, "api_error", None, "An error occurred while processing your request. Try again in a little bit.")
    }

    /// What the channel says of repeating the request, where it says anything.
    pub(crate) const fn should_retry(&self) -> Option<bool> {
        match self.status {
            409 | 429 => Some(true),
            400 | 402 | 404 => Some(false),
            _ => None,
        }
    }

    /// How it is counted.
    pub(crate) fn name(&self) -> &'static str {
        self.code.unwrap_or(self.kind)
    }

    pub(crate) fn body(&self) -> Value {
        let doc_url = self.code.map(|code| format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")));
        let all = [
            ("message", Some(self.message.as_str().into())),
            ("type", Some(self.kind.into())),
            ("code", self.code.map(Value::from)),
            ("doc_url", doc_url.map(Value::from)),
            ("decline_code", self.decline_code.map(Value::from)),
            ("advice_code", self.advice_code.map(Value::from)),
            ("param", self.param.as_deref().map(Value::from)),
        ];
        let about = self.about.as_deref().map(|(kind, object)| (*kind, Some(object.clone())));
        let members = all.into_iter().chain(about).filter_map(|(name, value)| Some((name.to_owned(), value?)));
        json!({ "error": members.collect::<serde_json::Map<_, _>>() })
    }
}
