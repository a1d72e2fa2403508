//! One call of profit sharing: it knows how what was observed of it joins, and must never know what it moves.
//!
//! The number of a call is fixed before it is made, and the same number takes effect once. So a call that may not
//! have arrived is made again with the same number, however often.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::compact::instant;
use crate::join::{earliest, latest};

/// What was observed of a call.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallClaim {
    /// It is about to be made.
    Sending,
    /// It had no answer: it may have arrived.
    NoAnswer,
    /// It was not made, had no effect, or the channel does not know its number.
    NotSent,
    /// The channel has taken it on, under a number of its own.
    Accepted(String),
    /// The channel refused it for good, in words.
    Refused(String),
}

/// Where a call stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallState {
    /// It can be made.
    Ready,
    /// It is being made.
    Sent,
    /// It may have arrived.
    Unknown,
    /// The channel has taken it on.
    Accepted,
    /// It was refused for good.
    Refused,
}

/// What was observed of a call, joined: in any order and however often, the same.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallEvidence {
    /// When it was about to be made last.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// When it had no answer last.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub no_answer_at: Option<Timestamp>,
    /// When it was known last to have had no effect.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub unsent_at: Option<Timestamp>,
    /// The channel's number of it; of several the smallest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// Why it was refused for good; of several reasons the smallest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl CallEvidence {
    /// Joins one claim.
    pub fn join(&mut self, at: Timestamp, claim: &CallClaim) {
        match claim {
            CallClaim::Sending => latest(&mut self.sent_at, at),
            CallClaim::NoAnswer => latest(&mut self.no_answer_at, at),
            CallClaim::NotSent => latest(&mut self.unsent_at, at),
            CallClaim::Accepted(id) => earliest(&mut self.accepted, id.clone()),
            CallClaim::Refused(why) => earliest(&mut self.refused, why.clone()),
        }
    }

    /// Where it stands.
    pub fn state(&self) -> CallState {
        let tried = self.sent_at.max(self.no_answer_at);
        match tried {
            _ if self.accepted.is_some() => CallState::Accepted,
            _ if self.refused.is_some() => CallState::Refused,
            None => CallState::Ready,
            Some(at) if self.unsent_at.is_some_and(|unsent| unsent >= at) => CallState::Ready,
            Some(at) if self.no_answer_at.is_some_and(|silent| silent >= at) => CallState::Unknown,
            Some(_) => CallState::Sent,
        }
    }
}
