//! Amounts: it knows currencies and exact integer arithmetic, and must never hold a float.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// ISO 4217 codes that this installation may use, with the number of decimals of their minor unit.
/// Source: ISO 4217 list one. Extend it here when a channel needs another.
const CURRENCIES: &[(&str, u32)] = &[
    ("AUD", 2),
    ("CAD", 2),
    ("CHF", 2),
    ("CNY", 2),
    ("DKK", 2),
    ("EUR", 2),
    ("GBP", 2),
    ("HKD", 2),
    ("JPY", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("MOP", 2),
    ("MXN", 2),
    ("MYR", 2),
    ("NOK", 2),
    ("NZD", 2),
    ("PLN", 2),
    ("SEK", 2),
    ("SGD", 2),
    ("THB", 2),
    ("TWD", 2),
    ("USD", 2),
];

/// A currency of [ISO 4217](https://www.iso.org/iso-4217-currency-codes.html).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency(&'static str, u32);

impl Currency {
    /// Chinese yuan; its minor unit is the fen.
    pub const CNY: Self = Self("CNY", 2);

    /// The three-letter code.
    pub const fn code(self) -> &'static str {
        self.0
    }

    /// Decimals of the minor unit (CNY: 2).
    pub const fn decimals(self) -> u32 {
        self.1
    }
}

impl FromStr for Currency {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        CURRENCIES.iter().find(|(code, _)| *code == text).map(|(code, decimals)| Self(code, *decimals)).ok_or_else(
            || {
                let shown: String = text.chars().take(16).collect();
                format!("`{shown}` is not a supported ISO 4217 currency code (three capitals, such as CNY)")
            },
        )
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.0)
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(d)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An amount in minor units (fen for CNY) of a currency. May be negative in differences.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` minor units of `currency`.
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The sum; `None` on overflow or when the currencies differ.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self::new(self.minor.checked_add(other.minor)?, self.currency))
    }

    /// Reads a plain decimal such as `12.34` exactly: at most the currency's decimals, no exponent,
    /// no signs but a leading minus. For channels that write yuan instead of fen.
    ///
    /// # Errors
    /// A sentence naming the text.
    pub fn parse_decimal(text: &str, currency: Currency) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not an amount in {currency} with at most {} decimals", currency.decimals());
        let (sign, digits) = text.strip_prefix('-').map_or(("", text), |rest| ("-", rest));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let decimals = usize::try_from(currency.decimals()).unwrap_or(0);
        let plain = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !plain(whole) || !plain(part) || part.len() > decimals || digits.ends_with('.') {
            return Err(wrong());
        }
        // With its sign: the smallest amount has no positive counterpart.
        let minor = format!("{sign}{whole}{part:0<decimals$}").parse().map_err(|_| wrong())?;
        Ok(Self::new(minor, currency))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10_u64.pow(self.currency.decimals());
        let sign = if self.minor < 0 { "-" } else { "" };
        let abs = self.minor.unsigned_abs();
        match self.currency.decimals() {
            0 => write!(f, "{sign}{abs} {}", self.currency),
            d => {
                let width = usize::try_from(d).unwrap_or(0);
                write!(f, "{sign}{}.{:0width$} {}", abs / scale, abs % scale, self.currency)
            }
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimals_are_read_exactly_or_refused() {
        let cny = |t: &str| Money::parse_decimal(t, Currency::CNY).map(|m| m.minor);
        assert_eq!(cny("12.3").unwrap(), 1230);
        assert_eq!(cny("-0.01").unwrap(), -1);
        for bad in ["", ".", "1.", ".5", "1.234", "1e3", "+1", "1,000.00", "１", "99999999999999999999"] {
            assert!(cny(bad).is_err(), "{bad}");
        }
    }

    /// A decimal without what does not count: zeros around it, and the sign of nothing.
    fn plain(text: &str) -> String {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |rest| ("-", rest));
        let (whole, part) = (whole.trim_start_matches('0'), part.trim_end_matches('0'));
        let sign = if whole.is_empty() && part.is_empty() { "" } else { sign };
        format!("{sign}{whole}.{part}")
    }

    #[test]
    fn the_largest_and_the_smallest_amount_are_read_and_what_is_beyond_is_refused() {
        let cny = |t: &str| Money::parse_decimal(t, Currency::CNY).map(|m| m.minor);
        assert_eq!(cny("92233720368547758.07"), Ok(i64::MAX));
        assert_eq!(cny("-92233720368547758.08"), Ok(i64::MIN));
        assert!(cny("92233720368547758.08").is_err() && cny("-92233720368547758.09").is_err());
    }

    #[test]
    fn only_listed_capital_codes_are_currencies() {
        assert!("CNY".parse::<Currency>().is_ok());
        for bad in ["usd", "XXX", "", "CNYX"] {
            assert!(bad.parse::<Currency>().is_err(), "{bad}");
        }
    }

    #[test]
    fn different_currencies_never_add() {
        let jpy: Currency = "JPY".parse().unwrap();
        assert_eq!(Money::new(1, Currency::CNY).checked_add(Money::new(1, jpy)), None);
        assert_eq!(Money::new(i64::MAX, Currency::CNY).checked_add(Money::new(1, Currency::CNY)), None);
    }

    proptest! {
        #[test]
        fn what_is_shown_is_read_back_in_every_currency(minor in any::<i64>()) {
            for (code, decimals) in CURRENCIES {
                let money = Money::new(minor, Currency(code, *decimals));
                let shown = money.to_string();
                let number = shown.strip_suffix(&format!(" {code}")).unwrap();
                prop_assert_eq!(Money::parse_decimal(number, money.currency).unwrap(), money);
            }
        }

        #[test]
        fn zeros_at_the_end_of_the_decimals_may_be_left_out(minor in any::<i64>()) {
            for (code, decimals) in CURRENCIES.iter().filter(|(_, decimals)| *decimals > 0) {
                let money = Money::new(minor, Currency(code, *decimals));
                let shown = money.to_string();
                let short = shown.strip_suffix(&format!(" {code}")).unwrap().trim_end_matches('0').trim_end_matches('.');
                prop_assert_eq!(Money::parse_decimal(short, money.currency).unwrap(), money);
            }
        }

        #[test]
        fn any_text_is_read_as_what_it_shows_or_refused(text in "-?[0-9]{0,20}(\\.[0-9]{0,5})?", odd in ".{0,24}") {
            for (code, decimals) in CURRENCIES {
                let currency = Currency(code, *decimals);
                for text in [&text, &odd] {
                    let Ok(money) = Money::parse_decimal(text, currency) else { continue };
                    let again = money.to_string();
                    let again = again.strip_suffix(&format!(" {code}")).unwrap();
                    prop_assert_eq!(plain(again), plain(text), "{} {}", text, code);
                }
            }
        }
    }
}
