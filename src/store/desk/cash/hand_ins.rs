//! Cash on its way to the bank: it knows that a hand-in and all that it takes are one commit, and must never know
//! who may count, approve or bank it.

use bursar_core::cash::{CashError, CollectionState, Counted, Counting, HandIn};
use bursar_core::id::{ChannelAccountId, HandInId};

use super::{Cashed, Complete};
use crate::desk::{Desk, MAX_RACES, too_many_races};
use crate::{Answer, CashRows, Change, Result};

impl Desk {
    /// Takes over what a collector has: all that is confirmed, less what he paid out.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn hand_in(
        &self,
        account: ChannelAccountId,
        worker: &str,
        counting: &Counting,
        complete: Complete<'_, HandIn>,
    ) -> Result<Cashed<HandIn>> {
        for _ in 0..MAX_RACES {
            let mut contents = self.gatherer.store().drawer(account, Some(worker)).await?;
            contents.collections.retain(|c| c.state == CollectionState::Confirmed);
            if contents.collections.is_empty() {
                return Ok(Cashed::Refused(CashError::NothingToHandIn { worker: worker.to_owned() }));
            }
            let counted = match HandIn::count(counting, &contents.collections, &contents.payouts) {
                Ok(counted) => counted,
                Err(why) => return Ok(Cashed::Refused(why)),
            };
            let Counted { hand_in, collections, payouts } = counted;
            let hand_in = hand_in.approved_if_exact();
            let cash = CashRows { new_hand_ins: vec![hand_in.clone()], collections, payouts, ..CashRows::default() };
            let row = HandIn { version: 1, ..hand_in };
            if let Some(end) = self.write_hand_in(cash, row, complete).await? {
                return Ok(end);
            }
        }
        Err(too_many_races(account))
    }

    /// Approves a hand-in.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn approve_hand_in(
        &self,
        id: HandInId,
        by: &str,
        complete: Complete<'_, HandIn>,
    ) -> Result<Cashed<HandIn>> {
        for _ in 0..MAX_RACES {
            let Some(row) = self.gatherer.store().hand_in(id).await? else { return Ok(Cashed::Missing) };
            let taken = self.gatherer.store().taken_by(id).await?;
            let next = match row.approve(&taken.collections, by, self.clock.now()) {
                Ok(next) => next,
                Err(why) => return Ok(Cashed::Refused(why)),
            };
            let cash = CashRows { hand_ins: vec![next.clone()], ..CashRows::default() };
            let after = HandIn { version: next.version.saturating_add(1), ..next };
            if let Some(end) = self.write_hand_in(cash, after, complete).await? {
                return Ok(end);
            }
        }
        Err(too_many_races(id))
    }

    /// Takes down that a hand-in, with all its collections, is on the bank account. Said by a person; a line of the
    /// bank's statement that names the bag may say it as well.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn bank_hand_in(
        &self,
        id: HandInId,
        reference: &str,
        by: &str,
        complete: Complete<'_, HandIn>,
    ) -> Result<Cashed<HandIn>> {
        for _ in 0..MAX_RACES {
            let Some(row) = self.gatherer.store().hand_in(id).await? else { return Ok(Cashed::Missing) };
            let taken = self.gatherer.store().taken_by(id).await?;
            let next = row.bank(reference, by, self.clock.now());
            let banked = next.and_then(|next| {
                let all = taken.collections.iter().map(|c| c.banked(&next)).collect::<std::result::Result<Vec<_>, _>>();
                all.map(|collections| (next, collections))
            });
            let (next, collections) = match banked {
                Ok(banked) => banked,
                Err(why) => return Ok(Cashed::Refused(why)),
            };
            let cash = CashRows { hand_ins: vec![next.clone()], collections, ..CashRows::default() };
            let after = HandIn { version: next.version.saturating_add(1), ..next };
            if let Some(end) = self.write_hand_in(cash, after, complete).await? {
                return Ok(end);
            }
        }
        Err(too_many_races(id))
    }

    /// `None`: somebody was faster.
    async fn write_hand_in(
        &self,
        cash: CashRows,
        after: HandIn,
        complete: Complete<'_, HandIn>,
    ) -> Result<Option<Cashed<HandIn>>> {
        let mut change = Change { cash, ..Change::default() };
        complete(&after, &mut change);
        Ok(match self.gatherer.commit(change).await? {
            Answer::Committed => Some(Cashed::Written(Box::new(after))),
            Answer::Duplicate => Some(Cashed::Duplicate),
            Answer::Stale | Answer::Fenced => None,
        })
    }
}
