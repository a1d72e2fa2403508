//! Cash that a collector says to have taken: it knows what may become of his word, and must never know of other
//! collections.

use serde::{Deserialize, Serialize};

use super::people::{check_named, check_other};
use super::{BY_PAYER, CashError, HandIn, is_same_person};
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, CollectionId, HandInId, MerchantId, OrderId, PaymentId};
use crate::money::Money;
use crate::observation::{Claim, Piece};

/// Where a collection stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionState {
    /// The collector says that he has it.
    Claimed,
    /// Somebody else says so too: it is money of its payment.
    Confirmed,
    /// It was counted by somebody else.
    HandedIn,
    /// It is on the merchant's bank account.
    Banked,
    /// Somebody says that it is not as the collector says.
    Disputed,
    /// It never was.
    Refused,
}

impl CollectionState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Claimed, Self::Confirmed, Self::HandedIn, Self::Banked, Self::Disputed, Self::Refused];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Claimed => 1,
            Self::Confirmed => 2,
            Self::HandedIn => 3,
            Self::Banked => 4,
            Self::Disputed => 5,
            Self::Refused => 6,
        }
    }

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Confirmed => "confirmed",
            Self::HandedIn => "handed_in",
            Self::Banked => "banked",
            Self::Disputed => "disputed",
            Self::Refused => "refused",
        }
    }

    /// The state with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.code() == code)
    }

    /// Whether the collector still has it, if he ever had.
    pub const fn in_drawer(self) -> bool {
        matches!(self, Self::Claimed | Self::Confirmed | Self::Disputed)
    }

    /// Whether a collection may go from here to `next`. What was counted stays counted.
    pub const fn may_become(self, next: Self) -> bool {
        matches!(
            (self, next),
            (Self::Claimed | Self::Disputed, Self::Confirmed | Self::Refused)
                | (Self::Claimed | Self::Confirmed, Self::Disputed)
                | (Self::Confirmed, Self::HandedIn)
                | (Self::HandedIn, Self::Banked)
        )
    }
}

/// Cash that somebody took for a payment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Collection {
    /// Its id: the collector's device makes it, so that what is sent twice is one.
    pub id: CollectionId,
    /// For which payment.
    pub payment: PaymentId,
    /// Of which order.
    pub order: OrderId,
    /// Whose money.
    pub merchant: MerchantId,
    /// The merchant's cash account.
    pub account: ChannelAccountId,
    /// The collector, by the merchant's name for him.
    pub worker: String,
    /// What stays.
    pub amount: Money,
    /// Minor units that the payer handed over.
    pub tendered_minor: i64,
    /// Minor units that he got back at once.
    pub change_minor: i64,
    /// When it was taken, by the device's clock.
    pub collected_at: Timestamp,
    /// When we learned of it.
    pub received_at: Timestamp,
    /// Where it stands.
    pub state: CollectionState,
    /// Who confirmed it last: a person, or [`BY_PAYER`]. Once confirmed it is on the books, until it is refused.
    pub confirmed_by: Option<String>,
    /// When.
    pub confirmed_at: Option<Timestamp>,
    /// Why it is disputed or refused, and who says so.
    pub why: Option<String>,
    /// The hand-in that took it.
    pub hand_in: Option<HandInId>,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
}

impl Collection {
    /// What it is known by on its payment: see [`Piece::line`].
    pub fn line(&self) -> String {
        self.id.to_string()
    }

    /// Checks what a device sent.
    ///
    /// # Errors
    /// Says what does not fit together.
    pub fn check(&self) -> Result<(), CashError> {
        check_named(&self.worker, "collected it")?;
        let (amount, tendered, change) = (self.amount.minor, self.tendered_minor, self.change_minor);
        if amount <= 0 {
            return Err(CashError::NotPositive(amount));
        }
        if change < 0 || tendered.checked_sub(change) != Some(amount) {
            return Err(CashError::Amounts { amount, tendered, change });
        }
        Ok(())
    }

    /// Whether `told` tells the same collection again. It may come any number of times: the device does not
    /// know whether we have heard.
    ///
    /// # Errors
    /// Names what differs.
    pub fn check_again(&self, told: &Self) -> Result<(), CashError> {
        let differs = [
            ("payment", self.payment != told.payment),
            ("worker", !is_same_person(&self.worker, &told.worker)),
            ("currency", self.amount.currency != told.amount.currency),
            ("amount_minor", self.amount.minor != told.amount.minor),
            ("tendered_minor", self.tendered_minor != told.tendered_minor),
            ("change_minor", self.change_minor != told.change_minor),
            ("collected_at", self.collected_at != told.collected_at),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((member, _)) => Err(CashError::OtherCollection { id: self.id, member }),
            None => Ok(()),
        }
    }

    /// Whether it counts as money of its payment.
    pub fn is_booked(&self) -> bool {
        self.confirmed_at.is_some() && self.state != CollectionState::Refused
    }

    fn become_state(&self, wanted: CollectionState) -> Result<Self, CashError> {
        if !self.state.may_become(wanted) {
            return Err(CashError::Collection { id: self.id, state: self.state, wanted });
        }
        Ok(Self { state: wanted, ..self.clone() })
    }

    /// Confirmed by `by`: [`BY_PAYER`], or a person who is not the collector.
    ///
    /// # Errors
    /// Says why not.
    pub fn confirm(&self, by: &str, at: Timestamp) -> Result<Self, CashError> {
        let next = self.become_state(CollectionState::Confirmed)?;
        if by != BY_PAYER {
            check_other(by, "confirms it", &self.worker, "collected it")?;
        }
        Ok(Self { confirmed_by: Some(by.trim().to_owned()), confirmed_at: Some(at), why: None, ..next })
    }

    /// Disputed by `by`, which stops it from being handed in until it is confirmed again or refused.
    ///
    /// # Errors
    /// Says why not.
    pub fn dispute(&self, by: &str, why: &str) -> Result<Self, CashError> {
        let next = self.become_state(CollectionState::Disputed)?;
        check_named(by, "disputes it")?;
        Ok(Self { why: Some(format!("{}: {why}", by.trim())), ..next })
    }

    /// Refused by `by`: it never was. A collector takes back his own word only while nobody has confirmed it.
    ///
    /// # Errors
    /// Says why not.
    pub fn refuse(&self, by: &str, why: &str) -> Result<Self, CashError> {
        let next = self.become_state(CollectionState::Refused)?;
        check_named(by, "refuses it")?;
        if self.is_booked() {
            check_other(by, "refuses it", &self.worker, "collected it")?;
        }
        Ok(Self { why: Some(format!("{}: {why}", by.trim())), ..next })
    }

    /// Taken by a hand-in; see [`HandIn::count`](super::HandIn::count).
    pub(super) fn handed_in(&self, hand_in: HandInId) -> Result<Self, CashError> {
        Ok(Self { hand_in: Some(hand_in), ..self.become_state(CollectionState::HandedIn)? })
    }

    /// On the bank account, with the hand-in that took it.
    ///
    /// # Errors
    /// When it was not taken by `hand_in`.
    pub fn banked(&self, hand_in: &HandIn) -> Result<Self, CashError> {
        if self.hand_in != Some(hand_in.id) {
            return Err(CashError::OtherDrawer { what: self.id.to_string() });
        }
        self.become_state(CollectionState::Banked)
    }

    /// What its payment is to be told because it became `self` and was `before` (`None`: it is new). Goes into
    /// the same transaction, as an observation of [`Source::Collection`](crate::observation::Source).
    pub fn claim(&self, before: Option<&Self>) -> Option<Claim> {
        match (before.is_some_and(Self::is_booked), self.is_booked()) {
            (false, true) => Some(Claim::Received(Piece {
                line: self.line(),
                amount_minor: self.amount.minor,
                currency: self.amount.currency.code().to_owned(),
                at: self.collected_at,
            })),
            (true, false) => Some(Claim::TakenBack {
                line: self.line(),
                reason: self.why.clone().unwrap_or_else(|| "refused".to_owned()),
            }),
            _ => None,
        }
    }
}
