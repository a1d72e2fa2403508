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
    /// Many refunds of one order, at once and one after the other.
    RefundStorm,
    /// Balances at the channel are short.
    Poor,
    /// Payers' banks send money back, late and twice.
    Bank,
    /// Orders of several parts.
    Combined,
    /// Orders that are paid twice.
    TwoPayments,
}

impl Temperament {
    /// Every temperament.
    pub const ALL: [Self; 15] = [
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
        Self::RefundStorm,
        Self::Poor,
        Self::Bank,
        Self::Combined,
        Self::TwoPayments,
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
            Self::RefundStorm => "refund-storm",
            Self::Poor => "poor",
            Self::Bank => "bank",
            Self::Combined => "combined",
            Self::TwoPayments => "two-payments",
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
            Self::Mixed | Self::Zombies | Self::RefundStorm | Self::TwoPayments => 1_000,
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
                (RefundRefused, 40),
                (RefundAbnormal, 60),
            ],
            Self::Slow => &[
                (ArrivesLate, 250),
                (Propagation, 400),
                (AnswerLate, 200),
                (NotifyLate, 300),
                (MerchantFails, 50),
                (AnswerLost, 50),
                (Eager, 300),
                (RefundSlow, 300),
                (RefundReversed, 60),
            ],
            Self::Crashy => &[
                (Crash, 500),
                (StoreBefore, 30),
                (StoreAfter, 30),
                (ClaimLost, 30),
                (AnswerLost, 40),
                (NotifyLost, 200),
                (RefundAbnormal, 80),
                (NoFunds, 60),
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
                (RefundWrong, 200),
                (RefundClosed, 100),
                (RefundReversed, 150),
            ],
            Self::Zombies => {
                &[
                    (Zombie, 600),
                    (Sleeper, 80),
                    (JobDuplicated, 300),
                    (AnswerLost, 60),
                    (NotifyLost, 300),
                    (Eager, 300),
                    (RefundAbnormal, 150),
                    (RefundMended, 300),
                    (NoFunds, 50),
                ]
            }
            Self::ClockMad => {
                &[(ClockJump, 300), (ClockLeap, 300), (AnswerLost, 50), (NotifyLost, 100), (Propagation, 100)]
            }
            Self::Flood => {
                &[
                    (NotifyFlood, 900),
                    (Forged, 500),
                    (Foreign, 400),
                    (ForgedRefund, 500),
                    (ForeignRefund, 500),
                    (Eager, 300),
                    (NotifyLost, 100),
                    (StoreBefore, 10),
                    (RefundAbnormal, 200),
                    (RefundReversed, 200),
                    (RefundSlow, 300),
                ]
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
                (ClumsyClerk, 400),
                (SamePerson, 400),
                (RefundAbnormal, 200),
                (RefundRefused, 60),
                (NoFunds, 60),
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
                (NoFunds, 40),
                (RefundSlow, 100),
                (RefundRefused, 30),
                (RefundClosed, 60),
                (RefundAbnormal, 100),
                (RefundMended, 200),
                (RefundReversed, 60),
                (RefundWrong, 15),
                (SecondWayFails, 200),
                (ForgedRefund, 50),
                (ForeignRefund, 50),
                (ClumsyClerk, 100),
                (SamePerson, 150),
            ],
            Self::RefundStorm => &[
                (AnswerLost, 100),
                (AnswerLate, 60),
                (NeverArrived, 50),
                (ArrivesLate, 80),
                (RateLimited, 40),
                (Propagation, 150),
                (NotifyLost, 300),
                (RefundClosed, 60),
                (RefundAbnormal, 60),
                (Crash, 100),
                (StoreAfter, 15),
                (SamePerson, 200),
            ],
            Self::Poor => &[
                (NoFunds, 500),
                (AnswerLost, 80),
                (NeverArrived, 40),
                (ArrivesLate, 40),
                (NotifyLost, 300),
                (RefundAbnormal, 60),
                (JobForgotten, 100),
                (Crash, 60),
            ],
            Self::Bank => &[
                (RefundAbnormal, 450),
                (RefundClosed, 150),
                (RefundMended, 400),
                (RefundReversed, 300),
                (RefundSlow, 200),
                (SecondWayFails, 350),
                (AnswerLost, 100),
                (ArrivesLate, 80),
                (Misconfigured, 30),
                (NotifyLost, 400),
                (NotifyNever, 200),
                (NotifyLate, 200),
                (NotifyFlood, 100),
                (ClumsyClerk, 100),
            ],
            Self::Combined => &[
                (AnswerLost, 80),
                (ArrivesLate, 60),
                (Refused, 60),
                (Propagation, 60),
                (NotifyLost, 300),
                (NotifyNever, 150),
                (CloseWish, 150),
                (Crash, 100),
                (StoreAfter, 15),
                (RefundAbnormal, 100),
                (RefundClosed, 60),
                (NoFunds, 30),
                (Eager, 100),
            ],
            Self::TwoPayments => &[
                (AnswerLost, 60),
                (AnswerLate, 60),
                (NotifyLost, 300),
                (NotifyNever, 150),
                (NotifyLate, 150),
                (CloseWish, 200),
                (Eager, 100),
                (RefundAbnormal, 80),
                (RefundReversed, 60),
                (ClumsyClerk, 100),
                (Zombie, 60),
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
