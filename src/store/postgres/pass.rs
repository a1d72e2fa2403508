//! Which changes may share a transaction: it knows the keys that a change touches, and must never write.
//!
//! Multi-row statements cannot tell two changes of the same row apart, so changes that share a key go
//! into different passes, in their order.

use std::collections::HashSet;

use bursar_core::id::{ChannelAccountId, LegId, LineId, MerchantId, NotificationId, OrderId, PaymentId, RefundId};
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
    Refund(RefundId),
    Leg(LegId),
    Question(Uuid, i16),
    Statements(ChannelAccountId),
    Line(LineId),
    Cash(Uuid),
    Schedule(Uuid),
    ScheduleName(MerchantId, &'a str),
    PaidOut(LegId),
    Billing(Uuid),
    Books(Uuid),
    Sharing(OrderId),
    PlanNumber(MerchantId, &'a str),
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
        .chain(c.new_payments.iter().map(|p| Key::Order(p.order)))
        .chain(c.new_payments.iter().chain(&c.payments).map(|p| Key::Payment(p.id)))
        .chain(c.new_refunds.iter().chain(&c.refunds).map(|r| Key::Refund(r.id)))
        .chain(c.new_legs.iter().chain(&c.legs).map(|l| Key::Leg(l.id)))
        .chain(c.new_legs.iter().map(|l| Key::Payment(l.payment)))
        .chain(c.questions.iter().map(|q| Key::Question(q.subject, q.kind.code())))
        .chain(c.answered.iter().map(|(subject, kind)| Key::Question(*subject, kind.code())))
        .chain(c.statement.iter().map(|s| Key::Statements(s.account)))
        .chain(c.new_lines.iter().chain(&c.lines).map(|l| Key::Line(l.id)))
        .chain(c.cash.ids().map(Key::Cash))
        .chain(c.cash.new_payouts.iter().map(|p| Key::PaidOut(p.leg)))
        .chain(c.billing.ids().map(Key::Billing))
        .chain(c.books.ids().map(Key::Books))
        .chain(c.sharings.iter().map(|s| Key::Sharing(s.order)))
        .chain(c.billing.new_plans.iter().map(|p| Key::PlanNumber(p.merchant, &p.number)))
        .chain(c.schedules.ids().map(Key::Schedule))
        .chain(c.schedules.new.iter().map(|s| Key::ScheduleName(s.merchant, &s.name)))
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
    let plans = |c: &Change| versions(&c.billing.plans, |p| (p.id.uuid(), p.version));
    // A plan that has moved on makes its change stale, though the order that it would open is there too.
    let stale_plan = moved(change, committed, plans);
    let unique = |c: &Change| -> HashSet<String> {
        let orders = c.new_orders.iter().filter(|_| !stale_plan).map(|o| format!("o{}{}", o.merchant, o.number));
        let plans = c.billing.new_plans.iter().map(|p| format!("p{}{}", p.merchant, p.number));
        let billing = plans.chain(c.billing.new_ids().map(|id| format!("b{id}")));
        let notification = c.notification.iter().map(|n| n.id.to_string());
        let idempotency = c.idempotency.iter().map(|i| format!("i{}{}", i.merchant, i.key));
        let statement = c.statement.iter().map(|s| format!("s{}{:?}{}", s.account, s.digest, s.ordinal));
        let cash = c.cash.new_ids().map(|id| format!("c{id}"));
        let paid_out = c.cash.new_payouts.iter().map(|p| format!("l{}", p.leg));
        let names = c.schedules.new.iter().map(|s| format!("n{}{}", s.merchant, s.name));
        let fires = c.schedules.fires.iter().map(|f| format!("f{}{}", f.schedule, f.due_at.as_millis()));
        let rows = orders.chain(billing).chain(notification).chain(idempotency).chain(statement);
        rows.chain(cash).chain(paid_out).chain(names).chain(fires).collect()
    };
    if !unique(change).is_disjoint(&unique(committed)) {
        return Some(Answer::Duplicate);
    }
    let moved = stale_plan
        || moved(change, committed, |c| versions(&c.billing.agreements, |a| (a.id.uuid(), a.version)))
        || moved(change, committed, |c| versions(&c.payments, |p| (p.id.uuid(), p.version)))
        || moved(change, committed, |c| versions(&c.orders, |o| (o.id.uuid(), o.version)))
        || moved(change, committed, |c| versions(&c.refunds, |r| (r.id.uuid(), r.version)))
        || moved(change, committed, |c| versions(&c.legs, |l| (l.id.uuid(), l.version)))
        || moved(change, committed, |c| versions(&c.lines, |l| (l.id.uuid(), l.version)))
        || moved(change, committed, |c| c.cash.versions().collect())
        || moved(change, committed, |c| c.books.versions().collect())
        || moved(change, committed, |c| versions(&c.sharings, |s| (s.order.uuid(), s.version)))
        || moved(change, committed, |c| versions(&c.schedules.updated, |s| (s.id.uuid(), s.version)))
        // A refund or leg that is there now: its id is derived, so the same was decided twice.
        || moved(change, committed, |c| versions(&c.new_refunds, |r| (r.id.uuid(), 0)))
        || moved(change, committed, |c| versions(&c.new_legs, |l| (l.id.uuid(), 0)));
    moved.then_some(Answer::Stale)
}

fn versions<T>(rows: &[T], of: impl Fn(&T) -> (Uuid, i64)) -> Vec<(Uuid, i64)> {
    rows.iter().map(of).collect()
}

/// Whether `committed` has counted up the version of a row that `change` has read.
fn moved(change: &Change, committed: &Change, of: impl Fn(&Change) -> Vec<(Uuid, i64)>) -> bool {
    let read = of(change);
    !read.is_empty() && of(committed).iter().any(|(id, v)| read.iter().any(|(i, read)| i == id && v >= read))
}
