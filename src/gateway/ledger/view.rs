//! The ledger as the API shows it: it knows names of members, and must never show an account of another merchant.

use bursar_core::Timestamp;
use bursar_core::id::{self, ChannelAccountId, MerchantId};
use bursar_core::ledger::{Account, AccountKind};
use bursar_store::ledger::{Balance, Entry};
use bursar_store::proof::{Difference, Proof};
use serde::Serialize;
use utoipa::ToSchema;

/// One account of the ledger and what it holds, in minor units.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LedgerBalance)]
pub struct BalanceView {
    /// What kind: `receivable`, `earnings`, `late_money`, `refunds_payable`, `paid_outside`, `written_off` and `shares`
    /// are of a merchant; `clearing`, `suspense`, `disputed`, `fees`, `in_transit` and `unclaimed` of a channel account.
    #[schema(value_type = String, example = "clearing")]
    pub kind: AccountKind,
    /// Whose: a merchant (`mer_…`) or a channel account (`acc_…`).
    #[schema(example = "acc_01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub owner: String,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What was debited.
    pub debit_minor: i64,
    /// What was credited.
    pub credit_minor: i64,
    /// Debits less credits: what is here, or what is owed to somebody when it is negative.
    pub balance_minor: i64,
}

/// The id of an account's owner.
pub fn owner(account: Account) -> String {
    if account.kind.is_of_a_channel() {
        ChannelAccountId(account.owner).to_string()
    } else {
        MerchantId(account.owner).to_string()
    }
}

impl From<&Balance> for BalanceView {
    fn from(balance: &Balance) -> Self {
        Self {
            kind: balance.account.kind,
            owner: owner(balance.account),
            currency: balance.currency.code().to_owned(),
            debit_minor: balance.debit_minor,
            credit_minor: balance.credit_minor,
            balance_minor: balance.minor(),
        }
    }
}

/// Accounts and what they hold.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LedgerBalances)]
pub struct BalancesView {
    /// In the order of kinds.
    pub balances: Vec<BalanceView>,
}

/// One posting, as an account sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LedgerEntry)]
pub struct EntryView {
    /// When it was written.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// The 26 characters of the id of the payment, the leg or whatever else caused it: a payment's are after `pay_`, a
    /// leg's after `rfl_`.
    #[schema(example = "01kaqv0x5sfj3te9v9v5vyr7b8")]
    pub subject: String,
    /// Which posting of that it is, from 1.
    pub sequence: i64,
    /// The kind of account on the other side.
    #[schema(value_type = String, example = "earnings")]
    pub against: AccountKind,
    /// Positive when it was debited, negative when it was credited, in minor units.
    pub amount_minor: i64,
    /// What the account holds after it, in minor units.
    pub balance_minor: i64,
}

/// The entries of `account` with its balance after each.
pub fn running(account: Account, opening_minor: i64, entries: &[Entry]) -> Vec<EntryView> {
    let mut balance_minor = opening_minor;
    let view = |entry: &Entry| {
        let amount_minor = entry.effect_on(account);
        balance_minor = balance_minor.saturating_add(amount_minor);
        let posting = &entry.posting;
        let against = if posting.debit == account { posting.credit } else { posting.debit };
        let subject = id::to_text(posting.subject);
        EntryView {
            at: entry.at,
            subject,
            sequence: entry.sequence,
            against: against.kind,
            amount_minor,
            balance_minor,
        }
    };
    entries.iter().map(view).collect()
}

/// A page of the statement of an account.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = LedgerStatement)]
pub struct AccountPage {
    /// What kind of account.
    #[schema(value_type = String, example = "clearing")]
    pub kind: AccountKind,
    /// Whose.
    pub owner: String,
    /// ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// What it held before the first entry of this page, in minor units.
    pub opening_minor: i64,
    /// The earliest first.
    pub entries: Vec<EntryView>,
    /// What it holds after the last entry of this page.
    pub closing_minor: i64,
    /// Send it as `cursor`, with the same filters, for the next page; `null` on the last page.
    pub next_cursor: Option<String>,
}

/// One account on which a payment or a leg holds something else than its state stands for.
#[derive(Clone, Debug, Serialize)]
pub struct DifferenceView {
    /// Its order (`ord_…`); `None`: there is no such payment or leg.
    pub order: Option<String>,
    /// The 26 characters of the payment's or leg's id.
    pub subject: String,
    /// What kind of account.
    pub kind: AccountKind,
    /// Whose.
    pub owner: String,
    /// ISO 4217 code.
    pub currency: String,
    /// What its state stands for.
    pub expected_minor: i64,
    /// What its postings come to.
    pub posted_minor: i64,
}

impl From<&Difference> for DifferenceView {
    fn from(difference: &Difference) -> Self {
        Self {
            order: difference.order.map(|id| id.to_string()),
            subject: id::to_text(difference.subject),
            kind: difference.account.kind,
            owner: owner(difference.account),
            currency: difference.currency.code().to_owned(),
            expected_minor: difference.expected_minor,
            posted_minor: difference.posted_minor,
        }
    }
}

/// What a proof came to.
#[derive(Clone, Debug, Serialize)]
pub struct ProofView {
    /// Whether ledger and payment tables agree.
    pub holds: bool,
    /// Orders that were looked at.
    pub orders: u64,
    /// Their payments.
    pub payments: u64,
    /// The legs of their refunds.
    pub legs: u64,
    /// How many differences there are.
    pub different: u64,
    /// The first of them.
    pub differences: Vec<DifferenceView>,
    /// Currencies in which debits are not credits, with what is left over.
    pub unbalanced: Vec<String>,
}

impl From<&Proof> for ProofView {
    fn from(proof: &Proof) -> Self {
        Self {
            holds: proof.holds(),
            orders: proof.orders,
            payments: proof.payments,
            legs: proof.legs,
            different: proof.different,
            differences: proof.differences.iter().map(DifferenceView::from).collect(),
            unbalanced: proof.unbalanced.iter().map(ToString::to_string).collect(),
        }
    }
}
