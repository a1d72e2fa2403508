//! A refund as the channel shows it, in answers and notifications alike: it knows the members that matter
//! and what they mean, and must never judge an amount.

use bursar_core::Timestamp;
use bursar_core::refund::RefundReceipt;
use serde::Deserialize;

use crate::outcome::{RefundStanding, shorten};

/// Members that are not needed are not read. The answers of the calls that give money back, that of the
/// query and the sealed part of a message differ in few of them.
// Not `Debug`: it holds the last digits of cards.
#[derive(Clone, Deserialize)]
pub(super) struct Refunded {
    /// Only in messages.
    #[serde(default)]
    pub(super) mchid: Option<String>,
    pub(super) out_refund_no: String,
    pub(super) out_trade_no: String,
    #[serde(default)]
    pub(super) transaction_id: Option<String>,
    pub(super) refund_id: String,
    /// In answers.
    #[serde(default)]
    status: Option<String>,
    /// The same in messages.
    #[serde(default)]
    refund_status: Option<String>,
    #[serde(default)]
    success_time: Option<String>,
    /// Whose account got the money, in words. With the last digits of a card: never kept, never logged.
    #[serde(default)]
    user_received_account: Option<String>,
    #[serde(default)]
    amount: Option<Amount>,
}

#[derive(Clone, Debug, Deserialize)]
struct Amount {
    /// What goes back of the order, which is what was asked for.
    refund: i64,
    /// What of it is the payer's own money; the rest was paid by coupons.
    #[serde(default)]
    payer_refund: Option<i64>,
    /// CNY when absent, as it is in messages.
    #[serde(default)]
    currency: Option<String>,
}

/// How `user_received_account` begins when the merchant has got the money instead of the payer: a person
/// has asked for that at the channel's own pages, after an abnormal end.
const MERCHANTS_OWN: [&str; 2] = ["商户基本账户", "商户结算银行账户"];

impl Refunded {
    /// Where the refund stands. `or_at` stands in for a missing time of success: money must not be
    /// overlooked for want of a date.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn standing(self, or_at: Timestamp) -> Result<RefundStanding, String> {
        if self.refund_id.is_empty() {
            return Err("it has no refund_id".into());
        }
        let status = match (&self.status, &self.refund_status) {
            (Some(a), Some(b)) if a != b => return Err("it has two states".into()),
            (Some(status), _) | (None, Some(status)) => status.clone(),
            (None, None) => return Err("it has no status".into()),
        };
        match status.as_str() {
            "SUCCESS" => self.receipt(or_at).map(RefundStanding::Succeeded),
            "PROCESSING" => Ok(RefundStanding::Processing { refund_id: self.refund_id }),
            // The channel gives no reason.
            "CLOSED" => Ok(RefundStanding::Closed(format!("CLOSED: the channel gave refund {} up", self.refund_id))),
            "ABNORMAL" => Ok(RefundStanding::Abnormal { refund_id: self.refund_id }),
            other => Err(format!("its status `{}` is not known", shorten(other))),
        }
    }

    fn receipt(self, or_at: Timestamp) -> Result<RefundReceipt, String> {
        let to_merchant = self.went_to_merchant();
        let amount = self.amount.ok_or("it says success, but has no amount")?;
        let refunded_at = self.success_time.as_deref().map(Timestamp::parse_rfc3339).transpose()?;
        Ok(RefundReceipt {
            refund_id: self.refund_id,
            // The channel is done, but the payer got nothing: a receipt of nothing, which is held until
            // a person has looked. Another way found by ourselves could pay him a second time.
            amount_minor: if to_merchant { 0 } else { amount.refund },
            currency: amount.currency.unwrap_or_else(|| "CNY".into()),
            refunded_at: refunded_at.unwrap_or(or_at),
        })
    }

    /// Not when coupons had paid for all of it: those go back to the merchant by right.
    fn went_to_merchant(&self) -> bool {
        let account = self.user_received_account.as_deref().unwrap_or_default();
        let of_payer = self.amount.as_ref().and_then(|a| a.payer_refund).is_some_and(|minor| minor > 0);
        of_payer && MERCHANTS_OWN.iter().any(|own| account.starts_with(own))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn standing(change: impl FnOnce(&mut Value)) -> Result<RefundStanding, String> {
        let mut value = json!({
            "out_refund_no": "r1", "out_trade_no": "n1", "transaction_id": "42", "refund_id": "50", "channel": "ORIGINAL",
            "user_received_account": "招商银行借记卡0403", "create_time": "2026-11-22T08:59:00+08:00", "status": "SUCCESS",
            "success_time": "2026-11-22T09:00:00+08:00",
            "amount": {"total": 300, "refund": 100, "payer_total": 270, "payer_refund": 90, "currency": "CNY", "from": []},
            "a_new_member": [1, null],
        });
        change(&mut value);
        serde_json::from_value::<Refunded>(value).map_err(|e| e.to_string())?.standing(NOW)
    }

    fn receipt() -> RefundReceipt {
        RefundReceipt {
            refund_id: "50".into(),
            amount_minor: 100,
            currency: "CNY".into(),
            refunded_at: Timestamp::parse_rfc3339("2026-11-22T01:00:00Z").unwrap(),
        }
    }

    fn remove(value: &mut Value, member: &str) {
        drop(value.as_object_mut().unwrap().remove(member));
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let refund_id = || "50".to_owned();
        for member in ["status", "refund_status"] {
            let state = |name: &str| {
                standing(|v| {
                    remove(v, "status");
                    v[member] = json!(name);
                })
            };
            assert_eq!(state("SUCCESS"), Ok(RefundStanding::Succeeded(receipt())));
            assert_eq!(state("PROCESSING"), Ok(RefundStanding::Processing { refund_id: refund_id() }));
            assert_eq!(state("ABNORMAL"), Ok(RefundStanding::Abnormal { refund_id: refund_id() }));
            assert!(matches!(state("CLOSED"), Ok(RefundStanding::Closed(words)) if words.contains("50")));
            for name in ["", "success", "REFUND", "CHANGE", "REFUNDCLOSE"] {
                assert!(state(name).is_err(), "{name}");
            }
        }
        assert!(standing(|v| v["refund_status"] = json!("CLOSED")).is_err(), "two states are none");
        assert!(standing(|v| v["refund_status"] = json!("SUCCESS")).is_ok());
    }

    #[test]
    fn another_amount_or_currency_is_a_receipt_that_says_so() {
        let got = |change: fn(&mut Value)| match standing(change) {
            Ok(RefundStanding::Succeeded(receipt)) => receipt,
            other => panic!("{other:?}"),
        };
        assert_eq!(got(|v| v["amount"]["refund"] = json!(99)), RefundReceipt { amount_minor: 99, ..receipt() });
        assert_eq!(
            got(|v| v["amount"]["currency"] = json!("HKD")),
            RefundReceipt { currency: "HKD".into(), ..receipt() }
        );
        assert_eq!(got(|v| v["amount"] = json!({"refund": 100, "total": 300})), receipt());
        assert_eq!(got(|v| remove(v, "success_time")), RefundReceipt { refunded_at: NOW, ..receipt() });
    }

    #[test]
    fn money_that_went_to_the_merchant_is_a_receipt_of_nothing_unless_it_was_all_coupons() {
        let amount = |account: &str, payer_refund: Option<i64>| {
            let found = standing(|v| {
                v["user_received_account"] = json!(account);
                match payer_refund {
                    Some(minor) => v["amount"]["payer_refund"] = json!(minor),
                    None => remove(&mut v["amount"], "payer_refund"),
                }
            });
            match found {
                Ok(RefundStanding::Succeeded(receipt)) => receipt.amount_minor,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(amount("商户基本账户", Some(90)), 0);
        assert_eq!(amount("商户结算银行账户", Some(90)), 0);
        assert_eq!(amount("商户基本账户", Some(0)), 100);
        assert_eq!(amount("商户基本账户", None), 100);
        for payers in ["支付用户零钱", "招商银行信用卡0403", "企业支付商户", "用户经营账户", ""]
        {
            assert_eq!(amount(payers, Some(90)), 100, "{payers}");
        }
    }

    #[test]
    fn success_without_what_proves_it_is_not_read_as_anything_else() {
        for member in ["amount", "refund_id", "out_refund_no", "out_trade_no", "status"] {
            assert!(standing(|v| remove(v, member)).is_err(), "{member}");
        }
        assert!(standing(|v| v["refund_id"] = json!("")).is_err());
        assert!(standing(|v| v["amount"]["refund"] = json!(1.5)).is_err());
        assert!(standing(|v| v["amount"]["refund"] = json!("100")).is_err());
        assert!(standing(|v| v["success_time"] = json!("yesterday")).is_err());
    }
}
