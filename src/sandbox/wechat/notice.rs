//! The notice that a payer gets before a debit: it knows on which days of Beijing it allows a debit and of how much,
//! and must never look at the books.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

/// From the day of the notice to the first day on which it allows a debit: the day between is the payer's.
const FIRST_AFTER_DAYS: i64 = 2;

/// What the payer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    pub(crate) fen: i64,
    /// On how many days the debit may come: one to three.
    pub(crate) days: i64,
    pub(crate) told: Date,
}

/// Why a debit is not covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Uncovered {
    Early,
    Late,
    Excessive,
}

/// The day of Beijing.
pub(crate) fn day(ms: i64) -> Date {
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    instant.to_zoned(TimeZone::fixed(Offset::constant(8))).date()
}

impl Notice {
    fn first(&self) -> Date {
        self.told.saturating_add(FIRST_AFTER_DAYS.days())
    }

    fn last(&self) -> Date {
        self.first().saturating_add((self.days - 1).days())
    }

    /// Whether it has not been used and its days are not over.
    pub(crate) fn stands(&self, today: Date) -> bool {
        today <= self.last()
    }

    /// Whether it covers a debit of so much today.
    pub(crate) fn covers(&self, fen: i64, today: Date) -> Result<(), Uncovered> {
        if today < self.first() {
            return Err(Uncovered::Early);
        }
        if today > self.last() {
            return Err(Uncovered::Late);
        }
        (fen <= self.fen).then_some(()).ok_or(Uncovered::Excessive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_debit_is_covered_from_the_day_after_the_next_for_as_many_days_as_were_announced() {
        let notice = Notice { fen: 100, days: 2, told: date(2024, 2, 28) };
        assert_eq!(notice.covers(100, date(2024, 2, 29)), Err(Uncovered::Early));
        assert_eq!(notice.covers(100, date(2024, 3, 1)), Ok(()));
        assert_eq!(notice.covers(101, date(2024, 3, 1)), Err(Uncovered::Excessive));
        assert_eq!(notice.covers(1, date(2024, 3, 2)), Ok(()));
        assert_eq!(notice.covers(1, date(2024, 3, 3)), Err(Uncovered::Late));
        assert!(notice.stands(date(2024, 3, 2)) && !notice.stands(date(2024, 3, 3)));
    }

    #[test]
    fn days_are_those_of_beijing() {
        // 2018-06-07T15:59:59Z is one second before midnight in Beijing.
        assert_eq!(day(1_528_387_199_000), date(2018, 6, 7));
        assert_eq!(day(1_528_387_200_000), date(2018, 6, 8));
    }
}
