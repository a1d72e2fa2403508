//! The numbers of appended rows: it knows that a payment's version numbers what belongs to it, and must
//! never know where the rows go.

use std::collections::HashMap;

use bursar_core::Timestamp;
use bursar_core::id::PaymentId;
use bursar_core::ledger::Posting;
use bursar_core::observation::Observation;

use crate::{Change, Result, StoreError};

/// Observations or postings of one payment in one change at most. A transition has one observation and
/// at most two postings; the sequence is the new version times this plus the position.
pub const MAX_POSITIONS: i64 = 16;

/// Gives `rows` of one change their sequences. The version guard makes them unique.
fn numbered<'a, T>(change: &Change, rows: &'a [T], payment: impl Fn(&T) -> PaymentId) -> Result<Vec<(i64, &'a T)>> {
    let mut next: HashMap<PaymentId, i64> = HashMap::new();
    rows.iter()
        .map(|row| {
            let id = payment(row);
            let version = change
                .payments
                .iter()
                .find(|p| p.id == id)
                .map(|p| p.version.saturating_add(1))
                .or_else(|| change.new_payments.iter().find(|p| p.id == id).map(|_| 1))
                .ok_or_else(|| StoreError::Misuse(format!("a change appends to {id} without writing it")))?;
            let position = next.entry(id).or_insert(0);
            let sequence = version.saturating_mul(MAX_POSITIONS).saturating_add(*position);
            *position += 1;
            if *position > MAX_POSITIONS {
                return Err(StoreError::Misuse(format!("a change appends more than {MAX_POSITIONS} rows to {id}")));
            }
            Ok((sequence, row))
        })
        .collect()
}

/// The observations of `change` with their sequences.
pub fn observations(change: &Change) -> Result<Vec<(i64, &(PaymentId, Observation))>> {
    numbered(change, &change.observations, |(id, _)| *id)
}

/// The postings of `change` with their sequences.
pub fn postings(change: &Change) -> Result<Vec<(i64, &(Posting, Timestamp))>> {
    numbered(change, &change.postings, |(posting, _)| posting.payment)
}

/// When the questions of `change` were asked: the time of what caused them; `None` when it has no cause
/// with a time (then the database's clock is taken).
pub fn asked_at(change: &Change) -> Option<Timestamp> {
    let seen = change.observations.iter().map(|(_, o)| o.seen_at);
    seen.chain(change.postings.iter().map(|(_, at)| *at)).max()
}
