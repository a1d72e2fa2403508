//! What becomes of a refund: it knows how the banks behind the channel treat it, by request or by a
//! seeded draw, and must never know a channel's wire format nor touch the books.

use serde::{Deserialize, Serialize};

use crate::dice;

/// What becomes of a refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundBehaviour {
    /// The money arrives after some seconds. Tag `[refund:success]`.
    Success,
    /// The money arrives after some minutes. Tag `[refund:slow]`.
    Slow,
    /// The payer's bank sends the money back: abnormal. Sent to a bank card by the merchant's request, it
    /// arrives. Tag `[refund:abnormal]`.
    Abnormal,
    /// As abnormal, and the first request to send it to a bank card fails too. Tag `[refund:stubborn]`.
    Stubborn,
    /// The channel closes the refund: it will not happen. Tag `[refund:closed]`.
    Closed,
    /// Success, and some time later the bank sends the money back after all: abnormal. Tag
    /// `[refund:reversed]`.
    Reversed,
    /// The merchant's balance is too low for a while: the request is refused; later the same number
    /// succeeds. Tag `[refund:nofunds]`.
    NoFunds,
}

/// How many refunds behave how (weights, relative to their sum), and the length of their delays in
/// milliseconds of the sandbox clock (both ends included).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RefundMix {
    /// Weight of [`RefundBehaviour::Success`].
    pub success: u32,
    /// Weight of [`RefundBehaviour::Slow`].
    pub slow: u32,
    /// Weight of [`RefundBehaviour::Abnormal`].
    pub abnormal: u32,
    /// Weight of [`RefundBehaviour::Stubborn`].
    pub stubborn: u32,
    /// Weight of [`RefundBehaviour::Closed`].
    pub closed: u32,
    /// Weight of [`RefundBehaviour::Reversed`].
    pub reversed: u32,
    /// Weight of [`RefundBehaviour::NoFunds`].
    pub no_funds: u32,
    /// From the acceptance to the result.
    pub soon_ms: (i64, i64),
    /// The same for a slow refund.
    pub slow_ms: (i64, i64),
    /// From a success to its reversal.
    pub reversed_ms: (i64, i64),
    /// From the first refused request to the moment when the balance suffices.
    pub no_funds_ms: (i64, i64),
}

impl Default for RefundMix {
    /// Most refunds simply arrive; each of the others needs a decision of its own from whoever asks.
    fn default() -> Self {
        Self {
            success: 78,
            slow: 6,
            abnormal: 4,
            stubborn: 1,
            closed: 3,
            reversed: 3,
            no_funds: 5,
            // Balance refunds are instant and bank cards take days; nobody waits for days in a sandbox.
            soon_ms: (2_000, 20_000),
            slow_ms: (120_000, 600_000),
            reversed_ms: (10_000, 60_000),
            no_funds_ms: (10_000, 60_000),
        }
    }
}

/// What a refund that is under way comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success,
    Abnormal,
    Closed,
}

impl RefundMix {
    /// Every refund behaves the same, with the default delays.
    pub fn all(behaviour: RefundBehaviour) -> Self {
        let none = Self { success: 0, slow: 0, abnormal: 0, stubborn: 0, closed: 0, ..Self::default() };
        let mut mix = Self { reversed: 0, no_funds: 0, ..none };
        *match behaviour {
            RefundBehaviour::Success => &mut mix.success,
            RefundBehaviour::Slow => &mut mix.slow,
            RefundBehaviour::Abnormal => &mut mix.abnormal,
            RefundBehaviour::Stubborn => &mut mix.stubborn,
            RefundBehaviour::Closed => &mut mix.closed,
            RefundBehaviour::Reversed => &mut mix.reversed,
            RefundBehaviour::NoFunds => &mut mix.no_funds,
        } = 1;
        mix
    }

    /// The behaviour asked for in `reason`, else the one that the refund's number selects by weight.
    pub(crate) fn choose(&self, reason: &str, fate: u64) -> RefundBehaviour {
        RefundBehaviour::asked_for(reason).unwrap_or_else(|| self.select(dice::draw(&[fate, 1])))
    }

    fn select(&self, draw: u64) -> RefundBehaviour {
        let table = [
            (self.success, RefundBehaviour::Success),
            (self.slow, RefundBehaviour::Slow),
            (self.abnormal, RefundBehaviour::Abnormal),
            (self.stubborn, RefundBehaviour::Stubborn),
            (self.closed, RefundBehaviour::Closed),
            (self.reversed, RefundBehaviour::Reversed),
            (self.no_funds, RefundBehaviour::NoFunds),
        ];
        dice::weighted(draw, &table).unwrap_or(RefundBehaviour::Success)
    }

    /// From the acceptance (or the `applications`-th request to send it to a bank card) to the result.
    pub(crate) fn result_after_ms(&self, behaviour: RefundBehaviour, fate: u64, applications: u32) -> i64 {
        let slow = behaviour == RefundBehaviour::Slow;
        dice::within(dice::draw(&[fate, 2, u64::from(applications)]), if slow { self.slow_ms } else { self.soon_ms })
    }

    /// From a success to its reversal.
    pub(crate) fn reversed_after_ms(&self, fate: u64) -> i64 {
        dice::within(dice::draw(&[fate, 3]), self.reversed_ms)
    }

    /// How long the merchant's balance stays too low for this refund.
    pub(crate) fn without_funds_ms(&self, behaviour: RefundBehaviour, fate: u64) -> Option<i64> {
        (behaviour == RefundBehaviour::NoFunds).then(|| dice::within(dice::draw(&[fate, 4]), self.no_funds_ms))
    }
}

impl RefundBehaviour {
    fn asked_for(reason: &str) -> Option<Self> {
        let (_, rest) = reason.split_once("[refund:")?;
        let (word, _) = rest.split_once(']')?;
        match word {
            "success" => Some(Self::Success),
            "slow" => Some(Self::Slow),
            "abnormal" => Some(Self::Abnormal),
            "stubborn" => Some(Self::Stubborn),
            "closed" => Some(Self::Closed),
            "reversed" => Some(Self::Reversed),
            "nofunds" => Some(Self::NoFunds),
            _ => None,
        }
    }

    /// What it comes to after so many requests of the merchant to send it to a bank card.
    pub(crate) const fn outcome(self, applications: u32) -> Outcome {
        match (self, applications) {
            (Self::Closed, _) => Outcome::Closed,
            (Self::Abnormal, 0) | (Self::Stubborn, 0 | 1) => Outcome::Abnormal,
            _ => Outcome::Success,
        }
    }

    /// Whether a success does not last.
    pub(crate) const fn comes_back(self, applications: u32) -> bool {
        matches!((self, applications), (Self::Reversed, 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_in_the_reason_wins_over_the_draw() {
        let mix = RefundMix::all(RefundBehaviour::Slow);
        assert_eq!(mix.choose("too late [refund:closed]", 1), RefundBehaviour::Closed);
        assert_eq!(mix.choose("[refund:nofunds]", 1), RefundBehaviour::NoFunds);
        assert_eq!(mix.choose("[refund:maybe]", 1), RefundBehaviour::Slow);
        assert_eq!(mix.choose("[refund:closed", 1), RefundBehaviour::Slow);
        assert_eq!(mix.choose("", 1), RefundBehaviour::Slow);
    }

    #[test]
    fn weights_decide_how_many_behave_how() {
        let mix = RefundMix::default();
        let count = |wanted| (0..10_000).filter(|&n| mix.choose("customer asked", dice::draw(&[n])) == wanted).count();
        assert!((7_600..8_000).contains(&count(RefundBehaviour::Success)));
        assert!((220..390).contains(&count(RefundBehaviour::Reversed)));
        assert!((420..590).contains(&count(RefundBehaviour::NoFunds)));
    }

    #[test]
    fn abnormal_refunds_arrive_after_a_request_and_stubborn_ones_after_two() {
        let course = |behaviour: RefundBehaviour| [0, 1, 2].map(|n| behaviour.outcome(n));
        assert_eq!(course(RefundBehaviour::Abnormal), [Outcome::Abnormal, Outcome::Success, Outcome::Success]);
        assert_eq!(course(RefundBehaviour::Stubborn), [Outcome::Abnormal, Outcome::Abnormal, Outcome::Success]);
        assert_eq!(course(RefundBehaviour::Closed), [Outcome::Closed; 3]);
        assert_eq!(course(RefundBehaviour::Reversed), [Outcome::Success; 3]);
        assert!(RefundBehaviour::Reversed.comes_back(0) && !RefundBehaviour::Reversed.comes_back(1));
    }

    #[test]
    fn a_mix_of_one_behaviour_holds_no_other() {
        for behaviour in [RefundBehaviour::Success, RefundBehaviour::Stubborn, RefundBehaviour::NoFunds] {
            let mix = RefundMix::all(behaviour);
            assert!((0..200).all(|n| mix.choose("", n) == behaviour));
        }
    }
}
