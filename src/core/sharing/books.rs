//! The ledger's view of shares: it knows what they move, and must never know why.

use crate::ledger::{Account, AccountKind, Posting, changes, transfers};
use crate::money::Money;

use super::Sharing;

impl Sharing {
    /// What its postings must come to: debits less credits in minor units per account, none of them zero.
    pub fn holdings(&self) -> Vec<(Account, i64)> {
        self.standing().into_iter().filter(|(_, minor)| *minor != 0).collect()
    }

    /// What it has moved so far: debits less credits per account.
    fn standing(&self) -> Vec<(Account, i64)> {
        let ours = |kind| Account { kind, owner: self.merchant.uuid() };
        let clearing = Account { kind: AccountKind::Clearing, owner: self.account.uuid() };
        let mut owed = 0_i64;
        for (n, part) in self.numbered() {
            if !self.line_state(n).is_final() {
                owed = owed.saturating_add(part.amount_minor);
            }
        }
        let gone = self.shared_minor();
        vec![
            (ours(AccountKind::Earnings), owed.saturating_add(gone)),
            (ours(AccountKind::Shares), owed.saturating_neg()),
            (clearing, gone.saturating_neg()),
        ]
    }

    /// The postings of this, that was `before` (`None`: it did not exist). They sum to zero.
    pub fn postings(&self, before: Option<&Self>) -> Vec<Posting> {
        let old = before.map_or_else(Vec::new, Self::standing);
        let mut differences = changes(&old, &self.standing());
        let posting = |(debit, credit, minor)| Posting {
            subject: self.subject(),
            debit,
            credit,
            amount: Money::new(minor, self.currency),
        };
        transfers(&mut differences).into_iter().map(posting).collect()
    }
}
