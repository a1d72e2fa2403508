//! Writing to stdout: it knows tables and JSON, and must never write anything that is not data.

use std::io::Write;

use serde_json::Value;

use super::Done;

/// One line.
pub(crate) fn line(text: &str) -> Done {
    writeln!(std::io::stdout().lock(), "{text}").map_err(Into::into)
}

/// A JSON value on one line.
pub(crate) fn json(value: &Value) -> Done {
    line(&value.to_string())
}

/// Rows under a head, columns aligned.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> Done {
    let mut widths: Vec<usize> = head.iter().map(|h| width(h)).collect();
    for row in rows {
        for (w, cell) in widths.iter_mut().zip(row) {
            *w = (*w).max(width(cell));
        }
    }
    let show = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(c, w)| format!("{c}{}", " ".repeat(w.saturating_sub(width(c)))));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    line(&show(head.to_vec()))?;
    for row in rows {
        line(&show(row.iter().map(String::as_str).collect()))?;
    }
    Ok(())
}

/// Columns that a text takes on a terminal: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars().map(|c| if u32::from(c) >= 0x1100 { 2 } else { 1 }).sum()
}
