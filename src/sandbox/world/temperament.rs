//! Temperaments: it knows which troubles come together and how often, and must never play one.

use std::collections::BTreeMap;
use std::str::FromStr;

use bursar_core::chance::mix;

use super::faults::Fault;

/// The character of a history.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Temperament {
    /// Nothing goes wrong.
    Calm,
    /// Requests, answers and notifications get lost.
    Lossy,
    /// Everything takes seconds and arrives in another order.
    Slow,
    /// Processes die, databases fail.
    Crashy,
    /// The channel's words contradict its deeds, ours, or each other.
    Liar,
    /// Processes stand still beyond their leases and go on.
    Zombies,
    /// Clocks jump.
    ClockMad,
    /// Notifications come in floods, forged ones among them.
    Flood,
    /// Operators and merchants do the wrong thing at the wrong time.
    Clumsy,
    /// Some of everything.
    Mixed,
}

impl Temperament {
    /// Every temperament.
    pub const ALL: [Self; 10] = [
        Self::Calm,
        Self::Lossy,
        Self::Slow,
        Self::Crashy,
        Self::Liar,
        Self::Zombies,
        Self::ClockMad,
        Self::Flood,
        Self::Clumsy,
        Self::Mixed,
    ];

    /// The stable name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Lossy => "lossy",
            Self::Slow => "slow",
            Self::Crashy => "crashy",
            Self::Liar => "liar",
            Self::Zombies => "zombies",
            Self::ClockMad => "clock-mad",
            Self::Flood => "flood",
            Self::Clumsy => "clumsy",
            Self::Mixed => "mixed",
        }
    }

    /// The temperament that a seed draws.
    pub fn of_seed(seed: u64) -> Self {
        let count = u64::try_from(Self::ALL.len()).unwrap_or(1);
        let index = usize::try_from(mix(seed ^ 0x7e3a) % count).unwrap_or(0);
        Self::ALL.get(index).copied().unwrap_or(Self::Mixed)
    }

    /// Longest time of one step (a call there, or its answer back), in milliseconds. Long enough to change
    /// every order of events, and short enough that a call arrives within the channel's propagation window
    /// of a minute after "about to send" was written: what exceeds it is the zombies' part.
    pub(crate) const fn longest_step_ms(self) -> u64 {
        match self {
            Self::Slow => 4_000,
            Self::Mixed | Self::Zombies => 1_000,
            _ => 150,
        }
    }

    /// How often each fault strikes when it could, in thousandths.
    pub(crate) fn rates(self) -> BTreeMap<Fault, u64> {
        use Fault::*;
        let rates: &[(Fault, u64)] = match self {
            Self::Calm => &[],
            Self::Lossy => &[
                (AnswerLost, 150),
                (NeverArrived, 100),
                (ArrivesLate, 150),
                (ServerError, 80),
                (RateLimited, 40),
                (NotSent, 60),
                (BadSignature, 50),
                (Refused, 30),
                (Misconfigured, 20),
                (Propagation, 200),
                (NotifyLost, 500),
                (NotifyNever, 400),
                (NotifyLate, 200),
                (MerchantFails, 200),
            ],
            Self::Slow => &[
                (ArrivesLate, 250),
                (Propagation, 400),
                (AnswerLate, 200),
                (NotifyLate, 300),
                (MerchantFails, 50),
                (AnswerLost, 50),
                (Eager, 300),
            ],
            Self::Crashy => &[
                (Crash, 500),
                (StoreBefore, 30),
                (StoreAfter, 30),
                (ClaimLost, 30),
                (AnswerLost, 40),
                (NotifyLost, 200),
            ],
            Self::Liar => &[
                (WrongAmount, 150),
                (OtherPayee, 100),
                (TwoTransactions, 150),
                (FalseClosed, 40),
                (Forgetful, 60),
                (AnswerLost, 100),
                (AnswerLate, 100),
                (Eager, 300),
                (Propagation, 100),
                (NotifyFlood, 200),
                (NotifyLost, 200),
            ],
            Self::Zombies => {
                &[(Zombie, 600), (Sleeper, 80), (JobDuplicated, 300), (AnswerLost, 60), (NotifyLost, 300), (Eager, 300)]
            }
            Self::ClockMad => {
                &[(ClockJump, 300), (ClockLeap, 300), (AnswerLost, 50), (NotifyLost, 100), (Propagation, 100)]
            }
            Self::Flood => {
                &[(NotifyFlood, 900), (Forged, 500), (Foreign, 400), (Eager, 300), (NotifyLost, 100), (StoreBefore, 10)]
            }
            Self::Clumsy => &[
                (JobForgotten, 400),
                (JobDelayed, 200),
                (JobRetried, 500),
                (QueuePaused, 150),
                (CloseWish, 400),
                (MerchantFails, 100),
                (MerchantGone, 20),
                (NotifyLost, 300),
                (NotifyNever, 300),
                (Refused, 60),
                (AnswerLate, 100),
            ],
            Self::Mixed => &[
                (AnswerLost, 50),
                (AnswerLate, 40),
                (NeverArrived, 30),
                (ArrivesLate, 30),
                (ServerError, 30),
                (RateLimited, 20),
                (NotSent, 30),
                (BadSignature, 20),
                (Refused, 20),
                (Misconfigured, 10),
                (Propagation, 100),
                (StoreBefore, 15),
                (StoreAfter, 15),
                (ClaimLost, 15),
                (Crash, 200),
                (Zombie, 200),
                (Sleeper, 10),
                (ClockJump, 100),
                (NotifyLost, 300),
                (NotifyNever, 200),
                (NotifyLate, 100),
                (NotifyFlood, 100),
                (Forged, 100),
                (Foreign, 50),
                (Eager, 100),
                (MerchantFails, 150),
                (MerchantGone, 10),
                (JobForgotten, 100),
                (JobDuplicated, 100),
                (JobDelayed, 50),
                (JobRetried, 100),
                (QueuePaused, 40),
                (CloseWish, 150),
                (WrongAmount, 30),
                (OtherPayee, 20),
                (TwoTransactions, 30),
            ],
        };
        rates.iter().copied().collect()
    }
}

impl FromStr for Temperament {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|t| t.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a temperament; there are {}", names.join(", "))
        })
    }
}
