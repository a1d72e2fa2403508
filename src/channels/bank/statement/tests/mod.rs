//! Whole files of our own making: every sample is written here, none is a bank's.

mod camt;
mod files;
mod identities;
mod mangled;
mod mt;
mod tables;

use std::fmt::Write;

use bursar_core::bank::StatementLine;

use super::*;

/// A file read without an error.
fn read(bytes: impl AsRef<[u8]>, format: &Format) -> StatementFile {
    read_statement(bytes.as_ref(), format).unwrap_or_else(|e| panic!("{e}"))
}

/// What is wrong with a file.
fn refused(bytes: impl AsRef<[u8]>, format: &Format) -> String {
    read_statement(bytes.as_ref(), format).expect_err("the file must be refused").to_string()
}

/// The lines of the only statement.
fn lines(file: &StatementFile) -> &[StatementLine] {
    let [statement] = file.statements.as_slice() else { panic!("{} statements", file.statements.len()) };
    &statement.lines
}

fn kinds(file: &StatementFile) -> Vec<WarningKind> {
    file.warnings.iter().map(|w| w.kind).collect()
}

/// A line in short: way, reversal, minor units, currency.
fn short(line: &StatementLine) -> String {
    let back = if line.reversal { "R" } else { "" };
    format!("{}{back} {}", line.direction.name(), line.amount)
}

/// A camt message of one statement. `kind` is 52, 53 or 54.
fn message(kind: u32, version: &str, body: &str) -> String {
    let (root, container) = match kind {
        52 => ("BkToCstmrAcctRpt", "Rpt"),
        53 => ("BkToCstmrStmt", "Stmt"),
        _ => ("BkToCstmrDbtCdtNtfctn", "Ntfctn"),
    };
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let namespace = format!("urn:iso:std:iso:20022:tech:xsd:camt.0{kind}.001.{version}");
    writeln!(text, "<Document xmlns=\"{namespace}\">\n<{root}><GrpHdr><MsgId>M1</MsgId></GrpHdr>").unwrap();
    writeln!(text, "<{container}><Id>S-1</Id><CreDtTm>2026-11-22T18:00:00+08:00</CreDtTm>").unwrap();
    writeln!(text, "<Acct><Id><Othr><Id>6222 0000 1111</Id></Othr></Id><Ccy>CNY</Ccy></Acct>").unwrap();
    writeln!(text, "{body}</{container}></{root}></Document>").unwrap();
    text
}

fn balance(code: &str, amount: &str, indicator: &str) -> String {
    format!(
        "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"CNY\">{amount}</Amt>\
         <CdtDbtInd>{indicator}</CdtDbtInd><Dt><Dt>2026-11-22</Dt></Dt></Bal>\n"
    )
}

/// A booked entry; `more` follows its days.
fn entry(amount: &str, indicator: &str, more: &str) -> String {
    format!(
        "<Ntry><Amt Ccy=\"CNY\">{amount}</Amt><CdtDbtInd>{indicator}</CdtDbtInd><Sts>BOOK</Sts>\
         <BookgDt><Dt>2026-11-22</Dt></BookgDt><ValDt><Dt>2026-11-23</Dt></ValDt>{more}</Ntry>\n"
    )
}
