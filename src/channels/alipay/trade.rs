//! A trade as the channel shows it, in answers and messages alike: it knows the members that matter and what
//! they mean, and must never judge an amount.

use bursar_core::Timestamp;
use bursar_core::observation::Receipt;
use serde::Deserialize;

use super::yuan;
use crate::beijing;
use crate::outcome::{Standing, shorten};

/// Members that are not needed are not read: the channel adds some now and then.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Trade {
    pub(super) out_trade_no: Option<String>,
    pub(super) trade_no: Option<String>,
    pub(super) trade_status: Option<String>,
    pub(super) total_amount: Option<String>,
    /// When it was paid, in answers.
    pub(super) send_pay_date: Option<String>,
    /// The same in messages.
    pub(super) gmt_payment: Option<String>,
    /// In messages: when money last went back.
    pub(super) gmt_refund: Option<String>,
    /// The currency of the amount, where it is not yuan.
    pub(super) trans_currency: Option<String>,
    /// The payee, where it is named.
    pub(super) seller_id: Option<String>,
}

impl Trade {
    /// Where the payment stands. `known` is what we had heard of its money before; `or_at` stands in for a
    /// missing time of payment: money must not be overlooked for want of a date.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn standing(
        self,
        seller_id: &str,
        known: Option<&Receipt>,
        or_at: Timestamp,
    ) -> Result<Standing, String> {
        match self.trade_status.as_deref() {
            Some("WAIT_BUYER_PAY") => Ok(Standing::Unpaid),
            Some("TRADE_SUCCESS" | "TRADE_FINISHED") => self.receipt(seller_id, known, or_at).map(Standing::Paid),
            // The same word for "never paid" and for "paid and all of it given back". That it was paid is shown
            // by its time; that no answer about an unpaid trade has one is not confirmed by a page, but every
            // example is so.
            Some("TRADE_CLOSED") if known.is_some() || self.was_paid() => {
                self.receipt(seller_id, known, or_at).map(Standing::Paid)
            }
            Some("TRADE_CLOSED") => Ok(Standing::Closed),
            Some(other) => Err(format!("its trade_status `{}` is not known", shorten(other))),
            None => Err("it has no trade_status".into()),
        }
    }

    fn was_paid(&self) -> bool {
        [&self.send_pay_date, &self.gmt_payment, &self.gmt_refund]
            .into_iter()
            .any(|at| at.as_deref().is_some_and(|at| !at.is_empty()))
    }

    fn receipt(self, seller_id: &str, known: Option<&Receipt>, or_at: Timestamp) -> Result<Receipt, String> {
        let missing = |member: &str| format!("it says paid, but has no {member}");
        let amount = self.total_amount.ok_or_else(|| missing("total_amount"))?;
        let paid_at = self.send_pay_date.or(self.gmt_payment).filter(|at| !at.is_empty());
        let paid_at = match paid_at {
            Some(text) => beijing::parse_wall(&text).ok_or_else(|| format!("its time `{}` is none", shorten(&text)))?,
            None => known.map_or(or_at, |receipt| receipt.paid_at),
        };
        Ok(Receipt {
            transaction_id: self.trade_no.filter(|id| !id.is_empty()).ok_or_else(|| missing("trade_no"))?,
            amount_minor: yuan::fen(&amount)?,
            currency: self.trans_currency.filter(|code| !code.is_empty()).unwrap_or_else(|| "CNY".into()),
            // The signed answer is given to our app; most do not repeat who the payee is.
            payee_matches: self.seller_id.is_none_or(|named| named == seller_id),
            paid_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(9);
    const SELLER: &str = "2088000000000001";

    fn standing_of(known: Option<&Receipt>, change: impl FnOnce(&mut Value)) -> Result<Standing, String> {
        let mut value = json!({
            "out_trade_no": "n1", "trade_no": "2027", "trade_status": "TRADE_SUCCESS", "total_amount": "1.00",
            "send_pay_date": "2026-11-22 09:00:00", "buyer_pay_amount": "0.90", "a_new_member": [1, null],
        });
        change(&mut value);
        serde_json::from_value::<Trade>(value).map_err(|e| e.to_string())?.standing(SELLER, known, NOW)
    }

    fn standing(change: impl FnOnce(&mut Value)) -> Result<Standing, String> {
        standing_of(None, change)
    }

    fn remove(value: &mut Value, member: &str) {
        drop(value.as_object_mut().unwrap().remove(member));
    }

    fn receipt() -> Receipt {
        Receipt {
            transaction_id: "2027".into(),
            amount_minor: 100,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: Timestamp::parse_rfc3339("2026-11-22T01:00:00Z").unwrap(),
        }
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let state = |name: &str| standing(|v| v["trade_status"] = json!(name));
        for name in ["TRADE_SUCCESS", "TRADE_FINISHED", "TRADE_CLOSED"] {
            assert_eq!(state(name), Ok(Standing::Paid(receipt())), "{name}: it has a time of payment");
        }
        assert_eq!(state("WAIT_BUYER_PAY"), Ok(Standing::Unpaid));
        for name in ["", "trade_success", "TRADE_PENDING"] {
            assert!(state(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_closed_trade_is_unpaid_unless_something_shows_that_it_was_paid() {
        let closed = |v: &mut Value| {
            v["trade_status"] = json!("TRADE_CLOSED");
            remove(v, "send_pay_date");
        };
        assert_eq!(standing(closed), Ok(Standing::Closed));
        assert_eq!(standing_of(Some(&receipt()), closed), Ok(Standing::Paid(receipt())), "we had heard of its money");
        let refunded = standing(|v| {
            closed(v);
            v["gmt_refund"] = json!("2026-11-23 09:00:00.123");
        });
        assert_eq!(refunded, Ok(Standing::Paid(Receipt { paid_at: NOW, ..receipt() })));
        let message = standing(|v| {
            closed(v);
            v["gmt_payment"] = json!("2026-11-22 09:00:00");
        });
        assert_eq!(message, Ok(Standing::Paid(receipt())));
    }

    #[test]
    fn another_amount_currency_or_payee_is_a_receipt_that_says_so() {
        let paid = |change: fn(&mut Value)| match standing(change) {
            Ok(Standing::Paid(receipt)) => receipt,
            other => panic!("{other:?}"),
        };
        assert_eq!(paid(|v| v["total_amount"] = json!("0.99")), Receipt { amount_minor: 99, ..receipt() });
        assert_eq!(paid(|v| v["trans_currency"] = json!("USD")), Receipt { currency: "USD".into(), ..receipt() });
        assert_eq!(paid(|v| v["seller_id"] = json!(SELLER)), receipt());
        assert_eq!(paid(|v| v["seller_id"] = json!("2088")), Receipt { payee_matches: false, ..receipt() });
        assert_eq!(paid(|v| remove(v, "send_pay_date")), Receipt { paid_at: NOW, ..receipt() });
    }

    #[test]
    fn paid_without_amount_or_number_is_not_read_as_anything_else() {
        for member in ["total_amount", "trade_no", "trade_status"] {
            assert!(standing(|v| remove(v, member)).is_err(), "{member}");
        }
        for amount in [json!("1.001"), json!(1), json!("-1.00"), json!("")] {
            assert!(standing(|v| v["total_amount"] = amount.clone()).is_err(), "{amount}");
        }
        assert!(standing(|v| v["send_pay_date"] = json!("yesterday")).is_err());
    }
}
