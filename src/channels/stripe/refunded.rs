//! A refund as the channel shows it: it knows the members that matter and what its states mean, and must never
//! judge an amount.

use bursar_core::refund::RefundReceipt;
use serde::Deserialize;

use super::object::{LEG, Metadata, instant};
use crate::outcome::{RefundStanding, shorten};

/// Members that are not needed are not read.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refunded {
    pub(super) id: String,
    pub(super) amount: i64,
    /// Three small letters.
    pub(super) currency: String,
    pub(super) created: i64,
    /// Missing on some refunds of other products.
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    failure_reason: Option<String>,
    #[serde(default)]
    pub(super) metadata: Metadata,
}

impl Refunded {
    /// The number of the leg, when it is one of ours.
    pub(super) fn number(&self) -> Option<&str> {
        self.metadata.get(LEG)
    }

    /// Where the refund stands. One that has succeeded may turn out failed days later: its money is back in the
    /// balance then.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn standing(&self) -> Result<RefundStanding, String> {
        if self.id.is_empty() {
            return Err("it has no id".into());
        }
        let words = |state: &str| {
            let why = self.failure_reason.as_deref().unwrap_or("no reason given");
            shorten(&format!("refund {} {state}: {why}", self.id))
        };
        match self.status.as_deref() {
            Some("succeeded") => Ok(RefundStanding::Succeeded(RefundReceipt {
                refund_id: self.id.clone(),
                amount_minor: self.amount,
                currency: self.currency.to_ascii_uppercase(),
                // The channel does not tell when the payer's bank has it.
                refunded_at: instant(self.created),
            })),
            Some("pending" | "requires_action") => Ok(RefundStanding::Processing { refund_id: self.id.clone() }),
            Some("failed") => Ok(RefundStanding::Closed(words("failed"))),
            Some("canceled") => Ok(RefundStanding::Closed(words("was canceled"))),
            Some(other) => Err(format!("its status `{}` is not known", shorten(other))),
            None => Err("it has no status".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn standing(change: impl FnOnce(&mut Value)) -> Result<RefundStanding, String> {
        let mut value = json!({
            "id": "re_1", "object": "refund", "amount": 100, "currency": "jpy", "created": 1_800_000_000,
            "status": "succeeded", "payment_intent": "pi_1", "metadata": {"bursar_leg": "01cd"}, "new": {"a": 1},
        });
        change(&mut value);
        serde_json::from_value::<Refunded>(value).map_err(|e| e.to_string())?.standing()
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let state = |name: &str| standing(|v| v["status"] = json!(name));
        let receipt = RefundReceipt {
            refund_id: "re_1".into(),
            amount_minor: 100,
            currency: "JPY".into(),
            refunded_at: instant(1_800_000_000),
        };
        assert_eq!(state("succeeded"), Ok(RefundStanding::Succeeded(receipt)));
        for name in ["pending", "requires_action"] {
            assert_eq!(state(name), Ok(RefundStanding::Processing { refund_id: "re_1".into() }), "{name}");
        }
        for name in ["failed", "canceled"] {
            assert!(matches!(state(name), Ok(RefundStanding::Closed(words)) if words.contains("re_1")), "{name}");
        }
        for name in ["", "Succeeded", "reversed"] {
            assert!(state(name).is_err(), "{name}");
        }
        assert!(standing(|v| v["status"] = json!(null)).is_err());
    }

    #[test]
    fn the_reason_of_a_failure_is_told() {
        let found = standing(|v| {
            v["status"] = json!("failed");
            v["failure_reason"] = json!("lost_or_stolen_card");
        });
        assert_eq!(found, Ok(RefundStanding::Closed("refund re_1 failed: lost_or_stolen_card".into())));
    }

    #[test]
    fn success_without_what_proves_it_is_not_read_as_anything_else() {
        for member in ["id", "amount", "currency", "created", "status"] {
            assert!(standing(|v| drop(v.as_object_mut().unwrap().remove(member))).is_err(), "{member}");
        }
        assert!(standing(|v| v["amount"] = json!("100")).is_err());
        assert!(standing(|v| v["id"] = json!("")).is_err());
    }
}
