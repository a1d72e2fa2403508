//! Asking a channel where a payment stands: it knows how answers read as claims, and must never settle
//! a job.

use bursar_channels::{Outcome, Standing};
use bursar_core::observation::Claim;

use crate::context::Subject;

/// What a query told.
pub(crate) enum Told {
    /// Something to write down.
    Claim(Claim),
    /// Nothing: no usable answer, in words, and how long to wait at least, in milliseconds.
    Nothing { why: String, retry_after_ms: Option<i64> },
}

/// Reads a standing as a claim.
pub(crate) fn claim(standing: Standing) -> Claim {
    match standing {
        Standing::Absent => Claim::Absent,
        Standing::Unpaid => Claim::Unpaid,
        Standing::AttemptFailed(reason) => Claim::AttemptFailed { reason },
        Standing::Paid(receipt) => Claim::Paid(receipt),
        Standing::Closed => Claim::ClosedAtChannel,
    }
}

/// Asks the channel.
pub(crate) async fn ask(subject: &Subject) -> Told {
    match subject.channel.query(&subject.payment.number()).await {
        Outcome::Done(standing) => Told::Claim(claim(standing)),
        Outcome::Refused(refusal) => Told::Nothing { why: format!("query refused: {refusal}"), retry_after_ms: None },
        Outcome::Unknown(why) => Told::Nothing { why: format!("query: {why}"), retry_after_ms: why.retry_after_ms },
    }
}
