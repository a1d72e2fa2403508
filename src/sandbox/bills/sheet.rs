//! What a bill of a day tells: the movements of that day with what was made wrong on request. It knows lines and
//! flaws, and must never know how a channel writes a bill.

use bursar_core::bank::Day;

use crate::Channel;
use crate::FeeTerms;
use crate::bills::flaws::{self, BillFlaw, BillName};
use crate::bills::movement::Movement;
use crate::orders::Orders;
use crate::shared::Shared;

/// The merchant that bills of another account are of.
const SOMEBODY_ELSE: &str = "990000000000009";

/// A bill before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Sheet {
    /// Whose it says it is; `None`: the account's that asks.
    pub(crate) other: Option<&'static str>,
    /// The day that it says it is of.
    pub(crate) day: Day,
    pub(crate) lines: Vec<Movement>,
    pub(crate) fees: FeeTerms,
    pub(crate) flaw: Option<BillFlaw>,
}

impl Sheet {
    /// What its totals are off by.
    pub(crate) fn off_minor(&self) -> i64 {
        i64::from(self.flaw == Some(BillFlaw::Totals))
    }

    /// The lines of garbage that follow its own.
    pub(crate) fn garbage(&self) -> impl Iterator<Item = String> + use<> {
        let count = if let Some(BillFlaw::Garbage { lines }) = self.flaw { lines } else { 0 };
        (0..count).map(flaws::garbage)
    }

    /// The account's number on it.
    pub(crate) fn whose<'a>(&self, account: &'a str) -> &'a str {
        self.other.unwrap_or(account)
    }

    /// Whether there is nothing to tell.
    pub(crate) fn is_empty(&self) -> bool {
        self.lines.is_empty() && !matches!(self.flaw, Some(BillFlaw::Garbage { .. } | BillFlaw::Totals))
    }

    /// The text as it is sent: whole, or its first half.
    pub(crate) fn cut(&self, mut text: String) -> String {
        if self.flaw == Some(BillFlaw::CutOff) {
            let half = text.len() / 2;
            let end = (0..=half).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        text
    }
}

impl Shared {
    /// What an account pays the channel.
    pub(crate) fn fee_terms(&self, channel: Channel, account: &str) -> FeeTerms {
        self.fees.get(account).copied().unwrap_or(self.front(channel).bills().fees)
    }

    /// The movements of an account from `begin_ms` to before `end_ms`, as its bills of orders tell them.
    pub(crate) fn told(&self, orders: &Orders, whose: (Channel, &str), span: (i64, i64)) -> Vec<Movement> {
        let (channel, account) = whose;
        let (front, fees) = (self.front(channel), self.fee_terms(channel, account));
        let terms = front.bills();
        let flaws = self.flaws.of_lines(account);
        if flaws.is_empty() {
            return orders.movements(whose, front, &fees, span);
        }
        // What is told late is of the day before.
        let earlier = (terms.begins_ms(terms.day(span.0).plus_days(-1)), span.1);
        let mut lines = Vec::new();
        for one in orders.movements(whose, front, &fees, earlier) {
            let flaw = flaws.get(&(one.refund.is_some(), orders.number_of(&one).to_owned()));
            let next_day_ms = terms.span(terms.day(one.at_ms)).1;
            match flaw {
                Some(flaw) => lines.extend(flaws::struck(flaw, one, next_day_ms)),
                None => lines.push(one),
            }
        }
        lines.retain(|one| (span.0..span.1).contains(&one.at_ms));
        lines.sort_by_key(|one| (one.at_ms, one.order));
        lines
    }

    /// The bill of orders of a day. Whoever calls holds the orders.
    pub(crate) fn sheet(&self, orders: &Orders, whose: (Channel, &str), day: Day) -> Sheet {
        let name = BillName { channel: whose.0, account: whose.1.to_owned(), day, funds: false };
        let mut sheet = self.blank(name);
        sheet.lines = self.told(orders, whose, self.front(whose.0).bills().span(sheet.day));
        sheet
    }

    /// A bill of that name without lines.
    pub(crate) fn blank(&self, name: BillName) -> Sheet {
        let flaw = self.flaws.of_bill(&name);
        let day = if flaw == Some(BillFlaw::OtherDay) { name.day.plus_days(-1) } else { name.day };
        Sheet {
            other: (flaw == Some(BillFlaw::OtherAccount)).then_some(SOMEBODY_ELSE),
            day,
            lines: Vec::new(),
            fees: self.fee_terms(name.channel, &name.account),
            flaw,
        }
    }
}
