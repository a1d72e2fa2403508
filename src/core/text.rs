//! Free text from outside: it knows what may be stored and shown, and must never change a text.

/// Why a text is not taken.
///
/// # Errors
/// A sentence naming `field` and what is wrong with it.
pub fn check(field: &str, text: &str, max_chars: usize) -> Result<(), String> {
    if text.trim().is_empty() {
        return Err(format!("`{field}` must not be empty"));
    }
    let length = text.chars().count();
    if length > max_chars {
        return Err(format!("`{field}` has {length} characters; at most {max_chars} are taken"));
    }
    if let Some(c) = text.chars().find(|c| is_forbidden(*c)) {
        return Err(format!("`{field}` contains the control character U+{:04X}; remove it", u32::from(c)));
    }
    if contains_card_number(text) {
        return Err(format!("`{field}` seems to contain a card number; card numbers are never taken, remove it"));
    }
    Ok(())
}

/// Control characters, and the marks that reverse or hide text on a screen.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether 13 to 19 digits (spaces and dashes between them ignored) pass the Luhn check.
pub fn contains_card_number(text: &str) -> bool {
    let mut run: Vec<u32> = Vec::new();
    for c in text.chars().chain(['.']) {
        match c.to_digit(10) {
            Some(digit) => run.push(digit),
            None if (c == ' ' || c == '-') && !run.is_empty() => {}
            None => {
                if (13..=19).contains(&run.len()) && luhn(&run) {
                    return true;
                }
                run.clear();
            }
        }
    }
    false
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| if i.is_multiple_of(2) { *d } else { d * 2 - if *d > 4 { 9 } else { 0 } })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|d| *d != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_in_any_language_is_taken() {
        for good in ["日常保洁 2 小时", "Nanny, March 2026", "order 2026112200001", "tel 13800138000"] {
            assert_eq!(check("description", good, 127), Ok(()), "{good}");
        }
    }

    #[test]
    fn controls_reversals_card_numbers_and_long_texts_are_refused() {
        for bad in ["", "  ", "a\0b", "a\u{202e}b", "a\u{2066}b", "card 4111 1111 1111 1111", "4111-1111-1111-1111."] {
            assert!(check("description", bad, 127).is_err(), "{bad:?}");
        }
        assert!(check("description", &"x".repeat(128), 127).is_err());
    }
}
