//! The row that names the columns: it knows how to find it, and must never take another for it.

use bursar_core::Currency;

use super::mapping::{Mapping, Names};
use super::{Row, clean};
use crate::bank::statement::error::{StatementError, shown};
use crate::bank::statement::limits::MAX_PREAMBLE_ROWS;

/// Which column holds what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub(super) date: usize,
    pub(super) value_date: Option<usize>,
    pub(super) amounts: Amounts,
    pub(super) balance: Option<usize>,
    pub(super) currency: Option<usize>,
    pub(super) account: Option<usize>,
    pub(super) counterparty_name: Option<usize>,
    pub(super) counterparty_account: Option<usize>,
    pub(super) serial: Option<usize>,
    pub(super) end_to_end: Option<usize>,
    pub(super) virtual_account: Option<usize>,
    pub(super) text: Vec<usize>,
    /// The names as they stand in the file.
    names: Vec<String>,
}

/// How a table writes amounts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Amounts {
    /// In two columns.
    Split { credit: usize, debit: usize },
    /// In one column with a sign.
    Signed { amount: usize },
    /// In one column, and which way in another.
    Flagged { amount: usize, flag: usize },
}

/// A name as it is compared: half width, without spaces and colons.
fn plain(name: &str) -> String {
    let half = clean(name)
        .chars()
        .map(|c| match c {
            '\u{3000}' => ' ',
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            c => c,
        })
        .collect::<String>();
    half.chars().filter(|c| !c.is_whitespace() && *c != ':').flat_map(char::to_lowercase).collect()
}

/// A name without what stands in brackets at its end: units and currencies.
fn bare(name: &str) -> String {
    let name = plain(name);
    name.split_once(['(', '[']).map_or(name.clone(), |(front, _)| front.to_owned())
}

impl Header {
    /// The header and its place among the first rows.
    ///
    /// # Errors
    /// Which column the best row lacks.
    pub(super) fn find(rows: &[Row], mapping: &Mapping) -> Result<(Self, usize), StatementError> {
        let mut best: Option<(usize, Vec<String>, u64)> = None;
        for (index, row) in rows.iter().enumerate() {
            match Self::read(row, mapping) {
                Ok(header) => return Ok((header, index)),
                Err((found, missing)) if found > best.as_ref().map_or(0, |b| b.0) => {
                    best = Some((found, missing, row.line));
                }
                Err(_) => {}
            }
        }
        let advice = "choose the mapping of this bank, or give the account a mapping that names its columns";
        Err(match best {
            Some((_, missing, line)) => {
                let missing: Vec<_> = missing.iter().map(|m| shown(m)).collect();
                let what = format!(
                    "the header lacks the column {} that the mapping {} needs",
                    missing.join(", "),
                    shown(&mapping.name)
                );
                StatementError::new(format!("line {line}"), what, advice)
            }
            None => {
                let what = format!(
                    "none of the first {MAX_PREAMBLE_ROWS} rows has the columns of the mapping {}",
                    shown(&mapping.name)
                );
                StatementError::new("the table", what, advice)
            }
        })
    }

    /// The header in `row`; else how many of the needed columns it has, and which it lacks.
    fn read(row: &Row, mapping: &Mapping) -> Result<Self, (usize, Vec<String>)> {
        let columns = &mapping.columns;
        let (exact, short): (Vec<_>, Vec<_>) = row.cells.iter().map(|c| (plain(c), bare(c))).unzip();
        // The whole name wins over one with a unit behind it.
        let by_name = |name: &String| {
            let name = plain(name);
            exact.iter().position(|c| *c == name).or_else(|| short.iter().position(|c| *c == name))
        };
        let place = |names: &Names| names.all().iter().find_map(by_name);
        let (mut found, mut missing) = (0_usize, Vec::new());
        let mut need = |names: &Names| {
            let at = place(names);
            match at {
                Some(_) => found += 1,
                None => missing.push(names.all().join(" / ")),
            }
            at
        };
        let date = need(&columns.date);
        let amounts = if columns.amount.is_given() {
            let amount = need(&columns.amount);
            if columns.flag.is_given() {
                amount.zip(need(&columns.flag)).map(|(amount, flag)| Amounts::Flagged { amount, flag })
            } else {
                amount.map(|amount| Amounts::Signed { amount })
            }
        } else {
            let (credit, debit) = (need(&columns.credit), need(&columns.debit));
            credit.zip(debit).map(|(credit, debit)| Amounts::Split { credit, debit })
        };
        let (Some(date), Some(amounts)) = (date, amounts) else { return Err((found, missing)) };
        Ok(Self {
            date,
            value_date: place(&columns.value_date),
            amounts,
            balance: place(&columns.balance),
            currency: place(&columns.currency),
            account: place(&columns.account),
            counterparty_name: place(&columns.counterparty_name),
            counterparty_account: place(&columns.counterparty_account),
            serial: place(&columns.serial),
            end_to_end: place(&columns.end_to_end),
            virtual_account: place(&columns.virtual_account),
            text: columns.text.iter().filter_map(by_name).collect(),
            names: row.cells.clone(),
        })
    }

    /// `line 12, column `借方金额`` for errors.
    pub(super) fn place(&self, row: &Row, column: usize) -> String {
        let name = self.names.get(column).map_or("", String::as_str);
        format!("line {}, column {}", row.line, shown(name))
    }
}

/// The account number behind one of the labels above the header: in the same cell or in the next.
pub(super) fn account_above(rows: &[Row], mapping: &Mapping) -> Option<String> {
    let number = |text: &str| {
        let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let shape = (5..=40).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (shape && digits.bytes().any(|b| b.is_ascii_digit())).then_some(digits)
    };
    for row in rows {
        for (index, cell) in row.cells.iter().enumerate() {
            let (label, rest) = cell.split_once([':', '：']).unwrap_or((cell, ""));
            if mapping.account_labels.iter().any(|l| plain(l) == plain(label)) {
                let found = number(&clean(rest)).or_else(|| number(row.cell(index + 1)));
                if found.is_some() {
                    return found;
                }
            }
        }
    }
    None
}

/// A currency by its code or by one of the mapping's names.
pub(super) fn currency(text: &str, mapping: &Mapping) -> Option<Currency> {
    mapping.currency_names.get(text).map_or(text, String::as_str).parse().ok()
}
