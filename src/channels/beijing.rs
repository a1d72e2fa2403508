//! Times as Chinese channels write them: it knows that Beijing is eight hours ahead of UTC all year, and must
//! never ask a time zone database (there has been no summer time since 1991).

use bursar_core::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

const WALL: &str = "%Y-%m-%d %H:%M:%S";
const DIGITS: &str = "%Y%m%d%H%M%S";

fn written(at: Timestamp, format: &str) -> Option<String> {
    let zone = TimeZone::fixed(Offset::constant(8));
    let zoned = jiff::Timestamp::from_second(at.as_seconds()).ok()?.to_zoned(zone);
    // All of these formats mean four digits.
    (0..=9999).contains(&zoned.year()).then(|| zoned.strftime(format).to_string())
}

fn read(text: &str, format: &str) -> Option<Timestamp> {
    let wall = DateTime::strptime(format, text).ok()?;
    // Formats take `1:2:3` as well; channels do not write that.
    if wall.strftime(format).to_string() != text {
        return None;
    }
    let zoned = wall.to_zoned(TimeZone::fixed(Offset::constant(8))).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

/// `2026-11-23T00:00:00+08:00`; `None` beyond the calendar.
pub(crate) fn rfc3339(at: Timestamp) -> Option<String> {
    written(at, "%Y-%m-%dT%H:%M:%S%:z")
}

/// `2026-11-23 00:00:00`; `None` beyond the calendar.
pub(crate) fn wall(at: Timestamp) -> Option<String> {
    written(at, WALL)
}

/// `20261123000000`; `None` beyond the calendar.
pub(crate) fn digits(at: Timestamp) -> Option<String> {
    written(at, DIGITS)
}

/// Reads `2026-11-23 00:00:00`.
pub(crate) fn parse_wall(text: &str) -> Option<Timestamp> {
    read(text, WALL)
}

/// Reads `20261123000000`.
pub(crate) fn parse_digits(text: &str) -> Option<Timestamp> {
    read(text, DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_beijing_time_with_whole_seconds_and_read_back() {
        let at = Timestamp::parse_rfc3339("2026-11-22T16:00:00.999Z").unwrap();
        assert_eq!(rfc3339(at).unwrap(), "2026-11-23T00:00:00+08:00");
        assert_eq!(wall(at).unwrap(), "2026-11-23 00:00:00");
        assert_eq!(digits(at).unwrap(), "20261123000000");
        let whole = Timestamp::parse_rfc3339("2026-11-22T16:00:00Z").unwrap();
        assert_eq!(parse_wall("2026-11-23 00:00:00"), Some(whole));
        assert_eq!(parse_digits("20261123000000"), Some(whole));
        // There was summer time then; the channels' hour stays what it is.
        let summer = parse_wall("1988-07-01 08:00:00").unwrap();
        assert_eq!(summer, Timestamp::parse_rfc3339("1988-07-01T00:00:00Z").unwrap());
    }

    #[test]
    fn what_is_no_such_time_is_not_read_and_not_written() {
        for text in ["", "2026-11-23", "2026-02-30 00:00:00", "2026-11-23T00:00:00", "2026-1-3 0:0:0", "yesterday"] {
            assert_eq!(parse_wall(text), None, "{text}");
        }
        for text in ["2026112300000", "20261123240000", "2026-11-23 00:00:00"] {
            assert_eq!(parse_digits(text), None, "{text}");
        }
        assert_eq!(wall(Timestamp::from_millis(i64::MAX)), None);
        assert_eq!(rfc3339(Timestamp::from_millis(i64::MAX)), None);
    }
}
