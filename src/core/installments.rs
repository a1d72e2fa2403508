//! Installments that a channel grants its payer: it knows what may be asked for, and must never know of plans. Here the merchant has the whole amount at once, and payer and channel settle the parts between
//! themselves; in a plan ([`crate::billing`]) it is the merchant who waits for them.
//!
//! The payment stays one payment of the whole amount, and its refunds are ordinary ones.

use serde::{Deserialize, Serialize};

use crate::channel::Method;
use crate::money::Currency;

/// Who pays what the channel asks for the installments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeesFrom {
    /// The payer, on top of the amount.
    Payer,
    /// The merchant.
    Merchant,
}

impl FeesFrom {
    /// Every answer.
    pub const ALL: [Self; 2] = [Self::Payer, Self::Merchant];

    /// The stable name in faces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Payer => "payer",
            Self::Merchant => "merchant",
        }
    }
}

impl std::str::FromStr for FeesFrom {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|f| f.name() == text);
        found.ok_or_else(|| "the fees are the `payer`'s or the `merchant`'s".to_owned())
    }
}

/// The installments in which a payment is to be offered. Fixed with the payment: every attempt says the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Installments {
    /// How many parts.
    pub count: u8,
    /// Who pays for it; `None` where only the merchant's contract says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fees: Option<FeesFrom>,
}

/// Which member of a wish for installments is wrong, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wrong {
    /// This way to pay has none.
    Method(String),
    /// The channel does not know this count.
    Count(String),
    /// Nobody can say here who pays for it.
    Fees(String),
}

/// The installments of `count` parts by `method` in `currency`. Where an order may say who pays for them and does not,
/// the payer does.
///
/// # Errors
/// What is wrong, with what is possible.
pub fn check(method: Method, currency: Currency, count: i64, fees: Option<FeesFrom>) -> Result<Installments, Wrong> {
    let Some(rules) = method.installment_rules(currency) else { return Err(Wrong::Method(none(method, currency))) };
    let known = u8::try_from(count).ok().filter(|count| rules.counts.contains(count));
    let Some(count) = known else {
        let counts: Vec<_> = rules.counts.iter().map(u8::to_string).collect();
        return Err(Wrong::Count(format!(
            "{method} in {currency} has {} installments, not {count}",
            counts.join(", ")
        )));
    };
    match fees {
        None if rules.fees => Ok(Installments { count, fees: Some(FeesFrom::Payer) }),
        Some(_) if !rules.fees => {
            Err(Wrong::Fees(format!("who pays for installments of {method} stands in your contract: leave `fees` out")))
        }
        fees => Ok(Installments { count, fees }),
    }
}

fn none(method: Method, currency: Currency) -> String {
    let able: Vec<_> =
        Method::ALL.into_iter().filter(|m| m.installment_rules(currency).is_some()).map(Method::name).collect();
    let cards = "`card` has them in MXN and JPY only";
    match able.as_slice() {
        [] => format!("no way to pay in {currency} has installments: {cards}"),
        able => format!("`{method}` in {currency} has no installments: {} have them, and {cards}", able.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn each_way_knows_its_counts_and_refuses_others_with_the_list() {
        for (method, code, good, bad, list) in [
            (Method::AlipayQr, "CNY", 3, 24, "3, 6, 12"),
            (Method::AlipayApp, "CNY", 12, 9, "3, 6, 12"),
            (Method::UnionpayWeb, "CNY", 24, 36, "3, 6, 9, 12, 18, 24"),
            (Method::Card, "MXN", 18, 5, "3, 6, 9, 12, 18, 24"),
            (Method::Card, "JPY", 5, 9, "3, 5, 6, 10, 12, 15, 18, 20, 24"),
        ] {
            assert_eq!(i64::from(check(method, currency(code), good, None).unwrap().count), good);
            for wrong in [bad, 0, -3, 1, 259, i64::MAX] {
                let Err(Wrong::Count(words)) = check(method, currency(code), wrong, None) else { panic!("{wrong}") };
                assert!(words.contains(&format!("{list} installments")), "{words}");
            }
        }
    }

    #[test]
    fn only_huabei_lets_an_order_say_who_pays_for_it_and_by_default_it_is_the_payer() {
        let of = |method, code: &str, fees| check(method, currency(code), 3, fees);
        let fees = |f| Some(Installments { count: 3, fees: Some(f) });
        assert_eq!(of(Method::AlipayWap, "CNY", None).ok(), fees(FeesFrom::Payer));
        assert_eq!(of(Method::AlipayWap, "CNY", Some(FeesFrom::Merchant)).ok(), fees(FeesFrom::Merchant));
        for (method, code) in [(Method::UnionpayApp, "CNY"), (Method::Card, "MXN")] {
            assert_eq!(of(method, code, None).ok(), Some(Installments { count: 3, fees: None }));
            assert!(matches!(of(method, code, Some(FeesFrom::Payer)), Err(Wrong::Fees(_))), "{method}");
        }
    }

    #[test]
    fn a_way_without_installments_names_those_that_have_them() {
        let words = |method, code| match check(method, currency(code), 3, None) {
            Err(Wrong::Method(words)) => words,
            other => panic!("{method} {other:?}"),
        };
        for method in [Method::WechatNative, Method::AlipayHold, Method::AlipayDebit, Method::CardHold, Method::Cash] {
            let words = words(method, "CNY");
            let able = "alipay_qr, alipay_page, alipay_wap, alipay_app, unionpay_web, unionpay_app";
            assert!(words.contains(able) && words.contains("MXN and JPY"), "{words}");
        }
        assert!(words(Method::Card, "HKD").contains("MXN and JPY"));
        assert!(words(Method::CardDebit, "MXN").contains("`card_debit` in MXN"));
    }

    #[test]
    fn what_is_stored_is_read_back_and_says_no_more_than_was_said() {
        for (installments, text) in [
            (Installments { count: 6, fees: Some(FeesFrom::Merchant) }, r#"{"count":6,"fees":"merchant"}"#),
            (Installments { count: 18, fees: None }, r#"{"count":18}"#),
        ] {
            assert_eq!(serde_json::to_string(&installments).unwrap(), text);
            assert_eq!(serde_json::from_str::<Installments>(text).unwrap(), installments);
        }
    }
}
