//! Times that are the channel's own: it knows times without a year and when the channel's day ends, and must
//! never know what happened then.

use bursar_core::Timestamp;
use bursar_core::clock::{DAY_MS, HOUR_MS};

use crate::beijing;

/// How far Beijing's midnight, and the channel's an hour before, are from those of UTC, in milliseconds.
const DAY_BEGINS_EARLY_MS: i64 = 9 * HOUR_MS;

/// Reads `MMDDhhmmss`, which lacks the year, as the first such moment that is not more than a day before
/// `sent_at`. A day, because the two are written by two clocks.
pub(super) fn read_yearless(text: &str, sent_at: Timestamp) -> Option<Timestamp> {
    let earliest = sent_at.plus_ms(-DAY_MS);
    let year = beijing::digits(earliest)?.get(..4)?.parse::<u16>().ok()?;
    // Some years on for the sake of the 29th of February, which may be eight years away.
    let years = year..=year.saturating_add(8);
    years.filter_map(|year| beijing::parse_digits(&format!("{year:04}{text}"))).find(|at| *at >= earliest)
}

/// The channel's day in which `at` lies, counted from an arbitrary one: it goes from 23:00 to 23:00 in
/// Beijing. Source: the channel's documents.
pub(super) const fn day(at: Timestamp) -> i64 {
    at.as_millis().saturating_add(DAY_BEGINS_EARLY_MS).div_euclid(DAY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn a_time_without_its_year_is_the_next_one() {
        let sent_at = at("2026-12-31T23:30:00+08:00");
        assert_eq!(read_yearless("1231233001", sent_at), Some(at("2026-12-31T23:30:01+08:00")));
        assert_eq!(read_yearless("0101000500", sent_at), Some(at("2027-01-01T00:05:00+08:00")));
        // The channel's clock may be behind ours.
        assert_eq!(read_yearless("1231232959", sent_at), Some(at("2026-12-31T23:29:59+08:00")));
        assert_eq!(read_yearless("1231235959", at("2027-01-01T00:00:01+08:00")), Some(at("2026-12-31T23:59:59+08:00")));
        assert_eq!(read_yearless("0229120000", sent_at), Some(at("2028-02-29T12:00:00+08:00")));
        for bad in ["", "0230000000", "12312330011", "x231233001"] {
            assert_eq!(read_yearless(bad, sent_at), None, "{bad}");
        }
        assert_eq!(read_yearless("0101000000", Timestamp::from_millis(i64::MAX)), None);
    }

    #[test]
    fn the_channels_day_begins_an_hour_before_midnight() {
        let day_of = |text: &str| day(at(text));
        assert_eq!(day_of("2026-11-21T23:00:00+08:00"), day_of("2026-11-22T22:59:59+08:00"));
        assert_eq!(day_of("2026-11-22T22:59:59+08:00") + 1, day_of("2026-11-22T23:00:00+08:00"));
        assert_eq!(day_of("2026-11-22T00:00:00+08:00"), day_of("2026-11-22T12:00:00+08:00"));
    }
}
