//! Our numbers in bills: it knows how one looks, and must never know whose it is.

/// Characters of a number of ours.
const CHARS: usize = 26;

/// Whether `text` is one of our numbers, in whatever case: other systems of the merchant have theirs.
pub(crate) fn is_ours(text: &str) -> bool {
    text.len() == CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// `text` as we spell it when it is one of our numbers, otherwise as it stands.
pub(crate) fn spelled(text: &str) -> String {
    if is_ours(text) { text.to_ascii_lowercase() } else { text.to_owned() }
}

/// `text` unless it is empty.
pub(crate) fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_numbers_are_in_small_letters_and_those_of_others_as_they_stand() {
        assert_eq!(spelled("01JD7Z0000000000000000000A"), "01jd7z0000000000000000000a");
        assert_eq!(spelled("Invoice-7"), "Invoice-7");
        assert_eq!((some(""), some("a")), (None, Some("a".to_owned())));
    }
}
