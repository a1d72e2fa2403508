//! How payers with an agreement behave: who signs and when, who ends it by himself, and what happens when his
//! money is asked for. It knows weights and draws, and must never know a channel's words nor touch the books.

use serde::{Deserialize, Serialize};

use crate::dice;

/// Why a debit is declined, the same classes for all channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decline {
    /// The payer has not enough money now.
    InsufficientFunds,
    /// The account or card is gone: it will never pay again.
    Hard,
    /// The channel or the bank suspects something.
    Risk,
    /// Something fails between the channel and the bank.
    Technical,
    /// The bank wants to see the payer first.
    Authentication,
}

/// What is in a payer's purse, as far as an agreement sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Purse {
    /// Why the next debits are declined; `None`: they are not.
    pub decline: Option<Decline>,
    /// How many debits are declined before all is well again; `None`: all.
    pub times: Option<u32>,
}

impl Purse {
    /// Pays whatever is asked.
    pub const fn full() -> Self {
        Self { decline: None, times: None }
    }

    /// The next `times` debits are declined, then all is well.
    pub const fn declines(decline: Decline, times: u32) -> Self {
        Self { decline: Some(decline), times: Some(times) }
    }

    /// Every debit is declined.
    pub const fn always(decline: Decline) -> Self {
        Self { decline: Some(decline), times: None }
    }

    /// What the next debit meets; it counts.
    pub(crate) fn ask(&mut self) -> Option<Decline> {
        let decline = self.decline?;
        match &mut self.times {
            None => Some(decline),
            Some(0) => {
                *self = Self::full();
                None
            }
            Some(left) => {
                *left -= 1;
                Some(decline)
            }
        }
    }
}

/// Whether and when a payer signs what he is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signs {
    /// Some seconds later. Tag `[sign:soon]`.
    Soon,
    /// Many minutes later. Tag `[sign:late]`.
    Late,
    /// Never. Tag `[sign:never]`.
    Never,
}

/// How many payers treat their agreements how. Weights are relative to their sum; `of_10_000` are parts of so
/// many; delays are milliseconds of the sandbox clock, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgreementMix {
    /// Weight of [`Signs::Soon`].
    pub soon: u32,
    /// Weight of [`Signs::Late`].
    pub late: u32,
    /// Weight of [`Signs::Never`].
    pub never: u32,
    /// How long a prompt payer takes to sign.
    pub soon_ms: (i64, i64),
    /// How long a slow one takes.
    pub late_ms: (i64, i64),
    /// Payers who end a signed agreement by themselves.
    pub leaves_of_10_000: u32,
    /// How long after the signature they do.
    pub leaves_after_ms: (i64, i64),
    /// Debits that find too little money; so do the next few attempts.
    pub short_of_10_000: u32,
    /// How many attempts in a row find too little.
    pub short_times: (u32, u32),
    /// Debits that find the account gone, for ever.
    pub hard_of_10_000: u32,
    /// Debits that look suspicious, once.
    pub risk_of_10_000: u32,
    /// Debits that fail on their way, once.
    pub technical_of_10_000: u32,
    /// How long a debit that is not decided at once is under way.
    pub pending_ms: (i64, i64),
}

const DAY_MS: i64 = 24 * 3_600_000;

impl Default for AgreementMix {
    /// Almost everybody signs at once, stays and has the money.
    fn default() -> Self {
        Self {
            soon: 85,
            late: 10,
            never: 5,
            soon_ms: (3_000, 30_000),
            late_ms: (600_000, 1_800_000),
            leaves_of_10_000: 100,
            leaves_after_ms: (30 * DAY_MS, 300 * DAY_MS),
            short_of_10_000: 200,
            short_times: (1, 3),
            hard_of_10_000: 5,
            risk_of_10_000: 20,
            technical_of_10_000: 60,
            pending_ms: (2_000, 30_000),
        }
    }
}

impl AgreementMix {
    /// Everybody signs soon, stays for ever and always has the money.
    pub fn faithful() -> Self {
        Self {
            late: 0,
            never: 0,
            leaves_of_10_000: 0,
            short_of_10_000: 0,
            hard_of_10_000: 0,
            risk_of_10_000: 0,
            technical_of_10_000: 0,
            ..Self::default()
        }
    }

    /// What the payer does, asked for in `said` or drawn.
    pub(crate) fn signs(&self, said: &str, draw: u64) -> Signs {
        let table = [(self.soon, Signs::Soon), (self.late, Signs::Late), (self.never, Signs::Never)];
        match tag(said, "sign") {
            Some("soon") => Signs::Soon,
            Some("late") => Signs::Late,
            Some("never") => Signs::Never,
            _ => dice::weighted(draw, &table).unwrap_or(Signs::Never),
        }
    }

    /// From the moment when the payer sees it to the signature.
    pub(crate) fn signs_after_ms(&self, signs: Signs, draw: u64) -> Option<i64> {
        match signs {
            Signs::Soon => Some(dice::within(draw, self.soon_ms)),
            Signs::Late => Some(dice::within(draw, self.late_ms)),
            Signs::Never => None,
        }
    }

    /// How long after his signature the payer ends it by himself.
    pub(crate) fn leaves_after(&self, draw: u64) -> Option<i64> {
        let leaves = dice::below(draw, 10_000) < u64::from(self.leaves_of_10_000);
        leaves.then(|| dice::within(draw >> 20, self.leaves_after_ms))
    }

    /// The purse that a debit meets whose payer nobody has told what to do.
    pub(crate) fn purse(&self, draw: u64) -> Purse {
        let point = dice::below(draw, 10_000);
        let (low, high) = (i64::from(self.short_times.0), i64::from(self.short_times.1));
        let times = u32::try_from(dice::within(draw >> 20, (low, high))).unwrap_or(1);
        let table = [
            (self.short_of_10_000, Purse::declines(Decline::InsufficientFunds, times)),
            (self.hard_of_10_000, Purse::always(Decline::Hard)),
            (self.risk_of_10_000, Purse::declines(Decline::Risk, 1)),
            (self.technical_of_10_000, Purse::declines(Decline::Technical, 1)),
        ];
        let mut reached = 0;
        for (parts, purse) in table {
            reached += u64::from(parts);
            if point < reached {
                return purse;
            }
        }
        Purse::full()
    }
}

/// The purse that is asked for in `said`: `[purse:full]`, `[purse:short]` (three debits), `[purse:empty]`,
/// `[purse:hard]`, `[purse:risk]`, `[purse:technical]`, `[purse:authentication]`.
pub(crate) fn asked_for(said: &str) -> Option<Purse> {
    match tag(said, "purse")? {
        "full" => Some(Purse::full()),
        "short" => Some(Purse::declines(Decline::InsufficientFunds, 3)),
        "empty" => Some(Purse::always(Decline::InsufficientFunds)),
        "hard" => Some(Purse::always(Decline::Hard)),
        "risk" => Some(Purse::always(Decline::Risk)),
        "technical" => Some(Purse::declines(Decline::Technical, 1)),
        "authentication" => Some(Purse::always(Decline::Authentication)),
        _ => None,
    }
}

fn tag<'s>(said: &'s str, name: &str) -> Option<&'s str> {
    let (_, rest) = said.split_once(&format!("[{name}:"))?;
    rest.split_once(']').map(|(word, _)| word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_declines_so_many_times_and_is_fine_afterwards() {
        let mut purse = Purse::declines(Decline::InsufficientFunds, 2);
        let met: Vec<_> = (0..4).map(|_| purse.ask()).collect();
        assert_eq!(met, [Some(Decline::InsufficientFunds), Some(Decline::InsufficientFunds), None, None]);
        let mut gone = Purse::always(Decline::Hard);
        assert!((0..9).all(|_| gone.ask() == Some(Decline::Hard)));
        assert_eq!(Purse::full().ask(), None);
    }

    #[test]
    fn a_purse_is_written_as_an_object_of_class_and_times() {
        let read: Purse = serde_json::from_str(r#"{"decline":"insufficient_funds","times":2}"#).unwrap();
        assert_eq!(read, Purse::declines(Decline::InsufficientFunds, 2));
        assert_eq!(serde_json::from_str::<Purse>("{}").unwrap(), Purse::full());
        assert!(serde_json::from_str::<Purse>(r#"{"class":"hard"}"#).is_err());
    }

    #[test]
    fn a_tag_wins_over_the_draw_and_the_faithful_never_fail() {
        let mix = AgreementMix::default();
        assert_eq!(mix.signs("monthly [sign:never]", 1), Signs::Never);
        assert_eq!(asked_for("x [purse:hard] y"), Some(Purse::always(Decline::Hard)));
        assert_eq!(asked_for("x"), None);
        let faithful = AgreementMix::faithful();
        assert!((0..10_000).all(|n| faithful.purse(dice::draw(&[n])) == Purse::full()));
        let declined = (0..10_000).filter(|n| mix.purse(dice::draw(&[*n])) != Purse::full()).count();
        assert!((230..340).contains(&declined), "{declined}");
    }
}
