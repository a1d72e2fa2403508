//! Why a charge of a token was declined: it knows what each code of the channel means for the charges that could
//! follow, and must never know which charge it was.

use bursar_core::decline::DeclineClass;

use DeclineClass::{Agreement, Hard, InsufficientFunds, PayerMustAct, Risk, Technical, Terms};

/// Codes of failed charges. Source: the channel's table of codes, from memory, and not confirmed by a page that could
/// be read; so a code is believed only once a question has shown that no money was taken. One that is not here is
/// trouble that may pass: such a charge is tried again, and not for ever.
pub(super) const CODES: &[(&str, DeclineClass)] = &[
    ("64", InsufficientFunds),
    ("33", Terms),
    ("38", Risk),
    // The bank says no, and not why.
    ("60", Technical),
    ("69", Technical),
    ("73", Technical),
    // The card is not as it was.
    ("61", Hard),
    ("62", Hard),
    ("63", Hard),
    ("68", Hard),
    ("70", Hard),
    // What the payer knows or has is asked for.
    ("65", PayerMustAct),
    ("66", PayerMustAct),
    ("67", PayerMustAct),
    ("71", PayerMustAct),
    // The card is not open for charges of this kind (any more).
    ("77", Agreement),
    ("79", Agreement),
];

/// To a charge, "no such transaction" can only be about its token.
const NO_TOKEN: &str = "34";

fn of_code(code: &str) -> Option<DeclineClass> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, class)| *class)
}

/// The class of the code with which a charge was answered; `None` when it proves no decline.
pub(super) fn of_answer(code: &str) -> Option<DeclineClass> {
    if code == NO_TOKEN { Some(Agreement) } else { of_code(code) }
}

/// The class of the code with which a charge ended.
pub(super) fn of_end(code: &str) -> DeclineClass {
    of_code(code).unwrap_or(Technical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_stands_twice_and_strangers_are_trouble_that_may_pass() {
        for (index, (code, class)) in CODES.iter().enumerate() {
            assert!(CODES.iter().skip(index + 1).all(|(other, _)| other != code), "{code}");
            assert_eq!((of_answer(code), of_end(code)), (Some(*class), *class));
        }
        assert_eq!((of_answer("34"), of_answer("99"), of_answer("05")), (Some(Agreement), None, None));
        assert_eq!((of_end("99"), of_end("Z9")), (Technical, Technical));
    }
}
