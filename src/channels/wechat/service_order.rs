//! A service order (支付分订单) as the channel shows it: it knows the members that matter and what its states mean, and
//! must never judge an amount.

use bursar_core::Timestamp;
use bursar_core::observation::{Hold, Receipt};
use serde::Deserialize;

use super::transaction::Payee;
use crate::beijing;
use crate::hold_days::HoldDays;
use crate::outcome::{Standing, shorten};

/// Members that are not needed are not read: the channel adds some now and then.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct ServiceOrder {
    pub(super) appid: String,
    pub(super) mchid: String,
    pub(super) out_order_no: String,
    #[serde(default)]
    service_id: Option<String>,
    state: String,
    #[serde(default)]
    state_description: Option<String>,
    /// The channel's own number.
    #[serde(default)]
    order_id: Option<String>,
    #[serde(default)]
    risk_fund: Option<RiskFund>,
    #[serde(default)]
    collection: Option<Collection>,
}

#[derive(Clone, Debug, Deserialize)]
struct RiskFund {
    amount: i64,
}

#[derive(Clone, Debug, Deserialize)]
struct Collection {
    #[serde(default)]
    state: Option<String>,
    #[serde(default)]
    paid_amount: Option<i64>,
    #[serde(default)]
    total_amount: Option<i64>,
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Clone, Debug, Deserialize)]
struct Detail {
    #[serde(default)]
    seq: i64,
    #[serde(default)]
    amount: Option<i64>,
    #[serde(default)]
    paid_type: Option<String>,
    #[serde(default)]
    paid_time: Option<String>,
    #[serde(default)]
    transaction_id: Option<String>,
}

/// Where a service order stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Stood {
    pub(super) standing: Standing,
    /// Whether the merchant has said what the service came to, so that the channel is collecting it.
    pub(super) completed: bool,
}

/// Whose service order it must be, and how long one is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) payee: &'a Payee,
    pub(super) service_id: &'a str,
    pub(super) hold_days: HoldDays,
}

impl Detail {
    /// Whether the merchant got this piece by other ways, and told the channel so.
    fn is_merchants(&self) -> bool {
        self.paid_type.as_deref() == Some("MCH")
    }
}

impl ServiceOrder {
    /// Where it stands, by all three of its states. `or_at` stands in for missing times: money must not be
    /// overlooked for want of a date.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn stood(self, terms: Terms<'_>, or_at: Timestamp) -> Result<Stood, String> {
        let payee_matches = terms.payee.mchid == self.mchid
            && terms.payee.appid == self.appid
            && self.service_id.as_deref().is_none_or(|named| named == terms.service_id);
        let hold = |payee_matches| self.hold(payee_matches, terms.hold_days, or_at).map(Standing::Authorized);
        let description = self.state_description.as_deref().unwrap_or_default();
        let collecting = self.collection.as_ref().and_then(|c| c.state.as_deref()).unwrap_or_default();
        let open = |standing| Ok(Stood { standing, completed: false });
        let over = |standing| Ok(Stood { standing, completed: true });
        match (self.state.as_str(), description, collecting) {
            ("DONE", _, "USER_PAID") if payee_matches && self.all_is_merchants() => over(Standing::Closed),
            // The second between the payment and the end of the order.
            ("DONE", _, "USER_PAID") | ("DOING", "MCH_COMPLETE", "USER_PAID") => {
                over(Standing::Paid(self.receipt(payee_matches, or_at)?))
            }
            ("DOING", "USER_CONFIRM", _) => open(hold(payee_matches)?),
            ("DOING", "MCH_COMPLETE", _) => over(hold(payee_matches)?),
            _ if !payee_matches => Err("it is about another merchant, app or service".into()),
            ("CREATED", ..) => open(Standing::Unpaid),
            ("REVOKED" | "EXPIRED", ..) => open(Standing::Closed),
            (state, ..) => {
                let states = format!("{state}, {description}, {collecting}");
                Err(format!("its states `{}` are not known together", shorten(&states)))
            }
        }
    }

    /// Whether the merchant got all of it by other ways: the channel has taken nothing, and will not.
    fn all_is_merchants(&self) -> bool {
        let details = self.collection.as_ref().map_or(&[][..], |collection| &collection.details);
        !details.is_empty() && details.iter().all(Detail::is_merchants)
    }

    fn hold(&self, payee_matches: bool, days: HoldDays, held_at: Timestamp) -> Result<Hold, String> {
        let fund = self.risk_fund.as_ref().ok_or("the payer has agreed, but to no risk_fund")?;
        let own = self.order_id.as_ref().filter(|id| !id.is_empty());
        let transaction_id = own.unwrap_or(&self.out_order_no).clone();
        let receipt = receipt_of(transaction_id, fund.amount, payee_matches, held_at);
        // The channel keeps a service for ever to which its payer has agreed, and does not say since when.
        Ok(Hold { receipt, lapses_at: Some(days.after(held_at)) })
    }

    /// What came through the channel. What the merchant got by other ways is not in it: it is for less then, which
    /// a person has to see.
    fn receipt(&self, payee_matches: bool, or_at: Timestamp) -> Result<Receipt, String> {
        let missing = |member: &str| format!("it says paid, but has no {member}");
        let collection = self.collection.as_ref().ok_or_else(|| missing("collection"))?;
        let (theirs, ours): (Vec<_>, Vec<_>) = collection.details.iter().partition(|detail| detail.is_merchants());
        let first = ours.iter().min_by_key(|detail| detail.seq).ok_or_else(|| missing("payment of the channel"))?;
        let id = first.transaction_id.as_ref().filter(|id| !id.is_empty());
        let amount = if theirs.is_empty() {
            collection.paid_amount.or(collection.total_amount)
        } else {
            ours.iter().try_fold(0_i64, |sum, detail| sum.checked_add(detail.amount?))
        };
        let paid_at = first.paid_time.as_deref().filter(|at| !at.is_empty()).map(time).transpose()?;
        Ok(receipt_of(
            id.ok_or_else(|| missing("transaction_id"))?.clone(),
            amount.ok_or_else(|| missing("paid_amount"))?,
            payee_matches,
            paid_at.unwrap_or(or_at),
        ))
    }
}

/// The calls write times as digits on Beijing's clocks; most of the channel writes RFC 3339.
fn time(text: &str) -> Result<Timestamp, String> {
    beijing::parse_digits(text).map_or_else(|| Timestamp::parse_rfc3339(text), Ok)
}

fn receipt_of(transaction_id: String, amount_minor: i64, payee_matches: bool, paid_at: Timestamp) -> Receipt {
    Receipt { transaction_id, amount_minor, currency: "CNY".into(), payee_matches, paid_at }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_millis(9);

    fn stood(change: impl FnOnce(&mut Value)) -> Result<Stood, String> {
        let mut value = json!({
            "appid": "wx1", "mchid": "19", "service_id": "5001", "out_order_no": "n00001", "order_id": "3008",
            "state": "DONE", "state_description": "MCH_COMPLETE", "total_amount": 90, "need_collection": true,
            "risk_fund": {"name": "ESTIMATE_ORDER_COST", "amount": 100}, "a_new_member": [1, null],
            "collection": {
                "state": "USER_PAID", "total_amount": 90, "paying_amount": 0, "paid_amount": 90,
                "details": [{"seq": 1, "amount": 90, "paid_type": "NEWTON", "paid_time": "20261122090000",
                             "transaction_id": "42"}],
            },
        });
        change(&mut value);
        let payee = Payee { mchid: "19".into(), appid: "wx1".into() };
        let terms = Terms { payee: &payee, service_id: "5001", hold_days: HoldDays::default() };
        serde_json::from_value::<ServiceOrder>(value).map_err(|e| e.to_string())?.stood(terms, NOW)
    }

    fn in_states(state: &str, description: Option<&str>, collecting: Option<&str>) -> Result<Stood, String> {
        stood(|v| {
            v["state"] = json!(state);
            v["state_description"] = json!(description);
            match collecting {
                Some(collecting) => v["collection"]["state"] = json!(collecting),
                None => v["collection"] = json!(null),
            }
        })
    }

    fn receipt() -> Receipt {
        receipt_of("42".into(), 90, true, Timestamp::parse_rfc3339("2026-11-22T01:00:00Z").unwrap())
    }

    fn paid(change: impl FnOnce(&mut Value)) -> Result<Receipt, String> {
        match stood(change)? {
            Stood { standing: Standing::Paid(receipt), completed: true } => Ok(receipt),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let lapses_at = Some(HoldDays::default().after(NOW));
        let hold = Hold { receipt: receipt_of("3008".into(), 100, true, NOW), lapses_at };
        let held = Standing::Authorized(hold);
        for (state, description, collecting, standing, completed) in [
            ("CREATED", None, None, Standing::Unpaid, false),
            ("DOING", Some("USER_CONFIRM"), None, held.clone(), false),
            ("DOING", Some("MCH_COMPLETE"), Some("USER_PAYING"), held.clone(), true),
            ("DOING", Some("MCH_COMPLETE"), None, held, true),
            ("DOING", Some("MCH_COMPLETE"), Some("USER_PAID"), Standing::Paid(receipt()), true),
            ("DONE", None, Some("USER_PAID"), Standing::Paid(receipt()), true),
            ("REVOKED", None, None, Standing::Closed, false),
            ("EXPIRED", None, None, Standing::Closed, false),
        ] {
            let found = in_states(state, description, collecting);
            assert_eq!(found, Ok(Stood { standing, completed }), "{state} {description:?} {collecting:?}");
        }
        for (state, description, collecting) in [
            ("DOING", None, None),
            ("DOING", Some("SOMETHING_NEW"), None),
            ("DONE", None, Some("USER_PAYING")),
            ("DONE", None, None),
            ("", None, None),
            ("done", None, Some("USER_PAID")),
        ] {
            assert!(in_states(state, description, collecting).is_err(), "{state} {description:?} {collecting:?}");
        }
    }

    #[test]
    fn what_was_paid_is_told_with_the_number_by_which_it_goes_back() {
        assert_eq!(paid(|_| ()), Ok(receipt()));
        assert_eq!(
            paid(|v| v["collection"]["details"][0]["paid_time"] = json!("")),
            Ok(Receipt { paid_at: NOW, ..receipt() })
        );
        let rfc = json!("2026-11-22T09:00:00+08:00");
        assert_eq!(paid(|v| v["collection"]["details"][0]["paid_time"] = rfc.clone()), Ok(receipt()));
        assert_eq!(paid(|v| v["collection"]["paid_amount"] = json!(null)), Ok(receipt()));
        for member in ["details", "state"] {
            assert!(stood(|v| drop(v["collection"].as_object_mut().unwrap().remove(member))).is_err(), "{member}");
        }
        for wrong in [json!(""), json!(null)] {
            assert!(paid(|v| v["collection"]["details"][0]["transaction_id"] = wrong.clone()).is_err());
        }
        assert!(paid(|v| v["collection"]["details"][0]["paid_time"] = json!("yesterday")).is_err());
        assert!(stood(|v| v["collection"]["paid_amount"] = json!("90")).is_err());
    }

    #[test]
    fn what_the_merchant_got_by_other_ways_is_not_the_channels_money() {
        let with = |amount: i64| {
            paid(|v| {
                let own = json!({"seq": 0, "amount": amount, "paid_type": "MCH", "paid_time": "20261122080000"});
                v["collection"]["details"].as_array_mut().unwrap().push(own);
                v["collection"]["details"][0]["amount"] = json!(90 - amount);
            })
        };
        assert_eq!(with(40), Ok(Receipt { amount_minor: 50, ..receipt() }));
        let all_elsewhere = |more: fn(&mut Value)| {
            stood(|v| {
                v["collection"]["details"][0]["paid_type"] = json!("MCH");
                more(v);
            })
        };
        assert_eq!(all_elsewhere(|_| ()), Ok(Stood { standing: Standing::Closed, completed: true }));
        assert!(all_elsewhere(|v| v["mchid"] = json!("20")).is_err(), "another merchant's end is none of ours");
        assert!(all_elsewhere(|v| v["state"] = json!("DOING")).is_err(), "it is not over");
    }

    #[test]
    fn another_merchant_app_or_service_is_a_receipt_that_says_so_and_no_end_of_ours() {
        for (member, value) in [("mchid", "20"), ("appid", "wx2"), ("service_id", "5002")] {
            let found = paid(|v| v[member] = json!(value));
            assert_eq!(found, Ok(Receipt { payee_matches: false, ..receipt() }), "{member}");
            for state in ["CREATED", "REVOKED", "EXPIRED"] {
                let found = stood(|v| {
                    v[member] = json!(value);
                    v["state"] = json!(state);
                });
                assert!(found.is_err(), "{member} {state}");
            }
        }
    }
}
