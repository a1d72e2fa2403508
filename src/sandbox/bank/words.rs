//! How a bank writes amounts and days: it knows decimals and Beijing's calendar, and must never know a format of
//! files.

use crate::pace::beijing_digits;

/// Minor units of a currency with two decimals, with `point` before them.
pub(super) fn decimal(minor: i64, point: char) -> String {
    let whole = minor.unsigned_abs();
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{}{point}{:02}", whole / 100, whole % 100)
}

/// The same as people read it, in groups of three digits.
pub(super) fn grouped(minor: i64) -> String {
    let plain = decimal(minor, '.');
    let (whole, part) = plain.split_once('.').unwrap_or((plain.as_str(), "00"));
    let mut written = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left % 3 == 0 && !written.ends_with('-') {
            written.push(',');
        }
        written.push(digit);
    }
    format!("{written}.{part}")
}

/// `2026-11-22` in Beijing.
pub(super) fn day(at_ms: i64) -> String {
    let digits = beijing_digits(at_ms);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("00").to_owned();
    format!("{}-{}-{}", part(0, 4), part(4, 6), part(6, 8))
}

/// `09:30:00` in Beijing.
pub(super) fn time(at_ms: i64) -> String {
    let digits = beijing_digits(at_ms);
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or("00").to_owned();
    format!("{}:{}:{}", part(8, 10), part(10, 12), part(12, 14))
}

/// `261122` in Beijing.
pub(super) fn short_day(at_ms: i64) -> String {
    beijing_digits(at_ms).get(2..8).unwrap_or("000000").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_days_are_written_as_banks_do() {
        assert_eq!((decimal(5, ','), decimal(123_456, '.')), ("0,05".to_owned(), "1234.56".to_owned()));
        let amounts = [7, 12_345, 123_456, 100_000_000, -123_456];
        assert_eq!(amounts.map(grouped), ["0.07", "123.45", "1,234.56", "1,000,000.00", "-1,234.56"]);
        let at_ms = 1_795_280_400_000;
        assert_eq!((day(at_ms).len(), time(at_ms).len(), short_day(at_ms).len()), (10, 8, 6));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(time(0), "08:00:00");
    }
}
