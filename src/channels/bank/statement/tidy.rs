//! Texts of a file as they are kept: it knows lengths and control characters, and must never change a number.

use super::error::{StatementError, WarningKind, Warnings, shown};
use super::limits::{MAX_NAME_CHARS, MAX_NUMBER_CHARS, MAX_TEXT_CHARS};

/// In one line without control characters, and without spaces at its ends.
pub(super) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

fn cut(text: &str, most: usize, what: &str, at: &str, warnings: &mut Warnings) -> String {
    let line = one_line(text);
    let Some((end, _)) = line.char_indices().nth(most) else { return line };
    warnings.add(WarningKind::Cut, at, format_args!("{what} has more than {most} characters; the rest is not kept"));
    line.get(..end).unwrap_or_default().to_owned()
}

/// A remittance text.
pub(super) fn text(text: &str, at: &str, warnings: &mut Warnings) -> String {
    cut(text, MAX_TEXT_CHARS, "the text", at, warnings)
}

/// A name; `None` when it is empty.
pub(super) fn name(text: &str, at: &str, warnings: &mut Warnings) -> Option<String> {
    Some(cut(text, MAX_NAME_CHARS, "a name", at, warnings)).filter(|n| !n.is_empty())
}

/// A number, of a line or an account; `None` when it is empty or one of the words for "none".
pub(super) fn number(text: &str, at: &str) -> Result<Option<String>, StatementError> {
    let line = one_line(text);
    let none = ["NONREF", "NOTPROVIDED", "NOT PROVIDED"].iter().any(|w| line.eq_ignore_ascii_case(w));
    if line.is_empty() || none {
        return Ok(None);
    }
    if line.chars().nth(MAX_NUMBER_CHARS).is_some() {
        let what = format!("{} is a number of more than {MAX_NUMBER_CHARS} characters", shown(&line));
        return Err(StatementError::broken(at, what));
    }
    Ok(Some(line))
}

/// The number of an account: as [`number`], without the spaces that people and line breaks put into it.
pub(super) fn account(text: &str, at: &str) -> Result<Option<String>, StatementError> {
    let joined: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    number(&joined, at)
}
