//! Why a charge by an agreement was declined: it knows what each code of the channel means for the charges that could
//! follow, and must never know which charge it was.

use bursar_core::decline::DeclineClass;

use DeclineClass::{Agreement, Hard, InsufficientFunds, PayerMustAct, Risk, Technical, Terms};

/// Codes with which the channel does not charge a payer, without `ACQ.` before them. Source: the list of errors of
/// `alipay.trade.pay` in the channel's API description; what each asks for is ours. A code that is not here proves no
/// decline.
pub(super) const CODES: &[(&str, DeclineClass)] = &[
    ("BUYER_BALANCE_NOT_ENOUGH", InsufficientFunds),
    ("BUYER_BANKCARD_BALANCE_NOT_ENOUGH", InsufficientFunds),
    ("BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", InsufficientFunds),
    ("BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR", InsufficientFunds),
    ("PAYMENT_FAIL", Technical),
    ("BUYER_ENABLE_STATUS_FORBID", Hard),
    ("BUYER_NOT_EXIST", Hard),
    ("BUYER_ERROR", Hard),
    ("ERROR_BALANCE_PAYMENT_DISABLE", PayerMustAct),
    ("ERROR_BUYER_CERTIFY_LEVEL_LIMIT", PayerMustAct),
    ("NO_PAYMENT_INSTRUMENTS_AVAILABLE", PayerMustAct),
    ("PAYMENT_REQUEST_HAS_RISK", Risk),
    // The agreement does not hold.
    ("AGREEMENT_NOT_EXIST", Agreement),
    ("AGREEMENT_INVALID", Agreement),
    ("AGREEMENT_STATUS_NOT_NORMAL", Agreement),
    ("AGREEMENT_ERROR", Agreement),
    ("USER_AGREEMENT_NOT_EXIST", Agreement),
    // It holds, but not for this charge.
    ("CYCLE_PAY_DATE_NOT_MATCH", Terms),
    ("CYCLE_PAY_SINGLE_FEE_EXCEED", Terms),
    ("CYCLE_PAY_TOTAL_FEE_EXCEED", Terms),
    ("CYCLE_PAY_TOTAL_TIMES_EXCEED", Terms),
    ("TOTAL_FEE_EXCEED", Terms),
];

/// How the channel says, to a question about an agreement, that there is none.
const NONE: [&str; 2] = ["USER_AGREEMENT_NOT_EXIST", "AGREEMENT_NOT_EXIST"];

fn bare(code: &str) -> &str {
    code.strip_prefix("ACQ.").unwrap_or(code)
}

/// The class of a code with which a payer was not charged.
pub(super) fn of_code(code: &str) -> Option<DeclineClass> {
    CODES.iter().find(|(known, _)| *known == bare(code)).map(|(_, class)| *class)
}

/// Whether the code says that there is no such agreement.
pub(super) fn says_none(code: &str) -> bool {
    NONE.contains(&bare(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_known_with_and_without_their_prefix_and_strangers_are_not() {
        assert_eq!(of_code("ACQ.BUYER_BALANCE_NOT_ENOUGH"), Some(InsufficientFunds));
        assert_eq!(of_code("CYCLE_PAY_DATE_NOT_MATCH"), Some(Terms));
        for code in ["ACQ.SYSTEM_ERROR", "10003", "ACQ.TRADE_HAS_SUCCESS", "ACQ.SOMETHING_NEW", ""] {
            assert_eq!(of_code(code), None, "{code}");
        }
        assert!(says_none("ACQ.USER_AGREEMENT_NOT_EXIST") && !says_none("ACQ.TRADE_NOT_EXIST"));
    }

    #[test]
    fn no_code_stands_twice() {
        for (index, (code, _)) in CODES.iter().enumerate() {
            assert!(CODES.iter().skip(index + 1).all(|(other, _)| other != code), "{code}");
        }
    }
}
