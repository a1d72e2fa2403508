//! What takings are told apart by, and how they are summed up: it knows rates and percentiles in whole numbers, and
//! must never read a row.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::bank::Day;
use crate::channel::{ChannelKind, Method};
use crate::id::MerchantId;
use crate::money::Currency;

/// What takings can be told apart by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Dimension {
    /// The day in Beijing on which a payment was accepted.
    Day,
    /// Whose it is.
    Merchant,
    /// Where, as the order says.
    Region,
    /// What for, as the order says.
    Service,
    /// Through which channel.
    Channel,
    /// By which method.
    Method,
}

impl Dimension {
    /// Every dimension, in the order of columns.
    pub const ALL: [Self; 6] = [Self::Day, Self::Merchant, Self::Region, Self::Service, Self::Channel, Self::Method];

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Merchant => "merchant",
            Self::Region => "region",
            Self::Service => "service",
            Self::Channel => "channel",
            Self::Method => "method",
        }
    }
}

impl FromStr for Dimension {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|d| d.name() == text).ok_or_else(|| {
            let shown: String = text.chars().take(64).collect();
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("takings are not told apart by `{shown}`; there are {}", names.join(", "))
        })
    }
}

/// Which takings a row is about; what they are not told apart by is `None`, as is what an order does not say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Group {
    /// See [`Dimension::Day`].
    pub day: Option<Day>,
    /// See [`Dimension::Merchant`].
    pub merchant: Option<MerchantId>,
    /// See [`Dimension::Region`].
    pub region: Option<String>,
    /// See [`Dimension::Service`].
    pub service: Option<String>,
    /// See [`Dimension::Channel`].
    pub channel: Option<ChannelKind>,
    /// See [`Dimension::Method`].
    pub method: Option<Method>,
    /// Amounts of different currencies are never added.
    pub currency: Currency,
}

/// What the payments of a group came to. Amounts in minor units.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Takings {
    /// Payments that were accepted.
    pub payments: i64,
    /// Of them those that took money.
    pub paid: i64,
    /// Of them those that ended without.
    pub failed: i64,
    /// What was taken.
    pub taken_minor: i64,
    /// Payments of which something went back.
    pub refunded: i64,
    /// What went back.
    pub refunded_minor: i64,
}

/// `part` of `whole` in hundredths of a percent, rounded down; `None` of nothing.
pub fn basis_points(part: i64, whole: i64) -> Option<i64> {
    let scaled = i128::from(part).saturating_mul(10_000);
    (whole > 0).then(|| i64::try_from(scaled.div_euclid(i128::from(whole))).unwrap_or(i64::MAX))
}

/// How long it took payers to pay: how many took how many seconds.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Durations(BTreeMap<i64, i64>);

impl Durations {
    /// Counts `n` more that took `seconds`.
    pub fn add(&mut self, seconds: i64, n: i64) {
        let count = self.0.entry(seconds).or_default();
        *count = count.saturating_add(n);
    }

    /// The least time in which at least so many percent (1 to 100) have paid, in seconds; `None` when nobody has.
    pub fn percentile_s(&self, percent: i64) -> Option<i64> {
        let all = self.0.values().fold(0_i64, |sum, n| sum.saturating_add(*n));
        let mut seen = 0_i64;
        let enough = |seen: i64| i128::from(seen) * 100 >= i128::from(all) * i128::from(percent);
        self.0.iter().find_map(|(seconds, n)| {
            seen = seen.saturating_add(*n);
            enough(seen).then_some(*seconds)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let mut durations = Durations::default();
        assert_eq!(durations.percentile_s(50), None);
        for seconds in 1..=10 {
            durations.add(seconds, 1);
        }
        assert_eq!((durations.percentile_s(50), durations.percentile_s(90)), (Some(5), Some(9)));
        assert_eq!((durations.percentile_s(100), durations.percentile_s(1)), (Some(10), Some(1)));
        durations.add(600, 90);
        assert_eq!((durations.percentile_s(50), durations.percentile_s(10)), (Some(600), Some(10)));
    }

    #[test]
    fn rates_are_whole_and_never_of_nothing() {
        assert_eq!(basis_points(1, 3), Some(3_333));
        assert_eq!(basis_points(3, 3), Some(10_000));
        assert_eq!((basis_points(0, 5), basis_points(0, 0)), (Some(0), None));
        assert_eq!(basis_points(i64::MAX, i64::MAX), Some(10_000));
    }

    #[test]
    fn dimensions_are_known_by_their_names() {
        for dimension in Dimension::ALL {
            assert_eq!(dimension.name().parse(), Ok(dimension));
        }
        assert!("weather".parse::<Dimension>().is_err());
    }
}
