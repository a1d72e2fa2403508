//! The payers: it knows when and how a customer pays an order, by request or by a seeded draw, and
//! must never know a channel's wire format nor touch the books.

use serde::{Deserialize, Serialize};

use crate::{AgreementMix, dice};

/// What the payer of an order does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Behaviour {
    /// Pays some seconds after the order was created. Tag `[payer:soon]`.
    Soon,
    /// Pays in the second half of the order's life. Tag `[payer:late]`.
    Late,
    /// Pays between the merchant's last query and its close: the close is refused as already paid.
    /// Tag `[payer:closing]`.
    Closing,
    /// The money is under way when the order is closed: the close succeeds and the success surfaces
    /// some seconds later (late money). Tag `[payer:inflight]`.
    InFlight,
    /// Never pays. Tag `[payer:never]`.
    Never,
    /// The first attempt fails, the second pays. Tag `[payer:retry]`.
    Retry,
}

/// How many payers behave how (weights, relative to their sum), and the length of their delays in
/// milliseconds of the sandbox clock (both ends included).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PayerMix {
    /// Weight of [`Behaviour::Soon`].
    pub soon: u32,
    /// Weight of [`Behaviour::Late`].
    pub late: u32,
    /// Weight of [`Behaviour::Closing`].
    pub closing: u32,
    /// Weight of [`Behaviour::InFlight`].
    pub inflight: u32,
    /// Weight of [`Behaviour::Never`].
    pub never: u32,
    /// Weight of [`Behaviour::Retry`].
    pub retry: u32,
    /// From the order's creation to the payer's first attempt.
    pub soon_ms: (i64, i64),
    /// From a failed attempt to the next one.
    pub again_ms: (i64, i64),
    /// From the close to the surfacing of money in flight.
    pub landing_ms: (i64, i64),
    /// How payers treat their agreements and the debits under them.
    pub agreements: AgreementMix,
}

impl Default for PayerMix {
    /// Most people pay at once; the rest is what makes payment systems hard.
    fn default() -> Self {
        Self {
            soon: 70,
            late: 10,
            closing: 4,
            inflight: 4,
            never: 8,
            retry: 4,
            soon_ms: (2_000, 20_000),
            again_ms: (3_000, 15_000),
            landing_ms: (1_000, 10_000),
            agreements: AgreementMix::default(),
        }
    }
}

impl PayerMix {
    /// Every payer behaves the same, with the default delays.
    pub fn all(behaviour: Behaviour) -> Self {
        let mut mix = Self { soon: 0, late: 0, closing: 0, inflight: 0, never: 0, retry: 0, ..Self::default() };
        *match behaviour {
            Behaviour::Soon => &mut mix.soon,
            Behaviour::Late => &mut mix.late,
            Behaviour::Closing => &mut mix.closing,
            Behaviour::InFlight => &mut mix.inflight,
            Behaviour::Never => &mut mix.never,
            Behaviour::Retry => &mut mix.retry,
        } = 1;
        mix
    }

    /// The behaviour asked for in `description`, else the one that `draw` selects by weight.
    pub(crate) fn choose(&self, description: &str, draw: u64) -> Behaviour {
        Behaviour::asked_for(description).unwrap_or_else(|| self.select(draw))
    }

    fn select(&self, draw: u64) -> Behaviour {
        let table = [
            (self.soon, Behaviour::Soon),
            (self.late, Behaviour::Late),
            (self.closing, Behaviour::Closing),
            (self.inflight, Behaviour::InFlight),
            (self.never, Behaviour::Never),
            (self.retry, Behaviour::Retry),
        ];
        dice::weighted(draw, &table).unwrap_or(Behaviour::Never)
    }

    /// When the payer first acts by itself; `None` when only a close can bring it to act.
    /// `lifetime` is (created, last moment to pay).
    pub(crate) fn first_move(&self, behaviour: Behaviour, lifetime: (i64, i64), draw: u64) -> Option<Move> {
        let (created_ms, expires_ms) = lifetime;
        let soon_ms = created_ms.saturating_add(dice::within(draw, self.soon_ms)).min(expires_ms - 1);
        match behaviour {
            Behaviour::Soon => Some(Move::Pays(soon_ms)),
            Behaviour::Retry => Some(Move::Fails(soon_ms)),
            Behaviour::Late => {
                let life_ms = expires_ms.saturating_sub(created_ms);
                // A twentieth before the end: a timer that fires a little late still finds it open.
                let window = (created_ms + life_ms / 2, expires_ms - life_ms / 20);
                Some(Move::Pays(dice::within(draw, window)))
            }
            Behaviour::Closing | Behaviour::InFlight | Behaviour::Never => None,
        }
    }

    /// When the payer's device meets an order that its channel does not know before (it scans the code), by
    /// itself; `None` for every second payer who will never pay.
    pub(crate) fn meets_at(
        &self,
        behaviour: Behaviour,
        lifetime: (i64, i64),
        first: Option<Move>,
        draw: u64,
    ) -> Option<i64> {
        let (created_ms, expires_ms) = lifetime;
        match first {
            Some(Move::Pays(at_ms) | Move::Fails(at_ms)) => Some(dice::within(draw, (created_ms, at_ms))),
            None if behaviour == Behaviour::Never && dice::below(draw >> 32, 2) == 0 => None,
            None => Some(created_ms.saturating_add(dice::within(draw, self.soon_ms)).min(expires_ms - 1)),
        }
    }
}

/// A payer's move at an instant of the sandbox clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    Pays(i64),
    Fails(i64),
}

impl Behaviour {
    fn asked_for(description: &str) -> Option<Self> {
        let (_, rest) = description.split_once("[payer:")?;
        let (word, _) = rest.split_once(']')?;
        match word {
            "soon" => Some(Self::Soon),
            "late" => Some(Self::Late),
            "closing" => Some(Self::Closing),
            "inflight" => Some(Self::InFlight),
            "never" => Some(Self::Never),
            "retry" => Some(Self::Retry),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_in_the_description_wins_over_the_draw() {
        let mix = PayerMix::all(Behaviour::Never);
        assert_eq!(mix.choose("cleaning [payer:inflight] 2h", 1), Behaviour::InFlight);
        assert_eq!(mix.choose("cleaning [payer:sometimes]", 1), Behaviour::Never);
        assert_eq!(mix.choose("cleaning [payer:soon", 1), Behaviour::Never);
    }

    #[test]
    fn weights_decide_how_many_behave_how() {
        let mix = PayerMix::default();
        let never = (0..10_000).filter(|&n| mix.choose("", dice::draw(&[n])) == Behaviour::Never).count();
        assert!((700..900).contains(&never), "{never}");
    }

    #[test]
    fn late_payers_pay_in_the_second_half_of_the_life_and_before_its_end() {
        let mix = PayerMix::default();
        for n in 0..1_000 {
            let Some(Move::Pays(at)) = mix.first_move(Behaviour::Late, (1_000, 101_000), dice::draw(&[n])) else {
                unreachable!("a late payer pays")
            };
            assert!((51_000..=96_000).contains(&at), "{at}");
        }
    }

    #[test]
    fn nobody_pays_after_the_last_moment() {
        let mix = PayerMix::default();
        assert_eq!(mix.first_move(Behaviour::Soon, (0, 1_500), 7), Some(Move::Pays(1_499)));
    }
}
