//! Amounts in bills: it knows yuan with decimals, and must never round where a bill is exact.

/// Thousandths of a minor unit in one: fees of bills have five decimals of a yuan.
const THOUSAND: i64 = 1_000;

/// Reads a decimal number as whole units of its last decimal: `12.3` with two decimals is 1230. Nothing but digits, one
/// point and a minus in front is taken.
///
/// # Errors
/// A sentence that repeats the text.
fn scaled(text: &str, decimals: usize) -> Result<i64, String> {
    let wrong = || {
        let shown: String = text.chars().take(32).collect();
        format!("`{shown}` is not an amount with at most {decimals} decimals")
    };
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > decimals {
        return Err(wrong());
    }
    let value: i64 = format!("{whole}{part:0<decimals$}").parse().map_err(|_| wrong())?;
    Ok(if negative { -value } else { value })
}

/// Fen of yuan with at most two decimals.
///
/// # Errors
/// A sentence that repeats the text.
pub(crate) fn fen(text: &str) -> Result<i64, String> {
    scaled(text, 2)
}

/// Thousandths of a fen of yuan with at most five decimals.
///
/// # Errors
/// A sentence that repeats the text.
pub(crate) fn thousandths(text: &str) -> Result<i64, String> {
    scaled(text, 5)
}

/// Whole fen, half up by their size: what is given back is what was kept.
pub(crate) const fn rounded(thousandths: i64) -> i64 {
    let size = thousandths.unsigned_abs();
    let whole = (size + (THOUSAND as u64) / 2) / THOUSAND as u64;
    let whole = whole.cast_signed();
    if thousandths < 0 { -whole } else { whole }
}

/// Thousandths of a fen as yuan, for people.
pub(crate) fn written(thousandths: i64) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    let size = thousandths.unsigned_abs();
    format!("{sign}{}.{:05}", size / 100_000, size % 100_000)
}

/// Fen as yuan, for people.
pub(crate) fn yuan(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let size = fen.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// A count, which some bills write as `45.0`.
///
/// # Errors
/// A sentence that repeats the text.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let whole = text.strip_suffix(".0").unwrap_or(text);
    let wrong = || format!("`{}` is not a count", text.chars().take(32).collect::<String>());
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    whole.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, want) in [("0", 0), ("12", 1200), ("12.3", 1230), ("-0.01", -1), ("0.00", 0), ("007.10", 710)] {
            assert_eq!(fen(text), Ok(want), "{text}");
        }
        for text in
            ["", "-", ".1", "1.", "1.234", "1,000.00", " 1", "1 ", "+1", "1e2", "１", "99999999999999999999", "--1"]
        {
            assert!(fen(text).is_err(), "{text}");
        }
        assert_eq!(thousandths("0.00600"), Ok(600));
        assert!(thousandths("0.000001").is_err());
        assert_eq!((count("45.0"), count("45")), (Ok(45), Ok(45)));
        for text in ["", ".0", "45.5", "-1", "4 5"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn five_decimals_become_fen_half_up_by_their_size() {
        for (text, minor) in
            [("0.00499", 0), ("0.00500", 1), ("0.01499", 1), ("0.01500", 2), ("-0.00500", -1), ("0.60000", 60)]
        {
            assert_eq!(rounded(thousandths(text).unwrap()), minor, "{text}");
        }
        assert_eq!((written(-600), yuan(-7)), ("-0.00600".to_owned(), "-0.07".to_owned()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(amount in -1_000_000_000_000_i64..1_000_000_000_000) {
            prop_assert_eq!(fen(&yuan(amount)), Ok(amount));
            prop_assert_eq!(thousandths(&written(amount)), Ok(amount));
            prop_assert_eq!(rounded(amount.saturating_mul(1_000)), amount);
        }
    }
}
