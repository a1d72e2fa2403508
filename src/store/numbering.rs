//! The numbers of appended rows: it knows that a row's version numbers what belongs to it, and must
//! never know where the rows go.

use std::collections::{BTreeMap, HashMap};

use bursar_core::Timestamp;
use bursar_core::id::{OrderId, to_text};
use bursar_core::ledger::Posting;
use bursar_core::observation::{Observation, Subject};
use bursar_core::payment::Payment;
use uuid::Uuid;

use crate::{Change, LastPaid, Result, StoreError};

/// Observations or postings of one payment, refund, leg, order, agreement, plan, bill or break in one change at most. A transition has an
/// observation or two and at most four postings; the sequence is the new version times this plus the
/// position.
pub const MAX_POSITIONS: i64 = 16;

/// Gives `rows` of one change their sequences. The version guard makes them unique.
fn numbered<'a, T>(change: &Change, rows: &'a [T], subject: impl Fn(&T) -> Uuid) -> Result<Vec<(i64, &'a T)>> {
    let mut next: HashMap<Uuid, i64> = HashMap::new();
    rows.iter()
        .map(|row| {
            let id = subject(row);
            let version = new_version(change, id)
                .ok_or_else(|| StoreError::Misuse(format!("a change appends to {} without writing it", to_text(id))))?;
            let position = next.entry(id).or_insert(0);
            let sequence = version.saturating_mul(MAX_POSITIONS).saturating_add(*position);
            *position += 1;
            if *position > MAX_POSITIONS {
                return Err(StoreError::Misuse(format!(
                    "a change appends more than {MAX_POSITIONS} rows to {}",
                    to_text(id)
                )));
            }
            Ok((sequence, row))
        })
        .collect()
}

/// The version that a row has after the change.
fn new_version(change: &Change, id: Uuid) -> Option<i64> {
    let payments = change.payments.iter().map(|p| (p.id.uuid(), p.version));
    let refunds = change.refunds.iter().map(|r| (r.id.uuid(), r.version));
    let legs = change.legs.iter().map(|l| (l.id.uuid(), l.version));
    let orders = change.orders.iter().map(|o| (o.id.uuid(), o.version));
    let agreements = change.billing.agreements.iter().map(|a| (a.id.uuid(), a.version));
    let plans = change.billing.plans.iter().map(|p| (p.id.uuid(), p.version));
    let bills = change.books.bills.iter().map(|b| (b.id.uuid(), b.version));
    let breaks = change.books.breaks.iter().map(|b| (b.id.uuid(), b.version));
    let written = payments.chain(refunds).chain(legs).chain(orders).chain(agreements).chain(plans);
    let lines = change.lines.iter().map(|l| (l.id.uuid(), l.version));
    let sharings = change.sharings.iter().map(|s| (s.subject(), s.version));
    let mut written = written.chain(bills).chain(breaks).chain(lines).chain(sharings);
    let updated = written.find(|(row, _)| *row == id).map(|(_, v)| v.saturating_add(1));
    let new = change.new_payments.iter().map(|p| p.id.uuid()).chain(change.new_orders.iter().map(|o| o.id.uuid()));
    let new = new.chain(change.new_refunds.iter().map(|r| r.id.uuid()));
    let new = new.chain(change.new_legs.iter().map(|l| l.id.uuid()));
    let new = new.chain(change.billing.new_agreements.iter().map(|a| a.id.uuid()));
    let new = new.chain(change.billing.new_plans.iter().map(|p| p.id.uuid()));
    let new = new.chain(change.books.new_bills.iter().map(|b| b.id.uuid()));
    let mut new = new.chain(change.books.new_breaks.iter().map(|b| b.id.uuid()));
    updated.or_else(|| new.find(|row| *row == id).map(|_| 1))
}

/// The observations of `change` with their sequences.
pub fn observations(change: &Change) -> Result<Vec<(i64, &(Subject, Observation))>> {
    numbered(change, &change.observations, |(subject, _)| subject.uuid())
}

/// The postings of `change` with their sequences.
pub fn postings(change: &Change) -> Result<Vec<(i64, &(Posting, Timestamp))>> {
    numbered(change, &change.postings, |(posting, _)| posting.subject)
}

/// The place of each new payment of `change` within its order, counted from 1 and from what is there
/// already; nothing is there when the order itself is new.
pub fn places(change: &Change) -> Vec<Place<'_>> {
    let mut next: HashMap<OrderId, i16> = HashMap::new();
    let mut places = Vec::with_capacity(change.new_payments.len());
    for payment in &change.new_payments {
        let nth = next.entry(payment.order).and_modify(|n| *n = n.saturating_add(1)).or_insert(1);
        places.push(Place { payment, nth: *nth, first: change.new_orders.iter().any(|o| o.id == payment.order) });
    }
    places
}

/// See [`places`].
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The payment.
    pub payment: &'a Payment,
    /// 1, 2, 3 … among the new payments of its order.
    pub nth: i16,
    /// Whether the order has no payments before these.
    pub first: bool,
}

/// What payers have paid with, once for each way: the latest. In the order of the key, so that two processes
/// do not wait for each other in a circle.
pub fn last_paid<'a>(changes: impl Iterator<Item = &'a Change>) -> Vec<&'a LastPaid> {
    let mut latest: BTreeMap<_, &LastPaid> = BTreeMap::new();
    for paid in changes.flat_map(|c| &c.last_paid) {
        let slot = latest.entry((paid.merchant, &paid.payer, paid.method)).or_insert(paid);
        if slot.at < paid.at {
            *slot = paid;
        }
    }
    latest.into_values().collect()
}

/// When the questions of `change` were asked: the time of what caused them; `None` when it has no cause
/// with a time (then the database's clock is taken).
pub fn asked_at(change: &Change) -> Option<Timestamp> {
    let seen = change.observations.iter().map(|(_, o)| o.seen_at);
    let booked = change.postings.iter().map(|(_, at)| *at);
    // A dispute about cash is a request without an observation.
    seen.chain(booked).chain(change.idempotency.iter().map(|key| key.created_at)).max()
}
