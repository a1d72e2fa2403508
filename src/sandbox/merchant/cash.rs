//! Workers' pockets: it knows what cash each worker really has and what it was taken and given for, and must never
//! know what he says about it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bursar_core::id::ChannelAccountId;
use tokio::sync::OwnedMutexGuard;

/// How many workers each merchant usually has.
pub(super) const WORKERS: u32 = 4;

/// What cash came to, by what it really was for. In minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CashBooks {
    /// What customers handed over for each payment and left there.
    pub payments: BTreeMap<String, i64>,
    /// What customers got back for each leg of a refund.
    pub legs: BTreeMap<String, i64>,
    /// What each worker of each account carries.
    pub pockets: BTreeMap<(ChannelAccountId, String), i64>,
}

type Pocket = Arc<tokio::sync::Mutex<()>>;

/// All pockets.
#[derive(Clone, Debug, Default)]
pub struct Pockets {
    books: Arc<Mutex<CashBooks>>,
    hands: Arc<Mutex<BTreeMap<(ChannelAccountId, String), Pocket>>>,
}

/// A worker's hands, full: nobody else puts cash into them or takes it out before they are let go.
#[derive(Debug)]
pub struct Hands {
    books: Arc<Mutex<CashBooks>>,
    /// Whose.
    whose: (ChannelAccountId, String),
    _held: OwnedMutexGuard<()>,
}

impl Pockets {
    /// The worker whom customer `number` meets, of `workers` whom his merchant has.
    pub(super) fn worker(number: u32, workers: u32) -> String {
        format!("w-{}", 1_001 + number % workers.max(1))
    }

    /// All workers of a merchant.
    pub(super) fn workers() -> impl Iterator<Item = String> {
        (0..WORKERS).map(|number| Self::worker(number, WORKERS))
    }

    /// Takes a worker by the hands.
    pub(super) async fn hands(&self, account: ChannelAccountId, worker: &str) -> Hands {
        let whose = (account, worker.to_owned());
        let pocket = {
            let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
            hands.entry(whose.clone()).or_default().clone()
        };
        Hands { books: self.books.clone(), whose, _held: pocket.lock_owned().await }
    }

    /// What it all comes to.
    pub fn books(&self) -> CashBooks {
        self.books.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Hands {
    fn books(&self) -> MutexGuard<'_, CashBooks> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn carry(&self, books: &mut CashBooks, minor: i64) {
        *books.pockets.entry(self.whose.clone()).or_default() += minor;
    }

    /// A customer of `payment` leaves this much with the worker.
    pub(super) fn take_for(&self, payment: &str, minor: i64) {
        let mut books = self.books();
        *books.payments.entry(payment.to_owned()).or_default() += minor;
        self.carry(&mut books, minor);
    }

    /// The worker gives this much back, for a leg of a refund.
    pub(super) fn give_for(&self, leg: &str, minor: i64) {
        let mut books = self.books();
        *books.legs.entry(leg.to_owned()).or_default() += minor;
        self.carry(&mut books, -minor);
    }

    /// The worker is rid of this much: handed in, or lost.
    pub(super) fn empty(&self, minor: i64) {
        let mut books = self.books();
        self.carry(&mut books, -minor);
    }

    /// What the worker carries.
    pub(super) fn carries_minor(&self) -> i64 {
        self.books().pockets.get(&self.whose).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use bursar_core::chance::SeededChance;
    use bursar_core::clock::Timestamp;

    use super::*;

    #[tokio::test]
    async fn pockets_hold_what_came_less_what_went() {
        let (pockets, account) =
            (Pockets::default(), ChannelAccountId::fresh(Timestamp::from_millis(1), &SeededChance::new(1)));
        let worker = Pockets::worker(0, WORKERS);
        {
            let hands = pockets.hands(account, &worker).await;
            hands.take_for("pay_1", 500);
            hands.give_for("rfl_1", 200);
            assert_eq!(hands.carries_minor(), 300);
            hands.empty(300);
        }
        let books = pockets.books();
        assert_eq!((books.payments["pay_1"], books.legs["rfl_1"]), (500, 200));
        assert_eq!(books.pockets[&(account, worker)], 0);
        assert_eq!(Pockets::workers().count(), 4);
    }
}
