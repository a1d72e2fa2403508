//! A sheet of a bill: it knows the ZIP around it, the lines of comments and the columns, and must never know what a
//! row means.

use bursar_core::Timestamp;
use bursar_core::bank::Day;
use encoding_rs::GB18030;

use crate::beijing;
use crate::bill::lines::{Charset, Line, Lines, check_columns};
use crate::bill::{BillError, BillFile, decimal, unpack};

/// How a merchant's number goes on in files: which of his accounts it is.
const MAIN_ACCOUNT: &str = "0156";
/// How a ZIP begins.
const ZIP: &[u8] = b"PK";

/// How a sheet is laid out.
#[derive(Debug)]
pub(super) struct Layout {
    /// The word in its file's name, which also stands around its list.
    pub(super) name: &'static str,
    /// Its columns.
    pub(super) columns: &'static [&'static str],
    /// The column that holds what people write, where commas are not escaped; and another one, when that does not help.
    pub(super) free: [usize; 2],
    /// The column with a time and the one with an amount, by which it is seen that the others are where they should be.
    pub(super) proofs: [usize; 2],
}

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) line: Line<()>,
    cells: Vec<String>,
    layout: &'static Layout,
    free: usize,
}

impl Row {
    fn read(line: Line, layout: &'static Layout) -> Result<Self, BillError> {
        let cells: Vec<String> = line.text.split(',').map(|cell| cell.trim().to_owned()).collect();
        let (count, columns) = (cells.len(), layout.columns.len());
        if count < columns {
            return Err(line.wrong(format!("it has {count} cells, expected {columns}")));
        }
        let line = Line { number: line.number, text: (), ended: line.ended };
        let mut row = Self { line, cells, layout, free: columns };
        let proved = |row: &Self| {
            let [time, amount] = layout.proofs;
            beijing::parse_wall(row.at(time)).is_some() && decimal::fen(row.at(amount)).is_ok()
        };
        if count > columns {
            row.free =
                layout.free.into_iter().find(|free| proved(&Self { free: *free, ..row.clone() })).ok_or_else(|| {
                    row.line.wrong(format!("it has {count} cells, expected {columns}, and it is not plain why"))
                })?;
        }
        Ok(row)
    }

    fn at(&self, index: usize) -> &str {
        let extra = self.cells.len().saturating_sub(self.layout.columns.len());
        let index = if index > self.free { index + extra } else { index };
        self.cells.get(index).map_or("", String::as_str)
    }

    /// What stands in the column `name`.
    pub(super) fn cell(&self, name: &str) -> &str {
        let index = self.layout.columns.iter().position(|column| *column == name);
        index.map_or("", |index| self.at(index))
    }

    /// What stands in the column `name`, as `read` understands it.
    ///
    /// # Errors
    /// What `read` says, with the place.
    pub(super) fn read_as<T>(&self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Result<T, BillError> {
        read(self.cell(name)).map_err(|what| self.wrong(name, what))
    }

    /// Fen in the column `name`; an empty cell is nothing.
    ///
    /// # Errors
    /// When it is no amount.
    pub(super) fn fen(&self, name: &str) -> Result<i64, BillError> {
        self.read_as(name, |text| if text.is_empty() { Ok(0) } else { decimal::fen(text) })
    }

    /// The time in the column `name`.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn time(&self, name: &str) -> Result<Timestamp, BillError> {
        self.read_as(name, |text| beijing::parse_wall(text).ok_or_else(|| "it is no time".to_owned()))
    }

    /// Something wrong in the column `name`.
    pub(super) fn wrong(&self, name: &str, what: impl Into<String>) -> BillError {
        if self.line.ended {
            BillError::at(format!("line {}, {name}", self.line.number), what)
        } else {
            self.line.cut_off()
        }
    }
}

impl Clone for Row {
    fn clone(&self) -> Self {
        let line = Line { number: self.line.number, text: (), ended: self.line.ended };
        Self { line, cells: self.cells.clone(), layout: self.layout, free: self.free }
    }
}

/// One line of sums at the end: `#交易合计：2笔，商家实收共12.34元，商家优惠共0.00元`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Summary {
    pub(super) count: u64,
    /// In fen, in their order.
    pub(super) sums: Vec<i64>,
}

impl Summary {
    fn read(line: &Line, text: &str) -> Result<Self, BillError> {
        let wrong = |what: String| line.wrong(format!("this sum cannot be read: {what}"));
        let (count, rest) = text.split_once('笔').ok_or_else(|| wrong("it has no count".to_owned()))?;
        let count = decimal::count(count.trim()).map_err(wrong)?;
        let amounts = rest.split('共').skip(1).map(|part| part.split('元').next().unwrap_or_default().trim());
        Ok(Self { count, sums: amounts.map(decimal::fen).collect::<Result<_, _>>().map_err(wrong)? })
    }

    /// Compares with what the lines come to, by size: what goes back is written with and without a sign.
    ///
    /// # Errors
    /// Which sum is another one.
    pub(super) fn tie(&self, names: [&'static str; 2], count: u64, sums: &[i64]) -> Result<(), BillError> {
        let [counted, summed] = names;
        if self.count != count {
            let (said, found) = (self.count.to_string(), count.to_string());
            return Err(BillError::Totals { what: counted, said, found });
        }
        for (said, found) in self.sums.iter().zip(sums) {
            if said.abs() != found.abs() {
                let (said, found) = (decimal::yuan(*said), decimal::yuan(*found));
                return Err(BillError::Totals { what: summed, said, found });
            }
        }
        if self.sums.len() < sums.len() {
            return Err(BillError::at("the summary", format!("{summed} is missing")));
        }
        Ok(())
    }
}

/// A sheet that is read.
pub(super) struct Sheet {
    lines: Lines,
    layout: &'static Layout,
    /// What comes out of a ZIP is proved to be whole by its checksum.
    packed: bool,
    rows: u64,
}

/// The sums after the list, by what they are called.
pub(super) struct Trailer(Vec<(String, Summary)>);

impl Trailer {
    /// The sum that is called `name`; `None` on a day without rows, which has none.
    pub(super) fn of(&self, name: &str) -> Option<&Summary> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, summary)| summary)
    }
}

/// What comes next.
pub(super) enum Next {
    /// A row of data.
    Data(Row),
    /// The list has ended well.
    End(Trailer),
}

fn source(file: &BillFile, layout: &Layout) -> Result<(unpack::Source, bool), BillError> {
    if file.part(0, ZIP.len())? != ZIP {
        return Ok((unpack::text(file)?, false));
    }
    let members = unpack::members(file)?;
    // Their names are in the channel's charset, whatever the ZIP says.
    let name = |bytes: &[u8]| {
        std::str::from_utf8(bytes)
            .map_or_else(|_| GB18030.decode_without_bom_handling(bytes).0.into_owned(), str::to_owned)
    };
    let list = |bytes: &[u8]| {
        let name = name(bytes);
        name.contains(layout.name) && !name.contains("汇总")
    };
    let mut found = members.iter().filter(|member| list(&member.name));
    match (found.next(), found.next()) {
        (Some(member), None) => Ok((unpack::open(file, member)?, true)),
        (first, _) => {
            let count = if first.is_some() { "more than one sheet" } else { "no sheet" };
            let names: Vec<String> = members.iter().take(5).map(|member| name(&member.name)).collect();
            let what = format!("there is {count} named {} in it, but: {}", layout.name, names.join(", "));
            Err(BillError::at("the ZIP", what))
        }
    }
}

/// What stands between the brackets after `word`.
fn bracketed<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(word)?;
    rest.split_once('[')?.1.split_once(']').map(|(inside, _)| inside.trim())
}

/// Reads `2026年11月22日 00:00:00`.
fn day_of(text: &str) -> Option<Day> {
    let date = text.split_whitespace().next()?;
    date.replace(['年', '月'], "-").strip_suffix('日')?.parse().ok()
}

impl Sheet {
    /// Begins to read: whose it is, of which day, and its columns.
    ///
    /// # Errors
    /// When it is another's, of another day, or not laid out like this.
    pub(super) fn open(file: &BillFile, layout: &'static Layout, seller_id: &str, day: Day) -> Result<Self, BillError> {
        let (source, packed) = source(file, layout)?;
        let mut lines = Lines::new(source, Charset::Gb18030);
        let (mut named, mut dated) = (false, false);
        loop {
            let line = lines.next_filled()?.ok_or_else(|| BillError::CutOff("its list is missing".to_owned()))?;
            let Some(text) = line.text.strip_prefix('#') else {
                return Err(line.wrong(format!("a bill begins with comments and a list named {}", layout.name)));
            };
            if let Some(account) = bracketed(text, "账号") {
                let bare = account.strip_suffix(MAIN_ACCOUNT).filter(|bare| *bare == seller_id);
                if account != seller_id && bare.is_none() {
                    return Err(BillError::foreign(account, seller_id));
                }
                named = true;
            } else if let Some(from) = bracketed(text, "起始日期") {
                let to = bracketed(text, "终止日期").unwrap_or(from);
                let (Some(first), Some(last)) = (day_of(from), day_of(to)) else {
                    return Err(line.wrong("its days cannot be read"));
                };
                if first != day || (last != day && last != day.plus_days(1)) {
                    return Err(BillError::WrongDay { found: format!("{from} to {to}"), expected: day });
                }
                dated = true;
            } else if text.contains(&format!("{}列表", layout.name)) && !text.contains("结束") {
                break;
            }
        }
        if !named || !dated {
            let missing = if named { "起始日期" } else { "账号" };
            return Err(BillError::at("the beginning", format!("the line with {missing} is missing")));
        }
        let header = lines.next_filled()?.ok_or_else(|| BillError::CutOff("its columns are missing".to_owned()))?;
        let checked = check_columns(&header.place(), header.text.trim_end_matches(',').split(','), layout.columns);
        checked.map_err(|error| if header.ended { error } else { header.cut_off() })?;
        Ok(Self { lines, layout, packed, rows: 0 })
    }

    /// The next row; nothing may be asked for after the end.
    ///
    /// # Errors
    /// When the list has no end, or a line is no row.
    pub(super) fn next(&mut self) -> Result<Next, BillError> {
        match self.lines.next_filled()? {
            // A day on which nothing happened has no more than this.
            None if self.rows == 0 && self.packed => Ok(Next::End(Trailer(Vec::new()))),
            None => Err(BillError::CutOff("its list has no end".to_owned())),
            Some(line) if line.text.starts_with('#') => {
                if line.text.contains("结束") {
                    return self.trailer().map(Next::End);
                }
                Err(line.wrong("the list is interrupted"))
            }
            Some(line) if !line.ended => Err(line.cut_off()),
            Some(line) => {
                let cells = line.text.split(',').map(|cell| cell.trim().replace('（', "(").replace('）', ")"));
                if cells.take(2).eq(self.layout.columns.iter().take(2).map(|name| (*name).to_owned())) {
                    return Err(line.wrong("the header stands here again"));
                }
                let row = Row::read(line, self.layout)?;
                self.rows += 1;
                Ok(Next::Data(row))
            }
        }
    }

    fn trailer(&mut self) -> Result<Trailer, BillError> {
        let (mut sums, mut whole) = (Vec::new(), self.packed);
        while let Some(line) = self.lines.next_filled()? {
            if !line.ended {
                return Err(line.cut_off());
            }
            let Some(text) = line.text.strip_prefix('#') else {
                return Err(line.wrong("the bill goes on after its list"));
            };
            let Some((name, rest)) = text.split_once(['：', ':']) else { continue };
            whole |= name.contains("导出时间");
            if name.ends_with("合计") {
                sums.push((name.trim().to_owned(), Summary::read(&line, rest)?));
            }
        }
        if !whole || (self.rows > 0 && sums.len() < 2) {
            return Err(BillError::CutOff("the sums after its list are missing".to_owned()));
        }
        Ok(Trailer(sums))
    }
}
