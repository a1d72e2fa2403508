//! Amounts as banks write them: it knows decimal marks and groups, and must never round.

use bursar_core::{Currency, Money};

/// How a format writes amounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Style {
    /// What stands before the decimals.
    pub(super) decimal: char,
    /// What stands between groups of three digits.
    pub(super) group: Option<char>,
}

/// ISO 20022: `1234.50`.
pub(super) const POINT: Style = Style { decimal: '.', group: None };
/// SWIFT: `1234,5`.
pub(super) const COMMA: Style = Style { decimal: ',', group: None };

/// Most decimals that are read (ISO 20022 has five); what is beyond the currency's must be zero.
const MAX_DECIMALS: usize = 5;

/// Reads an amount without a sign. `Err` says what is wrong with it, to follow its text.
pub(super) fn read(text: &str, style: Style, currency: Currency) -> Result<Money, String> {
    let (whole, part) = text.split_once(style.decimal).unwrap_or((text, ""));
    let whole = ungrouped(whole, style.group).ok_or("has its digits grouped in a way that can be misread")?;
    let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !plain(&whole) || !plain(part) {
        return Err("is not an amount".to_owned());
    }
    if part.len() > MAX_DECIMALS {
        return Err(format!("has more than {MAX_DECIMALS} decimals"));
    }
    let decimals = usize::try_from(currency.decimals()).unwrap_or(0);
    let (kept, beyond) = part.split_at_checked(decimals).unwrap_or((part, ""));
    if beyond.bytes().any(|b| b != b'0') {
        return Err(format!("has a fraction of the smallest unit of {currency}, which has {decimals} decimals"));
    }
    let digits = format!("{whole}{kept:0<decimals$}");
    let minor = digits.parse::<i64>().map_err(|_| "is larger than any amount of money".to_owned())?;
    Ok(Money::new(minor, currency))
}

/// The digits without their groups; `None` when a group has not three digits, as in `1,5`.
fn ungrouped(whole: &str, group: Option<char>) -> Option<String> {
    let Some(group) = group.filter(|g| whole.contains(*g)) else { return Some(whole.to_owned()) };
    let mut groups = whole.split(group);
    let first = groups.next().is_some_and(|g| (1..=3).contains(&g.len()));
    (first && groups.all(|g| g.len() == 3)).then(|| whole.replace(group, ""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YUAN: Style = Style { decimal: '.', group: Some(',') };

    fn cny(text: &str, style: Style) -> Option<i64> {
        read(text, style, Currency::CNY).ok().map(|m| m.minor)
    }

    #[test]
    fn every_legal_way_to_write_an_amount_is_read_exactly() {
        for (text, minor) in [("12,", 1_200), ("0,5", 50), ("00,12", 12), ("000000000025,00", 2_500), ("7", 700)] {
            assert_eq!(cny(text, COMMA), Some(minor), "{text}");
        }
        for (text, minor) in [("8.85", 885), ("8.85000", 885), ("0", 0), ("200000", 20_000_000), ("1.5", 150)] {
            assert_eq!(cny(text, POINT), Some(minor), "{text}");
        }
        for (text, minor) in [("1,234,567.89", 123_456_789), ("12,345", 1_234_500), ("0.01", 1)] {
            assert_eq!(cny(text, YUAN), Some(minor), "{text}");
        }
        let jpy = "JPY".parse().unwrap();
        assert_eq!(read("2700.00000", POINT, jpy), Ok(Money::new(2_700, jpy)));
        let kwd = "KWD".parse().unwrap();
        assert_eq!(read("1.234", POINT, kwd), Ok(Money::new(1_234, kwd)));
    }

    /// `minor` as a bank with `style` writes it, with `zeros` more decimals than its currency has.
    fn written(minor: i64, currency: Currency, style: Style, zeros: usize) -> String {
        let decimals = usize::try_from(currency.decimals()).unwrap();
        let digits = format!("{minor:0>width$}", width = decimals + 1);
        let (whole, part) = digits.split_at(digits.len() - decimals);
        let mut groups: Vec<String> = Vec::new();
        let mut rest = whole;
        while style.group.is_some() && rest.len() > 3 {
            let (before, last) = rest.split_at(rest.len() - 3);
            groups.insert(0, last.to_owned());
            rest = before;
        }
        groups.insert(0, rest.to_owned());
        let group = style.group.map(String::from).unwrap_or_default();
        format!("{}{}{part}{}", groups.join(&group), style.decimal, "0".repeat(zeros))
    }

    proptest! {
        #[test]
        fn what_a_bank_writes_is_read_back_in_every_style_and_currency(minor in 0..=i64::MAX, zeros in 0_usize..=5) {
            for code in ["CNY", "USD", "JPY", "KRW", "KWD"] {
                let currency: Currency = code.parse().unwrap();
                let decimals = usize::try_from(currency.decimals()).unwrap();
                for style in [POINT, COMMA, YUAN] {
                    let text = written(minor, currency, style, zeros.min(MAX_DECIMALS - decimals));
                    prop_assert_eq!(read(&text, style, currency), Ok(Money::new(minor, currency)), "{} {}", text, code);
                }
            }
        }

        #[test]
        fn five_decimals_are_read_exactly_or_refused(units in 0..=9_999_999_999_999_i64) {
            // Fees and prices have five; money has what its currency has.
            let text = format!("{}.{:05}", units / 100_000, units % 100_000);
            for code in ["CNY", "JPY", "KWD"] {
                let currency: Currency = code.parse().unwrap();
                let per_minor = 10_i64.pow(5 - currency.decimals());
                let expected = (units % per_minor == 0).then_some(units / per_minor);
                prop_assert_eq!(read(&text, POINT, currency).ok().map(|m| m.minor), expected, "{} {}", text, code);
            }
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            for style in [POINT, COMMA, YUAN] {
                drop(read(&text, style, Currency::CNY));
            }
        }
    }

    #[test]
    fn what_could_be_misread_or_loses_a_part_is_refused() {
        for text in ["", ",", ".5", "1.005", "1.000001", "-1", "+1", "1e3", "1 000", "１", "99999999999999999999"] {
            assert_eq!(cny(text, POINT), None, "{text}");
        }
        for text in ["1,5", "1234,567", ",123", "1,23,456", "1,234,5", "1.234.567"] {
            assert_eq!(cny(text, YUAN), None, "{text}");
        }
        assert!(read("1.005", POINT, Currency::CNY).unwrap_err().contains("smallest unit"));
    }
}
