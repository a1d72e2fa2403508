//! One transaction in the file: it knows where in a line its fields stand, and must never know what they mean.

use crate::bill::BillError;
use crate::bill::lines::Line;

/// How wide the fields are; a space stands between two.
#[rustfmt::skip]
const WIDTHS: [usize; 41] = [
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13,
    8, 32, 13, 13, 12, 2, 1, 131,
];
/// How long a line is; one may have a space behind its last field, too.
pub(super) const LINE_BYTES: usize = 607;

/// Fields by their places.
pub(super) const TIME: usize = 4;
pub(super) const AMOUNT: usize = 6;
pub(super) const QUERY_ID: usize = 9;
/// Of what went back: that of the payment.
pub(super) const ORIGINAL_QUERY_ID: usize = 26;
pub(super) const ORDER_ID: usize = 11;
pub(super) const FEE: usize = 15;
pub(super) const SETTLED: usize = 16;
pub(super) const TXN_TYPE: usize = 19;
pub(super) const MER_ID: usize = 27;
pub(super) const TOLD_BACK: usize = 34;

/// A line of the file.
pub(super) struct Record(Line<Vec<u8>>);

impl Record {
    /// Takes a line of the right length.
    ///
    /// # Errors
    /// When it has another one: the file is cut off there, or has another layout.
    pub(super) fn new(line: Line<Vec<u8>>) -> Result<Self, BillError> {
        let found = line.text.len();
        if !line.ended {
            return Err(line.cut_off());
        }
        if !(LINE_BYTES..=LINE_BYTES + 1).contains(&found) {
            return Err(line.wrong(format!("it has {found} bytes, expected {LINE_BYTES}; this layout is not known")));
        }
        let spaced = (1..WIDTHS.len()).all(|index| line.text.get(start(index).saturating_sub(1)) == Some(&b' '));
        if !spaced {
            return Err(line.wrong("its fields have other widths than they should; this layout is not known"));
        }
        Ok(Self(line))
    }

    /// What stands in a field, without blanks around it; empty when it is no ASCII.
    pub(super) fn text(&self, index: usize) -> &str {
        let end = start(index).saturating_add(WIDTHS.get(index).copied().unwrap_or_default());
        let bytes = self.0.text.get(start(index)..end).unwrap_or_default();
        std::str::from_utf8(bytes).map_or("", str::trim)
    }

    /// Fen of twelve digits.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn fen(&self, index: usize, what: &str) -> Result<i64, BillError> {
        fen(self.text(index)).ok_or_else(|| self.wrong(what, "it is not twelve digits of fen"))
    }

    /// Fen of twelve digits behind the letter of their side; what is on the side of `minus` is negative.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn sided(&self, index: usize, what: &str, minus: char) -> Result<i64, BillError> {
        let text = self.text(index);
        let side = text.chars().next().filter(|side| matches!(side, 'C' | 'D'));
        let amount = text.get(1..).and_then(fen);
        match (side, amount) {
            (Some(side), Some(amount)) => Ok(if side == minus { -amount } else { amount }),
            _ => Err(self.wrong(what, "it is not C or D and twelve digits of fen")),
        }
    }

    /// Something wrong with the field that is called `what`.
    pub(super) fn wrong(&self, what: &str, why: impl Into<String>) -> BillError {
        BillError::at(format!("line {}, {what}", self.0.number), why)
    }
}

/// Where a field begins.
fn start(index: usize) -> usize {
    WIDTHS.iter().take(index).map(|width| width + 1).sum()
}

fn fen(text: &str) -> Option<i64> {
    let digits = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
