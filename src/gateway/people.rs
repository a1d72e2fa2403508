//! What people write about themselves and what they did: it knows names, reasons and references, and must
//! never repeat a bad one in full.

use bursar_core::cash::{BY_PAYER, one_spaced};
use bursar_core::refund::BY_RULE;
use bursar_core::text;

use crate::json::Reader;
use crate::limits::{PERSON_MAX_CHARS, REASON_MAX_CHARS, REFERENCE_MAX_CHARS, shown};

/// Who answers when nobody does in time (see [`bursar_core::observation::Claim::LateMoneyAnswered`]).
const BY_DEADLINE: &str = "deadline";

/// Names that stand for nobody.
const OURS: [&str; 3] = [BY_RULE, BY_DEADLINE, BY_PAYER];

/// The name of a person that must be there; spaces around it do not count.
pub fn person(name: &str, reader: &mut Reader<'_>) -> String {
    let given = reader.text(name);
    not_us(name, checked(name, given, PERSON_MAX_CHARS, reader), reader)
}

/// The name of a person that may be absent.
pub fn optional_person(name: &str, reader: &mut Reader<'_>) -> Option<String> {
    let given = reader.optional_text(name)?;
    let checked = checked(name, Some(given), PERSON_MAX_CHARS, reader);
    Some(not_us(name, checked, reader))
}

/// Whether `name`, which the member `member` gives, can be a person's.
///
/// # Errors
/// A sentence naming `member` and what is wrong.
pub fn check(member: &str, name: &str) -> Result<(), String> {
    text::check(member, name, PERSON_MAX_CHARS)?;
    if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
        return Err(format!("`{member}` must be a person's name, not `{name}`"));
    }
    Ok(())
}

/// What follows by itself is written down under a name of its own, which nobody else may use.
fn not_us(name: &str, given: String, reader: &mut Reader<'_>) -> String {
    let given = one_spaced(&given);
    if OURS.iter().any(|ours| given.eq_ignore_ascii_case(ours)) {
        reader.refuse(name, format!("`{name}` must be a person's name, not `{given}`"));
    }
    given
}

/// A reason that must be there.
pub fn reason(reader: &mut Reader<'_>) -> String {
    let given = reader.text("reason");
    checked("reason", given, REASON_MAX_CHARS, reader)
}

fn checked(name: &str, given: Option<String>, max_chars: usize, reader: &mut Reader<'_>) -> String {
    let Some(given) = given else { return String::new() };
    if let Err(message) = text::check(name, &given, max_chars) {
        reader.refuse(name, message);
    }
    given.trim().to_owned()
}

/// The reference of a bank transfer. No check for card numbers: one in ten references of 13 to 19 digits
/// looks like one by chance.
pub fn reference(reader: &mut Reader<'_>) -> String {
    let given = reader.text("reference");
    given.map(|given| plain("reference", &given, reader)).unwrap_or_default()
}

/// Anything else that is looked up by its characters (a bag, a receipt), and must be there.
pub fn label(name: &str, reader: &mut Reader<'_>) -> String {
    let given = reader.text(name);
    given.map(|given| plain(name, &given, reader)).unwrap_or_default()
}

/// The same, that may be absent.
pub fn optional_label(name: &str, reader: &mut Reader<'_>) -> Option<String> {
    let given = reader.optional_text(name)?;
    Some(plain(name, &given, reader))
}

fn plain(name: &str, given: &str, reader: &mut Reader<'_>) -> String {
    let trimmed = given.trim();
    let lawful = |c: char| c.is_ascii_alphanumeric() || matches!(c, ' ' | '_' | '.' | ':' | '/' | '-');
    if trimmed.is_empty() || trimmed.len() > REFERENCE_MAX_CHARS || !trimmed.chars().all(lawful) {
        let max = REFERENCE_MAX_CHARS;
        let given = shown(given);
        reader
            .refuse(name, format!("`{name}` must be 1 to {max} letters, digits, spaces or `_ . : / -`, not `{given}`"));
    }
    trimmed.to_owned()
}
