//! Error answers: it knows what each code means for us, and must never know where an answer came from.

use serde::Deserialize;

use crate::outcome::{Outcome, Refusal, RefusalClass, Why, WhyKind, shorten};

/// What an error code means, whatever was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The channel does not know either: ask, or repeat the same.
    System,
    /// Too many: repeat the same later.
    TooMany,
    /// Not now, for a reason that may go away.
    Later,
    /// The call is wrong.
    Wrong,
    /// The call cannot be done now or ever; on a close call this is how "too early" is said.
    Invalid,
    /// The account is wrong: keys, numbers or permissions.
    Account,
    /// The number is paid, or used by something that may be paid.
    Paid,
    /// The number was used with other content.
    InUse,
    /// The number is closed.
    Closed,
    /// The number is not known.
    Absent,
}

use Meaning::{Absent, Account, Closed, InUse, Invalid, Later, Paid, System, TooMany, Wrong};

/// Every code that we act on; older spellings beside the newer. A code that is not here proves nothing.
pub(super) const TABLE: &[(&str, Meaning)] = &[
    ("SYSTEM_ERROR", System),
    ("SYSTEMERROR", System),
    ("BANK_ERROR", System),
    ("BANKERROR", System),
    ("USERPAYING", System),
    ("FREQUENCY_LIMITED", TooMany),
    ("FREQUENCY_LIMIT_EXCEED", TooMany),
    ("RATELIMIT_EXCEEDED", TooMany),
    ("RATELIMIT_EXCEED", TooMany),
    ("NOT_ENOUGH", Later),
    ("NOTENOUGH", Later),
    ("PARAM_ERROR", Wrong),
    ("OPENID_MISMATCH", Wrong),
    ("INVALID_TRANSACTIONID", Wrong),
    ("USER_ACCOUNT_ABNORMAL", Wrong),
    ("INVALID_REQUEST", Invalid),
    ("TRADE_ERROR", Invalid),
    ("RULE_LIMIT", Invalid),
    ("RULELIMIT", Invalid),
    ("SIGN_ERROR", Account),
    ("APPID_MCHID_NOT_MATCH", Account),
    ("MCH_NOT_EXISTS", Account),
    ("NO_AUTH", Account),
    ("NOAUTH", Account),
    ("ACCOUNT_ERROR", Account),
    ("ACCOUNTERROR", Account),
    ("OUT_TRADE_NO_USED", Paid),
    ("ORDER_PAID", Paid),
    ("ORDERPAID", Paid),
    ("ORDER_CLOSED", Closed),
    ("ORDERCLOSED", Closed),
    ("ORDER_NOT_EXIST", Absent),
    ("ORDERNOTEXIST", Absent),
    ("RESOURCE_NOT_EXISTS", Absent),
];

/// The channel's internal number of "re-entered with other parameters", at the end of `Request-ID`.
/// Its code is the general INVALID_REQUEST, but it says that the number exists.
const RE_ENTERED: &str = "268498688";

/// An error answer, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiError {
    pub(super) status: u16,
    pub(super) code: String,
    pub(super) message: String,
    /// `None` when the code is not in the table.
    pub(super) meaning: Option<Meaning>,
}

#[derive(Deserialize)]
struct Body {
    code: String,
    #[serde(default)]
    message: String,
}

impl ApiError {
    /// Reads the body of an error answer; `None` when it is not one of the channel's.
    pub(super) fn read(status: u16, request_id: &str, body: &[u8]) -> Option<Self> {
        let Body { code, message } = serde_json::from_slice(body).ok()?;
        let known = TABLE.iter().find(|(name, _)| *name == code).map(|(_, meaning)| *meaning);
        let re_entered = known == Some(Invalid) && request_id.rsplit('-').next() == Some(RE_ENTERED);
        let meaning = if re_entered { Some(InUse) } else { known };
        Some(Self { status, code: shorten(&code), message: shorten(&message), meaning })
    }

    /// The outcome that does not depend on what was asked.
    pub(super) fn outcome<T>(self) -> Outcome<T> {
        let class = match self.meaning {
            Some(Wrong | Invalid | Absent) => RefusalClass::Definite,
            Some(Account) => RefusalClass::Configuration,
            Some(Closed) => RefusalClass::NumberClosed,
            Some(Paid) => RefusalClass::AlreadyPaid,
            Some(InUse) => RefusalClass::NumberInUse,
            Some(System | Later) => return Outcome::Unknown(self.why(WhyKind::SystemError)),
            Some(TooMany) => return Outcome::Unknown(self.why(WhyKind::RateLimited)),
            // What we do not know the meaning of is never a no.
            None => return Outcome::Unknown(self.why(WhyKind::Unreadable)),
        };
        Outcome::Refused(Refusal { code: self.code, message: self.message, class })
    }

    pub(super) fn why(&self, kind: WhyKind) -> Why {
        Why::new(kind, format!("HTTP {} {}: {}", self.status, self.code, self.message))
    }
}
