//! Differences between a channel's books and ours: it knows their kinds and how one ends, and must never know how
//! one is found.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bank::Day;
use crate::clock::Timestamp;
use crate::id::{BreakId, ChannelAccountId, MerchantId};
use crate::money::Currency;

/// What kind of difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakKind {
    /// We know that it was paid, and so does the channel when it is asked; no bill tells of it.
    MissingAtChannel,
    /// A bill tells of a payment that our books do not have.
    MissingHere,
    /// A bill tells that it was paid; we did not know.
    StatusChannelPaid,
    /// We believe that it was paid; the channel says that it was not, and no bill tells of it.
    StatusWePaid,
    /// Both know it, with different amounts.
    Amount,
    /// Both know it, in different currencies.
    Currency,
    /// The channel kept more or less than the contract says.
    Fee,
    /// A bill tells the same twice.
    DuplicateLine,
    /// A bill tells of a refund that our books do not have, or do not know to have arrived.
    RefundMissingHere,
    /// A refund of ours has arrived as far as we know; no bill tells of it.
    RefundMissingThere,
    /// It is not in the bill of its day; those of the neighbouring days may still have it.
    CrossDay,
    /// What the channel paid out, or says that its lines come to, is not what they come to; or it has not arrived.
    Settlement,
}

impl BreakKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::MissingAtChannel,
        Self::MissingHere,
        Self::StatusChannelPaid,
        Self::StatusWePaid,
        Self::Amount,
        Self::Currency,
        Self::Fee,
        Self::DuplicateLine,
        Self::RefundMissingHere,
        Self::RefundMissingThere,
        Self::CrossDay,
        Self::Settlement,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::MissingAtChannel => 1,
            Self::MissingHere => 2,
            Self::StatusChannelPaid => 3,
            Self::StatusWePaid => 4,
            Self::Amount => 5,
            Self::Currency => 6,
            Self::Fee => 7,
            Self::DuplicateLine => 8,
            Self::RefundMissingHere => 9,
            Self::RefundMissingThere => 10,
            Self::CrossDay => 11,
            Self::Settlement => 12,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingAtChannel => "missing_at_channel",
            Self::MissingHere => "missing_here",
            Self::StatusChannelPaid => "status_channel_paid",
            Self::StatusWePaid => "status_we_paid",
            Self::Amount => "amount",
            Self::Currency => "currency",
            Self::Fee => "fee",
            Self::DuplicateLine => "duplicate_line",
            Self::RefundMissingHere => "refund_missing_here",
            Self::RefundMissingThere => "refund_missing_there",
            Self::CrossDay => "cross_day",
            Self::Settlement => "settlement",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Kinds of the same family are the same difference, better understood: they share an id.
    const fn family(self) -> u128 {
        match self {
            Self::MissingAtChannel | Self::StatusWePaid | Self::RefundMissingThere | Self::CrossDay => 1,
            Self::MissingHere | Self::StatusChannelPaid | Self::RefundMissingHere => 2,
            Self::Amount | Self::Currency => 3,
            Self::Fee => 4,
            Self::DuplicateLine => 5,
            Self::Settlement => 6,
        }
    }

    /// The id of a break of this kind about `about` (the 128 bits of a payment, leg, line or day): the same however
    /// often it is found.
    pub fn id_of(self, about: Uuid) -> BreakId {
        // Spread over all bits, so that the families of one subject and neighbouring subjects never meet.
        let salt = self.family().wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        BreakId(Uuid::from_u128(about.as_u128() ^ salt))
    }
}

impl FromStr for BreakKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a kind of break; there are {}", names.join(", "))
        })
    }
}

impl fmt::Display for BreakKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a break stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BreakState {
    /// It may clear itself: the bills of the next days are waited for.
    Open,
    /// It was written into the books; what follows from it is under way.
    Healing,
    /// A machine has cleared it: a bill told what was missing, or its line mended our books.
    Healed,
    /// A person has to answer.
    Parked,
    /// A person has answered.
    Resolved,
    /// A person has given the money up.
    WrittenOff,
}

impl BreakState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Open, Self::Healing, Self::Healed, Self::Parked, Self::Resolved, Self::WrittenOff];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Open => 1,
            Self::Healing => 2,
            Self::Healed => 3,
            Self::Parked => 4,
            Self::Resolved => 5,
            Self::WrittenOff => 6,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Healing => "healing",
            Self::Healed => "healed",
            Self::Parked => "parked",
            Self::Resolved => "resolved",
            Self::WrittenOff => "written_off",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether it has ended.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Healed | Self::Resolved | Self::WrittenOff)
    }
}

impl FromStr for BreakState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a state of a break; there are {}", names.join(", "))
        })
    }
}

/// What of ours a break is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum BreakSubject {
    /// A payment.
    Payment,
    /// A leg of a refund.
    Leg,
    /// A line that is nobody's.
    Line,
    /// The sums of a day.
    Day,
}

impl BreakSubject {
    /// Every subject.
    pub const ALL: [Self; 4] = [Self::Payment, Self::Leg, Self::Line, Self::Day];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Payment => 1,
            Self::Leg => 2,
            Self::Line => 3,
            Self::Day => 4,
        }
    }

    /// The subject with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }
}

/// How a person wants a break to end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// It was looked into and is right as the books are now.
    Accept,
    /// The money is given up, or kept: what differs is booked to the merchant.
    WriteOff,
}

impl FromStr for Resolution {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "accept" => Ok(Self::Accept),
            "write_off" => Ok(Self::WriteOff),
            _ => Err(format!("`{text}` is not a way to end a break; there are accept, write_off")),
        }
    }
}

/// What a person has proposed, when a second one must agree.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proposal {
    /// How it shall end.
    pub how: Resolution,
    /// Who wants it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Break {
    /// Its id, derived: see [`BreakKind::id_of`].
    pub id: BreakId,
    /// On which account.
    pub account: ChannelAccountId,
    /// Whose account it is.
    pub merchant: MerchantId,
    /// What kind.
    pub kind: BreakKind,
    /// Where it stands.
    pub state: BreakState,
    /// The channel's business day on which it was found.
    pub day: Day,
    /// Minor units by which the channel has more than we (negative: less).
    pub amount_minor: i64,
    /// In which currency.
    pub currency: Currency,
    /// What of ours it is about.
    pub subject_kind: BreakSubject,
    /// The 128 bits of that.
    pub subject: Uuid,
    /// The line that told it, or that mended it: the bill and which of its lines.
    pub line: Option<(Uuid, u32)>,
    /// The number that people look for: ours as the channel wrote it, or the channel's.
    pub number: String,
    /// What is asked, or what was found, in words with numbers.
    pub text: String,
    /// How it ended, in words, and who ended it.
    pub ended: Option<(String, String)>,
    /// How it shall end, when a second person must agree.
    pub proposal: Option<Proposal>,
    /// When it was found.
    pub opened_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
    /// How many merchant events it has caused.
    pub event_count: i64,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
}

impl Break {
    /// The same, ended by `by`.
    #[must_use]
    pub fn ended(&self, state: BreakState, by: &str, why: &str, now: Timestamp) -> Self {
        let ended = Some((why.to_owned(), by.to_owned()));
        Self { state, ended, proposal: None, changed_at: now, ..self.clone() }
    }

    /// What becomes of it when it is found once more, as `found`, which has its id; `None`: nothing.
    ///
    /// What had cleared itself is a question again. A person's answer stands as long as it is the same difference.
    pub fn found_again(&self, found: &Self) -> Option<Self> {
        let next = Self {
            kind: found.kind,
            state: found.state,
            amount_minor: found.amount_minor,
            currency: found.currency,
            line: found.line,
            text: found.text.clone(),
            ended: found.ended.clone(),
            proposal: None,
            changed_at: found.changed_at,
            ..self.clone()
        };
        let is_healed = self.state == BreakState::Healed;
        // A machine has mended what was found: that answers a question, and nothing else.
        if found.state == BreakState::Healed {
            return (!self.state.is_final()).then_some(next);
        }
        // That it is not in the bill of its day yet is less than what is known of it by now.
        if is_healed || found.kind == BreakKind::CrossDay {
            return is_healed.then_some(next);
        }
        let facts = |b: &Self| (b.kind, b.amount_minor, b.currency);
        if facts(self) != facts(found) {
            return Some(next);
        }
        // The same, told by another line now: that one keeps it open.
        let moved = !self.state.is_final() && self.line != found.line;
        moved.then(|| Self { line: found.line, changed_at: found.changed_at, ..self.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_round_trip() {
        for kind in BreakKind::ALL {
            assert_eq!(BreakKind::from_code(kind.code()), Some(kind));
            assert_eq!(kind.name().parse(), Ok(kind));
        }
        for state in BreakState::ALL {
            assert_eq!(BreakState::from_code(state.code()), Some(state));
            assert_eq!(state.name().parse(), Ok(state));
        }
        for subject in BreakSubject::ALL {
            assert_eq!(BreakSubject::from_code(subject.code()), Some(subject));
        }
    }

    fn parked() -> Break {
        let about = Uuid::from_u128(9);
        Break {
            id: BreakKind::Amount.id_of(about),
            account: ChannelAccountId(Uuid::from_u128(1)),
            merchant: MerchantId(Uuid::from_u128(2)),
            kind: BreakKind::Amount,
            state: BreakState::Parked,
            day: Day::from_number(20_000),
            amount_minor: 100,
            currency: Currency::CNY,
            subject_kind: BreakSubject::Payment,
            subject: about,
            line: Some((Uuid::from_u128(3), 7)),
            number: "n".to_owned(),
            text: "?".to_owned(),
            ended: None,
            proposal: None,
            opened_at: Timestamp::from_millis(1),
            changed_at: Timestamp::from_millis(1),
            event_count: 1,
            version: 4,
        }
    }

    fn ended(state: BreakState) -> Break {
        parked().ended(state, "Li", "seen", Timestamp::from_millis(2))
    }

    #[test]
    fn what_had_cleared_itself_is_a_question_again_when_it_is_found_again() {
        let found = Break { version: 0, event_count: 0, changed_at: Timestamp::from_millis(3), ..parked() };
        let again = ended(BreakState::Healed).found_again(&found).unwrap();
        assert_eq!(again, Break { changed_at: Timestamp::from_millis(3), ..parked() });
        // As open it waits for the bills of the next days once more.
        let open = Break { kind: BreakKind::CrossDay, state: BreakState::Open, ..found.clone() };
        let again = ended(BreakState::Healed).found_again(&open).unwrap();
        assert_eq!((again.kind, again.state, again.ended), (BreakKind::CrossDay, BreakState::Open, None));
        // Mended once more: nothing.
        let healed = Break { state: BreakState::Healed, ..found };
        assert_eq!(ended(BreakState::Healed).found_again(&healed), None);
        assert_eq!(parked().found_again(&healed).unwrap().state, BreakState::Healed, "mended after all");
    }

    #[test]
    fn a_persons_answer_stands_until_something_else_is_found() {
        let found = Break { version: 0, line: Some((Uuid::from_u128(4), 1)), ..parked() };
        for state in [BreakState::Resolved, BreakState::WrittenOff] {
            assert_eq!(ended(state).found_again(&found), None, "{state:?}");
            let more = Break { amount_minor: 101, text: "more?".to_owned(), ..found.clone() };
            let again = ended(state).found_again(&more).unwrap();
            assert_eq!((again.state, again.amount_minor, again.ended.clone()), (BreakState::Parked, 101, None));
            assert_eq!((again.text.as_str(), again.version), ("more?", 4));
            let other = Break { kind: BreakKind::Currency, ..found.clone() };
            assert_eq!(ended(state).found_again(&other).unwrap().kind, BreakKind::Currency);
            let open = Break { kind: BreakKind::CrossDay, state: BreakState::Open, ..found.clone() };
            assert_eq!(ended(state).found_again(&open), None, "the bill of its day does not have it still");
        }
        assert_eq!(parked().found_again(&parked()), None);
        let open = Break { kind: BreakKind::CrossDay, state: BreakState::Open, ..parked() };
        assert_eq!(parked().found_again(&open), None, "more is known of it by now");
        // Another line tells the same: the question is as it was.
        let moved = parked().found_again(&found).unwrap();
        assert_eq!((moved.line, moved.text.as_str(), moved.state), (found.line, "?", BreakState::Parked));
    }

    #[test]
    fn the_same_difference_has_one_id_and_others_have_others() {
        let about = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        assert_eq!(BreakKind::CrossDay.id_of(about), BreakKind::MissingAtChannel.id_of(about));
        let ids: std::collections::BTreeSet<_> = BreakKind::ALL.map(|k| k.id_of(about)).into_iter().collect();
        assert_eq!(ids.len(), 6);
        let next = Uuid::from_u128(about.as_u128() + 1);
        assert!(BreakKind::ALL.iter().all(|k| !ids.contains(&k.id_of(next))));
    }
}
