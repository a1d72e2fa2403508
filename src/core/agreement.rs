//! A payer's standing consent to be charged (委托代扣, 周期扣款, a token, a saved card): it knows what its evidence
//! means, and must never know of plans.
//!
//! Like a payment an agreement keeps the join of what was claimed, and its state is a function of that; so the
//! order in which a page, a message and a query tell of a signature does not matter. Offering it again under the
//! same number is harmless at every channel, so there is no unknown state: what was not answered is asked.

use serde::{Deserialize, Serialize};

use crate::channel::Method;
use crate::clock::{DAY_MS, HOUR_MS, MINUTE_MS, Timestamp};
use crate::compact::{dated, instant};
use crate::id::{AgreementId, ChannelAccountId, MerchantId};
use crate::join::{earliest, latest};
use crate::money::Money;
use crate::observation::{Claim, Observation, PayCode};
use crate::payment::PayerDetails;

/// Where an agreement stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgreementState {
    /// Accepted by us; the channel has not answered yet.
    New,
    /// The payer can sign it.
    Signing,
    /// Signed: the payer can be charged.
    Active,
    /// The channel is asked to end it. Nothing is charged any more.
    Ending,
    /// It was signed, and has ended.
    Ended,
    /// It was never signed, and will not be.
    Declined,
}

impl AgreementState {
    /// Every state.
    pub const ALL: [Self; 6] = [Self::New, Self::Signing, Self::Active, Self::Ending, Self::Ended, Self::Declined];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::New => 1,
            Self::Signing => 2,
            Self::Active => 3,
            Self::Ending => 4,
            Self::Ended => 5,
            Self::Declined => 6,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Signing => "signing",
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Ended => "ended",
            Self::Declined => "declined",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether nothing more happens to it.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Declined)
    }
}

/// What a channel says about a signature.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Signature {
    /// The channel's own number of the agreement: contract id, agreement number, token, payment method.
    pub channel_id: String,
    /// The channel's own number of the payer, where it has one that charges must name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payer_id: Option<String>,
    /// When it was signed, by the channel's clock.
    pub signed_at: Timestamp,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
}

/// What was claimed about an agreement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(tag = "agreement", rename_all = "snake_case")]
pub enum AgreementClaim {
    /// The channel has it, and the payer can sign.
    Offered {
        /// What the payer needs.
        code: PayCode,
    },
    /// The channel definitely refuses to offer it.
    Refused {
        /// The channel's reason, with its code.
        reason: String,
    },
    /// A call brought nothing.
    NoAnswer {
        /// What went wrong.
        why: String,
    },
    /// The payer has signed.
    Signed(Signature),
    /// It shall end.
    EndRequested {
        /// Who wants it, and why.
        by: String,
    },
    /// It has ended at the channel.
    Ended {
        /// By whom or why, in the channel's words.
        reason: String,
    },
    /// The last moment to sign is past, and a query after it found no signature.
    Lapsed,
}

impl AgreementClaim {
    /// The stable name in timelines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Offered { .. } => "agreement_offered",
            Self::Refused { .. } => "agreement_refused",
            Self::NoAnswer { .. } => "agreement_no_answer",
            Self::Signed(_) => "agreement_signed",
            Self::EndRequested { .. } => "agreement_end_requested",
            Self::Ended { .. } => "agreement_ended",
            Self::Lapsed => "agreement_lapsed",
        }
    }
}

/// The join of everything observed about an agreement. Times are when *we* saw something.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgreementEvidence {
    /// The latest offer and what the payer needs.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub offered: Option<(Timestamp, PayCode)>,
    /// The earliest definite refusal.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub refused: Option<(Timestamp, String)>,
    /// The latest call that brought nothing.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub no_answer: Option<(Timestamp, String)>,
    /// The smallest signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<Signature>,
    /// The earliest wish to end it, and whose.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub end_requested: Option<(Timestamp, String)>,
    /// The earliest word that it has ended.
    #[serde(with = "dated", skip_serializing_if = "Option::is_none")]
    pub ended: Option<(Timestamp, String)>,
    /// The earliest moment at which no signature was found after the last moment to sign.
    #[serde(with = "instant", skip_serializing_if = "Option::is_none")]
    pub lapsed_at: Option<Timestamp>,
}

impl AgreementEvidence {
    /// This evidence joined with one claim, seen at `at`.
    #[must_use]
    pub fn join(mut self, at: Timestamp, claim: &AgreementClaim) -> Self {
        match claim {
            AgreementClaim::Offered { code } => latest(&mut self.offered, (at, code.clone())),
            AgreementClaim::Refused { reason } => earliest(&mut self.refused, (at, reason.clone())),
            AgreementClaim::NoAnswer { why } => latest(&mut self.no_answer, (at, why.clone())),
            AgreementClaim::Signed(signature) => earliest(&mut self.signed, signature.clone()),
            AgreementClaim::EndRequested { by } => earliest(&mut self.end_requested, (at, by.clone())),
            AgreementClaim::Ended { reason } => earliest(&mut self.ended, (at, reason.clone())),
            AgreementClaim::Lapsed => earliest(&mut self.lapsed_at, at),
        }
        self
    }

    /// What the evidence means. An end is believed over everything: a number lives once.
    pub const fn state(&self) -> AgreementState {
        if self.ended.is_some() {
            return if self.signed.is_some() { AgreementState::Ended } else { AgreementState::Declined };
        }
        if self.signed.is_some() {
            return if self.end_requested.is_some() { AgreementState::Ending } else { AgreementState::Active };
        }
        if self.refused.is_some() || self.lapsed_at.is_some() {
            return AgreementState::Declined;
        }
        match (self.end_requested.is_some(), self.offered.is_some()) {
            // Nobody was ever shown it.
            (true, false) => AgreementState::Declined,
            (true, true) => AgreementState::Ending,
            (false, true) => AgreementState::Signing,
            (false, false) => AgreementState::New,
        }
    }
}

/// An agreement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Agreement {
    /// Its id; [`Agreement::number`] is what the channel knows it by.
    pub id: AgreementId,
    /// Who may charge.
    pub merchant: MerchantId,
    /// Through which credentials.
    pub account: ChannelAccountId,
    /// By what it is charged: a method that debits.
    pub method: Method,
    /// The merchant's own number of the payer.
    pub payer: String,
    /// What the channel's call needs to know of the payer (openid, IP address).
    pub details: PayerDetails,
    /// What it is for, as the payer reads it.
    pub description: String,
    /// Most that one charge may be.
    pub limit: Money,
    /// What the channel is told about when it will be charged, where it wants to know.
    pub rhythm: Option<Rhythm>,
    /// Where it stands: always `evidence.state()`.
    pub state: AgreementState,
    /// What was observed.
    pub evidence: AgreementEvidence,
    /// The last moment to sign.
    pub sign_by: Timestamp,
    /// When it is looked at next; `None` when nothing is due.
    pub due_at: Option<Timestamp>,
    /// Counts the merchant events that it has caused.
    pub event_count: i64,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// How often an agreement will be charged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rhythm {
    /// Every so many units.
    pub every: u16,
    /// Days or months.
    pub unit: RhythmUnit,
    /// The first day.
    pub first_on: crate::bank::Day,
}

/// A unit of a [`Rhythm`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RhythmUnit {
    /// Days.
    Day,
    /// Calendar months.
    Month,
}

impl Agreement {
    /// What the channel knows it by: 26 characters, letters and digits.
    pub fn number(&self) -> String {
        self.id.bare()
    }

    /// Whether it can be charged at `now`.
    pub fn can_be_charged(&self, now: Timestamp) -> bool {
        let over = |s: &Signature| s.ends_at.is_some_and(|at| at <= now);
        self.state == AgreementState::Active && !self.evidence.signed.as_ref().is_some_and(over)
    }
}

/// How often a payer who is about to sign is looked after.
const SIGNING_MS: i64 = 3 * MINUTE_MS;
/// How often an agreement in force is looked at: whoever ends it at the channel may not tell us.
const ACTIVE_MS: i64 = DAY_MS;
/// How long after a call that brought nothing the next one is made, at most; it grows with the trouble's age.
const MAX_AGAIN_MS: i64 = HOUR_MS;

/// What follows from an observation about an agreement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AgreementDecision {
    /// The agreement afterwards; its version is the one that was read.
    pub next: Agreement,
    /// Whether the merchant is told where it stands now.
    pub tell: bool,
    /// Whether the plans that charge through it must look at it.
    pub wake_plans: bool,
}

/// Takes `observation` in; `None` when it tells nothing new. Anything but a claim about agreements never does.
pub fn decide(agreement: &Agreement, observation: &Observation, now: Timestamp) -> Option<AgreementDecision> {
    let Claim::Agreement(claim) = &observation.claim else { return None };
    let evidence = agreement.evidence.clone().join(observation.seen_at, claim);
    if evidence == agreement.evidence {
        return None;
    }
    let state = evidence.state();
    let changed = state != agreement.state;
    let mut next = Agreement { evidence, state, ..agreement.clone() };
    next.due_at = next_look(&next, matches!(claim, AgreementClaim::NoAnswer { .. }), changed, now);
    let tell = changed && state != AgreementState::Ending;
    next.event_count = next.event_count.saturating_add(i64::from(tell));
    Some(AgreementDecision { next, tell, wake_plans: changed })
}

/// When an agreement is looked at next.
fn next_look(agreement: &Agreement, in_vain: bool, changed: bool, now: Timestamp) -> Option<Timestamp> {
    let again = || now.plus_ms((now.since_ms(agreement.created_at) / 2).clamp(2_000, MAX_AGAIN_MS));
    match agreement.state {
        AgreementState::Ended | AgreementState::Declined => None,
        AgreementState::New | AgreementState::Ending if in_vain => Some(again()),
        AgreementState::New | AgreementState::Ending => Some(now),
        AgreementState::Signing => Some(now.plus_ms(SIGNING_MS)),
        // A signature told by a message is worth a look of our own.
        AgreementState::Active if changed => Some(now.plus_ms(MINUTE_MS)),
        AgreementState::Active => Some(agreement.looks_again_at(now)),
    }
}

impl Agreement {
    /// When a look that told nothing new is repeated.
    pub fn looks_again_at(&self, now: Timestamp) -> Timestamp {
        match self.state {
            AgreementState::Active => {
                let ends_at = self.evidence.signed.as_ref().and_then(|s| s.ends_at).filter(|at| *at > now);
                ends_at.map_or(now.plus_ms(ACTIVE_MS), |at| at.min(now.plus_ms(ACTIVE_MS)))
            }
            _ => now.plus_ms(SIGNING_MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;
    use crate::observation::Source;
    use uuid::Uuid;

    fn agreement() -> Agreement {
        let zero = Timestamp::from_millis(0);
        Agreement {
            id: AgreementId(Uuid::from_u128(1)),
            merchant: MerchantId(Uuid::nil()),
            account: ChannelAccountId(Uuid::nil()),
            method: Method::CardDebit,
            payer: "p".into(),
            details: PayerDetails::default(),
            description: "nanny, monthly".into(),
            limit: Money::new(1_000, Currency::CNY),
            rhythm: None,
            state: AgreementState::New,
            evidence: AgreementEvidence::default(),
            sign_by: Timestamp::from_millis(DAY_MS),
            due_at: Some(zero),
            event_count: 0,
            version: 1,
            created_at: zero,
        }
    }

    fn signature(id: &str) -> AgreementClaim {
        AgreementClaim::Signed(Signature {
            channel_id: id.into(),
            payer_id: None,
            signed_at: Timestamp::from_millis(5),
            ends_at: None,
        })
    }

    fn offered() -> AgreementClaim {
        AgreementClaim::Offered { code: PayCode::Redirect { url: "https://sign".into() } }
    }

    fn ended() -> AgreementClaim {
        AgreementClaim::Ended { reason: "by the payer".into() }
    }

    fn end() -> AgreementClaim {
        AgreementClaim::EndRequested { by: "merchant".into() }
    }

    fn state(claims: &[AgreementClaim]) -> AgreementState {
        let mut evidence = AgreementEvidence::default();
        for (claim, at) in claims.iter().zip(1..) {
            evidence = evidence.join(Timestamp::from_millis(at), claim);
        }
        evidence.state()
    }

    #[test]
    fn claims_mean_the_same_in_any_order() {
        let all = [offered(), signature("a"), end(), ended(), AgreementClaim::Lapsed];
        for subset in 0..(1_u32 << all.len()) {
            let chosen: Vec<_> = (0..all.len()).filter(|i| subset & (1 << i) != 0).map(|i| all[i].clone()).collect();
            let mut reversed = chosen.clone();
            reversed.reverse();
            assert_eq!(state(&chosen), state(&reversed), "{chosen:?}");
        }
    }

    #[test]
    fn a_signature_is_worth_more_than_the_end_of_patience_and_an_end_more_than_a_signature() {
        assert_eq!(state(&[]), AgreementState::New);
        assert_eq!(state(&[offered()]), AgreementState::Signing);
        assert_eq!(state(&[offered(), AgreementClaim::Lapsed]), AgreementState::Declined);
        assert_eq!(state(&[offered(), AgreementClaim::Lapsed, signature("a")]), AgreementState::Active);
        assert_eq!(state(&[signature("a"), end()]), AgreementState::Ending);
        assert_eq!(state(&[signature("a"), ended()]), AgreementState::Ended);
        assert_eq!(state(&[end()]), AgreementState::Declined);
        assert_eq!(state(&[offered(), end()]), AgreementState::Ending);
    }

    #[test]
    fn an_end_wakes_the_plans_and_is_told_once() {
        let at = Timestamp::from_millis(9);
        let seen = |claim| Observation::new(Source::Query, at, Claim::Agreement(claim));
        let active = decide(&agreement(), &seen(signature("a")), at).unwrap();
        assert!(active.tell && active.wake_plans);
        assert!(active.next.can_be_charged(at));
        let over = decide(&active.next, &seen(ended()), at).unwrap();
        assert!(over.tell && over.wake_plans && over.next.due_at.is_none());
        assert_eq!((over.next.event_count, over.next.can_be_charged(at)), (2, false));
        assert_eq!(decide(&over.next, &seen(ended()), at), None);
    }

    #[test]
    fn calls_in_vain_are_made_again_with_growing_pauses() {
        let vain = |at_ms| {
            let at = Timestamp::from_millis(at_ms);
            let claim = AgreementClaim::NoAnswer { why: "time-out".into() };
            let seen = Observation::new(Source::Create, at, Claim::Agreement(claim));
            decide(&agreement(), &seen, at).unwrap().next.due_at.unwrap().since_ms(at)
        };
        assert_eq!((vain(1_000), vain(60_000), vain(DAY_MS)), (2_000, 30_000, HOUR_MS));
    }

    #[test]
    fn an_agreement_that_ends_by_itself_is_looked_at_when_it_does() {
        let ends_at = Timestamp::from_millis(10 * DAY_MS);
        let signed = Signature {
            channel_id: "a".into(),
            payer_id: None,
            signed_at: Timestamp::from_millis(0),
            ends_at: Some(ends_at),
        };
        let evidence = AgreementEvidence { signed: Some(signed), ..AgreementEvidence::default() };
        let active = Agreement { state: evidence.state(), evidence, ..agreement() };
        assert_eq!(active.looks_again_at(Timestamp::from_millis(9 * DAY_MS + HOUR_MS)), ends_at);
        assert!(active.can_be_charged(ends_at.plus_ms(-1)) && !active.can_be_charged(ends_at));
    }
}
