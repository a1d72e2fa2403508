//! Double entry: it knows which accounts a transition moves money between, and must never know how
//! postings are stored.
//!
//! A posting is one transfer: it debits one account and credits another by the same amount, so every
//! set of postings sums to zero by construction. Balances are debits less credits.

use serde::Serialize;
use uuid::Uuid;

use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, RefundState, Route};

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
    /// Money set aside for refunds under way. Owner: merchant.
    RefundsPayable,
    /// Money that the merchant paid from elsewhere (a bank transfer instead of a refund). Owner: merchant.
    PaidOutside,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Receivable,
        Self::Earnings,
        Self::Clearing,
        Self::Suspense,
        Self::LateMoney,
        Self::RefundsPayable,
        Self::PaidOutside,
    ];

    /// The stable number in the database.
    pub const fn code(self) -> i16 {
        match self {
            Self::Receivable => 1,
            Self::Earnings => 2,
            Self::Clearing => 3,
            Self::Suspense => 4,
            Self::LateMoney => 5,
            Self::RefundsPayable => 6,
            Self::PaidOutside => 7,
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
            Self::RefundsPayable => "refunds_payable",
            Self::PaidOutside => "paid_outside",
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
    /// The payment or leg of a refund that caused it: the 128 bits of its id.
    pub subject: Uuid,
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
    let transfer = |debit, credit| Posting { subject: payment.id.uuid(), debit, credit, amount: payment.amount };
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

/// What a leg has moved so far: transfers as (debit, credit) of its amount. `late` says whether its order is
/// closed, so that its payment's money is not the merchant's.
fn moved(refund: &Refund, leg: &Leg, late: bool, account: Uuid) -> Vec<(Account, Account)> {
    let ours = |kind| Account { kind, owner: refund.merchant.uuid() };
    let channels = |kind| Account { kind, owner: account };
    let source = ours(if late { AccountKind::LateMoney } else { AccountKind::Earnings });
    let payable = ours(AccountKind::RefundsPayable);
    let (clearing, suspense) = (channels(AccountKind::Clearing), channels(AccountKind::Suspense));
    match leg.state {
        LegState::Failed | LegState::NotPossible | LegState::Reversed | LegState::Abandoned => Vec::new(),
        // The channel neither gave it to the payer nor back to us.
        LegState::Stranded => vec![(suspense, clearing)],
        LegState::Unknown | LegState::Held => vec![(source, payable), (suspense, clearing)],
        LegState::Succeeded => {
            let from = if leg.route == Route::Transfer { ours(AccountKind::PaidOutside) } else { clearing };
            vec![(source, payable), (payable, from)]
        }
        // Only in case: nothing is owed yet.
        _ if refund.state == RefundState::Prepared => Vec::new(),
        LegState::Reserved
        | LegState::Sending
        | LegState::Processing
        | LegState::WaitingFunds
        | LegState::SecondWay
        | LegState::AwaitingTransfer => vec![(source, payable)],
    }
}

/// The postings of a leg that changed. `before` is its refund and itself as they were (`None`: it did not
/// exist); `was_late` and `late` say whether its order was and is closed; `account` is the channel account of
/// its payment.
pub fn leg_postings(
    before: Option<(&Refund, &Leg)>,
    after: (&Refund, &Leg),
    was_late: bool,
    late: bool,
    account: Uuid,
) -> Vec<Posting> {
    let old = before.map_or_else(Vec::new, |(refund, leg)| moved(refund, leg, was_late, account));
    let new = moved(after.0, after.1, late, account);
    let transfer = |(debit, credit)| Posting { subject: after.1.id.uuid(), debit, credit, amount: after.1.amount };
    let undone = old.iter().filter(|t| !new.contains(t)).map(|(debit, credit)| transfer((*credit, *debit)));
    let done = new.iter().filter(|t| !old.contains(t)).copied().map(transfer);
    undone.chain(done).collect()
}
