//! Rows of a bill: it knows backticks, the caption in the middle and the one row of totals, and must never know what a
//! column means.

use crate::bill::lines::{Charset, Line, Lines, check_columns};
use crate::bill::{BillError, BillFile, unpack};

/// Every cell begins with it; so a comma inside a cell parts nothing.
const MARK: char = '`';
const BETWEEN: &str = ",`";

/// One row of cells.
#[derive(Debug)]
pub(super) struct Row {
    line: Line,
    cells: Vec<String>,
    columns: &'static [&'static str],
    /// Where cells are too many, this one holds what parts cells: those after it are counted from the right.
    free: usize,
}

impl Row {
    fn read(line: Line, columns: &'static [&'static str], free: usize) -> Result<Self, BillError> {
        let inner = line.text.strip_prefix(MARK).ok_or_else(|| line.wrong("a row begins with `, this one does not"))?;
        let cells: Vec<String> = inner.split(BETWEEN).map(str::to_owned).collect();
        if cells.len() < columns.len() {
            return Err(line.wrong(format!("it has {} cells, expected {}", cells.len(), columns.len())));
        }
        Ok(Self { line, cells, columns, free })
    }

    /// What stands in the column `name`.
    ///
    /// # Errors
    /// When the bill has no such column.
    pub(super) fn cell(&self, name: &'static str) -> Result<&str, BillError> {
        let index = self.columns.iter().position(|column| *column == name);
        let extra = self.cells.len() - self.columns.len();
        let index = index.map(|index| if index > self.free { index + extra } else { index });
        let cell = index.and_then(|index| self.cells.get(index));
        cell.map(|text| text.trim()).ok_or_else(|| self.wrong(name, "it is missing"))
    }

    /// What stands in the column `name`, as `read` understands it.
    ///
    /// # Errors
    /// What `read` says, with the place.
    pub(super) fn read_as<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<T, BillError> {
        read(self.cell(name)?).map_err(|what| self.wrong(name, what))
    }

    /// Something wrong in the column `name`.
    pub(super) fn wrong(&self, name: &str, what: impl Into<String>) -> BillError {
        BillError::at(format!("line {}, {name}", self.line.number), what)
    }
}

/// What comes next.
pub(super) enum Next {
    /// A row of data.
    Data(Row),
    /// The row of totals; the file has ended well after it.
    Totals(Row),
}

/// How a bill is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    /// The columns of its rows.
    pub(super) columns: &'static [&'static str],
    /// Of which this one may hold what parts cells.
    pub(super) free: usize,
    /// The columns of its row of totals.
    pub(super) totals: &'static [&'static str],
}

/// The rows of a bill.
pub(super) struct Rows {
    lines: Lines,
    layout: Layout,
    header: String,
}

impl Rows {
    /// Begins to read: the header decides which of `layouts` it is; the last one is named when it is none.
    ///
    /// # Errors
    /// When there is no header, or one that is not known.
    pub(super) fn open(file: &BillFile, layouts: &'static [Layout]) -> Result<Self, BillError> {
        let mut lines = Lines::new(unpack::text(file)?, Charset::Utf8);
        let header = lines.next_filled()?.ok_or_else(|| BillError::CutOff("the bill is empty".to_owned()))?;
        let count = header.text.split(',').count();
        let layout = layouts.iter().find(|l| l.columns.len() == count).or(layouts.last()).copied();
        let layout = layout.ok_or_else(|| header.wrong("this layout is not known"))?;
        let checked = check_columns(&header.place(), header.text.split(','), layout.columns);
        checked.map_err(|error| if header.ended { error } else { header.cut_off() })?;
        Ok(Self { lines, layout, header: header.text })
    }

    pub(super) const fn layout(&self) -> Layout {
        self.layout
    }

    /// The next row; nothing may be asked for after the totals.
    ///
    /// # Errors
    /// When the file ends before its totals, or a line is neither a row nor the caption of the totals.
    pub(super) fn next(&mut self) -> Result<Next, BillError> {
        let no_summary = || BillError::CutOff("the summary at its end is missing".to_owned());
        let line = self.lines.next_filled()?.ok_or_else(no_summary)?;
        if line.text.starts_with(MARK) {
            if !line.ended {
                return Err(line.cut_off());
            }
            return Row::read(line, self.layout.columns, self.layout.free).map(Next::Data);
        }
        let caption = self.layout.totals.first().is_some_and(|first| line.text.starts_with(first));
        if !caption {
            let again = line.text == self.header;
            return Err(line.wrong(if again { "the header stands here again" } else { "this is no row of a bill" }));
        }
        let checked = check_columns(&line.place(), line.text.split(','), self.layout.totals);
        checked.map_err(|error| if line.ended { error } else { line.cut_off() })?;
        let line = self.lines.next_filled()?.ok_or_else(no_summary)?;
        if !line.ended {
            return Err(line.cut_off());
        }
        let totals = Row::read(line, self.layout.totals, usize::MAX)?;
        match self.lines.next_filled()? {
            None => Ok(Next::Totals(totals)),
            Some(line) => Err(line.wrong("the bill goes on after its summary")),
        }
    }
}
