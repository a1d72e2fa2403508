//! The channel's own books of refunds: naive rows, written from the channel's documents. It must never know
//! how Bursar reads them.

use std::collections::{BTreeMap, BTreeSet};

use bursar_core::channel::ChannelKind;
use bursar_core::clock::{DAY_MS, MINUTE_MS};
use bursar_core::id::ChannelAccountId;

use super::books::Books;

/// Where a refund stands at the channel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Stage {
    /// Taken on; the money is on its way.
    Processing,
    /// The payer has it.
    Success,
    /// Given up: it will not happen under this number.
    Closed,
    /// The payer's bank sent it back.
    Abnormal,
}

/// What the channel tells of a refund: one message, told until it is acknowledged.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub stage: Stage,
    pub at_ms: i64,
    pub acknowledged: bool,
}

/// What the channel knows under a refund's number.
#[derive(Clone, Debug)]
pub(crate) struct Giving {
    pub account: ChannelAccountId,
    /// The number of the payment.
    pub payment: String,
    /// The channel's own number.
    pub refund_id: String,
    pub amount_minor: i64,
    /// What the payer really gets: another amount when the channel errs.
    pub given_minor: i64,
    pub stage: Stage,
    pub accepted_ms: i64,
    /// Queries do not see it before.
    pub visible_ms: i64,
    pub changed_ms: i64,
    /// Every stage that it was in, and how often the payer was credited and sent it back.
    pub history: Vec<Stage>,
    pub credited: u32,
    pub came_back: u32,
    pub second_ways: u32,
    pub letters: Vec<Letter>,
}

impl Giving {
    /// A refund that nobody made, for messages that lie.
    pub fn never_made(account: ChannelAccountId, name: &str, amount_minor: i64, now: i64) -> Self {
        Self {
            account,
            payment: String::new(),
            refund_id: name.to_owned(),
            amount_minor,
            given_minor: amount_minor,
            stage: Stage::Success,
            accepted_ms: now,
            visible_ms: now,
            changed_ms: now,
            history: Vec::new(),
            credited: 0,
            came_back: 0,
            second_ways: 0,
            letters: Vec::new(),
        }
    }

    /// Whether it was ever there.
    pub fn was(&self, stage: Stage) -> bool {
        self.history.contains(&stage)
    }

    /// Whether it gave something else than was asked for.
    pub const fn crooked(&self) -> bool {
        self.given_minor != self.amount_minor
    }
}

/// What the channel lets merchants give back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub within_ms: i64,
    pub most: usize,
    pub spacing_ms: i64,
}

/// How the channel takes a call for a refund.
#[derive(Clone, Debug)]
pub(crate) enum Took {
    /// It is there: taken on now or before.
    There(Giving),
    /// The number has another content.
    Conflict,
    /// No such payment, or nothing was paid.
    NoPayment,
    TooOld,
    TooMany,
    TooSoon,
    TooMuch,
    NoFunds,
    /// Its payer has complained to his bank.
    Disputed,
}

/// The books of refunds.
#[derive(Debug)]
pub(crate) struct Givings {
    pub rows: BTreeMap<String, Giving>,
    /// Numbers that were definitely refused: they stay so.
    pub refused: BTreeSet<String>,
    /// Accounts whose balance is not enough, and until when.
    pub poor_until: BTreeMap<ChannelAccountId, i64>,
    pub limits: Limits,
    serial: u64,
}

impl Default for Givings {
    fn default() -> Self {
        let limits = Limits { within_ms: 365 * DAY_MS, most: 50, spacing_ms: MINUTE_MS };
        Self { rows: BTreeMap::new(), refused: BTreeSet::new(), poor_until: BTreeMap::new(), limits, serial: 0 }
    }
}

impl Books {
    /// A call for a refund arrives. The same number is one refund.
    pub fn give(&mut self, number: &str, account: ChannelAccountId, payment: &str, amount: i64, now: i64) -> Took {
        if let Some(row) = self.givings.rows.get(number) {
            let same = row.account == account && row.payment == payment && row.amount_minor == amount;
            let duplicate = self.entries.get(payment).is_some_and(|e| e.kind() == ChannelKind::Unionpay);
            return if same && !duplicate { Took::There(row.clone()) } else { Took::Conflict };
        }
        let Some(entry) = self.entries.get(payment).filter(|e| e.ask.account == account) else {
            return Took::NoPayment;
        };
        let Some(charge) = entry.charges.first() else { return Took::NoPayment };
        if entry.complaints.iter().any(|c| c.won != Some(true)) {
            return Took::Disputed;
        }
        let kind = entry.kind();
        let limits = match kind {
            ChannelKind::Wechat => self.givings.limits,
            _ => Limits { spacing_ms: kind.facts().refund.spacing_ms, ..self.givings.limits },
        };
        let others: Vec<&Giving> = self.givings.rows.values().filter(|r| r.payment == payment).collect();
        if now - charge.at_ms > limits.within_ms {
            return Took::TooOld;
        }
        if others.len() >= limits.most {
            return Took::TooMany;
        }
        if others.iter().any(|r| r.accepted_ms + limits.spacing_ms > now) {
            return Took::TooSoon;
        }
        // What came back from a bank is still spoken for: it has not left the refund.
        let spoken_for: i64 = others.iter().filter(|r| r.stage != Stage::Closed).map(|r| r.amount_minor).sum();
        if spoken_for + amount > charge.amount_minor {
            return Took::TooMuch;
        }
        if self.givings.poor_until.get(&account).is_some_and(|until| *until > now) {
            return Took::NoFunds;
        }
        self.givings.serial += 1;
        let row = Giving {
            account,
            payment: payment.to_owned(),
            refund_id: format!("50{:08}", self.givings.serial),
            amount_minor: amount,
            given_minor: amount,
            stage: Stage::Processing,
            accepted_ms: now,
            visible_ms: now,
            changed_ms: now,
            history: vec![Stage::Processing],
            credited: 0,
            came_back: 0,
            second_ways: 0,
            letters: Vec::new(),
        };
        self.givings.rows.insert(number.to_owned(), row.clone());
        Took::There(row)
    }

    /// The channel that a refund's payment went through.
    pub fn kind_of_refund(&self, number: &str) -> Option<ChannelKind> {
        let row = self.givings.rows.get(number)?;
        self.entries.get(&row.payment).map(super::books::Entry::kind)
    }

    /// A refund goes on to `stage`; the number of its letter.
    pub fn turn(&mut self, number: &str, stage: Stage, now: i64) -> Option<usize> {
        let row = self.givings.rows.get_mut(number)?;
        if row.stage == Stage::Success && matches!(stage, Stage::Abnormal | Stage::Closed) {
            row.came_back += 1;
        }
        row.credited += u32::from(stage == Stage::Success);
        (row.stage, row.changed_ms) = (stage, now);
        row.history.push(stage);
        row.letters.push(Letter { stage, at_ms: now, acknowledged: false });
        Some(row.letters.len() - 1)
    }

    /// A call for the second way arrives: only what was sent back can be paid elsewhere.
    pub fn second_way(&mut self, account: ChannelAccountId, refund_id: &str, number: &str) -> Option<Giving> {
        let row = self.givings.rows.get_mut(number).filter(|r| r.account == account && r.refund_id == refund_id)?;
        if row.stage != Stage::Abnormal {
            return None;
        }
        row.stage = Stage::Processing;
        row.history.push(Stage::Processing);
        row.second_ways += 1;
        Some(row.clone())
    }

    /// What the channel has given back of a payment, in minor units.
    pub fn given_back(&self, payment: &str) -> i64 {
        let rows = self.givings.rows.values().filter(|r| r.payment == payment && r.stage == Stage::Success);
        rows.map(|r| r.given_minor).sum()
    }
}
