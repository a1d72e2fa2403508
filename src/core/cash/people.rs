//! Who is who: it knows when two names mean one person, and must never know what somebody may do.

use super::CashError;

/// Who confirms a collection with the payer's code: the payer himself.
pub const BY_PAYER: &str = "payer";

/// A name as it is kept: one space where there were several, none around it. Drawers go by it.
pub fn one_spaced(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two names mean the same person, however they are written.
pub fn is_same_person(a: &str, b: &str) -> bool {
    one_spaced(a).to_lowercase() == one_spaced(b).to_lowercase()
}

/// # Errors
/// When `by` names nobody.
pub(super) fn check_named(by: &str, doing: &'static str) -> Result<(), CashError> {
    if by.trim().is_empty() { Err(CashError::Nobody { doing }) } else { Ok(()) }
}

/// # Errors
/// When `by` names nobody, or `other`, who has done `did`.
pub(super) fn check_other(by: &str, doing: &'static str, other: &str, did: &'static str) -> Result<(), CashError> {
    check_named(by, doing)?;
    if is_same_person(by, other) {
        return Err(CashError::SamePerson { by: other.to_owned(), did, doing });
    }
    Ok(())
}
