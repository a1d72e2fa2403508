//! What may be said about a refund and its legs: it knows claims, and must never know what follows from
//! them (see [`super::LegEvidence`] and [`super::RefundEvidence`]).

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::money::Money;

/// What a channel says about money that it gave back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct RefundReceipt {
    /// The channel's own number of the refund.
    pub refund_id: String,
    /// Minor units given back.
    pub amount_minor: i64,
    /// ISO 4217 code as the channel wrote it.
    pub currency: String,
    /// When the payer got it, by the channel's clock.
    pub refunded_at: Timestamp,
}

impl RefundReceipt {
    /// Why this receipt is not the refund of `expected`; `None` when it is.
    pub fn mismatch(&self, expected: Money) -> Option<String> {
        (self.currency != expected.currency.code() || self.amount_minor != expected.minor).then(|| {
            format!(
                "refund {} gave back {} minor units of {}, expected {expected}",
                self.refund_id, self.amount_minor, self.currency
            )
        })
    }
}

/// What was claimed about a refund or one of its legs.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "refund", rename_all = "snake_case")]
pub enum RefundClaim {
    // --- about the refund ---
    /// It was asked for, or made necessary by something else.
    Requested {
        /// Who wants it.
        by: String,
        /// Why, for people.
        reason: String,
    },
    /// A second person agreed.
    Approved {
        /// Who.
        by: String,
    },
    /// A second person refused.
    Rejected {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// What it was prepared for has come to pass: it runs.
    Activated {
        /// What happened.
        reason: String,
    },
    /// What it was prepared for will not come to pass any more.
    Voided {
        /// What happened.
        reason: String,
    },
    // --- about a leg ---
    /// We are about to call the channel with the leg's number.
    Sending,
    /// A call ended without a usable answer.
    NoAnswer {
        /// What went wrong.
        why: String,
    },
    /// The call certainly had no effect and may be made again.
    NotSent {
        /// What held it back.
        why: String,
    },
    /// The channel does not know the number.
    Absent,
    /// The merchant's balance at the channel is not enough.
    NoFunds {
        /// The channel's words.
        reason: String,
    },
    /// The channel definitely refused the call, for ever.
    Refused {
        /// The channel's reason, with its code.
        reason: String,
    },
    /// The channel works on it.
    Processing {
        /// The channel's own number of the refund.
        refund_id: String,
    },
    /// The payer has the money.
    Succeeded(RefundReceipt),
    /// The channel gave it up: it will not happen under this number.
    Closed {
        /// The channel's words.
        reason: String,
    },
    /// The payer's bank sent the money back to the channel.
    Abnormal {
        /// The channel's own number of the refund.
        refund_id: String,
    },
    /// We are about to ask for the second way.
    SecondSending,
    /// The channel took the second way on. Said by whoever had read the abnormal end before.
    SecondAccepted,
    /// The channel refused the second way, or it ended as the first. Said by whoever had read that it was
    /// asked for before.
    SecondFailed {
        /// The channel's reason.
        reason: String,
    },
    /// The money came back after it had arrived. Said by whoever had read the success before: by time
    /// alone nobody can tell it from a success that followed an abnormal end.
    Reversed {
        /// The channel's words.
        reason: String,
    },
    /// A person transferred the money.
    Transferred {
        /// Who.
        by: String,
        /// The bank's reference.
        reference: String,
    },
    /// A person gave the payer cash out of a collector's drawer.
    PaidOut {
        /// Who says so.
        by: String,
        /// Whose drawer.
        worker: String,
        /// What the payer signed or told.
        proof: String,
    },
    /// It was given up while no call of it was under way.
    Abandoned {
        /// Who, or what.
        by: String,
        /// Why.
        reason: String,
    },
}

impl RefundClaim {
    /// The stable name in timelines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "refund_requested",
            Self::Approved { .. } => "refund_approved",
            Self::Rejected { .. } => "refund_rejected",
            Self::Activated { .. } => "refund_activated",
            Self::Voided { .. } => "refund_voided",
            Self::Sending => "refund_sending",
            Self::NoAnswer { .. } => "refund_no_answer",
            Self::NotSent { .. } => "refund_not_sent",
            Self::Absent => "refund_absent",
            Self::NoFunds { .. } => "refund_no_funds",
            Self::Refused { .. } => "refund_refused",
            Self::Processing { .. } => "refund_processing",
            Self::Succeeded(_) => "refund_succeeded",
            Self::Closed { .. } => "refund_closed",
            Self::Abnormal { .. } => "refund_abnormal",
            Self::SecondSending => "refund_second_sending",
            Self::SecondAccepted => "refund_second_accepted",
            Self::SecondFailed { .. } => "refund_second_failed",
            Self::Reversed { .. } => "refund_reversed",
            Self::Transferred { .. } => "refund_transferred",
            Self::PaidOut { .. } => "refund_paid_out",
            Self::Abandoned { .. } => "refund_abandoned",
        }
    }
}
