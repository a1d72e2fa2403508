//! Amounts as the channel writes them: it knows yuan with two decimals, and must never round.

use bursar_core::Money;
use bursar_core::money::Currency;

/// Most fen that the channel takes at once: a hundred million yuan.
pub(super) const MAX_FEN: i64 = 10_000_000_000;

/// `fen` as yuan: `12.34`.
pub(super) fn written(fen: i64) -> String {
    let sign = if fen < 0 { "-" } else { "" };
    let fen = fen.unsigned_abs();
    format!("{sign}{}.{:02}", fen / 100, fen % 100)
}

/// Fen of yuan as the channel writes them.
///
/// # Errors
/// A sentence when it is not an exact, positive amount.
pub(super) fn fen(text: &str) -> Result<i64, String> {
    let minor = Money::parse_decimal(text, Currency::CNY)?.minor;
    if minor < 0 { Err("an amount is negative".into()) } else { Ok(minor) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, want) in [("0.01", 1), ("12.34", 1234), ("12.3", 1230), ("12", 1200), ("100000000.00", MAX_FEN)] {
            assert_eq!(fen(text), Ok(want), "{text}");
        }
        for text in
            ["", ".5", "1.", "1.234", "1e2", "-1.00", "+1", " 1", "1,000.00", "NaN", "９.00", "99999999999999999999"]
        {
            assert!(fen(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn fen_and_yuan_go_round(amount in 0..=i64::MAX) {
            let text = written(amount);
            prop_assert_eq!(fen(&text), Ok(amount));
            prop_assert_eq!(text.len() - text.find('.').unwrap(), 3);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            drop(fen(&text));
        }
    }
}
