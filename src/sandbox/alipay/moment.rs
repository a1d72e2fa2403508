//! Instants as Alipay writes them: the wall clock of Beijing without a zone. It must never read a clock.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// `yyyy-MM-dd HH:mm:ss`.
pub(crate) use crate::bills::words::moment as write;

/// `yyyy-MM-dd HH:mm:ss.SSS`, as refunds are dated in notifications.
pub(crate) fn write_fine(ms: i64) -> String {
    written(ms, "%Y-%m-%d %H:%M:%S%.3f")
}

fn written(ms: i64, format: &str) -> String {
    let instant = jiff::Timestamp::from_millisecond(ms).unwrap_or_default();
    instant.to_zoned(beijing()).strftime(format).to_string()
}

/// Reads `yyyy-MM-dd HH:mm:ss`, or without the seconds; milliseconds since the epoch.
pub(crate) fn read(text: &str) -> Option<i64> {
    let fits = |pattern: &str| {
        text.len() == pattern.len()
            && text.chars().zip(pattern.chars()).all(|(c, p)| if p == 'd' { c.is_ascii_digit() } else { c == p })
    };
    let format = if fits("dddd-dd-dd dd:dd:dd") {
        "%Y-%m-%d %H:%M:%S"
    } else if fits("dddd-dd-dd dd:dd") {
        "%Y-%m-%d %H:%M"
    } else {
        return None;
    };
    let civil = DateTime::strptime(format, text).ok()?;
    civil.to_zoned(beijing()).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

/// The end of the day of `ms`.
pub(crate) fn end_of_day(ms: i64) -> Option<i64> {
    let instant = jiff::Timestamp::from_millisecond(ms).ok()?;
    let day = instant.to_zoned(beijing()).date().tomorrow().ok()?;
    day.to_zoned(beijing()).ok().map(|zoned| zoned.timestamp().as_millisecond())
}

fn beijing() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written_in_beijing() {
        assert_eq!(write(0), "1970-01-01 08:00:00");
        assert_eq!(write_fine(1_528_425_296_007), "2018-06-08 10:34:56.007");
        assert_eq!(read("2018-06-08 10:34:56"), Some(1_528_425_296_000));
        assert_eq!(read("2018-06-08 10:34"), Some(1_528_425_240_000));
        for wrong in ["2018-06-08T10:34:56", "2018-06-31 10:34:56", "2018-06-08", "2018-6-8 10:34:56", ""] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(end_of_day(1_528_425_296_000), read("2018-06-09 00:00:00"));
    }
}
