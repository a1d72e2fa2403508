//! Answer codes: it knows what each means for us, and must never know what was asked.

use super::fields::Fields;
use crate::outcome::{Refusal, RefusalClass, Why, WhyKind, shorten};

/// What a code means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// It is done, or for a call: it was taken.
    Success,
    /// The channel does not know yet: ask.
    Pending,
    /// The channel is in trouble: ask before anything else.
    System,
    /// Too many questions: the same later.
    TooMany,
    /// The call is wrong.
    Wrong,
    /// The account is wrong: keys, numbers or permissions.
    Account,
    /// The transaction exists already.
    Duplicate,
    /// The channel does not know the transaction.
    Absent,
    /// The call cannot be done: an amount, a state, a rule.
    Invalid,
    /// The payer's bank or card said no. He may try again.
    Payer,
    /// As above, for want of money on the account from which it was to come.
    NoFunds,
    /// Money was taken after the last moment to pay; it goes back to the payer by itself.
    TooLate,
    /// About statements only.
    NoFile,
}

use Meaning::{
    Absent, Account, Duplicate, Invalid, NoFile, NoFunds, Payer, Pending, Success, System, TooLate, TooMany, Wrong,
};

/// Every code that we act on. A code that is not here proves nothing.
///
/// Read in the channel's own libraries: 00 and A6 are success (A6 with a flaw that only the settlement sees),
/// 03, 04 and 05 want a question, 34 is "no such transaction". The others are from memory of its table and
/// were not confirmed, so that none of them is worth more than its class: whatever may have had an effect is
/// asked about before it is given up.
pub(super) const TABLE: &[(&str, Meaning)] = &[
    ("00", Success),
    ("A6", Success),
    ("03", Pending),
    ("04", Pending),
    ("05", Pending),
    ("01", System),
    ("02", System),
    ("06", System),
    ("99", System),
    ("37", TooMany),
    ("10", Wrong),
    ("13", Wrong),
    ("11", Account),
    ("30", Account),
    ("31", Account),
    ("32", Account),
    ("39", Account),
    ("40", Account),
    ("41", Account),
    ("12", Duplicate),
    ("34", Absent),
    ("33", Invalid),
    ("35", Invalid),
    ("36", Invalid),
    ("38", Invalid),
    ("60", Payer),
    ("61", Payer),
    ("62", Payer),
    ("63", Payer),
    ("64", NoFunds),
    ("65", Payer),
    ("66", Payer),
    ("67", Payer),
    ("68", Payer),
    ("69", Payer),
    ("70", Payer),
    ("71", Payer),
    ("73", Payer),
    ("77", Payer),
    ("79", Payer),
    ("42", TooLate),
    ("98", NoFile),
];

/// A code and its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) code: String,
    pub(super) message: String,
    /// `None` when the code is not in the table.
    pub(super) meaning: Option<Meaning>,
}

impl Said {
    /// What an answer says about the call, or a notification about its transaction.
    pub(super) fn about_call(fields: &Fields) -> Self {
        Self::read(fields.text("respCode"), fields.text("respMsg"))
    }

    /// What the answer to a question says about the transaction that was asked about.
    pub(super) fn about_original(fields: &Fields) -> Self {
        Self::read(fields.text("origRespCode"), fields.text("origRespMsg"))
    }

    fn read(code: &str, message: &str) -> Self {
        let meaning = TABLE.iter().find(|(name, _)| *name == code).map(|(_, meaning)| *meaning);
        Self { code: shorten(code), message: shorten(message), meaning }
    }

    pub(super) fn is_success(&self) -> bool {
        self.meaning == Some(Success)
    }

    /// The definite no that it is; `None` when it is none.
    pub(super) fn refusal(&self) -> Option<Refusal> {
        let class = match self.meaning? {
            Wrong | Invalid | Payer | NoFunds => RefusalClass::Definite,
            Account => RefusalClass::Configuration,
            Success | Pending | System | TooMany | Duplicate | Absent | TooLate | NoFile => return None,
        };
        Some(self.refusal_as(class))
    }

    pub(super) fn refusal_as(&self, class: RefusalClass) -> Refusal {
        Refusal { code: self.code.clone(), message: self.message.clone(), class }
    }

    /// Why nothing is known, when it is no definite no.
    pub(super) fn why(&self) -> Why {
        let kind = match self.meaning {
            Some(Pending | System) => WhyKind::SystemError,
            Some(TooMany) => WhyKind::RateLimited,
            // What we do not know the meaning of, or what makes no sense here, is never a no.
            _ => WhyKind::Unreadable,
        };
        Why::new(kind, self.words())
    }

    /// For people: the code and the channel's words.
    pub(super) fn words(&self) -> String {
        shorten(&format!("{}: {}", self.code, self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: &str) -> Said {
        Said::read(code, "in words")
    }

    #[test]
    fn every_code_stands_in_the_table_once() {
        let mut codes: Vec<_> = TABLE.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), TABLE.len());
    }

    #[test]
    fn codes_that_want_a_question_are_never_a_no() {
        for code in ["00", "A6", "01", "02", "03", "04", "05", "06", "12", "34", "37", "42", "98", "99", "", "a6", "Z9"]
        {
            assert_eq!(said(code).refusal(), None, "{code}");
        }
    }

    #[test]
    fn a_no_says_whether_the_account_must_be_mended() {
        for code in ["11", "30", "31", "32", "39", "40", "41"] {
            assert_eq!(said(code).refusal().unwrap().class, RefusalClass::Configuration, "{code}");
        }
        for code in ["10", "13", "33", "35", "36", "38", "60", "64", "79"] {
            assert_eq!(said(code).refusal().unwrap().class, RefusalClass::Definite, "{code}");
        }
    }

    #[test]
    fn trouble_is_named_by_its_kind_and_unknown_codes_cannot_be_read() {
        for (code, kind) in [
            ("03", WhyKind::SystemError),
            ("99", WhyKind::SystemError),
            ("37", WhyKind::RateLimited),
            ("Z9", WhyKind::Unreadable),
            ("42", WhyKind::Unreadable),
        ] {
            let why = said(code).why();
            assert_eq!((why.kind, why.detail, why.not_sent), (kind, format!("{code}: in words"), false));
        }
    }
}
