//! Why a charge by an agreement was declined: it knows what each code and each word of the channel means for the
//! charges that could follow, and must never know which charge it was.

use bursar_core::decline::{Decline, DeclineClass};

use crate::debit::decline;

use DeclineClass::{Agreement, Hard, InsufficientFunds, PayerMustAct, Risk, Technical, Terms};

/// Codes with which the channel does not take a charge on. `NOT_ENOUGH` is the merchant's balance where money goes
/// back, and the payer's here. Sources: the error table of the API for the first group; the error lists of the older
/// protocol and of the overseas product, from memory, for the second. A code that is not here proves no decline.
pub(super) const CODES: &[(&str, DeclineClass)] = &[
    ("NOT_ENOUGH", InsufficientFunds),
    ("NOTENOUGH", InsufficientFunds),
    ("USER_ACCOUNT_ABNORMAL", Hard),
    ("RULE_LIMIT", Terms),
    ("RULELIMIT", Terms),
    ("RESOURCE_NOT_EXISTS", Agreement),
    // Not confirmed by a page that could be read.
    ("CONTRACT_NOT_EXIST", Agreement),
    ("CONTRACT_NOT_EXISTS", Agreement),
    ("CONTRACT_NOTEXIST", Agreement),
    ("CONTRACT_TERMINATED", Agreement),
    ("CONTRACT_EXPIRED", Agreement),
    ("CONTRACT_ERROR", Agreement),
    ("USER_NOT_EXIST", Hard),
    ("USER_NOT_VERIFIED", PayerMustAct),
    ("RISK_REJECT", Risk),
];

/// Codes of [`CODES`] that say, to a question about an agreement, that there is none.
pub(super) const NO_CONTRACT: &[&str] =
    &["RESOURCE_NOT_EXISTS", "CONTRACT_NOT_EXIST", "CONTRACT_NOT_EXISTS", "CONTRACT_NOTEXIST"];

/// Pieces of the sentence with which the channel explains a failed charge (`trade_state_desc`): there is no code
/// beside it. The first that is found counts. The sentences are not documented; these are the words that are in use
/// for the causes.
const WORDS: &[(&str, DeclineClass)] = &[
    ("余额不足", InsufficientFunds),
    ("资金不足", InsufficientFunds),
    ("解约", Agreement),
    ("协议", Agreement),
    ("风险", Risk),
    ("冻结", Hard),
    ("注销", Hard),
    ("挂失", Hard),
    ("过期", Hard),
    ("账户异常", Hard),
    ("限额", Terms),
    ("超限", Terms),
    ("验证", PayerMustAct),
    ("确认", PayerMustAct),
];

/// The class of a code with which a charge was not taken on.
pub(super) fn of_code(code: &str) -> Option<DeclineClass> {
    CODES.iter().find(|(known, _)| *known == code).map(|(_, class)| *class)
}

/// Why a charge failed that was taken on, by the channel's sentence. What it does not explain is trouble that may
/// pass: such a charge is tried again, and not for ever.
pub(super) fn of_sentence(sentence: &str) -> Decline {
    let by_word = WORDS.iter().find(|(word, _)| sentence.contains(word)).map(|(_, class)| *class);
    let by_code = || CODES.iter().find(|(code, _)| sentence.contains(code)).map(|(_, class)| *class);
    decline(by_word.or_else(by_code).unwrap_or(Technical), sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_read_by_its_words_or_by_a_code_in_it_and_else_means_trouble_that_may_pass() {
        for (sentence, class) in [
            ("支付失败，用户余额不足", InsufficientFunds),
            ("NOT_ENOUGH: balance", InsufficientFunds),
            ("用户已解约", Agreement),
            ("银行卡已过期", Hard),
            ("超出单笔限额", Terms),
            ("存在风险", Risk),
            ("需用户确认", PayerMustAct),
            ("支付失败(其他原因，如银行返回失败)", Technical),
            ("", Technical),
        ] {
            assert_eq!(of_sentence(sentence), Decline { class, reason: sentence.into() }, "{sentence}");
        }
        assert_eq!(of_code("INVALID_REQUEST"), None, "it may be about anything");
    }

    #[test]
    fn every_code_that_says_there_is_no_contract_stops_charges() {
        for code in NO_CONTRACT {
            assert_eq!(of_code(code), Some(Agreement), "{code}");
        }
    }
}
