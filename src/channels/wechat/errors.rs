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
    /// The merchant's balance is not enough. Only a call that gives money back can be told so.
    NoFunds,
    /// The order is still being worked on: the same later.
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

use Meaning::{Absent, Account, Closed, InUse, Invalid, Later, NoFunds, Paid, System, TooMany, Wrong};

/// The code of which the channel says, where refunds are concerned, that the call was not taken.
pub(super) const FREQUENCY_LIMITED: &str = "FREQUENCY_LIMITED";

/// Every code that we act on; older spellings beside the newer. A code that is not here proves nothing.
pub(super) const TABLE: &[(&str, Meaning)] = &[
    ("SYSTEM_ERROR", System),
    ("SYSTEMERROR", System),
    ("BANK_ERROR", System),
    ("BANKERROR", System),
    ("USERPAYING", System),
    ("BIZERR_NEED_RETRY", System),
    (FREQUENCY_LIMITED, TooMany),
    ("FREQUENCY_LIMIT_EXCEED", TooMany),
    ("RATELIMIT_EXCEEDED", TooMany),
    ("RATELIMIT_EXCEED", TooMany),
    ("INVALID_REQ_TOO_MUCH", TooMany),
    ("NOT_ENOUGH", NoFunds),
    ("NOTENOUGH", NoFunds),
    ("ORDER_NOT_READY", Later),
    ("PARAM_ERROR", Wrong),
    ("OPENID_MISMATCH", Wrong),
    ("INVALID_TRANSACTIONID", Wrong),
    ("USER_ACCOUNT_ABNORMAL", Wrong),
    ("INVALID_REQUEST", Invalid),
    ("INVALID_ORDER_STATE", Invalid),
    ("TRADE_ERROR", Invalid),
    ("RULE_LIMIT", Invalid),
    ("RULELIMIT", Invalid),
    ("TRADE_OVERDUE", Invalid),
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
    ("ORDER_DONE", Paid),
    ("REFUND_FEE_MISMATCH", InUse),
    ("ORDER_CANCELED", Closed),
    ("ORDER_CLOSED", Closed),
    ("ORDERCLOSED", Closed),
    ("ORDER_NOT_EXIST", Absent),
    ("ORDERNOTEXIST", Absent),
    ("RESOURCE_NOT_EXISTS", Absent),
    ("REFUNDNOTEXIST", Absent),
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
    /// How long the channel wants to be left alone, in milliseconds.
    pub(super) retry_after_ms: Option<i64>,
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
        let (code, message) = (shorten(&code), shorten(&message));
        Some(Self { status, code, message, meaning, retry_after_ms: None })
    }

    /// The outcome that does not depend on what was asked.
    pub(super) fn outcome<T>(self) -> Outcome<T> {
        let class = match self.meaning {
            Some(Wrong | Invalid | Absent) => RefusalClass::Definite,
            Some(Account) => RefusalClass::Configuration,
            Some(Closed) => RefusalClass::NumberClosed,
            Some(Paid) => RefusalClass::AlreadyPaid,
            Some(InUse) => RefusalClass::NumberInUse,
            Some(System | NoFunds | Later) => return Outcome::Unknown(self.why(WhyKind::SystemError)),
            Some(TooMany) => return Outcome::Unknown(self.why(WhyKind::RateLimited)),
            // What we do not know the meaning of is never a no.
            None => return Outcome::Unknown(self.why(WhyKind::Unreadable)),
        };
        Outcome::Refused(self.refusal(class))
    }

    /// Whether the channel says that the number was used before with other content. It has no code for it
    /// where money goes back, only these words; a query tells the rest.
    pub(super) fn says_other_content(&self) -> bool {
        self.message.contains("与之前请求不一致")
    }

    pub(super) fn is_too_many(&self) -> bool {
        self.meaning == Some(TooMany)
    }

    pub(super) fn refusal(self, class: RefusalClass) -> Refusal {
        Refusal { code: self.code, message: self.message, class }
    }

    pub(super) fn why(&self, kind: WhyKind) -> Why {
        let why = Why::new(kind, format!("HTTP {} {}: {}", self.status, self.code, self.message));
        Why { retry_after_ms: self.retry_after_ms, ..why }
    }
}
