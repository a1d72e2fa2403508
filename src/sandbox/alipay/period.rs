//! The days on which a periodic debit may come: it knows the calendar of Beijing and must never look at the books.

use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

/// From so many days before the day of the debit on, it may come; the day itself is the last.
const OPENS_BEFORE_DAYS: i64 = 5;

/// From one day of debit to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Period {
    Days(i64),
    Months(i64),
}

impl Period {
    /// The day of debit after this one.
    pub(crate) fn after(self, day: Date) -> Date {
        match self {
            Self::Days(days) => day.saturating_add(days.days()),
            Self::Months(months) => day.saturating_add(months.months()),
        }
    }
}

/// Whether a debit for `day` may come today.
pub(crate) fn is_open(day: Date, today: Date) -> bool {
    (day.saturating_sub(OPENS_BEFORE_DAYS.days())..=day).contains(&today)
}

/// The day of Beijing.
pub(crate) fn day_of(ms: i64) -> Date {
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    instant.to_zoned(TimeZone::fixed(Offset::constant(8))).date()
}

/// Reads `yyyy-MM-dd`.
pub(crate) fn read_day(text: &str) -> Option<Date> {
    (text.len() == 10).then(|| Date::strptime("%Y-%m-%d", text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_debit_may_come_from_five_days_before_to_the_day_itself() {
        let day = date(2024, 3, 3);
        for (today, open) in
            [(date(2024, 2, 26), false), (date(2024, 2, 27), true), (date(2024, 3, 3), true), (date(2024, 3, 4), false)]
        {
            assert_eq!(is_open(day, today), open, "{today}");
        }
    }

    #[test]
    fn months_keep_the_day_and_days_are_counted() {
        assert_eq!(Period::Months(1).after(date(2026, 12, 28)), date(2027, 1, 28));
        assert_eq!(Period::Months(12).after(date(2027, 2, 28)), date(2028, 2, 28));
        assert_eq!(Period::Days(7).after(date(2024, 2, 26)), date(2024, 3, 4));
        assert_eq!(read_day("2024-02-30"), None);
        assert_eq!(read_day("2024-2-3"), None);
    }
}
