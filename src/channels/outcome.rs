//! How a call ended: it knows yes, no and unknown, and must never turn one into another.

use std::fmt;

use bursar_core::agreement::Signature;
use bursar_core::decline::{Decline, DeclineClass};
use bursar_core::observation::{Hold, Receipt};
use bursar_core::refund::RefundReceipt;
use bursar_core::sharing::Ended;

/// How a call to a channel ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[must_use]
pub enum Outcome<T> {
    /// A verified, readable yes.
    Done(T),
    /// A definite no of the channel.
    Refused(Refusal),
    /// Anything else. It may or may not have happened: ask before deciding.
    Unknown(Why),
}

impl<T> Outcome<T> {
    /// The same outcome with another yes.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Done(value) => Outcome::Done(f(value)),
            Self::Refused(refusal) => Outcome::Refused(refusal),
            Self::Unknown(why) => Outcome::Unknown(why),
        }
    }
}

/// Where a payment stands, by the channel's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The channel does not know the number. Right after a call this may still change.
    Absent,
    /// The channel knows it; it is not paid.
    Unpaid,
    /// One attempt of the payer failed, with the channel's reason; he may try again.
    AttemptFailed(String),
    /// The payer was not charged by his agreement, and why.
    Declined(Decline),
    /// An amount is held for us: on the payer's card, frozen on his account, or agreed to by him.
    Authorized(Hold),
    /// Money was taken. Whether it is the right amount is the core's question.
    Paid(Receipt),
    /// Closed or revoked at the channel.
    Closed,
}

/// Where an agreement stands, by the channel's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AgreementStanding {
    /// The channel does not know the number, or knows it as not signed (yet).
    Unsigned,
    /// It is signed and in force.
    Signed(Signature),
    /// It has ended, by whom or why, in the channel's words; also when it was refused for good.
    Ended(String),
}

/// Where a refund stands, by the channel's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefundStanding {
    /// The channel does not know the number.
    Absent,
    /// The channel works on it: acceptance is not success.
    Processing {
        /// The channel's own number of the refund.
        refund_id: String,
    },
    /// The payer has the money. Whether it is the right amount is the core's question.
    Succeeded(RefundReceipt),
    /// The channel gave it up: it will not happen under this number. With the channel's words.
    Closed(String),
    /// The payer's bank sent the money back; the channel waits for another way.
    Abnormal {
        /// The channel's own number of the refund.
        refund_id: String,
    },
}

/// Where shares of a payment stand, by the channel's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShareStanding {
    /// The channel does not know the number.
    Absent,
    /// It has taken them on.
    Taken {
        /// Its own number of the call.
        share_id: String,
        /// What has become of lines, by their numbers; those that are missing are under way.
        ended: Vec<(u8, Ended)>,
    },
}

/// Where a pulled back share stands, by the channel's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReturnStanding {
    /// The channel does not know the number.
    Absent,
    /// It has taken it on.
    Taken {
        /// Its own number of the return.
        return_id: String,
        /// What has become of it; `None` while it is under way.
        ended: Option<Ended>,
    },
}

/// How the channel answered a close call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closed {
    /// It is closed, now or already before.
    Accepted,
    /// It is paid: query.
    AlreadyPaid,
    /// Not yet: call again later.
    TooEarly,
    /// The channel does not know the number.
    Absent,
    /// The channel has no such call: its payments end by themselves.
    NotPossible,
}

/// A definite no.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The channel's code, or ours in capitals when the call could not be written.
    pub code: String,
    /// The channel's words, at most [`MAX_MESSAGE_CHARS`].
    pub message: String,
    /// What follows from it.
    pub class: RefusalClass,
}

impl Refusal {
    /// A definite no of ours: the call is not made.
    pub fn ours(code: &str, message: &str) -> Self {
        Self { code: code.to_owned(), message: message.to_owned(), class: RefusalClass::Definite }
    }
}

/// What follows from a refusal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RefusalClass {
    /// The call was refused for what it says: no money is possible through it.
    Definite,
    /// The call was refused for who we are (keys, numbers, permissions): no money is possible through
    /// it, and every further call will fail until a person mends the account.
    Configuration,
    /// The number is closed at the channel: no money is possible any more, another number is needed.
    NumberClosed,
    /// The number is paid. Money is certain: query.
    AlreadyPaid,
    /// The channel knows the number with other content. Money is possible: query.
    NumberInUse,
    /// The merchant's balance at the channel is not enough: nothing happened, the same call later.
    NoFunds,
    /// The channel wants more time between two calls like this: nothing happened, the same call later.
    TooSoon,
    /// The payer was not charged by his agreement, and will not be through this number.
    Declined(DeclineClass),
}

impl RefusalClass {
    /// Whether the refusal proves that no money can come through this number. When it does not, the
    /// channel must be queried.
    pub const fn rules_out_money(self) -> bool {
        matches!(
            self,
            Self::Definite
                | Self::Configuration
                | Self::NumberClosed
                | Self::NoFunds
                | Self::TooSoon
                | Self::Declined(_)
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

/// Why nothing is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Why {
    /// What kind of trouble.
    pub kind: WhyKind,
    /// The trouble in words, for people. Without secrets and personal data.
    pub detail: String,
    /// True when the request certainly never left us, so that nothing can have happened.
    pub not_sent: bool,
    /// How long to leave the channel alone, when it (or our breaker) said so, in milliseconds.
    pub retry_after_ms: Option<i64>,
}

impl Why {
    /// Trouble after the request may have left us.
    pub fn new(kind: WhyKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: shorten(&detail.into()), not_sent: false, retry_after_ms: None }
    }

    /// Trouble before the request left us.
    pub fn not_sent(kind: WhyKind, detail: impl Into<String>) -> Self {
        Self { not_sent: true, ..Self::new(kind, detail) }
    }

    /// The same trouble with a time to wait.
    #[must_use]
    pub fn retry_after(self, ms: i64) -> Self {
        Self { retry_after_ms: Some(ms), ..self }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.detail)
    }
}

/// Kinds of trouble.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WhyKind {
    /// No answer in time.
    Timeout,
    /// The connection broke after the request may have been sent.
    ConnectionLost,
    /// No connection could be made.
    NotConnected,
    /// The channel's server answered 5xx.
    ServerError,
    /// The channel, or our own rate limit, said: too many.
    RateLimited,
    /// The answer's signature is missing, stale or wrong.
    BadSignature,
    /// The answer says something that we cannot read, or do not know the meaning of.
    Unreadable,
    /// Too many failures in a row: the account's breaker is open.
    BreakerOpen,
    /// The channel says that it does not know either.
    SystemError,
}

impl WhyKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Timeout,
        Self::ConnectionLost,
        Self::NotConnected,
        Self::ServerError,
        Self::RateLimited,
        Self::BadSignature,
        Self::Unreadable,
        Self::BreakerOpen,
        Self::SystemError,
    ];

    /// The stable name in metrics and timelines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::NotConnected => "not_connected",
            Self::ServerError => "server_error",
            Self::RateLimited => "rate_limited",
            Self::BadSignature => "bad_signature",
            Self::Unreadable => "unreadable",
            Self::BreakerOpen => "breaker_open",
            Self::SystemError => "system_error",
        }
    }
}

/// Longest text of a channel that is kept: enough for a sentence, too little to fill a disk.
pub const MAX_MESSAGE_CHARS: usize = 256;

/// `text` without control characters, cut to [`MAX_MESSAGE_CHARS`].
pub(crate) fn shorten(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_MESSAGE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_without_any_possible_money_rule_it_out() {
        use RefusalClass::{AlreadyPaid, Configuration, Definite, NoFunds, NumberClosed, NumberInUse, TooSoon};
        for class in [Definite, Configuration, NumberClosed, NoFunds, TooSoon] {
            assert!(class.rules_out_money(), "{class:?}");
        }
        for class in [AlreadyPaid, NumberInUse] {
            assert!(!class.rules_out_money(), "{class:?}");
        }
    }

    #[test]
    fn a_channels_text_is_cut_and_has_no_control_characters() {
        let why = Why::new(WhyKind::Unreadable, format!("a\n\u{1b}[31m{}", "x".repeat(10_000)));
        assert_eq!(why.detail.chars().count(), MAX_MESSAGE_CHARS);
        assert!(!why.detail.chars().any(char::is_control));
    }
}
