//! A transaction as the channel shows it, in answers and notifications alike: it knows the members that matter
//! and what they mean, and must never judge an amount.
//!
//! The number of the payer's card (`accNo`) is never read.

use bursar_core::Timestamp;
use bursar_core::observation::Receipt;
use bursar_core::refund::RefundReceipt;

use super::call::{CHARGE, OPENING, PURCHASE, REFUND, VOID};
use super::codes::{Meaning, Said};
use super::declines;
use super::fields::Fields;
use super::time;
use crate::beijing;
use crate::debit::decline;
use crate::outcome::{RefundStanding, Standing, Why, WhyKind};
use crate::settings::plain;

/// The number of our currency at the channel (ISO 4217).
pub(super) const CNY: &str = "156";
/// Most digits of an amount.
const MAX_AMOUNT_DIGITS: usize = 12;
/// Most characters of the channel's own number of a transaction; it has 21 digits.
const MAX_ID_CHARS: usize = 32;

/// Members of one transaction, verified.
pub(super) struct Transaction<'a> {
    fields: &'a Fields,
    /// How it ended.
    said: &'a Said,
    /// Our merchant number.
    mer_id: &'a str,
    /// Stands in for a missing time: money must not be overlooked for want of a date.
    or_at: Timestamp,
}

fn unreadable(what: &str) -> Why {
    Why::new(WhyKind::Unreadable, what)
}

impl<'a> Transaction<'a> {
    pub(super) const fn new(fields: &'a Fields, said: &'a Said, mer_id: &'a str, or_at: Timestamp) -> Self {
        Self { fields, said, mer_id, or_at }
    }

    pub(super) fn is_payment(&self) -> bool {
        self.fields.text("txnType") == PURCHASE.txn_type
    }

    /// Whether it gives money back, in one way or the other.
    pub(super) fn is_refund(&self) -> bool {
        [REFUND.txn_type, VOID.txn_type].contains(&self.fields.text("txnType"))
    }

    /// Whether it is a charge of a token, by its product.
    pub(super) fn debits(&self) -> bool {
        self.is_payment() && self.fields.text("bizType") == CHARGE.biz_type
    }

    /// Whether it opens a card for charges.
    pub(super) fn is_opening(&self) -> bool {
        self.fields.text("txnType") == OPENING.txn_type
    }

    pub(super) fn is_ours(&self) -> bool {
        self.fields.text("merId") == self.mer_id
    }

    /// When the channel worked on it, by its clock; when it does not say, when we sent it, as the channel
    /// repeats it. The same in answers and notifications.
    pub(super) fn at(&self) -> Timestamp {
        let Some(sent_at) = beijing::parse_digits(self.fields.text("txnTime")) else { return self.or_at };
        time::read_yearless(self.fields.text("traceTime"), sent_at).unwrap_or(sent_at)
    }

    /// Where the payment stands; `debits` says whether it is a charge of a token.
    ///
    /// # Errors
    /// Why it says nothing yet, or nothing that can be read: ask, or ask again.
    pub(super) fn standing(&self, debits: bool) -> Result<Standing, Why> {
        if !self.is_payment() {
            return Err(unreadable("it is no payment"));
        }
        match self.said.meaning {
            Some(Meaning::Success) => self.receipt().map(Standing::Paid),
            // A no about another merchant's payment says nothing about ours; money does.
            _ if !self.is_ours() => Err(unreadable("it is about another merchant")),
            // Not `Unpaid`: the channel may have the money already, and does not know it yet.
            Some(Meaning::Pending) => Err(self.said.why()),
            // Money was taken, and a question will tell when it has gone back.
            Some(Meaning::TooLate) if debits => Err(self.said.why()),
            // A charge is one attempt, and nobody can confirm it later.
            Some(
                Meaning::System
                | Meaning::Wrong
                | Meaning::Account
                | Meaning::Invalid
                | Meaning::Payer
                | Meaning::NoFunds,
            ) if debits => Ok(Standing::Declined(decline(declines::of_end(&self.said.code), &self.said.words()))),
            // A later attempt may succeed, until the last moment to pay; and the channel calls no attempt the
            // last one. 42 is money that the channel gives back by itself.
            Some(
                Meaning::System
                | Meaning::Wrong
                | Meaning::Account
                | Meaning::Invalid
                | Meaning::Payer
                | Meaning::NoFunds
                | Meaning::TooLate,
            ) => Ok(Standing::AttemptFailed(self.said.words())),
            Some(Meaning::Absent) => Ok(Standing::Absent),
            Some(Meaning::TooMany | Meaning::Duplicate | Meaning::NoFile) | None => Err(self.said.why()),
        }
    }

    /// Where the refund stands.
    ///
    /// # Errors
    /// Why it says nothing yet, or nothing that can be read: ask, or ask again.
    pub(super) fn refund_standing(&self) -> Result<RefundStanding, Why> {
        if !self.is_refund() {
            return Err(unreadable("it is no refund"));
        }
        if !self.is_ours() {
            return Err(unreadable("it is about another merchant"));
        }
        match self.said.meaning {
            Some(Meaning::Success) => self.refund_receipt().map(RefundStanding::Succeeded),
            Some(Meaning::Pending) => Ok(RefundStanding::Processing { refund_id: self.id()? }),
            Some(Meaning::Absent) => Ok(RefundStanding::Absent),
            Some(Meaning::Wrong | Meaning::Account | Meaning::Invalid | Meaning::Payer | Meaning::NoFunds) => {
                Ok(RefundStanding::Closed(self.said.words()))
            }
            // A refund that is given up is looked for another way. "Trouble" is too little for that.
            Some(Meaning::System | Meaning::TooMany | Meaning::Duplicate | Meaning::TooLate | Meaning::NoFile)
            | None => Err(self.said.why()),
        }
    }

    fn receipt(&self) -> Result<Receipt, Why> {
        Ok(Receipt {
            transaction_id: self.id()?,
            amount_minor: self.amount()?,
            currency: self.currency(),
            payee_matches: self.is_ours(),
            paid_at: self.at(),
        })
    }

    fn refund_receipt(&self) -> Result<RefundReceipt, Why> {
        Ok(RefundReceipt {
            refund_id: self.id()?,
            amount_minor: self.amount()?,
            currency: self.currency(),
            refunded_at: self.at(),
        })
    }

    /// The channel's own number of it.
    pub(super) fn id(&self) -> Result<String, Why> {
        let id = self.fields.text("queryId");
        if plain(id, MAX_ID_CHARS, "") { Ok(id.to_owned()) } else { Err(unreadable("it has no queryId")) }
    }

    /// In fen: digits only. What was settled (`settleAmt`) may be less, when somebody else pays a part.
    fn amount(&self) -> Result<i64, Why> {
        let digits = self.fields.text("txnAmt");
        let plain = (1..=MAX_AMOUNT_DIGITS).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| plain).ok_or_else(|| unreadable("its txnAmt is no amount"))
    }

    /// The currency's code, or the channel's number of it when it is another than ours. Answers about refunds
    /// name none; then it is that of the account, which takes no other.
    fn currency(&self) -> String {
        match self.fields.get("currencyCode") {
            None | Some(CNY) => "CNY".to_owned(),
            Some(other) => crate::outcome::shorten(other),
        }
    }
}
