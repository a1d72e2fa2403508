//! What a channel may keep: it knows how a contract's rate becomes minor units, and must never know whose contract
//! it is.

use serde::{Deserialize, Serialize};

/// A contract's fees. Members of the setting `fees` of an account.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeRule {
    /// Hundredths of a percent of what is taken.
    pub basis_points: u32,
    /// Minor units besides, for each payment.
    #[serde(default)]
    pub fixed_minor: i64,
    /// Whether a refund gives its part of the rate back.
    #[serde(default)]
    pub returned: bool,
    /// By how many minor units a line may differ: channels round in their own ways.
    #[serde(default = "one")]
    pub tolerance_minor: i64,
}

const fn one() -> i64 {
    1
}

const WHOLE_BASIS_POINTS: i128 = 10_000;

impl FeeRule {
    /// The fee of a payment of so many minor units, rounded half up.
    pub fn of_capture(&self, amount_minor: i64) -> i64 {
        self.rated(amount_minor).saturating_add(self.fixed_minor)
    }

    /// The fee of a refund of so many minor units: what is given back of the fee is negative.
    pub fn of_refund(&self, amount_minor: i64) -> i64 {
        if self.returned { self.rated(amount_minor).saturating_neg() } else { 0 }
    }

    fn rated(&self, amount_minor: i64) -> i64 {
        let parts = i128::from(amount_minor).saturating_mul(i128::from(self.basis_points));
        i64::try_from((parts + WHOLE_BASIS_POINTS / 2).div_euclid(WHOLE_BASIS_POINTS)).unwrap_or(i64::MAX)
    }

    /// Whether a line's fee is what the contract says, as near as it need be.
    pub const fn agrees(&self, expected_minor: i64, fee_minor: i64) -> bool {
        expected_minor.abs_diff(fee_minor) <= self.tolerance_minor.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_rounded_half_up_and_given_back_only_where_the_contract_says_so() {
        let rule = FeeRule { basis_points: 60, fixed_minor: 0, returned: true, tolerance_minor: 1 };
        for (amount, fee) in [(0, 0), (83, 0), (84, 1), (100, 1), (249, 1), (250, 2), (10_000, 60)] {
            assert_eq!(rule.of_capture(amount), fee, "{amount}");
            assert_eq!(rule.of_refund(amount), -fee, "{amount}");
        }
        let kept = FeeRule { returned: false, fixed_minor: 30, ..rule };
        assert_eq!((kept.of_capture(10_000), kept.of_refund(10_000)), (90, 0));
        assert!(rule.agrees(60, 61) && !rule.agrees(60, 62) && !rule.agrees(-60, 60));
    }
}
