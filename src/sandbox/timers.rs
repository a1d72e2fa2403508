//! One queue of everything that is due later: it knows instants and numbers of orders, and must never
//! know what firing means. One task serves all timers, so thousands of orders cost a heap, not tasks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;

use crate::pace::Pace;

/// What is due. Orders are named by their position in the books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// The payer pays.
    Pay(usize),
    /// The payer's attempt fails.
    Fail(usize),
    /// Money in flight arrives.
    Land(usize),
    /// An attempt to notify, which faults may still strike.
    Notify { order: usize, attempt: usize },
    /// The same, after a fault has struck.
    NotifyDelayed { order: usize, attempt: usize },
}

type Heap = BinaryHeap<Reverse<(i64, u64, Due)>>;

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    /// With a running number, so that equal instants fire in the order of arrival.
    heap: Mutex<(Heap, u64)>,
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

    /// Fires everything in its time, for ever.
    pub(crate) async fn run(&self, pace: &Pace, fire: impl Fn(Due)) {
        loop {
            let (ready, next) = self.take(pace.now_ms());
            ready.into_iter().for_each(&fire);
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
