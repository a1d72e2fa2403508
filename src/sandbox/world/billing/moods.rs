//! What payers' banks say to a charge, and how often things go wrong: drawn from the seed for each order, so that
//! nothing that Bursar does changes it. It must never know what Bursar makes of it.

use std::collections::BTreeMap;

use bursar_core::chance::mix;
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::decline::DeclineClass;

use crate::world::faults::Fault;

/// How much goes wrong in a town.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Load {
    /// As in a bad year: for towns that live long.
    #[default]
    Light,
    /// All the time, with payers, merchants and channels who change their minds: for small towns.
    Heavy,
}

/// What becomes of a charge.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    Pays,
    Declines(DeclineClass),
}

impl Load {
    /// The stable name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Heavy => "heavy",
        }
    }

    /// How often each fault strikes when it could, in thousandths.
    pub(super) fn rates(self) -> BTreeMap<Fault, u64> {
        use Fault::*;
        let rates: &[(Fault, u64)] = match self {
            Self::Light => &[
                (Crash, 1),
                (Zombie, 1),
                (StoreBefore, 1),
                (StoreAfter, 1),
                (ClaimLost, 1),
                (NotSent, 3),
                (NeverArrived, 3),
                (ServerError, 3),
                (RateLimited, 2),
                (AnswerLost, 4),
                (AnswerLate, 3),
                (ArrivesLate, 2),
                (BadSignature, 1),
                (Propagation, 5),
            ],
            Self::Heavy => &[
                (Crash, 10),
                (Zombie, 5),
                (StoreBefore, 10),
                (StoreAfter, 10),
                (ClaimLost, 10),
                (NotSent, 30),
                (NeverArrived, 30),
                (ServerError, 30),
                (RateLimited, 20),
                (AnswerLost, 60),
                (AnswerLate, 30),
                (ArrivesLate, 40),
                (BadSignature, 20),
                (Misconfigured, 10),
                (Propagation, 60),
                (Sleeper, 10),
                (JobForgotten, 400),
                (JobDelayed, 200),
                (JobDuplicated, 20),
                (JobRetried, 200),
                (QueuePaused, 50),
            ],
        };
        rates.iter().copied().collect()
    }

    /// How often the sweep runs.
    pub(super) const fn upkeep_ms(self) -> i64 {
        match self {
            Self::Light => 3 * DAY_MS,
            Self::Heavy => 6 * HOUR_MS,
        }
    }

    /// One step in so many waits for its turn.
    pub(super) const fn brisk(self) -> u64 {
        match self {
            Self::Light => 6,
            Self::Heavy => 1,
        }
    }

    /// In ten thousandths of the installments: how many are declined at first, by class.
    const fn declines(self) -> [(DeclineClass, u64); 6] {
        use DeclineClass::*;
        match self {
            Self::Light => {
                [(InsufficientFunds, 400), (Technical, 200), (Hard, 30), (PayerMustAct, 20), (Terms, 10), (Risk, 20)]
            }
            Self::Heavy => [
                (InsufficientFunds, 1_500),
                (Technical, 800),
                (Hard, 300),
                (PayerMustAct, 200),
                (Terms, 200),
                (Risk, 300),
            ],
        }
    }
}

/// What becomes of the `nth` charge (from 0) of the order with this number.
pub(super) fn fate(load: Load, seed: u64, order: &str, nth: u64) -> Fate {
    let word = order.bytes().fold(mix(seed ^ 0x6d6f_6f64), |hash, byte| mix(hash ^ u64::from(byte)));
    let mut rest = word % 10_000;
    for (class, share) in load.declines() {
        if rest >= share {
            rest -= share;
            continue;
        }
        let lasting = match class {
            // Some stay poor, and some banks broken, for longer than anybody asks.
            DeclineClass::InsufficientFunds | DeclineClass::Technical
                if mix(word ^ 1).is_multiple_of(if load.is_heavy() { 4 } else { 12 }) =>
            {
                u64::MAX
            }
            DeclineClass::InsufficientFunds | DeclineClass::Technical => 1 + mix(word ^ 2) % 4,
            _ => u64::MAX,
        };
        return if nth < lasting { Fate::Declines(class) } else { Fate::Pays };
    }
    Fate::Pays
}
