//! Error answers: it knows what each code means for us, and must never know where an answer came from.

use serde::Deserialize;

use crate::outcome::{Outcome, Refusal, RefusalClass, Why, WhyKind, shorten};

/// What an error code means, whatever was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Meaning {
    /// The channel does not know either: ask, or repeat the same.
    System,
    /// Too many: repeat the same later.
    TooMany,
    /// The merchant's balance is not enough. Only a call that gives money back can be told so.
    NoFunds,
    /// Not now: the same later.
    Later,
    /// The call is wrong, or the payer cannot pay so.
    Wrong,
    /// The account is wrong: keys, contracts or permissions.
    Account,
    /// The number is paid.
    Paid,
    /// The number was used with other content.
    InUse,
    /// The number is closed.
    Closed,
    /// The number is not known.
    Absent,
    /// The trade is in another state than the call needs: ask which.
    Status,
}

use Meaning::{Absent, Account, Closed, InUse, Later, NoFunds, Paid, Status, System, TooMany, Wrong};

/// Every code that we act on, without `ACQ.` before it. A code that is not here proves nothing. Source: the
/// lists of errors of the calls in the channel's API description.
pub(super) const TABLE: &[(&str, Meaning)] = &[
    ("SYSTEM_ERROR", System),
    ("UNKNOWN_ERROR", System),
    // Orders.
    ("TRADE_HAS_SUCCESS", Paid),
    ("TRADE_HAS_CLOSE", Closed),
    ("CONTEXT_INCONSISTENT", InUse),
    ("TRADE_BUYER_NOT_MATCH", InUse),
    ("TRADE_NOT_EXIST", Absent),
    ("TRADE_STATUS_ERROR", Status),
    ("REASON_TRADE_STATUS_INVALID", Status),
    ("REASON_ILLEGAL_STATUS", Status),
    ("TRADE_HAS_FINISHED", Status),
    ("INVALID_PARAMETER", Wrong),
    ("EXIST_FORBIDDEN_WORD", Wrong),
    ("TOTAL_FEE_EXCEED", Wrong),
    ("NOW_TIME_AFTER_EXPIRE_TIME_ERROR", Wrong),
    ("SUB_GOODS_SIZE_MAX_COUNT", Wrong),
    ("CURRENCY_NOT_SUPPORT", Wrong),
    ("ENTERPRISE_PAY_BIZ_ERROR", Wrong),
    // The payer's side: he may pay in another way, under another number.
    ("BUYER_BALANCE_NOT_ENOUGH", Wrong),
    ("BUYER_BANKCARD_BALANCE_NOT_ENOUGH", Wrong),
    ("ERROR_BALANCE_PAYMENT_DISABLE", Wrong),
    ("BUYER_SELLER_EQUAL", Wrong),
    ("BUYER_ENABLE_STATUS_FORBID", Wrong),
    ("BUYER_PAYMENT_AMOUNT_DAY_LIMIT_ERROR", Wrong),
    ("BUYER_PAYMENT_AMOUNT_MONTH_LIMIT_ERROR", Wrong),
    ("BUYER_NOT_EXIST", Wrong),
    ("BUYER_ERROR", Wrong),
    ("ERROR_BUYER_CERTIFY_LEVEL_LIMIT", Wrong),
    ("PAYMENT_FAIL", Wrong),
    ("PAYMENT_REQUEST_HAS_RISK", Wrong),
    ("USER_NOT_MATCH_ERR", Wrong),
    // The merchant's side: a person has to mend it.
    ("ACCESS_FORBIDDEN", Account),
    ("PARTNER_ERROR", Account),
    ("SELLER_BEEN_BLOCKED", Account),
    ("SELLER_NOT_EXIST", Account),
    ("BEYOND_PAY_RESTRICTION", Account),
    ("BEYOND_PER_RECEIPT_RESTRICTION", Account),
    ("BEYOND_PER_RECEIPT_DAY_RESTRICTION", Account),
    ("BEYOND_PER_RECEIPT_SINGLE_RESTRICTION", Account),
    ("INVALID_STORE_ID", Account),
    ("INVALID_RECEIVE_ACCOUNT", Account),
    ("APPLY_PC_MERCHANT_CODE_ERROR", Account),
    ("DEFAULT_SETTLE_RULE_NOT_EXIST", Account),
    ("RISK_MERCHANT_IP_NOT_EXIST", Account),
    ("CUSTOMER_VALIDATE_ERROR", Account),
    ("OVERDRAFT_ASSIGN_ACCOUNT_INVALID", Account),
    ("OVERDRAFT_AGREEMENT_NOT_MATCH", Account),
    // Refunds.
    ("SELLER_BALANCE_NOT_ENOUGH", NoFunds),
    ("DISCORDANT_REPEAT_REQUEST", InUse),
    ("REASON_TRADE_BEEN_FREEZEN", Later),
    ("TRADE_SETTLE_ERROR", Later),
    ("REFUND_CHARGE_ERROR", Later),
    ("TRADE_NOT_ALLOW_REFUND", Wrong),
    ("NOT_ALLOW_PARTIAL_REFUND", Wrong),
    ("ONLINE_TRADE_VOUCHER_NOT_ALLOW_REFUND", Wrong),
    ("REFUND_AMT_NOT_EQUAL_TOTAL", Wrong),
    ("REASON_TRADE_REFUND_FEE_ERR", Wrong),
    ("REFUND_FEE_ERROR", Wrong),
    ("ALLOC_AMOUNT_VALIDATE_ERROR", Wrong),
    ("REFUND_ACCOUNT_NOT_EXIST", Wrong),
    ("REFUND_ROYALTY_PAYEE_ACCOUNT_NOT_EXIST", Wrong),
    // Holds.
    ("AUTH_ORDER_NOT_EXIST", Absent),
    ("AUTH_OPERATION_NOT_EXIST", Absent),
    ("ORDER_ALREADY_CLOSED", Closed),
    ("ORDER_ALREADY_FINISH", Status),
    ("ILLEGAL_STATUS", Status),
    ("UNIQUE_VIOLATION", InUse),
    ("ILLEGAL_ARGUMENT", Wrong),
    ("REQUEST_AMOUNT_EXCEED", Wrong),
    ("PAYER_USER_STATUS_LIMIT", Wrong),
    ("PAYER_NOT_EXIST", Wrong),
    ("HAS_NO_PRIVILEGE", Account),
    // The gateway's own.
    ("isv.app-call-limited", TooMany),
    ("isv.invalid-signature", Account),
    ("isv.invalid-signature-type", Account),
    ("isv.invalid-app-id", Account),
    ("isv.invalid-timestamp", Account),
    ("isv.invalid-cert-sn", Account),
    ("isv.insufficient-isv-permissions", Account),
    ("isv.insufficient-user-permissions", Account),
];

/// Beginnings of codes that say who has to act, where the code is not in the table.
const PREFIXES: &[(&str, Meaning)] =
    &[("isp.", System), ("aop.", System), ("MERCHANT_", Account), ("SECONDARY_MERCHANT_", Account)];

/// What the gateway's own number means where the code beside it says nothing. 40004 ("the business failed") alone
/// proves nothing. Well known, but not confirmed by a page that could be read.
const GATEWAY: &[(&str, Meaning)] = &[
    ("10003", System),
    ("20000", System),
    ("20001", Account),
    ("40001", Wrong),
    ("40002", Wrong),
    ("40003", Account),
    ("40005", TooMany),
    ("40006", Account),
];

fn meaning(number: &str, code: &str) -> Option<Meaning> {
    // One call misspells its own prefix.
    let bare = code.strip_prefix("ACQ.").or_else(|| code.strip_prefix("AQC.")).unwrap_or(code);
    let found = TABLE.iter().find(|(name, _)| *name == bare);
    let found = found.or_else(|| PREFIXES.iter().find(|(start, _)| bare.starts_with(start)));
    found.or_else(|| GATEWAY.iter().find(|(known, _)| *known == number)).map(|(_, meaning)| *meaning)
}

/// An error answer, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct ApiError {
    /// The business code, or the gateway's number where there is none.
    pub(super) code: String,
    pub(super) message: String,
    /// `None` when nothing is known of the code.
    pub(super) meaning: Option<Meaning>,
}

/// The status in an answer of the gateway.
#[derive(Deserialize)]
pub(super) struct Status2 {
    pub(super) code: String,
    #[serde(default)]
    msg: String,
    #[serde(default)]
    sub_code: String,
    #[serde(default)]
    sub_msg: String,
}

/// The body of an error of the REST protocol.
#[derive(Deserialize)]
struct Body3 {
    code: String,
    #[serde(default)]
    message: String,
}

impl ApiError {
    /// From the status of a gateway's answer that is not success.
    pub(super) fn of(status: Status2) -> Self {
        let meaning = meaning(&status.code, &status.sub_code);
        let (code, message) =
            if status.sub_code.is_empty() { (status.code, status.msg) } else { (status.sub_code, status.sub_msg) };
        Self { code: shorten(&code), message: shorten(&message), meaning }
    }

    /// Reads the body of a REST error; `None` when it is not one of the channel's.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let Body3 { code, message } = serde_json::from_slice(body).ok()?;
        Some(Self { code: shorten(&code), message: shorten(&message), meaning: meaning("", &code) })
    }

    /// The outcome that does not depend on what was asked.
    pub(super) fn outcome<T>(self) -> Outcome<T> {
        let class = match self.meaning {
            Some(Wrong | Absent) => RefusalClass::Definite,
            Some(Account) => RefusalClass::Configuration,
            Some(Closed) => RefusalClass::NumberClosed,
            Some(Paid) => RefusalClass::AlreadyPaid,
            Some(InUse | Status) => RefusalClass::NumberInUse,
            Some(System | NoFunds | Later) => return Outcome::Unknown(self.why(WhyKind::SystemError)),
            Some(TooMany) => return Outcome::Unknown(self.why(WhyKind::RateLimited)),
            // What we do not know the meaning of is never a no.
            None => return Outcome::Unknown(self.why(WhyKind::Unreadable)),
        };
        Outcome::Refused(self.refusal(class))
    }

    pub(super) fn refusal(self, class: RefusalClass) -> Refusal {
        Refusal { code: self.code, message: self.message, class }
    }

    pub(super) fn why(&self, kind: WhyKind) -> Why {
        Why::new(kind, format!("{}: {}", self.code, self.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_and_misspellings_change_nothing_and_strangers_prove_nothing() {
        for code in ["ACQ.SYSTEM_ERROR", "AQC.SYSTEM_ERROR", "SYSTEM_ERROR", "isp.unknow-error", "aop.unknow-error"] {
            assert_eq!(meaning("40004", code), Some(System), "{code}");
        }
        assert_eq!(meaning("40004", "ACQ.MERCHANT_PERM_RECEIPT_DAY_LIMIT"), Some(Account));
        assert_eq!(meaning("40004", "ACQ.SOMETHING_NEW"), None);
        assert_eq!(meaning("40004", ""), None);
        assert_eq!(meaning("40002", "isv.invalid-signature"), Some(Account));
        assert_eq!(meaning("40002", "isv.something-new"), Some(Wrong));
        assert_eq!(meaning("99999", ""), None);
    }

    #[test]
    fn no_code_stands_twice() {
        for (index, (code, _)) in TABLE.iter().enumerate() {
            assert!(TABLE.iter().skip(index + 1).all(|(other, _)| other != code), "{code}");
        }
    }
}
