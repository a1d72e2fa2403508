//! The channels' own books: naive rows of what they were asked and what payers did, written from the
//! channels' documents. It must never know how Bursar reads them.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::MINUTE_MS;
use bursar_core::decline::DeclineClass;
use bursar_core::id::ChannelAccountId;

use super::giving::Givings;
use super::hands::Line;

/// A charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Charge {
    pub transaction: String,
    pub amount_minor: i64,
    pub payee_matches: bool,
    pub at_ms: i64,
}

/// What is held on a card, frozen, or agreed to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    pub since_ms: i64,
    pub lapses_ms: i64,
    /// Whether the channel says when it lapses.
    pub says_when: bool,
    pub taken: bool,
    /// The service is over; what it came to is being collected.
    pub collecting: bool,
}

/// A payer's complaint to his bank.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Complaint {
    pub id: String,
    pub amount_minor: i64,
    pub won: Option<bool>,
}

/// What a channel tells of a payment besides that it was paid: one message, told until it is acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Slip {
    pub tells: Tells,
    pub acknowledged: bool,
}

/// What a slip tells.
#[derive(Clone, Debug)]
pub(crate) enum Tells {
    /// Something has changed.
    Changed,
    /// A complaint as it stood then.
    Complained(Complaint),
}

/// What a create call asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub account: ChannelAccountId,
    pub method: Method,
    pub amount_minor: i64,
    /// The last moment to pay.
    pub expires_ms: i64,
}

/// What the channel knows under a number.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub ask: Ask,
    pub created_ms: i64,
    /// Queries do not see it before.
    pub visible_ms: i64,
    /// When its payer opened it: before, some channels do not know it.
    pub opened_ms: Option<i64>,
    pub closed_ms: Option<i64>,
    pub charges: Vec<Charge>,
    pub held: Option<Held>,
    /// Names of the capture calls that took money.
    pub captures: BTreeSet<String>,
    pub complaints: Vec<Complaint>,
    pub slips: Vec<Slip>,
    /// The payer has given his password; the money is on its way.
    pub in_flight: bool,
    pub failed_attempt: bool,
    /// Why the payer was not charged by his agreement.
    pub declined: Option<DeclineClass>,
    /// The last query that really reached the channel.
    pub queried_ms: Option<i64>,
    pub acknowledged: bool,
    /// The channel has lied about it; what we then believe is its fault.
    pub lied: bool,
    pub silent: bool,
}

impl Entry {
    fn new(ask: Ask, now: i64, hidden: i64) -> Self {
        Self {
            ask,
            created_ms: now,
            visible_ms: now + hidden,
            opened_ms: known_at_once(ask.method).then_some(now),
            closed_ms: None,
            charges: Vec::new(),
            held: None,
            captures: BTreeSet::new(),
            complaints: Vec::new(),
            slips: Vec::new(),
            in_flight: false,
            failed_attempt: false,
            declined: None,
            queried_ms: None,
            acknowledged: false,
            lied: false,
            silent: false,
        }
    }

    pub fn kind(&self) -> ChannelKind {
        self.ask.method.channel()
    }

    /// Whether the channel itself has ended it. What a payer has agreed to in time outlives the last moment to pay.
    pub fn lapsed(&self, now: i64) -> bool {
        let ends = matches!(self.kind(), ChannelKind::Alipay | ChannelKind::Unionpay) && self.held.is_none();
        ends && now >= self.ask.expires_ms
    }

    /// Whether what a service came to is being collected.
    pub fn is_collecting(&self) -> bool {
        self.is_held() && self.held.is_some_and(|h| h.collecting)
    }

    /// Whether a payer could still begin to pay.
    pub fn payable(&self, now: i64) -> bool {
        let open = self.closed_ms.is_none() && self.declined.is_none() && self.charges.is_empty();
        open && self.held.is_none() && !self.lapsed(now)
    }

    /// Whether an amount is held that could still be taken.
    pub fn is_held(&self) -> bool {
        self.held.is_some_and(|h| !h.taken) && self.closed_ms.is_none()
    }

    /// Whether what it took is not what was asked for.
    pub fn crooked(&self) -> bool {
        self.charges.len() > 1
            || self.charges.iter().any(|c| c.amount_minor != self.ask.amount_minor || !c.payee_matches)
    }

    /// Minor units that were lost in complaints.
    pub fn lost_minor(&self) -> i64 {
        self.complaints.iter().filter(|c| c.won == Some(false)).map(|c| c.amount_minor).sum()
    }
}

/// Whether the channel knows a payment before its payer has opened it.
const fn known_at_once(method: Method) -> bool {
    match method.channel() {
        _ if method.debits() => true,
        ChannelKind::Alipay => false,
        ChannelKind::Unionpay => matches!(method, Method::UnionpayApp),
        _ => true,
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
    NoSuchCall,
}

/// The channel closes no payment that is younger.
const MIN_AGE_MS: i64 = 5 * MINUTE_MS;

/// The books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub entries: BTreeMap<String, Entry>,
    /// Money that came by bank or by hand, by the id of its line.
    pub lines: BTreeMap<String, Line>,
    /// Numbers that were definitely refused.
    pub refused: BTreeSet<String>,
    pub givings: Givings,
    serial: u64,
}

impl Books {
    /// A number of the channels' own.
    pub fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A create call arrives.
    pub fn create(&mut self, number: &str, ask: Ask, now: i64, hidden: i64) -> Created {
        if let Some(entry) = self.entries.get(number) {
            let same = entry.ask.amount_minor == ask.amount_minor && entry.ask.account == ask.account;
            return if !entry.charges.is_empty() {
                Created::Paid
            } else if entry.closed_ms.is_some() {
                Created::Closed
            } else if !same || (ask.method == Method::UnionpayApp) {
                // The network refuses duplicates, whatever they say.
                Created::Conflict
            } else {
                Created::Ready
            };
        }
        self.entries.insert(number.to_owned(), Entry::new(ask, now, hidden));
        Created::Ready
    }

    /// A close call arrives.
    pub fn close(&mut self, number: &str, now: i64) -> CloseAnswer {
        let Some(entry) = self.entries.get_mut(number) else { return CloseAnswer::Unknown };
        let kind = entry.kind();
        if entry.declined.is_some() {
            entry.closed_ms = entry.closed_ms.or(Some(now));
            return CloseAnswer::Ok;
        }
        if kind == ChannelKind::Unionpay {
            return CloseAnswer::NoSuchCall;
        }
        if entry.opened_ms.is_none() {
            return CloseAnswer::Unknown;
        }
        // A card payment that is being confirmed cannot be cancelled.
        if !entry.charges.is_empty() || (kind == ChannelKind::Stripe && entry.in_flight) {
            return CloseAnswer::Paid;
        }
        if entry.closed_ms.is_some() {
            return CloseAnswer::Ok;
        }
        if entry.is_collecting() {
            return CloseAnswer::Early;
        }
        if kind == ChannelKind::Wechat && now - entry.created_ms < MIN_AGE_MS {
            return CloseAnswer::Early;
        }
        entry.closed_ms = Some(now);
        if kind == ChannelKind::Stripe {
            entry.slips.push(Slip { tells: Tells::Changed, acknowledged: false });
        }
        CloseAnswer::Ok
    }

    /// The merchant says that the payer has paid elsewhere: nothing more is collected.
    pub fn paid_elsewhere(&mut self, number: &str, now: i64) -> CloseAnswer {
        if let Some(entry) = self.entries.get_mut(number).filter(|e| e.is_collecting()) {
            entry.closed_ms = Some(now);
            return CloseAnswer::Ok;
        }
        self.close(number, now)
    }

    /// A capture call arrives, and the channel begins to collect. Whether it does now.
    pub fn begin_to_collect(&mut self, number: &str, minor: i64) -> bool {
        let Some(entry) = self.entries.get_mut(number).filter(|e| e.is_held()) else { return false };
        let Some(held) = entry.held.as_mut().filter(|h| !h.collecting) else { return false };
        held.collecting = true;
        entry.ask.amount_minor = minor.min(entry.ask.amount_minor);
        true
    }

    /// Money lands. What was on its way when a WeChat payment was closed lands all the same; Alipay and cards
    /// refuse it then. Whether anything came of it.
    pub fn land(&mut self, number: &str, amount_minor: i64, payee_matches: bool, now: i64) -> bool {
        let serial = self.next_serial();
        let Some(entry) = self.entries.get_mut(number) else { return false };
        entry.in_flight = false;
        let refuses = matches!(entry.kind(), ChannelKind::Alipay | ChannelKind::Stripe);
        if refuses && entry.closed_ms.is_some() {
            return false;
        }
        let first = entry.kind() == ChannelKind::Stripe && entry.charges.is_empty();
        let transaction = if first { format!("pi_{number}") } else { format!("42{serial:08}") };
        entry.charges.push(Charge { transaction, amount_minor, payee_matches, at_ms: now });
        true
    }

    /// A capture call for `minor` arrives, and by mistake `more` is taken: calls of one name are one. Whether the
    /// money is taken.
    pub fn capture(&mut self, number: &str, name: &str, (minor, more): (i64, i64), now: i64) -> bool {
        let Some(entry) = self.entries.get_mut(number) else { return false };
        if entry.captures.contains(name) {
            return true;
        }
        let Some(held) = entry.held.as_mut().filter(|_| entry.closed_ms.is_none()) else { return false };
        held.taken = true;
        entry.captures.insert(name.to_owned());
        entry.ask.amount_minor = minor.min(entry.ask.amount_minor);
        let amount_minor = entry.ask.amount_minor + more;
        self.land(number, amount_minor, true, now)
    }
}
