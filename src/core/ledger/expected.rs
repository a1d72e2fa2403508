//! What the accounts of an order should hold: it knows what every payment and leg stands for, and must never read a
//! posting.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Account, moved, standing};
use crate::order::{Dossier, OrderState};

/// Balances of one payment or leg: debits less credits in minor units, by its 128 bits and the account. None is zero.
pub type Holdings = BTreeMap<(Uuid, Account), i64>;

/// What the postings of the payments and legs of `dossier` must come to, in its currency. It does not depend on the
/// way by which the order came to where it stands.
pub fn expected(dossier: &Dossier) -> Holdings {
    let late = dossier.order.state == OrderState::Closed;
    let mut holdings = Holdings::new();
    let mut add = |subject: Uuid, account: Account, minor: i64| {
        let sum = holdings.entry((subject, account)).or_default();
        *sum = sum.saturating_add(minor);
    };
    for payment in &dossier.payments {
        let stands = standing(payment, late);
        for (account, minor) in stands.assets {
            add(payment.id.uuid(), account, minor);
            add(payment.id.uuid(), stands.against, minor.saturating_neg());
        }
    }
    for refund in &dossier.refunds {
        for leg in &refund.legs {
            let account = dossier.payment(leg.payment).map(|p| p.account.uuid()).unwrap_or_default();
            for (debit, credit) in moved(refund, leg, late, account) {
                add(leg.id.uuid(), debit, leg.amount.minor);
                add(leg.id.uuid(), credit, leg.amount.minor.saturating_neg());
            }
        }
    }
    holdings.retain(|_, minor| *minor != 0);
    holdings
}
