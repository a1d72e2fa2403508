//! SWIFT MT940: it knows tags and the numbered pieces of tag 86, and must never know what a line was meant for.

use super::words::{decimal, short_day};
use super::{Line, Sheet, StatementFile};

/// Longest piece of what was said about a line.
const PIECE: usize = 27;

pub(super) fn write(sheet: &Sheet<'_>) -> StatementFile {
    let balance = |tag: &str, minor: i64| {
        let sign = if minor < 0 { 'D' } else { 'C' };
        format!(":{tag}:{sign}{}CNY{}\r\n", short_day(sheet.now_ms), decimal(minor.saturating_abs(), ','))
    };
    let lines: String = sheet.lines.iter().map(line).collect();
    let text = format!(
        ":20:STMT{number:08}\r\n:25:{account}\r\n:28C:{number}/1\r\n{}{lines}{}-\r\n",
        balance("60F", sheet.opening_minor),
        balance("62F", sheet.closing_minor()),
        number = sheet.number,
        account = sheet.account,
    );
    StatementFile { name: format!("{}_{:05}.sta", sheet.account, sheet.number), bytes: text.into_bytes() }
}

fn line(line: &Line) -> String {
    // What takes a credit back is a debit.
    let mark = match (line.credit, line.reversal) {
        (true, false) => "C",
        (false, false) => "D",
        (false, true) => "RC",
        (true, true) => "RD",
    };
    let day = short_day(line.at_ms);
    let entry_day = day.get(2..).unwrap_or_default();
    let amount = decimal(line.amount_minor, ',');
    let mut said = String::from("166?00TRANSFER");
    for (nth, piece) in (20..).zip(pieces(&line.text)) {
        said.push_str(&format!("?{nth}{piece}"));
    }
    for (nth, piece) in (32..34).zip(pieces(&line.name)) {
        said.push_str(&format!("?{nth}{piece}"));
    }
    // Lines are broken after 65 characters, wherever that is.
    let said: Vec<char> = said.chars().collect();
    let said: Vec<String> = said.chunks(65).map(String::from_iter).collect();
    format!(":61:{day}{entry_day}{mark}{amount}NTRFNONREF//{}\r\n:86:{}\r\n", line.serial, said.join("\r\n"))
}

fn pieces(text: &str) -> Vec<String> {
    let clean: Vec<char> = text.chars().filter(|c| *c != '?').collect();
    clean.chunks(PIECE).take(10).map(String::from_iter).collect()
}
