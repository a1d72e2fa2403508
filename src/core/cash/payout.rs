//! Cash that went back to a payer out of a drawer: it knows that there must be enough in it, and must never know
//! why money goes back.

use super::people::check_named;
use super::{CashError, Drawer, is_same_person};
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, HandInId, LegId, MerchantId, PayoutId};
use crate::money::Money;
use crate::observation::Claim;
use crate::refund::RefundClaim;

/// Cash given back for a leg of a refund. A leg is paid out once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payout {
    /// Its id: the device makes it, so that what is sent twice is one.
    pub id: PayoutId,
    /// For which leg of a refund.
    pub leg: LegId,
    /// Whose money.
    pub merchant: MerchantId,
    /// The merchant's cash account.
    pub account: ChannelAccountId,
    /// Out of whose drawer.
    pub worker: String,
    /// How much.
    pub amount: Money,
    /// Who says so.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The hand-in that settled it.
    pub hand_in: Option<HandInId>,
    /// Counts the commits that touched it; guards every write.
    pub version: i64,
}

impl Payout {
    /// Checks a payout out of `drawer` before it happens. One that has happened is a fact.
    ///
    /// # Errors
    /// Says what to do instead.
    pub fn check(&self, drawer: &Drawer) -> Result<(), CashError> {
        check_named(&self.by, "gives it back")?;
        check_named(&self.worker, "has the drawer")?;
        let asked = self.amount.minor;
        if asked <= 0 {
            return Err(CashError::NotPositive(asked));
        }
        let in_drawer = drawer.sum_minor();
        if asked > in_drawer {
            return Err(CashError::NotInDrawer { worker: self.worker.clone(), in_drawer, asked });
        }
        Ok(())
    }

    /// Whether `told` tells the same payout again.
    ///
    /// # Errors
    /// Names what differs.
    pub fn check_again(&self, told: &Self) -> Result<(), CashError> {
        let differs = [
            ("id", self.id != told.id),
            ("leg", self.leg != told.leg),
            ("worker", !is_same_person(&self.worker, &told.worker)),
            ("amount_minor", self.amount != told.amount),
        ];
        match differs.into_iter().find(|(_, differs)| *differs) {
            Some((member, _)) => Err(CashError::OtherPayout { id: self.id, member }),
            None => Ok(()),
        }
    }

    /// What its leg is to be told, in the same transaction.
    pub fn claim(&self) -> Claim {
        Claim::Refund(RefundClaim::Transferred { by: self.by.clone(), reference: self.id.to_string() })
    }

    /// Settled by a hand-in; see [`HandIn::count`](super::HandIn::count).
    pub(super) fn handed_in(&self, hand_in: HandInId) -> Result<Self, CashError> {
        match self.hand_in {
            Some(earlier) => Err(CashError::PayoutHandedIn { payout: self.id, hand_in: earlier }),
            None => Ok(Self { hand_in: Some(hand_in), ..self.clone() }),
        }
    }
}
