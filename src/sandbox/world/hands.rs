//! Money that comes by bank or by hand: lines of statements and collections, and how payers make them. It
//! knows what came, and must never know what Bursar makes of it.

use bursar_core::channel::{ChannelKind, Method};
use bursar_core::clock::{HOUR_MS, MINUTE_MS, SECOND_MS};
use bursar_core::observation::{Piece, Source};

use super::agenda::Event;
use super::faults::Fault;
use super::history::History;
use super::planted::Planted;
use super::script::Payer;
use super::state::State;
use super::wants;

/// A line that did not reach the books is told again.
const AGAIN_MS: i64 = 20 * SECOND_MS;
/// How long a statement usually takes.
const USUAL_MS: (i64, i64) = (5 * SECOND_MS, 20 * MINUTE_MS);
/// How long it takes over a weekend, or until a collector has a signal again.
const LATE_MS: (i64, i64) = (30 * MINUTE_MS, 60 * HOUR_MS);
/// When a bank takes money back.
const BACK_MS: (i64, i64) = (10 * SECOND_MS, 40 * HOUR_MS);

/// Money that came.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub id: String,
    /// The number of the payment.
    pub payment: String,
    pub method: Method,
    pub amount_minor: i64,
    pub at_ms: i64,
    /// Whether the bank took it back.
    pub back: bool,
    /// Whether we know.
    pub told: bool,
    pub told_back: bool,
}

impl Line {
    /// As it is told to us.
    pub fn piece(&self) -> Piece {
        Piece {
            line: self.id.clone(),
            amount_minor: self.amount_minor,
            currency: "CNY".to_owned(),
            at: bursar_core::Timestamp::from_millis(self.at_ms),
        }
    }

    pub const fn source(&self) -> Source {
        match self.method.channel() {
            ChannelKind::Cash => Source::Collection,
            _ => Source::Statement,
        }
    }
}

impl State {
    /// A payer gives a part of the money, `after_ms` from now.
    fn gives(&mut self, number: &str, amount_minor: i64, after_ms: i64) {
        let Some(method) = self.books.entries.get(number).map(|e| e.ask.method) else { return };
        if amount_minor <= 0 {
            return;
        }
        let id = format!("line-{:04}", self.books.next_serial());
        let line = Line {
            id: id.clone(),
            payment: number.to_owned(),
            method,
            amount_minor,
            at_ms: self.now + after_ms,
            back: false,
            told: false,
            told_back: false,
        };
        self.note(|| format!("{amount_minor} are given for {number}: {id}"));
        self.books.lines.insert(id.clone(), line);
        let late = self.strikes(Fault::LineLate);
        let delay =
            if late { self.dice(Fault::LineLate, LATE_MS.0, LATE_MS.1) } else { self.between(USUAL_MS.0, USUAL_MS.1) };
        self.at(after_ms + delay, Event::Tell { line: id.clone(), back: false, copy: 0 });
        if self.strikes(Fault::LineTwice) {
            for copy in 1..=2 {
                let again = after_ms + delay + self.dice(Fault::LineTwice, 0, 3 * HOUR_MS);
                self.at(again, Event::Tell { line: id.clone(), back: false, copy });
            }
        }
        if method == Method::BankTransfer && self.strikes(Fault::LineReversed) {
            let back = after_ms + self.dice(Fault::LineReversed, BACK_MS.0, BACK_MS.1);
            self.at(back, Event::TakeBack { line: id });
        }
    }

    /// A payer pays by bank or by hand, in his way.
    pub(super) fn pays_by_hand(&mut self, number: &str, payer: Payer) {
        let Some(ask) = self.books.entries.get(number).map(|e| e.ask) else { return };
        let whole = ask.amount_minor;
        let part = self.between(1, whole.max(2) - 1).min(whole);
        let soon = self.between(0, 2 * MINUTE_MS);
        let later = self.between(MINUTE_MS, 2 * HOUR_MS);
        let bank = ask.method == Method::BankTransfer;
        let manner = if payer == Payer::FailsOnce { 1 } else { self.between(0, 11) };
        match manner {
            // Too little, and the rest when he has noticed; or never.
            0 | 1 => {
                self.count(Fault::Underpaid);
                self.gives(number, part, 0);
                if manner == 1 {
                    self.gives(number, whole - part, later);
                }
            }
            2 if bank => {
                self.count(Fault::Overpaid);
                self.gives(number, whole + part, 0);
            }
            3 => {
                self.count(Fault::InPieces);
                self.gives(number, part / 2, 0);
                self.gives(number, part - part / 2, soon);
                self.gives(number, whole - part, soon + later / 4);
            }
            // Twice, because he was in doubt.
            4 if bank => {
                self.count(Fault::Overpaid);
                self.gives(number, whole, 0);
                self.gives(number, whole, later);
            }
            // On a day when nobody expects it any more.
            5 => self.gives(number, whole, 20 * MINUTE_MS + later),
            _ => self.gives(number, whole, 0),
        }
    }
}

impl History {
    /// A line is told to us, until it is on the books. Copies are told once.
    pub(super) fn tell(&self, line: &str, back: bool, copy: u32) {
        let row = {
            let mut state = self.world.lock();
            let Some(row) = state.books.lines.get(line).cloned() else { return };
            if copy == 0 && if back { row.told_back } else { row.told } {
                return;
            }
            if copy == 0 {
                state.at(AGAIN_MS, Event::Tell { line: line.to_owned(), back, copy });
            }
            if back && state.planted == Some(Planted::LineReversalIgnored) {
                if let Some(row) = state.books.lines.get_mut(line) {
                    row.told_back = true;
                }
                return;
            }
            match state.planted {
                Some(Planted::LineCountedTwice) if copy > 0 => Line { id: format!("{line}-{copy}"), ..row },
                Some(Planted::OverpaidAsExact) => {
                    let whole = state.books.entries.get(&row.payment).map_or(0, |e| e.ask.amount_minor);
                    Line { amount_minor: row.amount_minor.min(whole), ..row }
                }
                _ => row,
            }
        };
        if let Some(gateway) = self.gateway() {
            tokio::spawn(wants::tell(self.world.clone(), gateway.context.clone(), line.to_owned(), row, back));
        }
    }

    /// A bank takes money back.
    pub(super) fn take_back(&self, line: &str) {
        let mut state = self.world.lock();
        let Some(row) = state.books.lines.get_mut(line) else { return };
        row.back = true;
        let delay = state.between(USUAL_MS.0, USUAL_MS.1);
        state.note(|| format!("the bank takes {line} back"));
        state.at(delay, Event::Tell { line: line.to_owned(), back: true, copy: 0 });
    }
}
