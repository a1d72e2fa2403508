//! Temperaments: it knows the characters of histories, and must never play a trouble (how often which comes
//! stands in `rates`).

use std::str::FromStr;

use bursar_core::chance::mix;

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
    /// Payers choose, and choose again.
    Choosing,
    /// Cards: holds, lost captures, complaints.
    Cards,
    /// Transfers and cash: too little, too much, too late, taken back.
    ByHand,
}

impl Temperament {
    /// Every temperament.
    pub const ALL: [Self; 18] = [
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
        Self::Choosing,
        Self::Cards,
        Self::ByHand,
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
            Self::Choosing => "choosing",
            Self::Cards => "cards",
            Self::ByHand => "by-hand",
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
            Self::Mixed | Self::Zombies | Self::RefundStorm | Self::TwoPayments | Self::Choosing => 1_000,
            _ => 150,
        }
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
