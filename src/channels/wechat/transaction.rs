//! A transaction as the channel shows it, in answers and notifications alike: it knows the members that
//! matter and what they mean, and must never judge an amount.

use bursar_core::Timestamp;
use bursar_core::observation::Receipt;
use serde::Deserialize;

use super::declines;
use crate::outcome::{Standing, shorten};

/// Members that are not needed are not read: the channel adds some now and then.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Transaction {
    pub(super) appid: String,
    pub(super) mchid: String,
    pub(super) out_trade_no: String,
    trade_state: String,
    #[serde(default)]
    trade_type: Option<String>,
    #[serde(default)]
    trade_state_desc: Option<String>,
    #[serde(default)]
    transaction_id: Option<String>,
    #[serde(default)]
    success_time: Option<String>,
    #[serde(default)]
    amount: Option<Amount>,
}

#[derive(Clone, Debug, Deserialize)]
struct Amount {
    /// What was ordered. The payer may have paid less of his own (coupons): that is `payer_total`.
    total: i64,
    /// CNY when absent. Source: the channel's documents.
    #[serde(default)]
    currency: Option<String>,
}

/// Who the payee must be.
#[derive(Clone, Debug)]
pub(super) struct Payee {
    pub(super) mchid: String,
    pub(super) appid: String,
}

impl Payee {
    pub(super) fn is_of(&self, transaction: &Transaction) -> bool {
        transaction.mchid == self.mchid && transaction.appid == self.appid
    }
}

/// Kinds of transactions that are charges by an agreement.
const DEBITS: [&str; 2] = ["PAP", "AUTH"];

impl Transaction {
    /// Whether the channel says that it is a charge by an agreement.
    pub(super) fn debits(&self) -> bool {
        self.trade_type.as_deref().is_some_and(|kind| DEBITS.contains(&kind))
    }

    /// Where the payment stands; `debits` says whether it is a charge by an agreement. `or_at` stands in for a missing time of payment: money must not be
    /// overlooked for want of a date.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn standing(self, payee: &Payee, debits: bool, or_at: Timestamp) -> Result<Standing, String> {
        let payee_matches = payee.is_of(&self);
        match self.trade_state.as_str() {
            // REFUND: a refund was started, so it was paid.
            "SUCCESS" | "REFUND" => self.receipt(payee_matches, or_at).map(Standing::Paid),
            _ if !payee_matches => Err("it is about another merchant or app".into()),
            "NOTPAY" | "USERPAYING" | "ACCEPT" => Ok(Standing::Unpaid),
            "CLOSED" | "REVOKED" => Ok(Standing::Closed),
            // A charge is one attempt: after it nothing more is taken under its number. The second word stands in
            // messages about charges.
            "PAYERROR" | "PAY_FAIL" if debits => {
                let sentence = self.trade_state_desc.as_deref().filter(|text| !text.is_empty());
                Ok(Standing::Declined(declines::of_sentence(sentence.unwrap_or(&self.trade_state))))
            }
            "PAYERROR" => Ok(Standing::AttemptFailed(shorten(self.trade_state_desc.as_deref().unwrap_or("PAYERROR")))),
            other => Err(format!("its trade_state `{}` is not known", shorten(other))),
        }
    }

    fn receipt(self, payee_matches: bool, or_at: Timestamp) -> Result<Receipt, String> {
        let missing = |member: &str| format!("it says paid, but has no {member}");
        let amount = self.amount.ok_or_else(|| missing("amount"))?;
        let paid_at = self.success_time.as_deref().map(Timestamp::parse_rfc3339).transpose()?;
        Ok(Receipt {
            transaction_id: self.transaction_id.filter(|id| !id.is_empty()).ok_or_else(|| missing("transaction_id"))?,
            amount_minor: amount.total,
            currency: amount.currency.unwrap_or_else(|| "CNY".into()),
            payee_matches,
            paid_at: paid_at.unwrap_or(or_at),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_millis(9);

    fn standing(change: impl FnOnce(&mut Value)) -> Result<Standing, String> {
        let mut value = json!({
            "appid": "wx1", "mchid": "19", "out_trade_no": "n00001", "transaction_id": "42", "trade_state": "SUCCESS",
            "success_time": "2026-11-22T09:00:00+08:00", "amount": {"total": 100, "payer_total": 90, "currency": "CNY"},
            "a_new_member": [1, null],
        });
        change(&mut value);
        let payee = Payee { mchid: "19".into(), appid: "wx1".into() };
        let transaction = serde_json::from_value::<Transaction>(value).map_err(|e| e.to_string())?;
        let debits = transaction.debits();
        transaction.standing(&payee, debits, NOW)
    }

    fn receipt() -> Receipt {
        Receipt {
            transaction_id: "42".into(),
            amount_minor: 100,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: Timestamp::parse_rfc3339("2026-11-22T01:00:00Z").unwrap(),
        }
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let state = |name: &str| standing(|v| v["trade_state"] = json!(name));
        for name in ["SUCCESS", "REFUND"] {
            assert_eq!(state(name), Ok(Standing::Paid(receipt())), "{name}");
        }
        for name in ["NOTPAY", "USERPAYING", "ACCEPT"] {
            assert_eq!(state(name), Ok(Standing::Unpaid), "{name}");
        }
        for name in ["CLOSED", "REVOKED"] {
            assert_eq!(state(name), Ok(Standing::Closed), "{name}");
        }
        assert_eq!(state("PAYERROR"), Ok(Standing::AttemptFailed("PAYERROR".into())));
        for name in ["", "success", "PAID"] {
            assert!(state(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_failed_charge_is_declined_with_the_channels_sentence() {
        for (kind, state) in [("PAP", "PAYERROR"), ("AUTH", "PAYERROR"), ("PAP", "PAY_FAIL")] {
            let found = standing(|v| {
                v["trade_type"] = json!(kind);
                v["trade_state"] = json!(state);
                v["trade_state_desc"] = json!("用户余额不足");
            });
            let Ok(Standing::Declined(decline)) = found else { panic!("{kind} {state}: {found:?}") };
            assert_eq!((decline.class.name(), decline.reason.as_str()), ("insufficient_funds", "用户余额不足"));
        }
        let bare = standing(|v| {
            v["trade_type"] = json!("PAP");
            v["trade_state"] = json!("PAYERROR");
        });
        assert!(matches!(bare, Ok(Standing::Declined(decline)) if decline.reason == "PAYERROR"));
        assert!(standing(|v| v["trade_state"] = json!("PAY_FAIL")).is_err(), "a word about charges only");
    }

    #[test]
    fn another_amount_currency_or_payee_is_a_receipt_that_says_so() {
        let paid = |change: fn(&mut Value)| match standing(change) {
            Ok(Standing::Paid(receipt)) => receipt,
            other => panic!("{other:?}"),
        };
        assert_eq!(paid(|v| v["amount"]["total"] = json!(99)), Receipt { amount_minor: 99, ..receipt() });
        assert_eq!(paid(|v| v["amount"]["currency"] = json!("HKD")), Receipt { currency: "HKD".into(), ..receipt() });
        assert_eq!(paid(|v| v["mchid"] = json!("20")), Receipt { payee_matches: false, ..receipt() });
        assert_eq!(paid(|v| v["appid"] = json!("wx2")), Receipt { payee_matches: false, ..receipt() });
    }

    #[test]
    fn a_missing_currency_is_yuan_and_a_missing_time_is_ours() {
        let found = standing(|v| {
            v["amount"] = json!({"total": 100});
            v.as_object_mut().unwrap().remove("success_time");
        });
        assert_eq!(found, Ok(Standing::Paid(Receipt { paid_at: NOW, ..receipt() })));
    }

    #[test]
    fn paid_without_amount_or_number_is_not_read_as_anything_else() {
        for member in ["amount", "transaction_id", "appid", "mchid", "trade_state"] {
            assert!(standing(|v| drop(v.as_object_mut().unwrap().remove(member))).is_err(), "{member}");
        }
        assert!(standing(|v| v["amount"]["total"] = json!(1.5)).is_err());
        assert!(standing(|v| v["amount"]["total"] = json!("100")).is_err());
        assert!(standing(|v| v["success_time"] = json!("yesterday")).is_err());
    }

    #[test]
    fn an_unpaid_answer_about_another_merchant_says_nothing() {
        let found = standing(|v| {
            v["trade_state"] = json!("NOTPAY");
            v["mchid"] = json!("20");
        });
        assert!(found.is_err());
    }
}
