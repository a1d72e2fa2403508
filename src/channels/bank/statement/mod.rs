//! Files of banks about what happened on an account: it knows their formats, and must never know what a line is
//! for.
//!
//! [`read_statement`] takes any bytes and answers with lines, or with an error that names the place and what to
//! do. It never panics, holds to the limits of [`limits`], and reads amounts exactly. A file is read as a whole
//! or not at all.

mod amount;
mod balance;
mod camt;
mod charset;
mod csv;
mod error;
mod identity;
pub mod limits;
mod mt;
mod tidy;
mod unpack;
mod xml;

#[cfg(test)]
mod tests;

use bursar_core::bank::StatementLine;
use bursar_core::{Currency, Money};
use encoding_rs::GB18030;

pub use self::csv::{Columns, Mapping, MappingChoice, Names};
use self::error::Warnings;
pub use self::error::{StatementError, Warning, WarningKind};
pub use self::identity::line_id;
use self::limits::{MAX_FILE_BYTES, MAX_LINES, MAX_STATEMENTS};

/// How a file is to be read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// As what it looks like: XML, SWIFT tags, or a table of a bank that we know.
    #[default]
    Auto,
    /// As what it looks like; a table is read as the mapping says.
    AutoOr(Box<Mapping>),
    /// ISO 20022 camt.052, camt.053 or camt.054, of any version.
    Camt,
    /// SWIFT MT940 or MT942.
    Mt,
    /// A table, read as the mapping says.
    Csv(Box<Mapping>),
}

/// What was in a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatementFile {
    /// What it was: `camt.053`, `mt940`, `csv:icbc` …
    pub format: String,
    /// Its statements, in the order of the file; at least one.
    pub statements: Vec<Statement>,
    /// What a person should know of it.
    pub warnings: Vec<Warning>,
}

/// One statement: a stretch of one account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Statement {
    /// The account as the bank writes it; `None` when the file does not say.
    pub account: Option<String>,
    /// The bank's number of the statement; `None` when it has none.
    pub id: Option<String>,
    /// The currency of the account.
    pub currency: Currency,
    /// What was on the account before; may be negative.
    pub opening: Option<Money>,
    /// What was on it afterwards; may be negative.
    pub closing: Option<Money>,
    /// Its booked lines, in the order of the file.
    pub lines: Vec<StatementLine>,
}

/// Reads a file as it came from a bank: XML, SWIFT, a table, or one of these in a ZIP.
///
/// # Errors
/// What is wrong with it, where, and what to do about it.
pub fn read_statement(bytes: &[u8], format: &Format) -> Result<StatementFile, StatementError> {
    check_size(bytes)?;
    let unpacked = unpack::unpack(bytes)?;
    let bytes = unpacked.as_deref().unwrap_or(bytes);
    let mut warnings = Warnings::default();
    let (format, statements) = match format {
        Format::Auto => return read_statement(bytes, &recognised(bytes, None)?),
        Format::AutoOr(mapping) => return read_statement(bytes, &recognised(bytes, Some(mapping))?),
        Format::Camt => camt::read(bytes, &mut warnings)?,
        Format::Mt => mt::read(bytes, &mut warnings)?,
        Format::Csv(mapping) => csv::read(bytes, mapping, &mut warnings)?,
    };
    if statements.len() > MAX_STATEMENTS {
        let what = format!("it holds {} statements; at most {MAX_STATEMENTS} are taken", statements.len());
        return Err(StatementError::new("the file", what, "fetch a shorter period from the bank"));
    }
    Ok(StatementFile { format, statements, warnings: warnings.into_inner() })
}

fn check_size(bytes: &[u8]) -> Result<(), StatementError> {
    if bytes.is_empty() {
        return Err(StatementError::new("the file", "it is empty", "fetch it again from the bank"));
    }
    if bytes.len() > MAX_FILE_BYTES {
        let what = format!("it has {} bytes; at most {MAX_FILE_BYTES} are taken", bytes.len());
        return Err(StatementError::new("the file", what, "fetch a shorter period from the bank"));
    }
    Ok(())
}

/// More lines than a file may have?
fn check_lines(count: usize, at: &str) -> Result<(), StatementError> {
    if count <= MAX_LINES {
        return Ok(());
    }
    let what = format!("the file has more than {MAX_LINES} lines");
    Err(StatementError::new(at, what, "fetch a shorter period from the bank"))
}

/// What the file looks like. `own`: how tables are read.
fn recognised(bytes: &[u8], own: Option<&Mapping>) -> Result<Format, StatementError> {
    let not_a_statement = |what: &str, advice: &str| Err(StatementError::new("the file", what, advice));
    if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return not_a_statement("it is an old Excel workbook", "save it as CSV (UTF-8) and import that");
    }
    if bytes.starts_with(b"%PDF") {
        return not_a_statement("it is a PDF", "fetch camt.053, MT940 or CSV from the bank");
    }
    let text = charset::detect(bytes)?;
    if text.trim_start().starts_with('<') {
        return Ok(Format::Camt);
    }
    if mt::looks_like(&text) {
        return Ok(Format::Mt);
    }
    if let Some(mapping) = own {
        return Ok(Format::Csv(Box::new(mapping.clone())));
    }
    if let Some(mapping) = csv::known(&text).or_else(|| csv::known(&charset::decode(bytes, GB18030).ok()?)) {
        return Ok(Format::Csv(Box::new(mapping)));
    }
    let advice = format!(
        "say its format; for a table, give the account a `statement_mapping`: {} or your own",
        MappingChoice::NAMES.join(", ")
    );
    not_a_statement("it is no camt, no MT940, and no table of a bank that is known", &advice)
}
