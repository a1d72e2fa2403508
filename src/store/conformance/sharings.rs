//! Shares: written once per order, guarded by their version, read back whole.

use bursar_core::ledger::{Account, AccountKind, Posting};
use bursar_core::order::Order;
use bursar_core::sharing::{
    CallClaim, CallEvidence, Ended, ReceiverKind, SharePart, ShareReturn, Sharing, SharingClaim,
};
use bursar_core::{Currency, Money};

use super::world::*;
use super::{Db, on_both};
use crate::{Answer, Change};

on_both! {
    the_shares_of_an_order_are_read_back_with_it
    shares_are_planned_once_and_guarded_by_their_version
    of_two_changes_in_one_call_one_writes
}

fn part(account: &str, amount_minor: i64) -> SharePart {
    let kind = if account.starts_with('o') { ReceiverKind::Person } else { ReceiverKind::Merchant };
    let name = (kind == ReceiverKind::Merchant).then(|| "某家政公司".to_owned());
    SharePart { kind, account: account.into(), name, amount_minor, description: "佣金".into() }
}

fn planned(order: &Order, payment: bursar_core::id::PaymentId) -> Sharing {
    Sharing {
        order: order.id,
        payment,
        merchant: order.merchant,
        account: bursar_core::id::ChannelAccountId(uuid()),
        currency: Currency::CNY,
        lines: vec![part("1900000001", 20), part("o-worker", 5)],
        share: CallEvidence::default(),
        unfreeze: CallEvidence::default(),
        ended: std::collections::BTreeMap::new(),
        returns: Vec::new(),
        version: 0,
        created_at: NOW,
    }
}

fn change(sharing: &Sharing) -> Change {
    Change { sharings: vec![sharing.clone()], ..Change::default() }
}

async fn commit(db: &Db, change: Change) -> Answer {
    db.store.commit(&[change]).await.unwrap().pop().unwrap()
}

async fn the_shares_of_an_order_are_read_back_with_it(db: &Db) {
    let order = Order { shares: vec![part("1900000001", 20), part("o-worker", 5)], ..order(merchant(), "1") };
    let change = Change { new_orders: vec![order.clone()], ..Change::default() };
    assert_eq!(commit(db, change).await, Answer::Committed);
    let read = db.store.dossier(order.id).await.unwrap().unwrap();
    assert_eq!(read.order.shares, order.shares);
}

async fn shares_are_planned_once_and_guarded_by_their_version(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    assert_eq!(db.store.sharing(order.id).await.unwrap(), None);
    let plan = planned(&order, payment.id);
    let ours = |kind| Account { kind, owner: order.merchant.uuid() };
    let posting = Posting {
        subject: plan.subject(),
        debit: ours(AccountKind::Earnings),
        credit: ours(AccountKind::Shares),
        amount: Money::new(25, Currency::CNY),
    };
    let first = Change { postings: vec![(posting, NOW)], ..change(&plan) };
    assert_eq!(commit(db, first).await, Answer::Committed);
    assert_eq!(commit(db, change(&plan)).await, Answer::Stale, "planned once");
    let mut next = db.store.sharing(order.id).await.unwrap().unwrap();
    assert_eq!(next, Sharing { version: 1, ..plan });
    next.observe(NOW, &SharingClaim::Share(CallClaim::Sending));
    next.observe(NOW.plus_ms(1), &SharingClaim::Share(CallClaim::Accepted("3008".into())));
    next.observe(NOW.plus_ms(2), &SharingClaim::Line(0, Ended::Moved));
    next.observe(NOW.plus_ms(2), &SharingClaim::Line(1, Ended::Refused("no account".into())));
    let back = ShareReturn { line: 0, amount_minor: 7, call: CallEvidence::default(), ended: Some(Ended::Moved) };
    next.returns.push(back);
    let again = Change { postings: vec![(posting, NOW)], ..change(&next) };
    assert_eq!(commit(db, again).await, Answer::Committed);
    assert_eq!(db.store.sharing(order.id).await.unwrap().unwrap(), Sharing { version: 2, ..next.clone() });
    assert_eq!(commit(db, change(&next)).await, Answer::Stale, "its version has moved on");
}

async fn of_two_changes_in_one_call_one_writes(db: &Db) {
    let (order, payment) = opened(&*db.store, merchant(), "1").await;
    let plan = planned(&order, payment.id);
    let answers = db.store.commit(&[change(&plan), change(&plan)]).await.unwrap();
    assert_eq!(answers, [Answer::Committed, Answer::Stale]);
    assert_eq!(db.store.sharing(order.id).await.unwrap().unwrap().version, 1);
}
