//! Reports as CSV: it knows what a spreadsheet does to a cell, and must never know what a report says.

use std::fmt::Write as _;

/// One cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cell {
    /// A text, perhaps from outside.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Nothing.
    Empty,
}

impl From<i64> for Cell {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Option<i64>> for Cell {
    fn from(number: Option<i64>) -> Self {
        number.map_or(Self::Empty, Self::Number)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Empty, Self::Text)
    }
}

/// A head and rows as RFC 4180 wants them. A text that a spreadsheet would take for a formula gets a `'` before it.
pub fn csv(head: &[&str], rows: &[Vec<Cell>]) -> String {
    let mut out = head.join(",");
    out.push_str("\r\n");
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            match cell {
                Cell::Text(text) => out.push_str(&quoted(text)),
                Cell::Number(number) => {
                    let _ = write!(out, "{number}");
                }
                Cell::Empty => {}
            }
        }
        out.push_str("\r\n");
    }
    out
}

fn quoted(text: &str) -> String {
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
        || text.starts_with(['\t', '\r', '\n']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_separators_do_no_harm() {
        let text = |t: &str| Cell::Text(t.to_owned());
        let rows = [
            vec![text("=1+1"), text("a,b"), Cell::Number(-250)],
            vec![text("@x"), text("say \"hi\""), Cell::Empty],
            vec![text(" +7"), text("-,"), text("上海")],
        ];
        let expected = "a,b,c\r\n'=1+1,\"a,b\",-250\r\n'@x,\"say \"\"hi\"\"\",\r\n' +7,\"'-,\",上海\r\n";
        assert_eq!(csv(&["a", "b", "c"], &rows), expected);
    }
}
