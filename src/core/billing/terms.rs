//! What is due when: it knows calendars of amounts, and must never know what was paid.

use serde::{Deserialize, Serialize};

use crate::bank::Day;

/// Most parts of a plan, and most periods of a subscription: a hundred years of months.
pub const MAX_PARTS: u32 = 1_200;
/// Longest cadence, in its units.
const MAX_EVERY: u16 = 366;

/// A unit of the calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Days.
    Day,
    /// Seven days.
    Week,
    /// Calendar months.
    Month,
    /// Twelve calendar months.
    Year,
}

/// How often.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cadence {
    /// Every so many units.
    pub every: u16,
    /// The unit.
    pub unit: Unit,
}

impl Cadence {
    /// The first day of period number `n` (from 0) of those that begin on `from`. Months are counted from `from`
    /// each time: of the 31st of January the next are the last of February and the 31st of March.
    pub fn nth(self, from: Day, n: u32) -> Day {
        let units = i64::from(self.every).saturating_mul(i64::from(n));
        match self.unit {
            Unit::Day => from.plus_days(units),
            Unit::Week => from.plus_days(units.saturating_mul(7)),
            Unit::Month => from.plus_months(units),
            Unit::Year => from.plus_months(units.saturating_mul(12)),
        }
    }
}

/// A part of a fixed sum.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The day on which it is due.
    pub due_on: Day,
    /// Minor units.
    pub minor: i64,
}

/// What is due when.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Terms {
    /// A fixed sum in parts.
    Installments {
        /// The parts, by day.
        parts: Vec<Part>,
    },
    /// An amount for each period.
    Subscription {
        /// Minor units of a period.
        minor: i64,
        /// How long a period is.
        every: Cadence,
        /// The first day of the first period that is paid for: after a trial, when there is one. Each period is due
        /// on its first day.
        from: Day,
        /// How many periods; `None`: until it is ended.
        periods: Option<u32>,
    },
}

impl Terms {
    /// Why they cannot be.
    ///
    /// # Errors
    /// A sentence that names the member.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Installments { parts } => check_parts(parts),
            Self::Subscription { minor, every, periods, .. } => {
                if *minor <= 0 {
                    return Err(format!("`minor` is {minor}; an amount is at least 1"));
                }
                if every.every == 0 || every.every > MAX_EVERY {
                    return Err(format!("`every` is {}; it must be 1 to {MAX_EVERY}", every.every));
                }
                match periods {
                    Some(n) if *n == 0 || *n > MAX_PARTS => {
                        Err(format!("`periods` is {n}; it must be 1 to {MAX_PARTS}"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Period number `n` (from 0) of a subscription: its first day, and the first day after it.
    pub fn period(&self, n: u32) -> Option<(Day, Day)> {
        match self {
            Self::Installments { .. } => None,
            Self::Subscription { every, from, periods, .. } => {
                let there = n < periods.unwrap_or(u32::MAX).min(MAX_PARTS);
                there.then(|| (every.nth(*from, n), every.nth(*from, n.saturating_add(1))))
            }
        }
    }
}

fn check_parts(parts: &[Part]) -> Result<(), String> {
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    if count == 0 || count > MAX_PARTS {
        return Err(format!("there are {count} `parts`; there must be 1 to {MAX_PARTS}"));
    }
    if let Some((part, nth)) = parts.iter().zip(1..).find(|(p, _)| p.minor <= 0) {
        return Err(format!("part {nth} is {}; a part is at least 1", part.minor));
    }
    let later = parts.iter().zip(parts.iter().skip(1)).zip(2..).find(|((a, b), _)| b.due_on < a.due_on);
    if let Some(((a, b), nth)) = later {
        return Err(format!("part {nth} is due on {}, before the part in front of it ({})", b.due_on, a.due_on));
    }
    parts.iter().try_fold(0_i64, |sum, p| sum.checked_add(p.minor)).map(drop).ok_or("the sum is too large".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn days(cadence: Cadence, from: &str, count: u32) -> Vec<String> {
        (0..count).map(|n| cadence.nth(day(from), n).to_string()).collect()
    }

    #[test]
    fn the_last_of_a_month_comes_back_after_a_short_one() {
        let monthly = Cadence { every: 1, unit: Unit::Month };
        assert_eq!(days(monthly, "2027-12-31", 4), ["2027-12-31", "2028-01-31", "2028-02-29", "2028-03-31"]);
        let yearly = Cadence { every: 1, unit: Unit::Year };
        let leap = days(yearly, "2028-02-29", 5);
        assert_eq!(leap, ["2028-02-29", "2029-02-28", "2030-02-28", "2031-02-28", "2032-02-29"]);
        assert_eq!(days(Cadence { every: 2, unit: Unit::Week }, "2026-12-25", 2), ["2026-12-25", "2027-01-08"]);
    }

    #[test]
    fn periods_touch_and_end_when_they_were_agreed_to() {
        let terms = Terms::Subscription {
            minor: 1,
            every: Cadence { every: 1, unit: Unit::Month },
            from: day("2026-01-31"),
            periods: Some(120),
        };
        for n in 0..119 {
            assert_eq!(terms.period(n).unwrap().1, terms.period(n + 1).unwrap().0);
        }
        assert_eq!(terms.period(120), None);
    }

    #[test]
    fn impossible_terms_are_named() {
        let part = |due_on, minor| Part { due_on: day(due_on), minor };
        let parts = |parts: &[Part]| Terms::Installments { parts: parts.to_vec() }.check();
        assert_eq!(parts(&[part("2026-01-01", 1), part("2026-01-01", 1)]), Ok(()));
        assert!(parts(&[]).unwrap_err().contains("0 `parts`"));
        assert!(parts(&[part("2026-01-02", 1), part("2026-01-01", 1)]).unwrap_err().starts_with("part 2 is due"));
        assert!(parts(&[part("2026-01-01", 0)]).unwrap_err().starts_with("part 1 is 0"));
        assert!(parts(&[part("2026-01-01", i64::MAX), part("2026-01-01", 1)]).is_err());
        let never = |minor, every, periods| {
            let every = Cadence { every, unit: Unit::Day };
            Terms::Subscription { minor, every, from: day("2026-01-01"), periods }.check()
        };
        assert!(never(1, 1, None).is_ok());
        assert!(never(0, 1, None).is_err() && never(1, 0, None).is_err() && never(1, 1, Some(0)).is_err());
    }
}
