//! One row of a table: it knows which rows are lines and what their cells say, and must never read a cell that it
//! cannot read as nothing.

use bursar_core::bank::{Day, Direction, Party, StatementLine};
use bursar_core::{Currency, Money};

use super::Row;
pub(super) use super::header::currency;
use super::header::{Amounts, Header};
use super::mapping::Mapping;
use crate::bank::statement::amount::{self, Style};
use crate::bank::statement::error::{StatementError, Warnings, shown};
use crate::bank::statement::identity::Moved;
use crate::bank::statement::tidy;

/// A row that is about something.
pub(super) struct Read {
    pub(super) account: Option<String>,
    /// `None`: nothing moved.
    pub(super) line: Option<StatementLine>,
    /// What was on the account afterwards, in minor units.
    pub(super) balance: Option<i64>,
}

/// An amount with its sign as it is written.
struct Signed {
    money: Money,
    negative: bool,
}

/// Reads `row`; `None` when it is empty, a sum, or words.
pub(super) fn read(
    row: &Row,
    header: &Header,
    mapping: &Mapping,
    warnings: &mut Warnings,
) -> Result<Option<Read>, StatementError> {
    let Some(first) = row.cells.iter().find(|c| !c.is_empty()) else { return Ok(None) };
    if mapping.totals.iter().any(|t| first.starts_with(t.as_str())) {
        return Ok(None);
    }
    let cell = |column: Option<usize>| column.map_or("", |c| row.cell(c));
    let named = cell(header.currency);
    let currency = if named.is_empty() { currency(&mapping.currency, mapping) } else { currency(named, mapping) };
    let Some(currency) = currency else {
        let what = format!("{} is not a currency that is known", shown(named));
        let advice = "add it to `currency_names` of the mapping";
        return Err(StatementError::new(header.place(row, header.currency.unwrap_or(0)), what, advice));
    };
    let cells = Cells { row, header, mapping, currency };
    let moved = cells.moved()?;
    let date = row.cell(header.date);
    if date.is_empty() && moved.is_none() {
        // Words under the table.
        return Ok(None);
    }
    let booked_on = cells.day(header.date)?.ok_or_else(|| {
        let advice = "add what its first cell begins with to `totals` of the mapping, when the row is no line";
        StatementError::new(header.place(row, header.date), "an amount without a day", advice)
    })?;
    let balance = match header.balance {
        Some(column) => {
            cells.amount(column)?.map(|s| if s.negative { s.money.minor.saturating_neg() } else { s.money.minor })
        }
        None => None,
    };
    let at = format!("line {}", row.line);
    let account = tidy::account(cell(header.account), &at)?;
    let Some((amount, direction, negative)) = moved else { return Ok(Some(Read { account, line: None, balance })) };
    let words: Vec<&str> = header.text.iter().map(|c| row.cell(*c)).filter(|t| !t.is_empty()).collect();
    let text = tidy::text(&words.join(" "), &at, warnings);
    let reversal = negative || mapping.reversal_words.iter().any(|w| text.contains(w.as_str()));
    let serial = tidy::number(cell(header.serial), &at)?.filter(|s| s.chars().any(|c| c != '0'));
    let counterparty = Party {
        name: tidy::name(cell(header.counterparty_name), &at, warnings),
        account: tidy::account(cell(header.counterparty_account), &at)?,
    };
    let end_to_end = tidy::number(cell(header.end_to_end), &at)?;
    let identified = Moved { amount, direction, reversal, day: Some(booked_on) };
    let identity = match &serial {
        Some(number) => identified.by_number(number),
        None => identified.by_content(&[
            // With its time of day, when it has one.
            Some(date),
            counterparty.account.as_deref(),
            counterparty.name.as_deref(),
            end_to_end.as_deref(),
            Some(&text),
            balance.map(|b| b.to_string()).as_deref(),
        ]),
    };
    let line = StatementLine {
        identity,
        whole: None,
        booked_on,
        value_on: header.value_date.map_or(Ok(None), |c| cells.day(c))?,
        amount,
        direction,
        reversal,
        counterparty,
        text,
        end_to_end,
        bank_reference: serial,
        virtual_account: tidy::account(cell(header.virtual_account), &at)?,
    };
    Ok(Some(Read { account, line: Some(line), balance }))
}

struct Cells<'a> {
    row: &'a Row,
    header: &'a Header,
    mapping: &'a Mapping,
    currency: Currency,
}

impl Cells<'_> {
    fn wrong(&self, column: usize, what: String) -> StatementError {
        let advice = "check that the mapping fits this table, and import the file as it came";
        StatementError::new(self.header.place(self.row, column), what, advice)
    }

    /// What moved, which way, and whether it was written as less than nothing: a negative credit takes a credit
    /// back.
    fn moved(&self) -> Result<Option<(Money, Direction, bool)>, StatementError> {
        let nothing = |s: &Signed| s.money.minor != 0;
        Ok(match self.header.amounts {
            Amounts::Signed { amount } => self.amount(amount)?.filter(nothing).map(|s| {
                let direction = if s.negative { Direction::Debit } else { Direction::Credit };
                (s.money, direction, false)
            }),
            Amounts::Flagged { amount, flag } => match self.amount(amount)?.filter(nothing) {
                None => None,
                Some(s) => Some(self.turned(s, self.flag(flag)?)),
            },
            Amounts::Split { credit, debit } => {
                match (self.amount(credit)?.filter(nothing), self.amount(debit)?.filter(nothing)) {
                    (None, None) => None,
                    (Some(s), None) => Some(self.turned(s, Direction::Credit)),
                    (None, Some(s)) => Some(self.turned(s, Direction::Debit)),
                    (Some(_), Some(_)) => {
                        return Err(self.wrong(debit, "the row has an amount in and an amount out".to_owned()));
                    }
                }
            }
        })
    }

    fn turned(&self, signed: Signed, direction: Direction) -> (Money, Direction, bool) {
        let direction = if signed.negative { direction.opposite() } else { direction };
        (signed.money, direction, signed.negative)
    }

    fn flag(&self, column: usize) -> Result<Direction, StatementError> {
        let flag = self.row.cell(column);
        let among = |list: &[String]| list.iter().any(|f| f.eq_ignore_ascii_case(flag));
        match (among(&self.mapping.credit_flags), among(&self.mapping.debit_flags)) {
            (true, false) => Ok(Direction::Credit),
            (false, true) => Ok(Direction::Debit),
            _ => {
                let what = format!("{} says neither in nor out; see `credit_flags` and `debit_flags`", shown(flag));
                Err(self.wrong(column, what))
            }
        }
    }

    /// The amount in a cell; `None` when it is empty or a dash.
    fn amount(&self, column: usize) -> Result<Option<Signed>, StatementError> {
        let cell = self.row.cell(column);
        let text = cell.trim_matches(|c: char| c.is_whitespace() || matches!(c, '¥' | '￥' | '元'));
        if text.is_empty() || text.chars().all(|c| c == '-') {
            return Ok(None);
        }
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let digits = digits.strip_prefix('+').filter(|_| !negative).unwrap_or(digits);
        let style = Style {
            decimal: self.mapping.decimal.chars().next().unwrap_or('.'),
            group: self.mapping.thousands.chars().next(),
        };
        let money = amount::read(digits, style, self.currency);
        let money = money.map_err(|what| self.wrong(column, format!("{} {what}", shown(cell))))?;
        Ok(Some(Signed { money, negative }))
    }

    /// The day in a cell; `None` when it is empty.
    fn day(&self, column: usize) -> Result<Option<Day>, StatementError> {
        let cell = self.row.cell(column);
        if cell.is_empty() {
            return Ok(None);
        }
        let found = self.mapping.dates.iter().find_map(|pattern| day(cell, pattern));
        found.map(Some).ok_or_else(|| {
            let patterns = self.mapping.dates.join(", ");
            self.wrong(column, format!("{} is not a day written as one of {patterns}", shown(cell)))
        })
    }
}

/// Reads a day by a pattern of `Y`, `M`, `D` and other characters. One `M` or `D` stands for one or two digits. A
/// time may follow after a space, a `T` or, where the day is eight digits, directly as six.
fn day(text: &str, pattern: &str) -> Option<Day> {
    let mut rest = text;
    let (mut year, mut month, mut day) = (0_i16, 0_i8, 0_i8);
    let mut pieces = pattern.chars().peekable();
    while let Some(c) = pieces.next() {
        let mut width = 1;
        while pieces.next_if_eq(&c).is_some() {
            width += 1;
        }
        if !matches!(c, 'Y' | 'M' | 'D') {
            let literal: String = std::iter::repeat_n(c, width).collect();
            rest = rest.strip_prefix(literal.as_str())?;
            continue;
        }
        let most = if width == 1 { 2 } else { width };
        let count = rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        let (digits, after) = rest.split_at_checked(count).filter(|_| count >= width)?;
        match c {
            'Y' => year = digits.parse().ok()?,
            'M' => month = digits.parse().ok()?,
            _ => day = digits.parse().ok()?,
        }
        rest = after;
    }
    let time_of_day = |t: &str| t.len() <= 15 && t.chars().all(|c| c.is_ascii_digit() || matches!(c, ':' | '.' | ' '));
    let time = match rest.chars().next() {
        None => true,
        Some(' ' | 'T') => time_of_day(rest.get(1..)?),
        Some(_) => rest.len() == 6 && pattern.len() == 8 && time_of_day(rest) && !rest.contains([':', '.', ' ']),
    };
    time.then(|| Day::new(year, month, day)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_by_their_patterns_with_a_time_behind_them() {
        let iso = |text: &str, pattern: &str| day(text, pattern).map(|d| d.to_string());
        let good = Some("2026-01-05".to_owned());
        for (text, pattern) in [
            ("20260105", "YYYYMMDD"),
            ("20260105101112", "YYYYMMDD"),
            ("20260105 10:11:12", "YYYYMMDD"),
            ("2026-01-05 10:11:12", "YYYY-MM-DD"),
            ("2026-01-05T10:11:12.123", "YYYY-MM-DD"),
            ("2026/1/5", "YYYY/M/D"),
            ("2026/01/05 9:01", "YYYY/M/D"),
            ("2026年1月5日", "YYYY年M月D日"),
            ("05.01.2026", "DD.MM.YYYY"),
        ] {
            assert_eq!(iso(text, pattern), good, "{text}");
        }
        for (text, pattern) in [
            ("2026-02-30", "YYYY-MM-DD"),
            ("2026-1-5", "YYYY-MM-DD"),
            ("2026010", "YYYYMMDD"),
            ("202601051", "YYYYMMDD"),
            ("2026-01-05x", "YYYY-MM-DD"),
            ("2026-01-05 合计", "YYYY-MM-DD"),
            ("２026-01-05", "YYYY-MM-DD"),
            ("", "YYYY-MM-DD"),
        ] {
            assert_eq!(iso(text, pattern), None, "{text}");
        }
    }
}
