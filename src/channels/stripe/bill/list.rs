//! The file of a day: it knows its first and last line and that each other one is a transaction, and must never know
//! what a transaction says.

use std::mem;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::id::ChannelAccountId;
use bursar_core::reconcile::BillLine;

use super::entry::Entry;
use super::{Head, Tail};
use crate::bill::lines::{Charset, Line, Lines};
use crate::bill::{BillError, BillFile, BillLines, unpack};
use crate::stripe::object::instant;

/// How the last line begins.
const TAIL: &str = "{\"transactions\":";

/// A file that is read.
pub(super) struct List {
    lines: Lines,
    day: Day,
    rows: u32,
    ended: bool,
}

fn cut_off() -> BillError {
    BillError::CutOff("its last line is missing".to_owned())
}

fn wrong(line: &Line, error: impl std::fmt::Display) -> BillError {
    line.wrong(error.to_string())
}

impl List {
    pub(super) fn open(day: Day, account: ChannelAccountId, file: &BillFile) -> Result<Self, BillError> {
        let mut lines = Lines::new(unpack::text(file)?, Charset::Utf8);
        let first = lines.next_filled()?.ok_or_else(|| BillError::CutOff("the bill is empty".to_owned()))?;
        let head: Head = serde_json::from_str(&first.text)
            .map_err(|error| wrong(&first, format!("it should say whose the file is and of which day: {error}")))?;
        if head.account != account {
            return Err(BillError::foreign(&head.account.to_string(), &account.to_string()));
        }
        if head.day != day {
            return Err(BillError::WrongDay { found: head.day.to_string(), expected: day });
        }
        Ok(Self { lines, day, rows: 0, ended: false })
    }

    fn line(&mut self, line: &Line) -> Result<BillLine, BillError> {
        let entry: Entry = serde_json::from_str(&line.text).map_err(|error| wrong(line, error))?;
        let found = ChannelKind::Stripe.business_day(instant(entry.created));
        if found != self.day {
            return Err(BillError::WrongDay { found: found.to_string(), expected: self.day });
        }
        self.rows = self.rows.saturating_add(1);
        entry.line(self.rows).map_err(|what| wrong(line, what))
    }

    fn tail(&mut self, line: &Line) -> Result<(), BillError> {
        if !line.ended {
            return Err(line.cut_off());
        }
        let tail: Tail = serde_json::from_str(&line.text).map_err(|error| wrong(line, error))?;
        if tail.transactions != u64::from(self.rows) {
            let (said, found) = (tail.transactions.to_string(), self.rows.to_string());
            return Err(BillError::Totals { what: "the count of transactions", said, found });
        }
        match self.lines.next_filled()? {
            None => Ok(()),
            Some(line) => Err(line.wrong("the file goes on after its end")),
        }
    }
}

impl BillLines for List {
    fn next(&mut self) -> Result<Option<BillLine>, BillError> {
        if mem::replace(&mut self.ended, true) {
            return Ok(None);
        }
        let line = self.lines.next_filled()?.ok_or_else(cut_off)?;
        if line.text.starts_with(TAIL) {
            return self.tail(&line).map(|()| None);
        }
        let read = self.line(&line)?;
        self.ended = false;
        Ok(Some(read))
    }
}
