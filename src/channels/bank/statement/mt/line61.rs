//! Tag 61, one booked line: it knows its fixed places and their variants, and must never know what was said about
//! it.
//!
//! `YYMMDD [MMDD] (R)C|(R)D|EC|ED [funds letter] amount N|F|S and three characters, customer reference
//! [//bank reference] [line break, supplementary details]`.

use bursar_core::bank::{Day, Direction};
use bursar_core::{Currency, Money};

use crate::bank::statement::amount::{self, COMMA};
use crate::bank::statement::error::{StatementError, WarningKind, Warnings, shown};
use crate::bank::statement::tidy;

/// What a line says by itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Booked {
    pub(super) booked_on: Day,
    pub(super) value_on: Day,
    pub(super) direction: Direction,
    pub(super) reversal: bool,
    pub(super) amount: Money,
    pub(super) customer_reference: Option<String>,
    pub(super) bank_reference: Option<String>,
    pub(super) supplementary: Option<String>,
}

/// What the two letters mean. A reversal of a credit takes money away.
const MARKS: [(&str, Option<Direction>, bool); 6] = [
    ("RC", Some(Direction::Debit), true),
    ("RD", Some(Direction::Credit), true),
    ("EC", None, false),
    ("ED", None, false),
    ("C", Some(Direction::Credit), false),
    ("D", Some(Direction::Debit), false),
];

/// Words in the place of the customer reference that only say where the reference stands.
const POINTERS: [&str; 5] = ["EREF", "PREF", "MARF", "KREF", "NREF"];

impl Booked {
    /// `None` for entries that are only expected, or of nothing.
    pub(super) fn read(
        text: &str,
        currency: Currency,
        at: &str,
        warnings: &mut Warnings,
    ) -> Result<Option<Self>, StatementError> {
        let wrong = |what: &str| {
            let first = text.lines().next().unwrap_or_default();
            StatementError::broken(at, format!("{} {what}", shown(first)))
        };
        let (first, supplementary) = text.split_once('\n').unwrap_or((text, ""));
        let (date, rest) = split_digits(first, 6).ok_or_else(|| wrong("does not begin with a day YYMMDD"))?;
        let (value_on, moved) = value_day(date).ok_or_else(|| wrong("does not begin with a day YYMMDD"))?;
        let (entry, rest) = split_digits(rest, 4).map_or((None, rest), |(d, rest)| (Some(d), rest));
        let booked_on =
            entry.map(|d| entry_day(d, value_on)).transpose().map_err(|()| wrong("has no day MMDD after the first"))?;
        if moved || booked_on.is_some_and(|(_, moved)| moved) {
            let what = format!("the calendar has no such day in {}; the last day of its month is taken", shown(first));
            warnings.add(WarningKind::DayMoved, at, what);
        }
        let mark = MARKS.iter().find_map(|m| Some((m, rest.strip_prefix(m.0)?)));
        let ((_, direction, reversal), rest) = mark.ok_or_else(|| wrong("has neither C nor D after its days"))?;
        let rest = rest.strip_prefix(|c: char| c.is_ascii_alphabetic()).unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(rest.len());
        let (number, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let amount = amount::read(number, COMMA, currency);
        let amount = amount.map_err(|what| wrong(&format!("has an amount {} that {what}", shown(number))))?;
        let Some(direction) = direction.filter(|_| amount.minor != 0) else { return Ok(None) };
        // The kind of transaction: one letter and three characters.
        let references = rest.split_at_checked(4).map_or("", |(_, rest)| rest);
        let (customer, bank) = references.split_once("//").unwrap_or((references, ""));
        let customer = tidy::number(customer, at)?.filter(|c| !POINTERS.contains(&c.as_str()));
        let supplementary = tidy::one_line(supplementary);
        Ok(Some(Self {
            booked_on: booked_on.map_or(value_on, |(day, _)| day),
            value_on,
            direction,
            reversal: *reversal,
            amount,
            customer_reference: customer,
            bank_reference: tidy::number(bank, at)?,
            supplementary: Some(supplementary).filter(|s| !s.is_empty()),
        }))
    }
}

fn split_digits(text: &str, count: usize) -> Option<(&str, &str)> {
    text.split_at_checked(count).filter(|(digits, _)| digits.bytes().all(|b| b.is_ascii_digit()))
}

fn two(text: &str, from: usize) -> Option<i8> {
    text.get(from..from + 2)?.parse().ok()
}

/// `YYMMDD`, and whether it had to be moved. Years from 80 on are of the last century.
fn value_day(text: &str) -> Option<(Day, bool)> {
    let year = i16::from(two(text, 0)?);
    let century = if year >= 80 { 1900 } else { 2000 };
    Day::clamped(century + year, two(text, 2)?, two(text, 4)?)
}

/// `MMDD` in the year that brings it nearest to the value day: a line of January may have been booked in
/// December.
fn entry_day(text: &str, near: Day) -> Result<(Day, bool), ()> {
    let (month, day) = two(text, 0).zip(two(text, 2)).ok_or(())?;
    let years = [near.year(), near.year() - 1, near.year() + 1];
    let days = years.into_iter().filter_map(|year| Day::clamped(year, month, day));
    days.min_by_key(|(d, _)| d.days_since(near).abs()).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Option<Booked>, StatementError> {
        Booked::read(text, "EUR".parse().unwrap(), "line 1", &mut Warnings::default())
    }

    fn booked(text: &str) -> Booked {
        read(text).unwrap().unwrap()
    }

    #[test]
    fn the_variants_of_the_mark_are_told_apart() {
        for (mark, direction, reversal) in [
            ("C", Direction::Credit, false),
            ("D", Direction::Debit, false),
            ("CR", Direction::Credit, false),
            ("DR", Direction::Debit, false),
            ("RC", Direction::Debit, true),
            ("RD", Direction::Credit, true),
            ("RCR", Direction::Debit, true),
            ("CN", Direction::Credit, false),
        ] {
            let line = booked(&format!("2611221122{mark}800,NTRFNONREF//55555"));
            assert_eq!((line.direction, line.reversal, line.amount.minor), (direction, reversal, 80_000), "{mark}");
            assert_eq!((line.customer_reference, line.bank_reference.as_deref()), (None, Some("55555")));
        }
        assert_eq!(read("261122EC800,NTRFNONREF"), Ok(None));
        assert_eq!(read("261122C0,00NTRFNONREF"), Ok(None));
    }

    #[test]
    fn the_entry_day_takes_the_year_that_is_nearest() {
        let days = |text: &str| {
            let line = booked(text);
            (line.value_on.to_string(), line.booked_on.to_string())
        };
        assert_eq!(days("2601021231C1,NTRFX"), ("2026-01-02".into(), "2025-12-31".into()));
        assert_eq!(days("2512310102C1,NTRFX"), ("2025-12-31".into(), "2026-01-02".into()));
        assert_eq!(days("991231C1,NTRFX"), ("1999-12-31".into(), "1999-12-31".into()));
        assert_eq!(days("2402300301D6,00N024NONREF"), ("2024-02-29".into(), "2024-03-01".into()));
    }

    #[test]
    fn references_and_details_stand_where_they_stand() {
        let line = booked("130101D000000000025,00N102EREF            \nNL70ABNA0987654321");
        assert_eq!((line.customer_reference, line.supplementary.as_deref()), (None, Some("NL70ABNA0987654321")));
        let line = booked("131017D6800,NCHK16703074");
        assert_eq!((line.customer_reference.as_deref(), line.bank_reference), (Some("16703074"), None));
        let line = booked("0310201020D10000,00FTRFREF 25611247//8327000090031790 ");
        assert_eq!(line.customer_reference.as_deref(), Some("REF 25611247"));
        assert_eq!(line.bank_reference.as_deref(), Some("8327000090031790"));
    }

    #[test]
    fn what_is_not_such_a_line_is_refused_with_its_text() {
        for bad in ["", "26112", "261322C1,NTRFX", "261122X1,NTRFX", "261122C,NTRFX", "261122C1,005NTRFX", "２61122C1,"]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read("261122C1,005NTRFX").unwrap_err().to_string().contains("smallest unit"));
    }
}
