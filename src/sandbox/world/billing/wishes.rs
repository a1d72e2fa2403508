//! How merchants and payers change their minds: it knows which story each contract of a small town has, drawn from the
//! seed, and must never know what Bursar makes of it.

use bursar_core::Chance;
use bursar_core::billing::wishes::Wish;
use bursar_core::clock::DAY_MS;

use super::almanac::Ymd;
use super::cast::Kind;
use crate::world::state::BEGIN_MS;

/// What somebody does about a contract.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Story {
    /// Nothing.
    None,
    /// It stands still for a while.
    Pause { at_ms: i64, until_ms: i64, catch_up: bool },
    /// It ends before its time.
    Cancel { at_ms: i64, refund: bool },
    /// The rest is paid at once.
    PayOff { at_ms: i64 },
    /// It becomes cheaper by so many minor units.
    GiveBack { at_ms: i64, minor: i64 },
    /// Another price of a month.
    Reprice { at_ms: i64, minor: i64 },
    /// The payer ends his agreement at the channel.
    PayerEnds { at_ms: i64 },
}

/// Draws one.
pub(super) fn draw(chance: &dyn Chance, kind: &Kind) -> Story {
    let days = |from: u64, span: u64| i64::try_from(from + chance.below(span)).unwrap_or(0) * DAY_MS;
    let moment = i64::try_from(chance.below(86_400_000)).unwrap_or(0);
    let (Kind::Monthly { from, .. } | Kind::Parts { from, .. }) = kind;
    let first_ms = BEGIN_MS + (from.ordinal() - Ymd::new(2026, 1, 1).ordinal()) * DAY_MS;
    let at_ms = first_ms + days(5, 200) + moment;
    let story = chance.below(8);
    match (story, kind) {
        (0, _) => Story::Pause { at_ms, until_ms: at_ms + days(3, 80), catch_up: chance.below(2) == 0 },
        (1, _) => Story::Cancel { at_ms, refund: chance.below(2) == 0 },
        (2, _) => Story::PayerEnds { at_ms },
        (3 | 4, Kind::Parts { .. }) => Story::PayOff { at_ms },
        (5, Kind::Parts { minors, .. }) => {
            let total: i64 = minors.iter().sum();
            let share = i64::try_from(1 + chance.below(60)).unwrap_or(1);
            Story::GiveBack { at_ms, minor: (total * share / 100).max(1) }
        }
        (3..=5, Kind::Monthly { minor, .. }) => {
            let share = i64::try_from(30 + chance.below(200)).unwrap_or(100);
            Story::Reprice { at_ms, minor: (minor * share / 100).max(1) }
        }
        _ => Story::None,
    }
}

impl Story {
    /// What is asked of Bursar, and when; each by a name of its own.
    pub fn wishes(self) -> Vec<(&'static str, i64, Wish)> {
        let reason = || "a story".to_owned();
        match self {
            Self::None | Self::PayerEnds { .. } => Vec::new(),
            Self::Pause { at_ms, until_ms, catch_up } => vec![
                ("pause", at_ms, Wish::Pause { reason: reason() }),
                ("resume", until_ms, Wish::Resume { catch_up }),
            ],
            Self::Cancel { at_ms, refund } => {
                vec![("cancel", at_ms, Wish::Cancel { reason: reason(), refund_unserved: refund })]
            }
            Self::PayOff { at_ms } => vec![("pay off", at_ms, Wish::PayOff)],
            Self::GiveBack { at_ms, minor } => vec![("give back", at_ms, Wish::GiveBack { minor })],
            Self::Reprice { at_ms, minor } => vec![("reprice", at_ms, Wish::Reprice { minor })],
        }
    }
}
