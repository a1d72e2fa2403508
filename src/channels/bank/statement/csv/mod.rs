//! Tables of banks, read as a [`Mapping`] says: it knows headers, cells and rows that are no lines, and must
//! never guess what a column means.
//!
//! Chinese banks follow no standard. What their tables have in common: some rows of words above the header,
//! amounts in two columns or one, tabs or backticks that keep Excel from making numbers of accounts, and sums at
//! the end. The newest line may come first or last; the balances tell.

mod header;
mod mapping;
mod ready;
mod row;

use encoding_rs::{Encoding, GB18030, UTF_8};

pub use self::mapping::{Columns, Mapping, MappingChoice, Names};
use super::error::{StatementError, WarningKind, Warnings};
use super::identity::Ordinals;
use super::limits::{MAX_COLUMNS, MAX_PREAMBLE_ROWS};
use super::{Statement, balance, charset, check_lines};
use bursar_core::Money;
use header::Header;
use row::Read;

/// A row of cells with its line in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Row {
    line: u64,
    cells: Vec<String>,
}

impl Row {
    fn cell(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", String::as_str)
    }
}

/// The mapping that is ready whose header stands in this text.
pub(super) fn known(text: &str) -> Option<Mapping> {
    ready::all().into_iter().find(|mapping| {
        let delimiter = delimiter(text, mapping);
        let preamble: Vec<Row> = rows(text, delimiter).take(MAX_PREAMBLE_ROWS).filter_map(Result::ok).collect();
        Header::find(&preamble, mapping).is_ok()
    })
}

pub(super) fn read(
    bytes: &[u8],
    mapping: &Mapping,
    warnings: &mut Warnings,
) -> Result<(String, Vec<Statement>), StatementError> {
    mapping.check().map_err(|e| StatementError::new("the mapping", e, "mend `statement_mapping` of the account"))?;
    let text = decode(bytes, mapping)?;
    let delimiter = delimiter(&text, mapping);
    let mut rows = rows(&text, delimiter);
    let preamble: Vec<Row> = rows.by_ref().take(MAX_PREAMBLE_ROWS).collect::<Result<_, _>>()?;
    let (header, index) = Header::find(&preamble, mapping)?;
    let default_account = header::account_above(preamble.get(..index).unwrap_or_default(), mapping);
    let mut table = Table::default();
    let mut lines = 0_usize;
    for row in preamble.into_iter().skip(index + 1).map(Ok).chain(rows) {
        let row = row?;
        if let Some(read) = row::read(&row, &header, mapping, warnings)? {
            lines += 1;
            check_lines(lines, &format!("line {}", row.line))?;
            table.add(read, default_account.as_deref());
        }
    }
    if table.empty > 0 {
        warnings.add(WarningKind::LeftOut, "the table", format!("{} rows of nothing were left out", table.empty));
    }
    let mut statements: Vec<Statement> = Vec::new();
    for (index, group) in table.statements.into_iter().enumerate() {
        statements.push(group.finish(index, warnings));
    }
    if statements.is_empty() {
        let currency = row::currency(&mapping.currency, mapping).ok_or_else(|| {
            StatementError::new("the mapping", "its currency is not known", "mend `statement_mapping` of the account")
        })?;
        let (account, lines) = (default_account, Vec::new());
        statements.push(Statement { account, id: None, currency, opening: None, closing: None, lines });
    }
    Ok((format!("csv:{}", mapping.name), statements))
}

fn decode(bytes: &[u8], mapping: &Mapping) -> Result<String, StatementError> {
    if mapping.encoding != "auto" {
        let named = Encoding::for_label(mapping.encoding.as_bytes()).unwrap_or(UTF_8);
        return charset::decode(bytes, named);
    }
    charset::decode(bytes, UTF_8).or_else(|_| {
        charset::decode(bytes, GB18030).map_err(|_| {
            let what = "it is neither UTF-8 nor GB18030";
            StatementError::new("the file", what, "say its `encoding` in the mapping, or save it as UTF-8")
        })
    })
}

/// What stands between cells: as the mapping says, else whichever the first rows have most of.
fn delimiter(text: &str, mapping: &Mapping) -> u8 {
    if let Some(given) = mapping.delimiter.bytes().next().filter(|_| mapping.delimiter != "auto") {
        return given;
    }
    let most = |d: &u8| {
        let counts = text.lines().take(MAX_PREAMBLE_ROWS).map(|l| l.bytes().filter(|b| b == d).count());
        counts.max().unwrap_or(0)
    };
    [b'|', b';', b'\t', b','].into_iter().max_by_key(most).unwrap_or(b',')
}

fn rows(text: &str, delimiter: u8) -> impl Iterator<Item = Result<Row, StatementError>> + '_ {
    let reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(text.as_bytes());
    // The reader's own count of lines is one short behind `\r\n` and blank lines.
    let (mut counted, mut line) = (0_usize, 1_u64);
    reader.into_records().map(move |record| {
        let record = record.map_err(|e| StatementError::broken("the table", format!("a row cannot be read: {e}")))?;
        let start = record.position().and_then(|p| usize::try_from(p.byte()).ok()).unwrap_or(counted);
        let blank = text.as_bytes().get(start..).unwrap_or_default();
        let start = start + blank.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count();
        let passed = text.as_bytes().get(counted..start).unwrap_or_default();
        line += u64::try_from(passed.iter().filter(|b| **b == b'\n').count()).unwrap_or(0);
        counted = start.max(counted);
        if record.len() > MAX_COLUMNS {
            let what = format!("the row has {} cells; at most {MAX_COLUMNS} are taken", record.len());
            return Err(StatementError::broken(format!("line {line}"), what));
        }
        Ok(Row { line, cells: record.iter().map(clean).collect() })
    })
}

/// A cell without what keeps Excel from changing it: tabs, backticks, `="…"`, a quote at its front.
fn clean(cell: &str) -> String {
    let waste = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '`' | '\u{feff}');
    let cell = cell.trim_matches(waste);
    let cell = cell.strip_prefix("=\"").and_then(|c| c.strip_suffix('"')).unwrap_or(cell);
    cell.strip_prefix('\'').unwrap_or(cell).trim_matches(waste).to_owned()
}

/// What the rows of a table come to.
#[derive(Default)]
struct Table {
    statements: Vec<Group>,
    ordinals: Ordinals,
    empty: usize,
}

/// The lines of one account and currency, with the balances that stand beside them.
struct Group {
    statement: Statement,
    balances: Vec<Option<i64>>,
}

impl Table {
    fn add(&mut self, read: Read, default_account: Option<&str>) {
        let Some(mut line) = read.line else {
            self.empty += 1;
            return;
        };
        let account = read.account.or_else(|| default_account.map(str::to_owned));
        line.identity = self.ordinals.number(account.as_deref(), line.identity);
        let currency = line.amount.currency;
        let same = |g: &&mut Group| g.statement.account == account && g.statement.currency == currency;
        if let Some(group) = self.statements.iter_mut().find(same) {
            group.statement.lines.push(line);
            group.balances.push(read.balance);
            return;
        }
        let statement = Statement { account, id: None, currency, opening: None, closing: None, lines: vec![line] };
        self.statements.push(Group { statement, balances: vec![read.balance] });
    }
}

impl Group {
    /// Takes opening and closing balance from the column of balances, and checks that each follows from the one
    /// before it, in the order of the file or against it.
    fn finish(mut self, index: usize, warnings: &mut Warnings) -> Statement {
        let statement = &mut self.statement;
        let Some(balances) = self.balances.iter().copied().collect::<Option<Vec<i64>>>() else { return self.statement };
        let moved: Vec<i64> = statement.lines.iter().map(balance::signed).collect();
        let follows = |balances: &mut dyn Iterator<Item = &i64>, moved: &mut dyn Iterator<Item = &i64>| {
            let mut before: Option<i64> = None;
            balances.zip(moved).all(|(after, moved)| {
                let fits = before.is_none_or(|b| b.checked_add(*moved) == Some(*after));
                before = Some(*after);
                fits
            })
        };
        let forward = follows(&mut balances.iter(), &mut moved.iter());
        let backward = !forward && follows(&mut balances.iter().rev(), &mut moved.iter().rev());
        let ends = if backward {
            (balances.last(), moved.last(), balances.first())
        } else {
            (balances.first(), moved.first(), balances.last())
        };
        if let (Some(first), Some(step), Some(last)) = ends {
            let opening = first.checked_sub(*step).map(|minor| Money::new(minor, statement.currency));
            (statement.opening, statement.closing) = (opening, Some(Money::new(*last, statement.currency)));
        }
        if !forward && !backward {
            let what =
                "the balances beside the lines do not follow from each other: lines are missing, or not in order";
            warnings.add(WarningKind::BalanceDiffers, format!("account {} of the table", index + 1), what);
        }
        self.statement
    }
}
