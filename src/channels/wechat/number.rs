//! Our numbers in the channel's paths: it knows their alphabet, and must never know what they number.

/// Whether the channel takes `number` for an order: 6 to 32 characters of `[0-9A-Za-z_-|*]`.
pub(super) fn is_valid(number: &str) -> bool {
    (6..=32).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*".contains(&b))
}

/// `number` as a segment of a path. `|` is the only character of the alphabet that needs escaping.
pub(super) fn segment(number: &str) -> Option<String> {
    is_valid(number).then(|| number.replace('|', "%7C"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_channels_alphabet_reaches_a_path() {
        assert_eq!(segment("01jd7z|a*_-").as_deref(), Some("01jd7z%7Ca*_-"));
        for bad in ["", "short", "../../../etc", "number?a=b", "number/close", "number%2f", "номер1", &"x".repeat(33)]
        {
            assert_eq!(segment(bad), None, "{bad}");
        }
    }
}
