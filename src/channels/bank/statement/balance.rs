//! Opening and lines make closing: it knows sums, and must never change a line.
//!
//! A sum that does not agree is a warning and not an error: what the lines say has happened, and a file that
//! lacks lines is mended by the next one. Whoever imports it reads the warning.

use bursar_core::Money;
use bursar_core::bank::{Direction, StatementLine};

use super::Statement;
use super::error::{WarningKind, Warnings};

/// Credits less debits, in minor units, of lines in the statement's currency.
pub(super) fn sum(lines: &[StatementLine]) -> i64 {
    lines.iter().map(signed).fold(0, i64::saturating_add)
}

/// The amount with the sign of its way.
pub(super) const fn signed(line: &StatementLine) -> i64 {
    match line.direction {
        Direction::Credit => line.amount.minor,
        Direction::Debit => line.amount.minor.saturating_neg(),
    }
}

/// Compares the balances of a statement with its lines. `needed`: a statement of this format has both.
pub(super) fn check(statement: &Statement, needed: bool, at: &str, warnings: &mut Warnings) {
    let (opening, closing) = match (statement.opening, statement.closing) {
        (Some(opening), Some(closing)) => (opening, closing),
        (None, None) if !needed => return,
        (opening, closing) => {
            if needed {
                let missing = match (opening, closing) {
                    (None, None) => "opening and closing balance",
                    (None, _) => "opening balance",
                    _ => "closing balance",
                };
                let what =
                    format!("it has no {missing} in {}: nothing proves that no line is missing", statement.currency);
                warnings.add(WarningKind::BalanceMissing, at, what);
            }
            return;
        }
    };
    if statement.lines.iter().any(|l| l.amount.currency != statement.currency) {
        let what = "lines are in other currencies than the account; its balances cannot be checked";
        warnings.add(WarningKind::Other, at, what);
        return;
    }
    let expected = opening.minor.saturating_add(sum(&statement.lines));
    if expected != closing.minor {
        let shown = Money::new(expected, statement.currency);
        let what =
            format!("opening balance {opening} and its lines make {shown}, but the closing balance is {closing}");
        warnings.add(WarningKind::BalanceDiffers, at, what);
    }
}
