//! The transactions of a file: it knows its members and what its lines mean, and must never know our payments.

use std::mem;

use bursar_core::bank::Day;
use bursar_core::channel::ChannelKind;
use bursar_core::clock::{DAY_MS, HOUR_MS};
use bursar_core::reconcile::{BillLine, EntryKind, EntryStatus};
use encoding_rs::GB18030;

use super::record::{
    AMOUNT, FEE, MER_ID, ORDER_ID, ORIGINAL_QUERY_ID, QUERY_ID, Record, SETTLED, TIME, TOLD_BACK, TXN_TYPE,
};
use crate::bill::lines::{Charset, Lines};
use crate::bill::unpack::{self, Member};
use crate::bill::{BillError, BillFile, BillLines, decimal, own};
use crate::unionpay::time::read_yearless;

/// How a ZIP begins.
const ZIP: &[u8] = b"PK";
/// By how much a transaction may seem to be outside of its day, in milliseconds: which of its times decides is not
/// confirmed.
const SLACK_MS: i64 = HOUR_MS;
/// Longest summary that is read, in lines.
const MAX_SUMMARY_LINES: usize = 1_000;

/// A list of transactions that is read.
pub(super) struct List {
    lines: Lines,
    day: Day,
    mer_id: String,
    /// What the summary says, in fen, where there is one.
    said: Vec<i64>,
    rows: u32,
    /// What the channel pays out for the day, in fen.
    net: i64,
    state: State,
}

enum State {
    Listing,
    Ended,
}

/// The name of a member without folders.
fn name(member: &Member) -> String {
    let name = GB18030.decode_without_bom_handling(&member.name).0;
    name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned()
}

/// Amounts of yuan in a summary that is written for people.
fn amounts(source: unpack::Source) -> Result<Vec<i64>, BillError> {
    let (mut lines, mut found) = (Lines::new(source, Charset::Gb18030), Vec::new());
    while let Some(line) = lines.next()? {
        if line.number > u64::try_from(MAX_SUMMARY_LINES).unwrap_or(u64::MAX) {
            return Err(line.wrong("the summary is longer than any"));
        }
        let words = line.text.split_whitespace().map(|word| word.replace(',', ""));
        found.extend(words.filter(|word| word.contains('.')).filter_map(|word| decimal::fen(&word).ok()));
    }
    Ok(found)
}

/// The day in `INNyymmdd88ZM_merId`, and the merchant.
fn named(name: &str) -> Option<(Day, &str)> {
    let (head, mer_id) = name.split_once("88ZM_")?;
    let date = head.strip_prefix("INN")?;
    let part = |from: usize, to: usize| date.get(from..to).and_then(|text| text.parse::<i8>().ok());
    let day = Day::new(2000 + i16::from(part(0, 2)?), part(2, 4)?, part(4, 6)?)?;
    (date.len() == 6).then_some((day, mer_id))
}

impl List {
    pub(super) fn open(day: Day, mer_id: &str, file: &BillFile) -> Result<Self, BillError> {
        let (source, said) = Self::source(day, mer_id, file)?;
        let lines = Lines::new(source, Charset::Gb18030);
        Ok(Self { lines, day, mer_id: mer_id.to_owned(), said, rows: 0, net: 0, state: State::Listing })
    }

    fn source(day: Day, mer_id: &str, file: &BillFile) -> Result<(unpack::Source, Vec<i64>), BillError> {
        if file.part(0, ZIP.len())? != ZIP {
            return Ok((unpack::text(file)?, Vec::new()));
        }
        let members = unpack::members(file)?;
        let list = members.iter().find_map(|member| named(&name(member)).map(|_| member));
        let list = list.ok_or_else(|| {
            let names: Vec<String> = members.iter().take(5).map(name).collect();
            BillError::at("the ZIP", format!("there is no INNyymmdd88ZM_… in it, but: {}", names.join(", ")))
        })?;
        let list_name = name(list);
        if let Some((found, whose)) = named(&list_name) {
            if whose != mer_id {
                return Err(BillError::foreign(whose, mer_id));
            }
            // The day of the settlement, or the one on which the file is made.
            if found != day && found != day.plus_days(1) {
                return Err(BillError::WrongDay { found: found.to_string(), expected: day });
            }
        }
        let summary = members.iter().find(|member| name(member).starts_with("RD"));
        let said = summary.map(|member| unpack::open(file, member).and_then(amounts)).transpose()?;
        Ok((unpack::open(file, list)?, said.unwrap_or_default()))
    }

    fn line(&mut self, record: &Record) -> Result<BillLine, BillError> {
        let whose = record.text(MER_ID);
        if whose != self.mer_id {
            return Err(BillError::foreign(whose, &self.mer_id));
        }
        let (begins, ends) = ChannelKind::Unionpay.day_bounds(self.day);
        let at = read_yearless(record.text(TIME), begins.plus_ms(-DAY_MS));
        let at = at.ok_or_else(|| record.wrong("time", "it is no MMDDhhmmss"))?;
        if at < begins.plus_ms(-SLACK_MS) || at >= ends.plus_ms(SLACK_MS) {
            let found = ChannelKind::Unionpay.business_day(at).to_string();
            return Err(BillError::WrongDay { found, expected: self.day });
        }
        let amount = record.fen(AMOUNT, "amount")?;
        let fee = record.sided(FEE, "fee", 'C')?;
        let settled = record.sided(SETTLED, "settlement", 'D')?;
        let kind = match record.text(TXN_TYPE) {
            "01" | "03" | "11" => EntryKind::Capture,
            "04" | "31" | "33" => EntryKind::Refund,
            _ => EntryKind::Other,
        };
        let expected = match kind {
            EntryKind::Capture => amount.saturating_sub(fee),
            EntryKind::Refund => amount.saturating_neg().saturating_sub(fee),
            _ => settled,
        };
        if settled != expected {
            let (said, found) = (decimal::yuan(settled), decimal::yuan(expected));
            return Err(BillError::Totals { what: "the settlement of a line", said, found });
        }
        self.net = self.net.saturating_add(settled);
        self.rows = self.rows.saturating_add(1);
        let number = record.text(ORDER_ID);
        let told_back = Some(record.text(TOLD_BACK)).filter(|_| own::is_ours(number));
        Ok(BillLine {
            ordinal: self.rows,
            kind,
            status: EntryStatus::Done,
            number: own::spelled(number),
            // The file names the payment of a refund by the channel's number only.
            payment_number: None,
            payment_channel_id: own::some(record.text(ORIGINAL_QUERY_ID)).filter(|_| kind == EntryKind::Refund),
            channel_id: record.text(QUERY_ID).to_owned(),
            amount_minor: if kind == EntryKind::Other { settled } else { amount },
            currency: "CNY".to_owned(),
            fee_minor: if kind == EntryKind::Other { 0 } else { fee },
            at,
            order_number: told_back.and_then(own::some).filter(|_| kind == EntryKind::Capture),
        })
    }

    /// The summary's amounts: gross, fees and net. How it is laid out differs; the net stands in each.
    fn tie(&self) -> Result<(), BillError> {
        match self.said.last() {
            Some(last) if !self.said.iter().any(|fen| fen.abs() == self.net.abs()) => {
                let (said, found) = (decimal::yuan(*last), decimal::yuan(self.net));
                Err(BillError::Totals { what: "the net of the day", said, found })
            }
            _ => Ok(()),
        }
    }

    /// What the channel pays out for the day. When more went back than came, it waits for better days.
    fn payout(&self) -> Option<BillLine> {
        let (_, ends) = ChannelKind::Unionpay.day_bounds(self.day);
        (self.net > 0).then(|| BillLine {
            ordinal: self.rows.saturating_add(1),
            kind: EntryKind::Payout,
            status: EntryStatus::Done,
            number: String::new(),
            payment_number: None,
            payment_channel_id: None,
            channel_id: format!("settle-{}", self.day.to_string().replace('-', "")),
            amount_minor: self.net,
            currency: "CNY".to_owned(),
            fee_minor: 0,
            at: ends,
            order_number: None,
        })
    }
}

impl BillLines for List {
    fn next(&mut self) -> Result<Option<BillLine>, BillError> {
        if matches!(mem::replace(&mut self.state, State::Ended), State::Ended) {
            return Ok(None);
        }
        match self.lines.next_bytes()? {
            Some(line) => {
                let line = self.line(&Record::new(line)?)?;
                self.state = State::Listing;
                Ok(Some(line))
            }
            None => {
                self.tie()?;
                Ok(self.payout())
            }
        }
    }
}
