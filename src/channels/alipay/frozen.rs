//! A pre-authorisation (预授权) as the channel shows it: it knows the members that matter and what its states mean, and
//! must never judge an amount.

use bursar_core::Timestamp;
use bursar_core::observation::{Hold, Receipt};
use serde::Deserialize;

use super::yuan;
use crate::beijing;
use crate::hold_days::HoldDays;
use crate::outcome::{Standing, shorten};

/// Members that are not needed are not read: the channel adds some now and then.
#[derive(Clone, Default, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Frozen {
    pub(super) out_order_no: Option<String>,
    pub(super) out_request_no: Option<String>,
    /// The channel's own number.
    auth_no: Option<String>,
    /// Of the whole.
    order_status: Option<String>,
    /// Of the operation that was asked about: the freezing.
    status: Option<String>,
    amount: Option<String>,
    total_freeze_amount: Option<String>,
    rest_amount: Option<String>,
    total_pay_amount: Option<String>,
    gmt_trans: Option<String>,
    trans_currency: Option<String>,
}

/// Where a pre-authorisation stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Freeze {
    /// The payer has not agreed yet.
    Unpaid,
    /// An amount is frozen.
    Held(Frost),
    /// Money of it was taken: a trade tells of that.
    Taken(Frost),
    /// Nothing is frozen any more. Nothing shows as taken; the trade has the last word.
    Spent(Frost),
    /// Nothing is frozen any more, and nothing was taken.
    Closed,
}

/// What is, or was, frozen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frost {
    pub(super) hold: Hold,
    /// Fen that are still frozen.
    pub(super) rest_fen: i64,
}

fn fen(text: Option<&str>) -> Result<Option<i64>, String> {
    text.filter(|text| !text.is_empty()).map(yuan::fen).transpose()
}

impl Frozen {
    /// Where it stands, when holds are kept for `days`. `or_at` stands in for a missing time of freezing.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn freeze(&self, days: HoldDays, or_at: Timestamp) -> Result<Freeze, String> {
        let frost = || self.frost(days, or_at);
        let paid_fen = fen(self.total_pay_amount.as_deref())?;
        let taken = paid_fen.is_some_and(|fen| fen > 0);
        let empty = fen(self.rest_amount.as_deref())? == Some(0);
        let known = |text: &Option<String>| text.clone().unwrap_or_default();
        match (known(&self.order_status).as_str(), known(&self.status).as_str()) {
            ("AUTHORIZED" | "FINISH" | "CLOSED", _) if taken => frost().map(Freeze::Taken),
            ("AUTHORIZED", "SUCCESS") => frost().map(Freeze::Held),
            // All of it was let go.
            ("FINISH", _) if paid_fen == Some(0) && empty => frost().map(Freeze::Spent),
            // All of it was made a payment: that what was taken does not show yet does not undo it.
            ("FINISH", _) => frost().map(Freeze::Taken),
            ("CLOSED", _) | ("INIT", "CLOSED") => Ok(Freeze::Closed),
            ("INIT", "INIT" | "") => Ok(Freeze::Unpaid),
            (order, operation) => {
                Err(format!("its states `{}` are not known together", shorten(&format!("{order}, {operation}"))))
            }
        }
    }

    fn frost(&self, days: HoldDays, or_at: Timestamp) -> Result<Frost, String> {
        let missing = |member: &str| format!("it says frozen, but has no {member}");
        // What the operation froze, whatever of it was given back since.
        let amount_minor = fen(self.amount.as_deref())?.or(fen(self.total_freeze_amount.as_deref())?);
        let amount_minor = amount_minor.ok_or_else(|| missing("amount"))?;
        let auth_no = self.auth_no.as_ref().filter(|no| (1..=64).contains(&no.len()));
        let held_at = match self.gmt_trans.as_deref().filter(|at| !at.is_empty()) {
            Some(text) => beijing::parse_wall(text).ok_or_else(|| format!("its time `{}` is none", shorten(text)))?,
            None => or_at,
        };
        let receipt = Receipt {
            transaction_id: auth_no.ok_or_else(|| missing("auth_no"))?.clone(),
            amount_minor,
            currency: self.trans_currency.clone().filter(|code| !code.is_empty()).unwrap_or_else(|| "CNY".into()),
            // The signed answer is given to our app, about a number of ours.
            payee_matches: true,
            paid_at: held_at,
        };
        let rest_fen = fen(self.rest_amount.as_deref())?.unwrap_or(amount_minor);
        // The channel does not say until when it keeps it.
        Ok(Frost { hold: Hold { receipt, lapses_at: Some(days.after(held_at)) }, rest_fen })
    }
}

impl Frost {
    pub(super) fn standing(self) -> Standing {
        Standing::Authorized(self.hold)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(9);

    fn freeze(change: impl FnOnce(&mut Value)) -> Result<Freeze, String> {
        let mut value = json!({
            "auth_no": "2027", "out_order_no": "n1", "out_request_no": "n1", "order_status": "AUTHORIZED",
            "status": "SUCCESS", "operation_type": "FREEZE", "amount": "1.00", "total_freeze_amount": "1.00",
            "rest_amount": "1.00", "total_pay_amount": "0.00", "gmt_trans": "2026-11-22 09:00:00", "new": [1, null],
        });
        change(&mut value);
        serde_json::from_value::<Frozen>(value).map_err(|e| e.to_string())?.freeze(HoldDays::default(), NOW)
    }

    fn frost() -> Frost {
        let receipt = Receipt {
            transaction_id: "2027".into(),
            amount_minor: 100,
            currency: "CNY".into(),
            payee_matches: true,
            paid_at: Timestamp::parse_rfc3339("2026-11-22T01:00:00Z").unwrap(),
        };
        let lapses_at = Some(HoldDays::default().after(receipt.paid_at));
        Frost { hold: Hold { receipt, lapses_at }, rest_fen: 100 }
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let states = |order: &str, operation: &str| {
            freeze(|v| {
                v["order_status"] = json!(order);
                v["status"] = json!(operation);
            })
        };
        for (order, operation, want) in [
            ("INIT", "INIT", Freeze::Unpaid),
            ("INIT", "", Freeze::Unpaid),
            ("INIT", "CLOSED", Freeze::Closed),
            ("AUTHORIZED", "SUCCESS", Freeze::Held(frost())),
            ("FINISH", "SUCCESS", Freeze::Taken(frost())),
            ("CLOSED", "CLOSED", Freeze::Closed),
            ("CLOSED", "SUCCESS", Freeze::Closed),
        ] {
            assert_eq!(states(order, operation), Ok(want), "{order} {operation}");
        }
        for (order, operation) in
            [("", ""), ("AUTHORIZED", "INIT"), ("AUTHORIZED", "CLOSED"), ("INIT", "SUCCESS"), ("NEW", "INIT")]
        {
            assert!(states(order, operation).is_err(), "{order} {operation}");
        }
    }

    #[test]
    fn what_was_let_go_shows_that_nothing_is_left_and_nothing_was_taken() {
        let finished = |rest: Value, paid: Value| {
            freeze(|v| {
                v["order_status"] = json!("FINISH");
                v["rest_amount"] = rest;
                v["total_pay_amount"] = paid;
            })
        };
        let nothing = Frost { rest_fen: 0, ..frost() };
        assert_eq!(finished(json!("0.00"), json!("0.00")), Ok(Freeze::Spent(nothing.clone())));
        assert_eq!(finished(json!("0.00"), json!(null)), Ok(Freeze::Taken(nothing.clone())));
        assert_eq!(finished(json!("0.00"), json!("0.01")), Ok(Freeze::Taken(nothing)));
        assert_eq!(finished(json!(null), json!("0.00")), Ok(Freeze::Taken(frost())));
    }

    #[test]
    fn what_was_taken_is_never_called_closed_or_held() {
        for order in ["AUTHORIZED", "FINISH", "CLOSED"] {
            let found = freeze(|v| {
                v["order_status"] = json!(order);
                v["total_pay_amount"] = json!("0.40");
                v["rest_amount"] = json!("0.00");
            });
            assert_eq!(found, Ok(Freeze::Taken(Frost { rest_fen: 0, ..frost() })), "{order}");
        }
    }

    #[test]
    fn a_hold_is_told_whole_also_when_less_is_left_and_must_have_number_and_amount() {
        assert_eq!(freeze(|v| v["rest_amount"] = json!("0.30")), Ok(Freeze::Held(Frost { rest_fen: 30, ..frost() })));
        assert_eq!(freeze(|v| v["amount"] = json!(null)), Ok(Freeze::Held(frost())));
        let undated = freeze(|v| v["gmt_trans"] = json!(""));
        assert!(matches!(undated, Ok(Freeze::Held(frost)) if frost.hold.receipt.paid_at == NOW));
        let dollars = freeze(|v| v["trans_currency"] = json!("USD"));
        assert!(matches!(dollars, Ok(Freeze::Held(frost)) if frost.hold.receipt.currency == "USD"));
        assert!(freeze(|v| v["auth_no"] = json!(null)).is_err());
        assert!(freeze(|v| v["gmt_trans"] = json!("yesterday")).is_err());
        for member in ["amount", "rest_amount", "total_pay_amount"] {
            for wrong in [json!(1.0), json!("1.001"), json!("-1.00")] {
                assert!(freeze(|v| v[member] = wrong.clone()).is_err(), "{member} {wrong}");
            }
        }
        assert!(
            freeze(|v| {
                v["amount"] = json!("");
                v["total_freeze_amount"] = json!("");
            })
            .is_err()
        );
    }
}
