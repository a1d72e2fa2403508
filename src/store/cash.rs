//! Cash in the store: it knows which rows are written together and which questions are asked about them, and must
//! never know what a person may do ([`bursar_core::cash`] does).

use async_trait::async_trait;
use bursar_core::Timestamp;
use bursar_core::cash::{Collection, Drawer, HandIn, HandInState, Payout};
use bursar_core::id::{ChannelAccountId, CollectionId, HandInId, LegId, PaymentId};
use uuid::Uuid;

use crate::dialect::Dialect;
use crate::read::cash;
use crate::{Result, StoreError};

/// Rows about cash in a [`crate::Change`]. Ids are made by devices: one that is there already makes the whole
/// change a [`crate::Answer::Duplicate`], and whoever sent it is answered from the row that is there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CashRows {
    /// Collections to insert (version 0 becomes 1). Guard: there is none of that id.
    pub new_collections: Vec<Collection>,
    /// Collections to update: where they stand, who confirmed them, and the hand-in that took them. Guard: the row
    /// still has `version`, which is counted up; what one hand-in has taken no other takes.
    pub collections: Vec<Collection>,
    /// Hand-ins to insert (version 0 becomes 1), with what they take among `collections` and `payouts`: a sum that
    /// differs is an error. Guard: there is none of that id.
    pub new_hand_ins: Vec<HandIn>,
    /// Hand-ins to update: who approved them and what the bank calls them. Guard: the row still has `version`,
    /// which is counted up.
    pub hand_ins: Vec<HandIn>,
    /// Payouts to insert (version 0 becomes 1). Guard: there is none of that id, and none for that leg.
    pub new_payouts: Vec<Payout>,
    /// Payouts to update: the hand-in that settled them. Guard as for collections.
    pub payouts: Vec<Payout>,
}

impl CashRows {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The ids of what is new.
    pub(crate) fn new_ids(&self) -> impl Iterator<Item = Uuid> + '_ {
        let collections = self.new_collections.iter().map(|c| c.id.uuid());
        let hand_ins = self.new_hand_ins.iter().map(|h| h.id.uuid());
        collections.chain(hand_ins).chain(self.new_payouts.iter().map(|p| p.id.uuid()))
    }

    /// The ids and versions of what is updated.
    pub(crate) fn versions(&self) -> impl Iterator<Item = (Uuid, i64)> + '_ {
        let collections = self.collections.iter().map(|c| (c.id.uuid(), c.version));
        let hand_ins = self.hand_ins.iter().map(|h| (h.id.uuid(), h.version));
        collections.chain(hand_ins).chain(self.payouts.iter().map(|p| (p.id.uuid(), p.version)))
    }

    /// The ids of all rows.
    pub(crate) fn ids(&self) -> impl Iterator<Item = Uuid> + '_ {
        self.new_ids().chain(self.versions().map(|(id, _)| id))
    }

    /// Compares what new hand-ins expect with what they take.
    ///
    /// # Errors
    /// [`StoreError::Misuse`] when they differ: somebody's cash would be written down as handed in, or not.
    pub(crate) fn check(&self) -> Result<()> {
        for hand_in in &self.new_hand_ins {
            let taken = self.collections.iter().filter(|c| c.hand_in == Some(hand_in.id)).map(|c| c.amount.minor);
            let settled = self.payouts.iter().filter(|p| p.hand_in == Some(hand_in.id)).map(|p| p.amount.minor);
            let taken = taken.fold(0, i64::saturating_add).saturating_sub(settled.fold(0, i64::saturating_add));
            if taken != hand_in.expected_minor {
                return Err(StoreError::Misuse(format!(
                    "a change makes {} take {taken} minor units, and it expects {}",
                    hand_in.id, hand_in.expected_minor
                )));
            }
        }
        Ok(())
    }
}

/// What is in a drawer: collections that were not handed in (confirmed or not), and payouts that no hand-in has
/// settled.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Contents {
    /// Collections, those taken first first.
    pub collections: Vec<Collection>,
    /// Payouts, the oldest first.
    pub payouts: Vec<Payout>,
}

/// Which hand-ins to list.
#[derive(Clone, Copy, Debug)]
pub struct HandInFilter {
    /// Only this account's.
    pub account: ChannelAccountId,
    /// Only in this state.
    pub state: Option<HandInState>,
    /// Only received before this one (time and id of the last page's end).
    pub before: Option<(Timestamp, HandInId)>,
    /// At most so many.
    pub limit: u32,
}

/// What is asked of a database about cash. Rows are never deleted: they are books.
#[async_trait]
pub trait Till: Send + Sync {
    /// One collection.
    async fn collection(&self, id: CollectionId) -> Result<Option<Collection>>;
    /// All collections for a payment, those taken first first.
    async fn collections_of(&self, payment: PaymentId) -> Result<Vec<Collection>>;
    /// What a collector has not handed in; `None`: all collectors of the account. At most 1000 rows of each kind.
    async fn drawer(&self, account: ChannelAccountId, worker: Option<&str>) -> Result<Contents>;
    /// What each collector of an account has not handed in, summed up, by name and currency.
    async fn drawers(&self, account: ChannelAccountId) -> Result<Vec<Drawer>>;
    /// One hand-in.
    async fn hand_in(&self, id: HandInId) -> Result<Option<HandIn>>;
    /// What a hand-in took and settled.
    async fn taken_by(&self, hand_in: HandInId) -> Result<Contents>;
    /// Hand-ins that match, newest first, at most `filter.limit`.
    async fn hand_ins(&self, filter: &HandInFilter) -> Result<Vec<HandIn>>;
    /// The payout for a leg of a refund.
    async fn payout_of(&self, leg: LegId) -> Result<Option<Payout>>;
}

#[async_trait]
impl<D: Dialect> Till for D {
    async fn collection(&self, id: CollectionId) -> Result<Option<Collection>> {
        cash::collection(self, id).await
    }
    async fn collections_of(&self, payment: PaymentId) -> Result<Vec<Collection>> {
        cash::collections_of(self, payment).await
    }
    async fn drawer(&self, account: ChannelAccountId, worker: Option<&str>) -> Result<Contents> {
        cash::drawer(self, account, worker).await
    }
    async fn drawers(&self, account: ChannelAccountId) -> Result<Vec<Drawer>> {
        cash::drawers(self, account).await
    }
    async fn hand_in(&self, id: HandInId) -> Result<Option<HandIn>> {
        cash::hand_in(self, id).await
    }
    async fn taken_by(&self, hand_in: HandInId) -> Result<Contents> {
        cash::taken_by(self, hand_in).await
    }
    async fn hand_ins(&self, filter: &HandInFilter) -> Result<Vec<HandIn>> {
        cash::hand_ins(self, filter).await
    }
    async fn payout_of(&self, leg: LegId) -> Result<Option<Payout>> {
        cash::payout_of(self, leg).await
    }
}
