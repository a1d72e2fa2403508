//! How rows of bills are written: a backtick before every cell. It must never know what a cell means.

pub(super) use crate::bills::words::{moment, yuan};

/// What a file begins with.
pub(super) const BOM: char = '\u{feff}';
const LINE_END: &str = "\r\n";

/// Writes a line of names.
pub(super) fn names(text: &mut String, names: &str) {
    text.push_str(names);
    text.push_str(LINE_END);
}

/// Writes a row.
pub(super) fn row(text: &mut String, cells: &[String]) {
    for (nth, cell) in cells.iter().enumerate() {
        text.push_str(if nth == 0 { "`" } else { ",`" });
        // What would look like the border of a cell, or end the row.
        text.extend(cell.chars().map(|c| match c {
            '`' => '\'',
            '\r' | '\n' => ' ',
            other => other,
        }));
    }
    text.push_str(LINE_END);
}

/// Yuan with five places, as fees are written.
pub(super) fn fine(fen: i64) -> String {
    format!("{}000", yuan(fen))
}
