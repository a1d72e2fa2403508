//! Double entry: it knows which accounts a transition moves money between, and must never know how
//! postings are stored.
//!
//! A posting is one transfer: it debits one account and credits another by the same amount, so every
//! set of postings sums to zero by construction. Balances are debits less credits.

use serde::Serialize;
use uuid::Uuid;

use crate::money::Money;
use crate::payment::{Payment, PaymentState};

/// What kind of account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    /// What payers owe for a merchant's open orders. Owner: merchant.
    Receivable,
    /// What a merchant has earned or is about to. Owner: merchant.
    Earnings,
    /// Money that a channel holds for us. Owner: channel account.
    Clearing,
    /// Money that we do not know about: results unknown or held. Owner: channel account.
    Suspense,
    /// Money that came for a closed order and belongs to the payer. Owner: merchant.
    LateMoney,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Receivable, Self::Earnings, Self::Clearing, Self::Suspense, Self::LateMoney];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Receivable => 1,
            Self::Earnings => 2,
            Self::Clearing => 3,
            Self::Suspense => 4,
            Self::LateMoney => 5,
        }
    }

    /// The stable name in faces and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Receivable => "receivable",
            Self::Earnings => "earnings",
            Self::Clearing => "clearing",
            Self::Suspense => "suspense",
            Self::LateMoney => "late_money",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }
}

/// An account: a kind and whose it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Account {
    /// The kind.
    pub kind: AccountKind,
    /// The 128 bits of the owning merchant's or channel account's id.
    pub owner: Uuid,
}

/// One transfer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// The payment that caused it.
    pub payment: crate::id::PaymentId,
    /// Debited account.
    pub debit: Account,
    /// Credited account.
    pub credit: Account,
    /// How much; always positive.
    pub amount: Money,
}

/// Which account stands for the payment's amount while it is in a state.
fn place(payment: &Payment, state: PaymentState) -> Option<Account> {
    let merchant = payment.merchant.uuid();
    let channel = payment.account.uuid();
    let kind_owner = match state {
        PaymentState::New | PaymentState::Sending | PaymentState::AwaitingPayer | PaymentState::Closing => {
            (AccountKind::Receivable, merchant)
        }
        PaymentState::Unknown | PaymentState::IntegrityHold => (AccountKind::Suspense, channel),
        PaymentState::Captured => (AccountKind::Clearing, channel),
        PaymentState::Declined | PaymentState::Closed => return None,
    };
    Some(Account { kind: kind_owner.0, owner: kind_owner.1 })
}

/// The counterpart of the amount: what the merchant earns, or what is the payer's because it came late.
fn counterpart(payment: &Payment, late: bool) -> Account {
    let kind = if late { AccountKind::LateMoney } else { AccountKind::Earnings };
    Account { kind, owner: payment.merchant.uuid() }
}

/// Where the payment's amount stands: its asset account and what it is balanced against.
fn standing(payment: &Payment, state: Option<PaymentState>, late: bool) -> Option<(Account, Account)> {
    let asset = place(payment, state?)?;
    Some((asset, counterpart(payment, late)))
}

/// The postings of a payment that moves from `before` (`None`: it did not exist) to its present state.
/// `was_late` and `late` say whether its money was and is that of a closed order.
pub fn postings(payment: &Payment, before: Option<PaymentState>, was_late: bool, late: bool) -> Vec<Posting> {
    let old = standing(payment, before, was_late);
    let new = standing(payment, Some(payment.state), late);
    let transfer = |debit, credit| Posting { payment: payment.id, debit, credit, amount: payment.amount };
    let mut out = Vec::new();
    match (old, new) {
        (None, None) => {}
        (None, Some((asset, against))) => out.push(transfer(asset, against)),
        (Some((asset, against)), None) => out.push(transfer(against, asset)),
        (Some((old_asset, old_against)), Some((asset, against))) => {
            if old_asset != asset {
                out.push(transfer(asset, old_asset));
            }
            if old_against != against {
                out.push(transfer(old_against, against));
            }
        }
    }
    out
}
