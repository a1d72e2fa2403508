//! The channel's own books: naive rows of what it was asked and what payers did, written from the
//! channel's documents. It must never know how Bursar reads them.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::clock::MINUTE_MS;
use bursar_core::id::ChannelAccountId;

use super::giving::Givings;

/// A charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Charge {
    pub transaction: String,
    pub amount_minor: i64,
    pub payee_matches: bool,
    pub at_ms: i64,
}

/// What the channel knows under a number.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub account: ChannelAccountId,
    pub amount_minor: i64,
    pub created_ms: i64,
    /// Queries do not see it before.
    pub visible_ms: i64,
    pub closed_ms: Option<i64>,
    pub charges: Vec<Charge>,
    /// The payer has given his password; the money is on its way.
    pub in_flight: bool,
    pub failed_attempt: bool,
    /// The last query that really reached the channel.
    pub queried_ms: Option<i64>,
    pub acknowledged: bool,
    /// The channel has lied about it; what we then believe is its fault.
    pub lied: bool,
    pub silent: bool,
}

impl Entry {
    /// Whether a payer could still pay.
    pub fn payable(&self) -> bool {
        self.closed_ms.is_none() && self.charges.is_empty()
    }

    /// Whether what it took is not what was asked for.
    pub fn crooked(&self) -> bool {
        self.charges.len() > 1 || self.charges.iter().any(|c| c.amount_minor != self.amount_minor || !c.payee_matches)
    }
}

/// How the channel takes a create call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Created {
    Ready,
    Conflict,
    Paid,
    Closed,
}

/// How the channel takes a close call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CloseAnswer {
    Ok,
    Paid,
    Early,
    Unknown,
}

/// The channel closes no payment that is younger.
const MIN_AGE_MS: i64 = 5 * MINUTE_MS;

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub entries: BTreeMap<String, Entry>,
    /// Numbers that were definitely refused.
    pub refused: BTreeSet<String>,
    pub givings: Givings,
    serial: u64,
}

impl Books {
    /// A create call arrives.
    pub fn create(
        &mut self,
        number: &str,
        account: ChannelAccountId,
        amount_minor: i64,
        now: i64,
        hidden: i64,
    ) -> Created {
        if let Some(entry) = self.entries.get(number) {
            return if !entry.charges.is_empty() {
                Created::Paid
            } else if entry.closed_ms.is_some() {
                Created::Closed
            } else if entry.amount_minor != amount_minor || entry.account != account {
                Created::Conflict
            } else {
                Created::Ready
            };
        }
        let entry = Entry {
            account,
            amount_minor,
            created_ms: now,
            visible_ms: now + hidden,
            closed_ms: None,
            charges: Vec::new(),
            in_flight: false,
            failed_attempt: false,
            queried_ms: None,
            acknowledged: false,
            lied: false,
            silent: false,
        };
        self.entries.insert(number.to_owned(), entry);
        Created::Ready
    }

    /// A close call arrives.
    pub fn close(&mut self, number: &str, now: i64) -> CloseAnswer {
        let Some(entry) = self.entries.get_mut(number) else { return CloseAnswer::Unknown };
        if !entry.charges.is_empty() {
            return CloseAnswer::Paid;
        }
        if entry.closed_ms.is_some() {
            return CloseAnswer::Ok;
        }
        if now - entry.created_ms < MIN_AGE_MS {
            return CloseAnswer::Early;
        }
        entry.closed_ms = Some(now);
        CloseAnswer::Ok
    }

    /// Money lands. What was on its way when the payment was closed lands all the same.
    pub fn land(&mut self, number: &str, amount_minor: i64, payee_matches: bool, now: i64) {
        self.serial += 1;
        let transaction = format!("42{:08}", self.serial);
        if let Some(entry) = self.entries.get_mut(number) {
            entry.in_flight = false;
            entry.charges.push(Charge { transaction, amount_minor, payee_matches, at_ms: now });
        }
    }
}
