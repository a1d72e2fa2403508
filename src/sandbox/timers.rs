//! One queue of everything that is due later: it knows instants and positions in the books, and must
//! never know what firing means. One task serves all timers, so thousands of orders cost a heap, not tasks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::pace::Pace;

/// What a notification tells of, by positions in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// The `event`-th thing that happened to this order.
    Order { order: usize, event: usize },
    /// The `event`-th thing that happened to this refund.
    Refund { refund: usize, event: usize },
    /// The `event`-th thing that happened to this agreement.
    Agreement { agreement: usize, event: usize },
}

/// What is due. Orders and refunds are named by their position in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The payer's device meets the order.
    Meet(usize),
    /// The payer pays.
    Pay(usize),
    /// The payer's attempt fails.
    Fail(usize),
    /// Money in flight arrives.
    Land(usize),
    /// The order's life ends.
    Expire(usize),
    /// What the order's front asked to be woken for, by a number of its own.
    Errand { order: usize, errand: u8 },
    /// The payer signs the agreement at this position.
    Sign(usize),
    /// The payer ends the agreement by himself.
    Leave(usize),
    /// The agreement's time is over.
    Lapse(usize),
    /// The payer's side decides the debit that the order is.
    Settle(usize),
    /// The `turn`-th thing happens to a refund.
    Refund { refund: usize, turn: usize },
    /// An attempt to notify, which faults may still strike.
    Notify { about: About, attempt: usize },
    /// The same, after a fault has struck.
    NotifyDelayed { about: About, attempt: usize },
}

type Heap = BinaryHeap<Reverse<(i64, u64, Due)>>;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// With a running number, so that equal instants fire in the order of arrival.
    heap: Mutex<(Heap, u64)>,
    /// How many have fired, each counted when it is done.
    fired: AtomicU64,
    wake: Notify,
}

impl Timers {
    /// Adds what is due at `due_ms` of the sandbox clock.
    pub(crate) fn add(&self, due_ms: i64, due: Due) {
        let mut guard = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let (heap, number) = &mut *guard;
        *number += 1;
        let earliest = heap.peek().is_none_or(|Reverse((first, _, _))| due_ms < *first);
        heap.push(Reverse((due_ms, *number, due)));
        drop(guard);
        if earliest {
            self.wake.notify_one();
        }
    }

    /// Takes out what is due, and says when the next one is.
    fn take(&self, now_ms: i64) -> (Vec<Due>, Option<i64>) {
        let mut guard = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let (heap, _) = &mut *guard;
        let mut ready = Vec::new();
        loop {
            match heap.peek() {
                Some(Reverse((due_ms, _, due))) if *due_ms <= now_ms => ready.push(*due),
                next => return (ready, next.map(|Reverse((due_ms, _, _))| *due_ms)),
            }
            heap.pop();
        }
    }

    /// When the next one is due.
    #[cfg(test)]
    pub(crate) fn next_due_ms(&self) -> Option<i64> {
        let guard = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0.peek().map(|Reverse((due_ms, _, _))| *due_ms)
    }

    /// Whether everything that was taken out has fired to its end.
    #[cfg(test)]
    pub(crate) fn is_quiet(&self) -> bool {
        let guard = self.heap.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = u64::try_from(guard.0.len()).unwrap_or(0);
        guard.1 - waiting == self.fired.load(Ordering::Acquire)
    }

    /// Fires everything in its time, for ever.
    pub(crate) async fn run(&self, pace: &Pace, fire: impl Fn(Due)) {
        loop {
            let (ready, next) = self.take(pace.now_ms());
            for due in ready {
                fire(due);
                self.fired.fetch_add(1, Ordering::Release);
            }
            match next {
                Some(due_ms) => {
                    tokio::select! {
                        () = tokio::time::sleep(pace.nap_until(due_ms)) => {}
                        () = self.wake.notified() => {}
                    }
                }
                None => self.wake.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_by_instant_and_then_by_arrival() {
        let timers = Timers::default();
        timers.add(30, Due::Pay(3));
        timers.add(10, Due::Pay(2));
        timers.add(10, Due::Pay(1));
        assert_eq!(timers.take(9), (vec![], Some(10)));
        assert_eq!(timers.take(10), (vec![Due::Pay(2), Due::Pay(1)], Some(30)));
        assert_eq!(timers.take(99), (vec![Due::Pay(3)], None));
    }
}
