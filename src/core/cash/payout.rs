//! Cash that went back to a payer out of a drawer: it knows that there must be enough in it, and must never know
//! why money goes back.

use super::people::{check_named, check_other};
use super::{CashError, Collection, CollectionState, Drawer, is_same_person};
use crate::channel::ChannelKind;
use crate::clock::Timestamp;
use crate::id::{ChannelAccountId, HandInId, LegId, MerchantId, PayoutId};
use crate::money::Money;
use crate::observation::Claim;
use crate::payment::Payment;
use crate::refund::{Leg, LegState, Refund, RefundClaim, Route};

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
    /// What the payer signed, or the code that he was sent.
    pub proof: String,
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
        check_named(&self.worker, "has the drawer")?;
        check_other(&self.by, "says that it was given back", &self.worker, "has the drawer")?;
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

    /// The collections that must still be in the drawer when it is written: the oldest that are worth all that went
    /// back, with this. Two payouts, or a payout and a hand-in, meet at these.
    ///
    /// # Errors
    /// See [`Payout::check`].
    pub fn stands_on<'a>(
        &self,
        collections: &'a [Collection],
        payouts: &[Payout],
    ) -> Result<Vec<&'a Collection>, CashError> {
        let (worker, currency) = (self.worker.clone(), self.amount.currency);
        let mut drawer = Drawer::empty(self.merchant, self.account, worker, currency);
        for payout in payouts.iter().filter(|p| p.hand_in.is_none() && p.amount.currency == currency) {
            drawer.paid_out_minor = drawer.paid_out_minor.saturating_add(payout.amount.minor);
        }
        let needed = drawer.paid_out_minor.saturating_add(self.amount.minor);
        let mut on = Vec::new();
        let confirmed = |c: &&Collection| c.state == CollectionState::Confirmed && c.amount.currency == currency;
        for collection in collections.iter().filter(confirmed) {
            if drawer.confirmed_minor < needed {
                on.push(collection);
            }
            drawer.put(collection.state, collection.amount.minor, collection.taken_at());
        }
        self.check(&drawer)?;
        Ok(on)
    }

    /// Whether `leg` of `refund` can be paid out in cash; `payment` is what it gives back.
    ///
    /// # Errors
    /// Says why not.
    pub fn check_leg(refund: &Refund, leg: &Leg, payment: &Payment) -> Result<(), CashError> {
        if payment.method.channel() != ChannelKind::Cash || leg.route != Route::Transfer {
            return Err(CashError::NotCash { leg: leg.id });
        }
        let state = match (refund.state.may_send(), leg.state) {
            (true, LegState::AwaitingTransfer) => return Ok(()),
            (true, state) => state.name(),
            // Legs of a refund that does not run are decided about with it.
            (false, _) => refund.state.name(),
        };
        Err(CashError::Leg { leg: leg.id, state })
    }

    /// What its leg is to be told, in the same transaction.
    pub fn claim(&self) -> Claim {
        let (by, worker, proof) = (self.by.clone(), self.worker.clone(), self.proof.clone());
        Claim::Refund(RefundClaim::PaidOut { by, worker, proof })
    }

    /// Settled by a hand-in; see [`HandIn::count`](super::HandIn::count).
    pub(super) fn handed_in(&self, hand_in: HandInId) -> Result<Self, CashError> {
        match self.hand_in {
            Some(earlier) => Err(CashError::PayoutHandedIn { payout: self.id, hand_in: earlier }),
            None => Ok(Self { hand_in: Some(hand_in), ..self.clone() }),
        }
    }
}
