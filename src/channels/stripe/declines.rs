//! Why a charge of a saved card was declined: it knows what each code of the channel means for the charges that could
//! follow, and must never know which charge it was.

use bursar_core::decline::DeclineClass;

use DeclineClass::{Hard, InsufficientFunds, PayerMustAct, Risk, Technical, Terms};

/// Codes of declines (`decline_code`, or `code` where there is none). Source: the channel's list of decline codes and
/// of error codes, from memory, but for `insufficient_funds`, `do_not_honor`, `card_declined` and
/// `authentication_required`, which were read. One that is not here is trouble that may pass: such a charge is tried
/// again, and not for ever.
pub(super) const CODES: &[(&str, DeclineClass)] = &[
    ("insufficient_funds", InsufficientFunds),
    ("withdrawal_count_limit_exceeded", InsufficientFunds),
    ("card_velocity_exceeded", InsufficientFunds),
    // The bank does not say why, or something on the way to it is broken.
    ("do_not_honor", Technical),
    ("generic_decline", Technical),
    ("card_declined", Technical),
    ("call_issuer", Technical),
    ("no_action_taken", Technical),
    ("not_permitted", Technical),
    ("service_not_allowed", Technical),
    ("approve_with_id", Technical),
    ("issuer_not_available", Technical),
    ("processing_error", Technical),
    ("reenter_transaction", Technical),
    ("try_again_later", Technical),
    ("duplicate_transaction", Technical),
    // The card is no more, or cannot pay so.
    ("expired_card", Hard),
    ("lost_card", Hard),
    ("stolen_card", Hard),
    ("pickup_card", Hard),
    ("restricted_card", Hard),
    ("security_violation", Hard),
    ("invalid_account", Hard),
    ("new_account_information_available", Hard),
    ("incorrect_number", Hard),
    ("invalid_number", Hard),
    ("invalid_expiry_month", Hard),
    ("invalid_expiry_year", Hard),
    ("card_not_supported", Hard),
    ("currency_not_supported", Hard),
    ("transaction_not_allowed", Hard),
    ("revocation_of_all_authorizations", Hard),
    ("revocation_of_authorization", Hard),
    ("stop_payment_order", Hard),
    ("testmode_decline", Hard),
    // The payer has to prove that he is there, or to mend what he typed.
    ("authentication_required", PayerMustAct),
    ("authentication_not_handled", PayerMustAct),
    ("payment_intent_authentication_failure", PayerMustAct),
    ("offline_pin_required", PayerMustAct),
    ("online_or_offline_pin_required", PayerMustAct),
    ("pin_try_exceeded", PayerMustAct),
    ("incorrect_cvc", PayerMustAct),
    ("invalid_cvc", PayerMustAct),
    ("incorrect_zip", PayerMustAct),
    ("incorrect_address", PayerMustAct),
    ("fraudulent", Risk),
    ("highest_risk_level", Risk),
    ("merchant_blacklist", Risk),
    ("invalid_amount", Terms),
];

/// The scheme's word that the card is not to be charged again. It stands above every code.
const NEVER_AGAIN: &str = "do_not_try_again";

/// What a decline with these codes means.
pub(super) fn class(code: Option<&str>, decline_code: Option<&str>, advice: Option<&str>) -> DeclineClass {
    let of = |code: &str| CODES.iter().find(|(known, _)| *known == code).map(|(_, class)| *class);
    let read = decline_code.and_then(of).or_else(|| code.and_then(of)).unwrap_or(Technical);
    match (advice, read) {
        // Whom a person or the payer himself can help is not lost yet; the class says who is asked.
        (Some(NEVER_AGAIN), Risk | PayerMustAct) => read,
        (Some(NEVER_AGAIN), _) => Hard,
        _ => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_finer_code_counts_and_a_strange_one_means_trouble_that_may_pass() {
        let of = |code, decline| class(Some(code), decline, None);
        assert_eq!(of("card_declined", Some("insufficient_funds")), InsufficientFunds);
        assert_eq!(of("card_declined", Some("lost_card")), Hard);
        assert_eq!(of("card_declined", Some("something_new")), Technical);
        assert_eq!(of("expired_card", None), Hard);
        assert_eq!(of("authentication_required", None), PayerMustAct);
        assert_eq!(of("card_declined", Some("authentication_required")), PayerMustAct);
        assert_eq!(class(None, None, None), Technical);
    }

    #[test]
    fn what_the_scheme_forbids_is_not_tried_again() {
        let never = |code, decline| class(Some(code), decline, Some("do_not_try_again"));
        assert_eq!(never("card_declined", Some("do_not_honor")), Hard);
        assert_eq!(never("card_declined", Some("insufficient_funds")), Hard);
        assert_eq!(never("card_declined", Some("fraudulent")), Risk);
        for advice in ["try_again_later", "confirm_card_data"] {
            assert_eq!(class(Some("card_declined"), Some("do_not_honor"), Some(advice)), Technical);
        }
    }

    #[test]
    fn no_code_stands_twice() {
        for (index, (code, _)) in CODES.iter().enumerate() {
            assert!(CODES.iter().skip(index + 1).all(|(other, _)| other != code), "{code}");
        }
    }
}
