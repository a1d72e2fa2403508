//! Double entry: it knows which accounts a transition moves money between, and must never know how
//! postings are stored.
//!
//! A posting is one transfer: it debits one account and credits another by the same amount, so every
//! set of postings sums to zero by construction. Balances are debits less credits.

mod expected;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::money::Money;
use crate::payment::{Payment, PaymentState};
use crate::refund::{Leg, LegState, Refund, RefundState, Route};

pub use expected::{Holdings, expected};

/// What kind of account.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
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
    /// Money that a payer disputes: the channel holds it back until the dispute has ended. Owner: channel account.
    Disputed,
    /// What a channel has kept for its service. Owner: channel account.
    Fees,
    /// What a channel has paid out and the bank has not shown yet. Owner: channel account.
    InTransit,
    /// Money at a channel that nobody knows to assign yet. Owner: channel account.
    Unclaimed,
    /// What was given up, or kept, by a person's word about a break. Owner: merchant.
    WrittenOff,
    /// What others are to get of a merchant's money. Owner: merchant.
    Shares,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Receivable,
        Self::Earnings,
        Self::Clearing,
        Self::Suspense,
        Self::LateMoney,
        Self::RefundsPayable,
        Self::PaidOutside,
        Self::Disputed,
        Self::Fees,
        Self::InTransit,
        Self::Unclaimed,
        Self::WrittenOff,
        Self::Shares,
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
            Self::Disputed => 8,
            Self::Fees => 9,
            Self::InTransit => 10,
            Self::Unclaimed => 11,
            Self::WrittenOff => 12,
            Self::Shares => 13,
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
            Self::Disputed => "disputed",
            Self::Fees => "fees",
            Self::InTransit => "in_transit",
            Self::Unclaimed => "unclaimed",
            Self::WrittenOff => "written_off",
            Self::Shares => "shares",
        }
    }

    /// The kind with this code.
    pub fn from_code(code: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.code() == code)
    }

    /// Whether its accounts belong to channel accounts; otherwise they belong to merchants.
    pub const fn is_of_a_channel(self) -> bool {
        matches!(
            self,
            Self::Clearing | Self::Suspense | Self::Disputed | Self::Fees | Self::InTransit | Self::Unclaimed
        )
    }
}

impl std::str::FromStr for AccountKind {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|k| k.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(Self::name).collect();
            format!("`{text}` is not a kind of account; there are {}", names.join(", "))
        })
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
    /// The payment, leg of a refund or shares that caused it: the 128 bits of its id.
    pub subject: Uuid,
    /// Debited account.
    pub debit: Account,
    /// Credited account.
    pub credit: Account,
    /// How much; always positive.
    pub amount: Money,
}

/// What stands for a payment: minor units on its asset accounts, and the account against which they stand.
struct Standing {
    assets: Vec<(Account, i64)>,
    against: Account,
}

/// Where the money of `payment` stands. `late`: it is that of a closed order.
fn standing(payment: &Payment, late: bool) -> Standing {
    let channels = |kind| Account { kind, owner: payment.account.uuid() };
    let ours = |kind| Account { kind, owner: payment.merchant.uuid() };
    let (whole, evidence) = (payment.amount.minor, &payment.evidence);
    let assets = match payment.state {
        PaymentState::New
        | PaymentState::Sending
        | PaymentState::AwaitingPayer
        | PaymentState::Closing
        | PaymentState::Authorized
        | PaymentState::Capturing => {
            let part = payment.part_minor();
            vec![(ours(AccountKind::Receivable), whole.saturating_sub(part)), (channels(AccountKind::Clearing), part)]
        }
        PaymentState::Unknown | PaymentState::IntegrityHold => vec![(channels(AccountKind::Suspense), whole)],
        PaymentState::Captured => {
            let (lost, open) = (evidence.lost_minor(), evidence.disputed_open_minor());
            let free = payment.taken_minor().saturating_sub(lost).saturating_sub(open);
            vec![(channels(AccountKind::Clearing), free), (channels(AccountKind::Disputed), open)]
        }
        PaymentState::CaptureReversed => {
            let here = payment.taken_minor();
            vec![(ours(AccountKind::Receivable), whole.saturating_sub(here)), (channels(AccountKind::Clearing), here)]
        }
        PaymentState::Declined | PaymentState::Closed => Vec::new(),
    };
    let against = ours(if late { AccountKind::LateMoney } else { AccountKind::Earnings });
    Standing { assets, against }
}

/// By how much `new` differs from `old`, per account, in the order of accounts.
pub(crate) fn changes(old: &[(Account, i64)], new: &[(Account, i64)]) -> Vec<(Account, i64)> {
    let mut sums = std::collections::BTreeMap::<Account, i64>::new();
    for (account, minor) in new {
        let sum = sums.entry(*account).or_default();
        *sum = sum.saturating_add(*minor);
    }
    for (account, minor) in old {
        let sum = sums.entry(*account).or_default();
        *sum = sum.saturating_sub(*minor);
    }
    sums.into_iter().filter(|(_, minor)| *minor != 0).collect()
}

/// Transfers that make `changes` (debits less credits per account), as far as they balance each other; what
/// is left over stays in `changes`.
pub(crate) fn transfers(changes: &mut Vec<(Account, i64)>) -> Vec<(Account, Account, i64)> {
    let mut out = Vec::new();
    while let (Some(up), Some(down)) =
        (changes.iter().position(|(_, minor)| *minor > 0), changes.iter().position(|(_, minor)| *minor < 0))
    {
        let (Some((debit, more)), Some((credit, less))) = (changes.get(up).copied(), changes.get(down).copied()) else {
            break;
        };
        let minor = more.min(less.saturating_neg());
        out.push((debit, credit, minor));
        for (index, moved) in [(up, minor.saturating_neg()), (down, minor)] {
            if let Some((_, left)) = changes.get_mut(index) {
                *left = left.saturating_add(moved);
            }
        }
        changes.retain(|(_, minor)| *minor != 0);
    }
    out
}

/// The postings of a payment that was `before` (`None`: it did not exist) and is `after`. `was_late` and `late`
/// say whether its money was and is that of a closed order.
pub fn postings(after: &Payment, before: Option<&Payment>, was_late: bool, late: bool) -> Vec<Posting> {
    let sum = |assets: &[(Account, i64)]| assets.iter().map(|(_, minor)| *minor).fold(0, i64::saturating_add);
    let new = standing(after, late);
    let old = before.map(|p| standing(p, was_late));
    let (old_assets, old_against) = old.map_or((Vec::new(), new.against), |s| (s.assets, s.against));
    let against = |account, assets: &[(Account, i64)]| [(account, sum(assets).saturating_neg())];
    // Money that moves between assets, or between owners, is one transfer each; only the rest crosses.
    let mut assets = changes(&old_assets, &new.assets);
    let mut owners = changes(&against(old_against, &old_assets), &against(new.against, &new.assets));
    let mut moved = transfers(&mut assets);
    moved.extend(transfers(&mut owners));
    assets.extend(owners);
    moved.extend(transfers(&mut assets));
    let currency = after.amount.currency;
    let posting = |(debit, credit, minor)| Posting {
        subject: after.id.uuid(),
        debit,
        credit,
        amount: Money::new(minor, currency),
    };
    moved.into_iter().map(posting).collect()
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
            // Cash out of a drawer is what the payment brought; a transfer is other money.
            let outside = leg.route == Route::Transfer && leg.evidence.paid_out.is_none();
            let from = if outside { ours(AccountKind::PaidOutside) } else { clearing };
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
