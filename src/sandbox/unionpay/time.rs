//! Times as the network writes them, and its day, which starts at 23:00 of the day before: it knows digits
//! and days, and must never read a clock.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

use crate::pace::beijing_digits;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Reads `YYYYMMDDhhmmss` of Beijing as milliseconds since the epoch.
pub(crate) fn parse(text: &str) -> Option<i64> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let written = DateTime::strptime("%Y%m%d%H%M%S", text).ok()?;
    let zoned = written.to_zoned(TimeZone::fixed(Offset::constant(8))).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

/// The number of the network's day that this instant belongs to.
pub(crate) fn day(ms: i64) -> i64 {
    // Eight hours for Beijing and one for the early start.
    ms.saturating_add(9 * HOUR_MS).div_euclid(DAY_MS)
}

/// The day on which it is settled, `MMDD`.
pub(crate) fn settle_date(ms: i64) -> String {
    beijing_digits(ms.saturating_add(HOUR_MS)).chars().skip(4).take(4).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_beijing_time_and_nothing_else_is() {
        assert_eq!(parse("20180608103456"), Some(1_528_425_296_000));
        for wrong in ["2018060810345", "201806081034567", "20181308103456", "2018-06-08 103", "20180608 10345"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_day_of_the_network_changes_at_23_00() {
        let at = |text| parse(text).unwrap();
        assert_eq!(day(at("20261122225959")), day(at("20261121230000")));
        assert_ne!(day(at("20261122225959")), day(at("20261122230000")));
        assert_eq!(settle_date(at("20261122225959")), "1122");
        assert_eq!(settle_date(at("20261122230000")), "1123");
        assert_eq!(settle_date(at("20261231230000")), "0101");
    }
}
