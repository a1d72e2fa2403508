//! What a channel keeps of a payment and what of that it gives back with a refund. It must never know whose payment
//! it is.

use serde::{Deserialize, Serialize};

/// An account's terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeTerms {
    /// Of each payment, in hundredths of a percent; half a minor unit is rounded up.
    pub basis_points: u32,
    /// And of each payment, in minor units.
    pub fixed_minor: i64,
    /// Whether a refund gives the fee of what is refunded back.
    pub returned: bool,
}

impl FeeTerms {
    pub(crate) const fn new(basis_points: u32, fixed_minor: i64, returned: bool) -> Self {
        Self { basis_points, fixed_minor, returned }
    }

    /// What is kept of a payment.
    pub(crate) fn of(&self, amount_minor: i64) -> i64 {
        share(amount_minor, i64::from(self.basis_points), 10_000).saturating_add(self.fixed_minor)
    }

    /// What of `fee_minor`, which was kept of `amount_minor`, has been given back when so much is refunded in all.
    /// The whole comes back with the whole, whatever the parts were.
    pub(crate) fn given_back(&self, fee_minor: i64, amount_minor: i64, refunded_minor: i64) -> i64 {
        if self.returned { share(fee_minor, refunded_minor, amount_minor) } else { 0 }
    }

    /// The percentage as it is printed, such as `0.60%`.
    pub(crate) fn rate(&self) -> String {
        format!("{}.{:02}%", self.basis_points / 100, self.basis_points % 100)
    }
}

/// `amount * part / whole`, half rounded up.
fn share(amount: i64, part: i64, whole: i64) -> i64 {
    let twice = i128::from(amount) * i128::from(part) * 2 + i128::from(whole);
    let shared = twice.checked_div_euclid(i128::from(whole) * 2).unwrap_or(0);
    i64::try_from(shared).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_minor_unit_is_rounded_up() {
        let terms = FeeTerms::new(60, 0, true);
        assert_eq!([83, 84, 8_800, 250, 249, 0].map(|fen| terms.of(fen)), [0, 1, 53, 2, 1, 0]);
        assert_eq!(FeeTerms::new(290, 30, false).of(8_800), 285);
        assert_eq!([60, 290, 5].map(|bp| FeeTerms::new(bp, 0, true).rate()), ["0.60%", "2.90%", "0.05%"]);
    }

    #[test]
    fn the_parts_of_a_fee_that_come_back_add_up_to_it() {
        let terms = FeeTerms::new(60, 0, true);
        let fee = terms.of(8_800);
        let after: Vec<_> = (0..=88).map(|n| terms.given_back(fee, 8_800, n * 100)).collect();
        assert!(after.windows(2).all(|pair| pair[0] <= pair[1]));
        assert_eq!((after[0], after[30], after[88]), (0, 18, fee));
        assert_eq!(FeeTerms::new(60, 0, false).given_back(fee, 8_800, 8_800), 0);
        assert_eq!(terms.given_back(fee, 0, 0), 0, "nothing of nothing");
    }
}
