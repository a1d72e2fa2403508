//! Collected cash that is counted, approved and brought to the bank: it knows that each of it is another person's,
//! and must never know how the bank is told.

use serde::{Deserialize, Serialize};

use super::people::check_other;
use super::{BY_PAYER, CashError, Collection, Payout, is_same_person};
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, HandInId, MerchantId};
use crate::money::Currency;

/// Where a hand-in stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandInState {
    /// Counted by who received it.
    Counted,
    /// A third person has agreed to the count.
    Approved,
    /// On the merchant's bank account.
    Banked,
}

impl HandInState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Counted, Self::Approved, Self::Banked];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Counted => 1,
            Self::Approved => 2,
            Self::Banked => 3,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counted => "counted",
            Self::Approved => "approved",
            Self::Banked => "banked",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether a hand-in may go from here to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        matches!((self, next), (Self::Counted, Self::Approved) | (Self::Approved, Self::Banked))
    }
}

impl std::str::FromStr for HandInState {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|s| s.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(32).collect();
            format!("`{shown}` is not a state of a hand-in; there are counted, approved, banked")
        })
    }
}

/// A collector's cash, counted by somebody else. Amounts are minor units.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HandIn {
    /// Its id: the receiver's device makes it, so that what is sent twice is one.
    pub id: HandInId,
    /// Whose money.
    pub merchant: MerchantId,
    /// The merchant's cash account.
    pub account: ChannelAccountId,
    /// The collector.
    pub worker: String,
    /// The currency.
    pub currency: Currency,
    /// What must be there: its collections less its payouts.
    pub expected_minor: i64,
    /// What is there.
    pub counted_minor: i64,
    /// What is there too much, or (below zero) too little.
    pub variance_minor: i64,
    /// Who counted it.
    pub received_by: String,
    /// When.
    pub received_at: Timestamp,
    /// The bag or receipt that it went into.
    pub bag: Option<String>,
    /// Who agreed to the count.
    pub approved_by: Option<String>,
    /// When.
    pub approved_at: Option<Timestamp>,
    /// By what the bank knows the deposit.
    pub bank_reference: Option<String>,
    /// When it was brought there.
    pub banked_at: Option<Timestamp>,
    /// Where it stands.
    pub state: HandInState,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
}

/// What the receiver says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counting {
    /// The id of the hand-in.
    pub id: HandInId,
    /// Who counted.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What was there, in minor units.
    pub counted_minor: i64,
    /// The bag or receipt that it went into.
    pub bag: Option<String>,
}

/// A hand-in and what it took, to be written together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    /// The hand-in.
    pub hand_in: HandIn,
    /// Its collections, as they are now.
    pub collections: Vec<Collection>,
    /// Its payouts, as they are now.
    pub payouts: Vec<Payout>,
}

impl HandIn {
    /// Takes `collections` and settles `payouts` of one drawer.
    ///
    /// # Errors
    /// Says what cannot be handed in, and what to do.
    pub fn count(counting: &Counting, collections: &[Collection], payouts: &[Payout]) -> Result<Counted, CashError> {
        let of_collection = |c: &Collection| (c.merchant, c.account, c.worker.clone(), c.amount.currency);
        let of_payout = |p: &Payout| (p.merchant, p.account, p.worker.clone(), p.amount.currency);
        let of = collections.first().map(of_collection).or_else(|| payouts.first().map(of_payout));
        let Some((merchant, account, worker, currency)) = of else {
            return Err(CashError::NothingToHandIn { worker: "this collector".to_owned() });
        };
        check_other(&counting.by, "receives it", &worker, "collected it")?;
        if counting.counted_minor < 0 {
            return Err(CashError::NotPositive(counting.counted_minor));
        }
        let same = |other: (MerchantId, ChannelAccountId, String, Currency)| {
            (other.0, other.1, other.3) == (merchant, account, currency) && is_same_person(&other.2, &worker)
        };
        let foreign = collections.iter().find(|c| !same(of_collection(c))).map(|c| c.id.to_string());
        let foreign = foreign.or_else(|| payouts.iter().find(|p| !same(of_payout(p))).map(|p| p.id.to_string()));
        if let Some(what) = foreign {
            return Err(CashError::OtherDrawer { what });
        }
        let taken = collections.iter().map(|c| c.handed_in(counting.id)).collect::<Result<Vec<_>, _>>()?;
        let settled = payouts.iter().map(|p| p.handed_in(counting.id)).collect::<Result<Vec<_>, _>>()?;
        let collected = collections.iter().map(|c| c.amount.minor).fold(0, i64::saturating_add);
        let paid_out = payouts.iter().map(|p| p.amount.minor).fold(0, i64::saturating_add);
        if paid_out > collected {
            return Err(CashError::MorePaidOut { collected, paid_out });
        }
        let expected_minor = collected.saturating_sub(paid_out);
        let hand_in = Self {
            id: counting.id,
            merchant,
            account,
            worker,
            currency,
            expected_minor,
            counted_minor: counting.counted_minor,
            variance_minor: counting.counted_minor.saturating_sub(expected_minor),
            received_by: counting.by.trim().to_owned(),
            received_at: counting.at,
            bag: counting.bag.clone(),
            approved_by: None,
            approved_at: None,
            bank_reference: None,
            banked_at: None,
            state: HandInState::Counted,
            version: 0,
        };
        Ok(Counted { hand_in, collections: taken, payouts: settled })
    }

    /// Whether `told` tells the same hand-in again.
    ///
    /// # Errors
    /// Names what differs.
    pub fn check_again(&self, worker: &str, told: &Counting) -> Result<(), CashError> {
        let differs = [
            ("worker", !is_same_person(&self.worker, worker)),
            ("received_by", !is_same_person(&self.received_by, &told.by)),
            ("counted_minor", self.counted_minor != told.counted_minor),
            ("bag", self.bag != told.bag),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((member, _)) => Err(CashError::OtherHandIn { id: self.id, member }),
            None => Ok(()),
        }
    }

    fn become_state(&self, wanted: HandInState) -> Result<Self, CashError> {
        if !self.state.may_become(wanted) {
            return Err(CashError::HandIn { id: self.id, state: self.state, wanted });
        }
        Ok(Self { state: wanted, ..self.clone() })
    }

    /// Approved by `by`, who neither collected, confirmed nor counted any of it. `collections` are all that it
    /// took.
    ///
    /// # Errors
    /// Says why not.
    pub fn approve(&self, collections: &[Collection], by: &str, at: Timestamp) -> Result<Self, CashError> {
        let next = self.become_state(HandInState::Approved)?;
        check_other(by, "approves it", &self.worker, "collected it")?;
        check_other(by, "approves it", &self.received_by, "counted it")?;
        let people = collections.iter().filter_map(|c| c.confirmed_by.as_deref()).filter(|who| *who != BY_PAYER);
        for who in people {
            check_other(by, "approves it", who, "confirmed a collection of it")?;
        }
        Ok(Self { approved_by: Some(by.trim().to_owned()), approved_at: Some(at), ..next })
    }

    /// On the bank account, by what the bank calls it; its collections become so too ([`Collection::banked`]).
    ///
    /// # Errors
    /// When it was not approved.
    pub fn bank(&self, reference: &str, at: Timestamp) -> Result<Self, CashError> {
        let next = self.become_state(HandInState::Banked)?;
        Ok(Self { bank_reference: Some(reference.to_owned()), banked_at: Some(at), ..next })
    }
}
