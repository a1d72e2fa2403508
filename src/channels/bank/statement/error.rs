//! What is wrong with a file and where: it knows how to say so, and must never repeat more of a file than a
//! person needs to find the place.

use std::fmt;

use super::limits::{MAX_SHOWN_CHARS, MAX_WARNINGS};

/// Why a file is not read. Nothing of it is taken then.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{at}: {what}; {advice}")]
pub struct StatementError {
    /// Where: a line and column of the file, or the path of an element.
    pub at: String,
    /// What was found there and what was expected.
    pub what: String,
    /// What to do.
    pub advice: String,
}

impl StatementError {
    pub(super) fn new(at: impl fmt::Display, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { at: at.to_string(), what: what.into(), advice: advice.into() }
    }

    /// The file is not what it should be: the usual advice.
    pub(super) fn broken(at: impl fmt::Display, what: impl Into<String>) -> Self {
        Self::new(
            at,
            what,
            "fetch the file again from the bank, and import it as it came, without saving it in another program",
        )
    }
}

/// What was worth saying about a file that was read.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Warning {
    /// What kind of thing.
    pub kind: WarningKind,
    /// Where it was, and what, in a sentence.
    pub text: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Kinds of warnings.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WarningKind {
    /// Opening balance and lines do not make the closing balance: lines may be missing or too many.
    BalanceDiffers,
    /// A statement of a day without an opening or closing balance: nothing proves that it is complete.
    BalanceMissing,
    /// A day that the calendar does not have was moved to the end of its month.
    DayMoved,
    /// Entries that are not booked, or without an amount, were left out.
    LeftOut,
    /// An entry of several transactions was taken as one line.
    NotSplit,
    /// A text was longer than what is kept.
    Cut,
    /// Something else that a person should see.
    Other,
}

/// Gathers warnings while a file is read.
#[derive(Debug, Default)]
pub(super) struct Warnings(Vec<Warning>);

impl Warnings {
    pub(super) fn add(&mut self, kind: WarningKind, at: impl fmt::Display, what: impl fmt::Display) {
        if self.0.len() < MAX_WARNINGS {
            self.0.push(Warning { kind, text: format!("{at}: {what}") });
        } else if self.0.len() == MAX_WARNINGS {
            self.0.push(Warning { kind: WarningKind::Other, text: "there is more to say of this kind".to_owned() });
        }
    }

    pub(super) fn into_inner(self) -> Vec<Warning> {
        self.0
    }
}

/// Foreign text in quotes, short and in one line.
pub(super) fn shown(text: &str) -> String {
    let plain: String = text.chars().take(MAX_SHOWN_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let more = if text.chars().nth(MAX_SHOWN_CHARS).is_some() { "…" } else { "" };
    format!("`{plain}{more}`")
}
