//! Asking a channel where a payment or a refund stands: it knows how answers read as claims, and must never settle
//! a job.

use bursar_channels::{Outcome, RefundStanding, Standing};
use bursar_core::observation::Claim;
use bursar_core::refund::{LegEvidence, LegState, RefundClaim};

use crate::context::{LegSubject, Subject};

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
        // The number is closed at the channel before another is used.
        Standing::Declined(decline) => Claim::Declined { decline, ended: false },
        Standing::Authorized(hold) => Claim::Authorized(hold),
        Standing::Paid(receipt) => Claim::Paid(receipt),
        Standing::Closed => Claim::ClosedAtChannel,
    }
}

/// Asks the channel.
pub(crate) async fn ask(subject: &Subject) -> Told {
    match subject.channel.query(&subject.payment).await {
        Outcome::Done(standing) => Told::Claim(claim(standing)),
        Outcome::Refused(refusal) => Told::Nothing { why: format!("query refused: {refusal}"), retry_after_ms: None },
        Outcome::Unknown(why) => Told::Nothing { why: format!("query: {why}"), retry_after_ms: why.retry_after_ms },
    }
}

/// Reads a refund's standing as a claim, for somebody who had read `evidence` (of a leg in `state`) before
/// he asked: only so can a return of the money be told from what came before its success.
pub(crate) fn refund_claim(standing: RefundStanding, state: LegState, evidence: &LegEvidence) -> RefundClaim {
    let had_arrived = state == LegState::Succeeded;
    let second_way_taken = evidence.second_accepted_at.is_some();
    match standing {
        RefundStanding::Absent => RefundClaim::Absent,
        RefundStanding::Processing { .. } if evidence.abnormal_at.is_some() && !second_way_taken => {
            RefundClaim::SecondAccepted
        }
        RefundStanding::Processing { refund_id } => RefundClaim::Processing { refund_id },
        RefundStanding::Succeeded(receipt) => RefundClaim::Succeeded(receipt),
        RefundStanding::Closed(reason) if had_arrived => RefundClaim::Reversed { reason },
        RefundStanding::Closed(reason) => RefundClaim::Closed { reason },
        RefundStanding::Abnormal { .. } if had_arrived => {
            RefundClaim::Reversed { reason: "the payer's bank sent it back".to_owned() }
        }
        RefundStanding::Abnormal { .. } if second_way_taken => {
            RefundClaim::SecondFailed { reason: "the second bank sent it back too".to_owned() }
        }
        RefundStanding::Abnormal { refund_id } => RefundClaim::Abnormal { refund_id },
    }
}

/// Asks the channel where the leg stands.
pub(crate) async fn ask_refund(subject: &LegSubject) -> Told {
    match subject.channel.query_refund(&subject.payment, &subject.leg).await {
        Outcome::Done(standing) => {
            Told::Claim(Claim::Refund(refund_claim(standing, subject.leg.state, &subject.leg.evidence)))
        }
        Outcome::Refused(refusal) => Told::Nothing { why: format!("query refused: {refusal}"), retry_after_ms: None },
        Outcome::Unknown(why) => Told::Nothing { why: format!("query: {why}"), retry_after_ms: why.retry_after_ms },
    }
}
