//! Error answers: it knows what each type and code means for us, and must never know what was asked.

use bursar_core::decline::DeclineClass;
use serde::Deserialize;

use super::declines;
use crate::outcome::{Outcome, Refusal, RefusalClass, Why, WhyKind, shorten};

/// What an error answer means, whatever was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The channel does not know either: ask, or repeat the same.
    System,
    /// The same call with the same key is under way, or the channel says that it shall be repeated.
    Busy,
    /// Turned away before anything was done: the same call later.
    TooMany,
    /// The balance does not cover it. Only a call that gives money back can be told so.
    NoFunds,
    /// The card was declined. Only a call that confirms can be told so: a charge by an agreement.
    Declined,
    /// The call is wrong.
    Wrong,
    /// The object is in a state in which this cannot be done: read it.
    State,
    /// Nothing is left to give back, or the charge is disputed.
    Spent,
    /// The account is wrong: keys, permissions or address.
    Account,
    /// The idempotency key was used with other content.
    InUse,
    /// The object is not known.
    Absent,
}

use Meaning::{Absent, Account, Busy, Declined, InUse, NoFunds, Spent, State, System, TooMany, Wrong};

/// Codes that say more than type and status do. Source: the channel's list of error codes. That the two codes
/// about the balance are the ones that refuse a refund is remembered, not confirmed: without them such a refusal
/// is `Wrong`, which a query has to confirm before anything follows from it.
pub(super) const CODES: &[(&str, Meaning)] = &[
    ("payment_intent_unexpected_state", State),
    ("charge_already_captured", State),
    ("charge_expired_for_capture", State),
    ("intent_invalid_state", State),
    ("setup_intent_unexpected_state", State),
    ("charge_already_refunded", Spent),
    ("charge_disputed", Spent),
    ("balance_insufficient", NoFunds),
    ("insufficient_funds", NoFunds),
    ("resource_missing", Absent),
    ("idempotency_key_in_use", Busy),
    ("lock_timeout", TooMany),
    ("rate_limit", TooMany),
    ("api_key_expired", Account),
    ("platform_api_key_expired", Account),
    ("secret_key_required", Account),
    ("livemode_mismatch", Account),
    ("testmode_charges_only", Account),
    ("account_invalid", Account),
    ("tls_version_unsupported", Account),
];

/// An error answer, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiError {
    pub(super) status: u16,
    /// The code, or the type where there is none.
    pub(super) code: String,
    pub(super) message: String,
    /// `None` when nothing is known about its type.
    pub(super) meaning: Option<Meaning>,
    /// When the card was declined: what that means for later charges.
    pub(super) decline: Option<DeclineClass>,
    /// It is what was answered to an earlier call with the same key: repeating it tells nothing new.
    pub(super) replayed: bool,
    /// How long the channel wants to be left alone, in milliseconds.
    pub(super) retry_after_ms: Option<i64>,
}

#[derive(Deserialize)]
struct Body {
    error: Member,
}

#[derive(Deserialize)]
struct Member {
    r#type: String,
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    /// What the scheme of the card advises.
    #[serde(default)]
    advice_code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// What the answer means. Type and status first where they leave no doubt, then the code.
fn meaning(status: u16, member: &Member) -> Option<Meaning> {
    let code = member.code.as_deref().unwrap_or_default();
    let known = CODES.iter().find(|(name, _)| *name == code).map(|(_, meaning)| *meaning);
    match (status, member.r#type.as_str()) {
        (500.., _) => Some(System),
        (429, _) => Some(TooMany),
        (409, _) => Some(Busy),
        (401 | 403, _) => Some(Account),
        (_, "idempotency_error") => Some(InUse),
        (_, "card_error") => Some(Declined),
        // An address that the channel does not have.
        (404, "invalid_request_error") => known.or(Some(Account)),
        (_, "invalid_request_error") => known.or(Some(Wrong)),
        (_, "api_error") => Some(System),
        _ => None,
    }
}

impl ApiError {
    /// Reads the body of an error answer; `None` when it is not one of the channel's. `should_retry` is what the
    /// channel's header says, which knows better than any table.
    pub(super) fn read(status: u16, body: &[u8], should_retry: Option<bool>) -> Option<Self> {
        let Body { error } = serde_json::from_slice(body).ok()?;
        let read = meaning(status, &error);
        let meaning = match (should_retry, read) {
            (Some(true), read) if read.is_none_or(|m| m != TooMany && m != System) => Some(Busy),
            (_, read) => read,
        };
        let decline = (meaning == Some(Declined)).then(|| {
            declines::class(error.code.as_deref(), error.decline_code.as_deref(), error.advice_code.as_deref())
        });
        let mut code = error.code.unwrap_or(error.r#type);
        if let Some(decline_code) = error.decline_code {
            code = format!("{code}/{decline_code}");
        }
        let message = shorten(&error.message.unwrap_or_default());
        Some(Self { status, code: shorten(&code), message, meaning, decline, replayed: false, retry_after_ms: None })
    }

    /// The outcome that does not depend on what was asked.
    pub(super) fn outcome<T>(self) -> Outcome<T> {
        let class = match self.meaning {
            Some(Wrong | Declined | Absent | Spent) => RefusalClass::Definite,
            Some(Account) => RefusalClass::Configuration,
            Some(NoFunds) => RefusalClass::NoFunds,
            Some(InUse) => RefusalClass::NumberInUse,
            Some(System) if self.status >= 500 => return Outcome::Unknown(self.why(WhyKind::ServerError)),
            Some(System | Busy) => return Outcome::Unknown(self.why(WhyKind::SystemError)),
            Some(TooMany) => return Outcome::Unknown(self.why(WhyKind::RateLimited)),
            // Who has asked for it reads the object. And what we do not know the meaning of is never a no.
            Some(State) | None => return Outcome::Unknown(self.why(WhyKind::Unreadable)),
        };
        Outcome::Refused(self.refusal(class))
    }

    pub(super) fn refusal(self, class: RefusalClass) -> Refusal {
        Refusal { code: self.code, message: self.message, class }
    }

    pub(super) fn why(&self, kind: WhyKind) -> Why {
        let detail = format!("HTTP {} {}: {}", self.status, self.code, self.message);
        // "Too many" is said at the door: nothing is done, and nothing is kept under the key.
        let why = if self.meaning == Some(TooMany) { Why::not_sent(kind, detail) } else { Why::new(kind, detail) };
        Why { retry_after_ms: self.retry_after_ms, ..why }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(status: u16, kind: &str, code: Option<&str>, should_retry: Option<bool>) -> ApiError {
        let body = json!({"error": {"type": kind, "code": code, "message": "in words", "doc_url": "x", "new": [1]}});
        ApiError::read(status, body.to_string().as_bytes(), should_retry).unwrap()
    }

    #[test]
    fn type_and_status_decide_where_the_code_says_nothing() {
        for (status, kind, want) in [
            (400, "invalid_request_error", Some(Wrong)),
            (404, "invalid_request_error", Some(Account)),
            (401, "invalid_request_error", Some(Account)),
            (403, "invalid_request_error", Some(Account)),
            (402, "card_error", Some(Declined)),
            (400, "idempotency_error", Some(InUse)),
            (409, "invalid_request_error", Some(Busy)),
            (429, "invalid_request_error", Some(TooMany)),
            (429, "rate_limit_error", Some(TooMany)),
            (500, "api_error", Some(System)),
            (503, "invalid_request_error", Some(System)),
            (400, "api_error", Some(System)),
            (400, "something_new", None),
        ] {
            assert_eq!(read(status, kind, Some("a_new_code"), None).meaning, want, "{status} {kind}");
            assert_eq!(read(status, kind, None, None).meaning, want, "{status} {kind}");
        }
    }

    #[test]
    fn a_known_code_says_more() {
        for (code, want) in CODES {
            assert_eq!(read(400, "invalid_request_error", Some(code), None).meaning, Some(*want), "{code}");
        }
        assert_eq!(read(404, "invalid_request_error", Some("resource_missing"), None).meaning, Some(Absent));
    }

    #[test]
    fn the_channels_word_that_a_call_shall_be_repeated_stands_above_the_table() {
        let error = read(400, "invalid_request_error", Some("charge_already_refunded"), Some(true));
        assert_eq!(error.meaning, Some(Busy));
        assert!(matches!(error.outcome::<()>(), Outcome::Unknown(why) if !why.not_sent));
        let error = read(429, "invalid_request_error", Some("lock_timeout"), Some(true));
        assert!(matches!(error.outcome::<()>(), Outcome::Unknown(why) if why.not_sent));
        // "Do not repeat" makes nothing certain that was not.
        assert!(matches!(read(500, "api_error", None, Some(false)).outcome::<()>(), Outcome::Unknown(_)));
    }

    #[test]
    fn a_decline_is_named_by_both_its_codes() {
        let body = json!({"error": {"type": "card_error", "code": "card_declined", "decline_code": "do_not_honor"}});
        let error = ApiError::read(402, body.to_string().as_bytes(), None).unwrap();
        assert_eq!(error.code, "card_declined/do_not_honor");
    }

    #[test]
    fn what_is_not_an_error_of_the_channel_is_none() {
        for body in ["", "{}", "<html>", r#"{"error":"x"}"#, r#"{"error":{"message":"m"}}"#, "[]"] {
            assert_eq!(ApiError::read(400, body.as_bytes(), None), None, "{body}");
        }
    }
}
