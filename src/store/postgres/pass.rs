//! Which changes may share a transaction: it knows the keys that a change touches, and must never write.
//!
//! Multi-row statements cannot tell two changes of the same row apart, so changes that share a key go
//! into different passes, in their order.

use std::collections::HashSet;

use bursar_core::id::{MerchantId, NotificationId, OrderId, PaymentId};
use bursar_core::job::JobKey;
use uuid::Uuid;

use crate::{Answer, Change};

/// Most changes of one transaction: bounds its locks and the size of its statements.
pub const MAX_CHANGES: usize = 256;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Key<'a> {
    Number(MerchantId, &'a str),
    Order(OrderId),
    Payment(PaymentId),
    Notification(NotificationId),
    Idempotency(MerchantId, &'a str),
    Job(JobKey),
    Delivery(Uuid),
}

fn keys(change: &Change) -> impl Iterator<Item = Key<'_>> {
    let c = change;
    let orders = c.new_orders.iter().flat_map(|o| [Key::Number(o.merchant, &o.number), Key::Order(o.id)]);
    orders
        .chain(c.orders.iter().map(|o| Key::Order(o.id)))
        .chain(c.new_payments.iter().chain(&c.payments).map(|p| Key::Payment(p.id)))
        .chain(c.notification.iter().map(|n| Key::Notification(n.id)))
        .chain(c.idempotency.iter().map(|i| Key::Idempotency(i.merchant, &i.key)))
        .chain(c.jobs.iter().map(|j| Key::Job(j.key)))
        .chain(c.cancel.iter().map(|k| Key::Job(*k)))
        .chain(c.settle.iter().map(|s| Key::Job(s.key)))
        .chain(c.new_deliveries.iter().map(|d| Key::Delivery(d.id.uuid())))
        .chain(c.delivery_attempts.iter().map(|d| Key::Delivery(d.id.uuid())))
}

/// The pending changes (by index) that may share the next transaction.
pub fn choose(changes: &[Change], pending: &[usize]) -> Vec<usize> {
    let mut taken: HashSet<Key<'_>> = HashSet::new();
    let mut chosen = Vec::new();
    for &index in pending {
        let Some(change) = changes.get(index) else { continue };
        let free = keys(change).all(|k| !taken.contains(&k));
        // The keys of those that must wait are taken too, so that nobody overtakes them.
        taken.extend(keys(change));
        if free {
            chosen.push(index);
        }
        if chosen.len() == MAX_CHANGES {
            break;
        }
    }
    chosen
}

/// What a change can be answered without asking the database, after `committed` was written in the same
/// call: its unique key is taken now, or its version has moved on.
pub fn foregone(change: &Change, committed: &Change) -> Option<Answer> {
    let unique = |c: &Change| -> HashSet<String> {
        let orders = c.new_orders.iter().map(|o| format!("o{}{}", o.merchant, o.number));
        let notification = c.notification.iter().map(|n| n.id.to_string());
        let idempotency = c.idempotency.iter().map(|i| format!("i{}{}", i.merchant, i.key));
        orders.chain(notification).chain(idempotency).collect()
    };
    if !unique(change).is_disjoint(&unique(committed)) {
        return Some(Answer::Duplicate);
    }
    let moved =
        change.payments.iter().any(|p| committed.payments.iter().any(|q| q.id == p.id && q.version >= p.version))
            || change.orders.iter().any(|o| committed.orders.iter().any(|q| q.id == o.id && q.version >= o.version));
    moved.then_some(Answer::Stale)
}
