//! A PaymentIntent as the channel shows it: it knows the members that matter and what its states mean, and must
//! never judge an amount. Of a card it reads nothing but until when an authorisation holds.

use bursar_core::Timestamp;
use bursar_core::decline::DeclineClass;
use bursar_core::observation::{Hold, Receipt};
use serde::Deserialize;

use super::declines;
use super::object::{Metadata, PAYMENT, Reference, instant};
use crate::debit::decline;
use crate::outcome::{Standing, shorten};

/// Members that are not needed are not read: the channel adds some with each version.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    pub(super) status: String,
    pub(super) amount: i64,
    /// Three small letters.
    pub(super) currency: String,
    pub(super) livemode: bool,
    #[serde(default)]
    pub(super) metadata: Metadata,
    /// What the payer's page needs; not in messages and not for restricted keys.
    #[serde(default)]
    pub(super) client_secret: Option<String>,
    #[serde(default)]
    amount_received: Option<i64>,
    #[serde(default)]
    amount_capturable: Option<i64>,
    #[serde(default)]
    capture_method: Option<String>,
    #[serde(default)]
    last_payment_error: Option<PaymentError>,
    #[serde(default)]
    latest_charge: Option<Reference<Charge>>,
}

#[derive(Clone, Debug, Deserialize)]
struct PaymentError {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    decline_code: Option<String>,
    #[serde(default)]
    advice_code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Charge {
    created: i64,
    #[serde(default)]
    balance_transaction: Option<Reference<BalanceTransaction>>,
    #[serde(default)]
    payment_method_details: Option<Details>,
}

#[derive(Clone, Debug, Deserialize)]
struct BalanceTransaction {
    created: i64,
}

#[derive(Clone, Debug, Deserialize)]
struct Details {
    #[serde(default)]
    card: Option<Card>,
}

#[derive(Clone, Debug, Deserialize)]
struct Card {
    #[serde(default)]
    capture_before: Option<i64>,
}

/// What a call must expand so that times can be read.
pub(super) const EXPAND: &str = "latest_charge.balance_transaction";

impl Intent {
    /// The number of the payment, when it is one of ours.
    pub(super) fn number(&self) -> Option<&str> {
        self.metadata.get(PAYMENT)
    }

    /// How far it has come. Of several for one number the farthest counts: only one can have been handed to the
    /// payer, and only that one can come far.
    pub(super) fn progress(&self) -> u8 {
        match self.status.as_str() {
            "succeeded" => 4,
            "requires_capture" => 3,
            "processing" => 2,
            "canceled" => 0,
            _ => 1,
        }
    }

    /// Where the payment stands; `debits` says whether it is a charge by an agreement. `or_at` stands in for a missing time: money must not be overlooked for want of a
    /// date. `livemode` is that of our key: money of the other mode is not ours.
    ///
    /// # Errors
    /// What cannot be read.
    pub(super) fn standing(&self, livemode: bool, debits: bool, or_at: Timestamp) -> Result<Standing, String> {
        let payee_matches = self.livemode == livemode;
        match self.status.as_str() {
            "succeeded" => self.receipt(payee_matches, or_at).map(Standing::Paid),
            "requires_capture" => self.hold(payee_matches, or_at).map(Standing::Authorized),
            _ if !payee_matches => Err("it is of the other mode, live or test".into()),
            "requires_payment_method" => Ok(self.attempt(debits)),
            // Nobody is there to do it.
            "requires_action" if debits => {
                let words = "authentication_required: the payer's bank wants to hear from him";
                Ok(Standing::Declined(decline(DeclineClass::PayerMustAct, words)))
            }
            // With `processing` money may move: only its end is told.
            "requires_confirmation" | "requires_action" | "processing" => Ok(Standing::Unpaid),
            "canceled" => Ok(Standing::Closed),
            other => Err(format!("its status `{}` is not known", shorten(other))),
        }
    }

    fn attempt(&self, debits: bool) -> Standing {
        let Some(error) = &self.last_payment_error else { return Standing::Unpaid };
        let known = [&error.code, &error.decline_code, &error.message].into_iter().flatten();
        let words: Vec<_> = known.map(String::as_str).collect();
        let reason = if words.is_empty() { "declined".to_owned() } else { words.join(": ") };
        if !debits {
            return Standing::AttemptFailed(shorten(&reason));
        }
        let class = declines::class(error.code.as_deref(), error.decline_code.as_deref(), error.advice_code.as_deref());
        Standing::Declined(decline(class, &reason))
    }

    fn charge(&self) -> Option<&Charge> {
        self.latest_charge.as_ref().and_then(Reference::object)
    }

    fn receipt(&self, payee_matches: bool, or_at: Timestamp) -> Result<Receipt, String> {
        let charged_at = self.charge().map(|charge| charge.created);
        let captured_at = self.charge().and_then(|c| c.balance_transaction.as_ref()?.object()).map(|t| t.created);
        // Money that was held first is taken when it is captured, which may be days after the charge.
        let held = self.capture_method.as_deref() == Some("manual");
        let paid_at = if held { captured_at.or(charged_at) } else { charged_at };
        let minor = self.amount_received.ok_or("it says succeeded, but has no amount_received")?;
        Ok(self.receipt_of(minor, payee_matches, paid_at.map_or(or_at, instant)))
    }

    fn receipt_of(&self, amount_minor: i64, payee_matches: bool, paid_at: Timestamp) -> Receipt {
        // One intent is one payment for ever; a charge is one attempt of it.
        let (transaction_id, currency) = (self.id.clone(), self.currency.to_ascii_uppercase());
        Receipt { transaction_id, amount_minor, currency, payee_matches, paid_at }
    }

    fn hold(&self, payee_matches: bool, or_at: Timestamp) -> Result<Hold, String> {
        let card = self.charge().and_then(|charge| charge.payment_method_details.as_ref()?.card.as_ref());
        let minor = self.amount_capturable.ok_or("it says requires_capture, but has no amount_capturable")?;
        let held_at = self.charge().map_or(or_at, |charge| instant(charge.created));
        let lapses_at = card.and_then(|card| card.capture_before).map(instant);
        Ok(Hold { receipt: self.receipt_of(minor, payee_matches, held_at), lapses_at })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_900_000_000_000);

    fn standing(change: impl FnOnce(&mut Value)) -> Result<Standing, String> {
        let mut value = json!({
            "id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 1234, "amount_received": 1234,
            "amount_capturable": 0, "currency": "hkd", "livemode": false, "capture_method": "automatic",
            "metadata": {"bursar_payment": "01ab"}, "last_payment_error": null, "a_new_member": [1, null],
            "latest_charge": {
                "id": "ch_1", "created": 1_800_000_001, "balance_transaction": {"id": "txn_1", "created": 1_800_000_900},
                "payment_method_details": {"card": {"last4": "4242", "capture_before": 1_800_600_000}, "type": "card"},
            },
        });
        change(&mut value);
        serde_json::from_value::<Intent>(value).map_err(|e| e.to_string())?.standing(false, false, NOW)
    }

    fn receipt() -> Receipt {
        Receipt {
            transaction_id: "pi_1".into(),
            amount_minor: 1234,
            currency: "HKD".into(),
            payee_matches: true,
            paid_at: instant(1_800_000_001),
        }
    }

    #[test]
    fn every_documented_state_has_its_meaning_and_others_have_none() {
        let state = |name: &str| standing(|v| v["status"] = json!(name));
        assert_eq!(state("succeeded"), Ok(Standing::Paid(receipt())));
        for name in ["requires_payment_method", "requires_confirmation", "requires_action", "processing"] {
            assert_eq!(state(name), Ok(Standing::Unpaid), "{name}");
        }
        assert_eq!(state("canceled"), Ok(Standing::Closed));
        for name in ["", "Succeeded", "paid", "requires_something"] {
            assert!(state(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_failed_attempt_is_told_and_an_error_of_an_earlier_one_is_not() {
        let failed = |status: &str, error: Value| {
            standing(|v| {
                v["status"] = json!(status);
                v["last_payment_error"] = error;
            })
        };
        let error =
            json!({"code": "card_declined", "decline_code": "do_not_honor", "message": "No.", "charge": "ch_1"});
        let reason = "card_declined: do_not_honor: No.".to_owned();
        assert_eq!(failed("requires_payment_method", error.clone()), Ok(Standing::AttemptFailed(reason)));
        assert_eq!(failed("requires_action", error), Ok(Standing::Unpaid));
        assert_eq!(failed("requires_payment_method", json!({})), Ok(Standing::AttemptFailed("declined".into())));
    }

    #[test]
    fn a_hold_names_what_can_be_captured_and_until_when() {
        let held = |change: fn(&mut Value)| {
            standing(|v| {
                v["status"] = json!("requires_capture");
                v["amount_capturable"] = json!(1234);
                v["amount_received"] = json!(0);
                v["capture_method"] = json!("manual");
                change(v);
            })
        };
        let hold = Hold { receipt: receipt(), lapses_at: Some(instant(1_800_600_000)) };
        assert_eq!(held(|_| ()), Ok(Standing::Authorized(hold)));
        let unexpanded = Hold { receipt: Receipt { paid_at: NOW, ..receipt() }, lapses_at: None };
        assert_eq!(held(|v| v["latest_charge"] = json!("ch_1")), Ok(Standing::Authorized(unexpanded)));
    }

    #[test]
    fn held_money_is_taken_when_it_is_captured_and_a_missing_time_is_ours() {
        let paid_at = |change: fn(&mut Value)| match standing(change) {
            Ok(Standing::Paid(receipt)) => receipt.paid_at,
            other => panic!("{other:?}"),
        };
        assert_eq!(paid_at(|v| v["capture_method"] = json!("manual")), instant(1_800_000_900));
        assert_eq!(
            paid_at(|v| {
                v["capture_method"] = json!("manual");
                v["latest_charge"]["balance_transaction"] = json!("txn_1");
            }),
            instant(1_800_000_001)
        );
        assert_eq!(paid_at(|v| v["latest_charge"] = json!(null)), NOW);
    }

    #[test]
    fn another_amount_currency_or_mode_is_a_receipt_that_says_so() {
        let paid = |change: fn(&mut Value)| match standing(change) {
            Ok(Standing::Paid(receipt)) => receipt,
            other => panic!("{other:?}"),
        };
        assert_eq!(paid(|v| v["amount_received"] = json!(1)), Receipt { amount_minor: 1, ..receipt() });
        assert_eq!(paid(|v| v["currency"] = json!("cny")), Receipt { currency: "CNY".into(), ..receipt() });
        assert_eq!(paid(|v| v["livemode"] = json!(true)), Receipt { payee_matches: false, ..receipt() });
        let other_mode = standing(|v| {
            v["livemode"] = json!(true);
            v["status"] = json!("canceled");
        });
        assert!(other_mode.is_err(), "an end of another mode's intent is no end of ours");
    }

    #[test]
    fn what_proves_money_must_be_there() {
        for member in ["id", "status", "currency", "livemode", "amount_received", "amount"] {
            assert!(standing(|v| drop(v.as_object_mut().unwrap().remove(member))).is_err(), "{member}");
        }
        assert!(standing(|v| v["amount_received"] = json!("1234")).is_err());
        assert!(standing(|v| v["amount_received"] = json!(12.5)).is_err());
    }
}
