//! Independent work on a few threads: it knows how it is handed out and taken in, and must never know what is played.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Threads of a campaign: histories are independent.
const THREADS: usize = 2;

/// Does `work` for 0, 1 … `count` - 1 and hands each result to `take`, one at a time and in no order, until `take` says
/// that it is enough. `progress` is called after each with how many are done.
pub fn each<R>(
    count: u64,
    work: impl Fn(u64) -> R + Sync,
    take: impl FnMut(R) -> bool + Send,
    progress: &(impl Fn(u64) + Sync),
) {
    let (next, done, stop) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let take = Mutex::new(take);
    std::thread::scope(|threads| {
        for _ in 0..THREADS {
            threads.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let nth = next.fetch_add(1, Ordering::SeqCst);
                    if nth >= count {
                        break;
                    }
                    let result = work(nth);
                    let enough = (take.lock().unwrap_or_else(PoisonError::into_inner))(result);
                    stop.fetch_or(enough, Ordering::SeqCst);
                    progress(done.fetch_add(1, Ordering::SeqCst) + 1);
                }
            });
        }
    });
}

/// Does `work` for each of `items`; the results come in no order.
pub fn all<T: Copy + Sync, R: Send>(items: &[T], work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut done = Vec::new();
    let nth = |nth: u64| usize::try_from(nth).ok().and_then(|nth| items.get(nth).copied()).map(&work);
    let take = |result: Option<R>| {
        done.extend(result);
        false
    };
    each(u64::try_from(items.len()).unwrap_or(u64::MAX), nth, take, &|_| {});
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_or_until_it_is_enough() {
        let mut done = Vec::new();
        let last = AtomicU64::new(0);
        let progress = |n: u64| {
            last.fetch_max(n, Ordering::SeqCst);
        };
        let take = |n: u64| {
            done.push(n);
            false
        };
        each(50, |n| n * n, take, &progress);
        done.sort_unstable();
        assert_eq!(done, (0..50).map(|n| n * n).collect::<Vec<_>>());
        assert_eq!(last.load(Ordering::SeqCst), 50);
        let mut taken = 0;
        let take = |()| {
            taken += 1;
            taken >= 3
        };
        each(1_000, |_| (), take, &|_| {});
        assert!((3..=4).contains(&taken), "{taken}");
        let mut squares = all(&[3, 1, 2], |n: u64| n * n);
        squares.sort_unstable();
        assert_eq!(squares, [1, 4, 9]);
    }
}
