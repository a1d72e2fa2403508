//! Cash at the desk: it knows how a deed about cash is loaded, judged and written, and again when somebody was
//! faster; what may be done [`bursar_core::cash`] knows. Must never write a row that its payment does not hear of.

mod collections;
mod hand_ins;
mod payouts;

use bursar_core::cash::{CashError, Drawer};
use bursar_core::id::{ChannelAccountId, MerchantId};
use bursar_core::money::Currency;

pub use self::collections::Confirmer;
pub use self::payouts::Handover;
use super::Desk;
use crate::{Change, Result};

/// What became of a deed about cash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cashed<T> {
    /// It is written; this is the row now.
    Written(Box<T>),
    /// It was told before, and nothing was written; this is the row now.
    Known(Box<T>),
    /// The idempotency key that came with it was taken before; nothing was written.
    Duplicate,
    /// There is no such row.
    Missing,
    /// The rules refuse it; nothing was written, except that a wrong code is counted.
    Refused(CashError),
}

/// What adds more to a change (an idempotency key with the answer), when it is handed the row as it will be.
pub type Complete<'a, T> = &'a (dyn Fn(&T, &mut Change) + Send + Sync);

impl Desk {
    /// What a collector carries.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn drawer(
        &self,
        merchant: MerchantId,
        account: ChannelAccountId,
        worker: &str,
        currency: Currency,
    ) -> Result<Drawer> {
        let contents = self.gatherer.store().drawer(account, Some(worker)).await?;
        let drawers = Drawer::sums(&contents.collections, &contents.payouts);
        let mine = drawers.into_iter().find(|d| d.currency == currency);
        Ok(mine.unwrap_or_else(|| Drawer::empty(merchant, account, worker.to_owned(), currency)))
    }
}
