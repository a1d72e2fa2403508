//! Our numbers in the channel's paths: it knows their alphabet, and must never know what they number.

/// Whether the channel takes `number` for an order: 6 to 32 characters of `[0-9A-Za-z_-|*]`.
pub(super) fn is_valid(number: &str) -> bool {
    (6..=32).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*".contains(&b))
}

/// `number` of an order as a segment of a path. `|` is the only character of the alphabet that needs
/// escaping.
pub(super) fn segment(number: &str) -> Option<String> {
    is_valid(number).then(|| number.replace('|', "%7C"))
}

/// Whether the channel takes `number` for a refund: 1 to 64 characters of `[0-9A-Za-z_-|*@]`.
pub(super) fn is_valid_refund(number: &str) -> bool {
    (1..=64).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-|*@".contains(&b))
}

/// `number` of a refund as a segment of a path.
pub(super) fn refund_segment(number: &str) -> Option<String> {
    is_valid_refund(number).then(|| number.replace('|', "%7C"))
}

/// Whether `id` looks like a number that the channel gave to a refund: 1 to 32 letters and digits.
pub(super) fn is_channels(id: &str) -> bool {
    (1..=32).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// Whether `id` looks like a number that the channel gave to a contract: 1 to 64 letters and digits.
pub(super) fn is_contract(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric())
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

    #[test]
    fn numbers_of_refunds_may_be_longer_and_hold_an_at_sign() {
        assert_eq!(refund_segment("a|b@c*_-").as_deref(), Some("a%7Cb@c*_-"));
        assert!(is_valid_refund(&"x".repeat(64)));
        for bad in ["", "a/b", "a?b", "a%b", "..", "номер", &"x".repeat(65)] {
            assert_eq!(refund_segment(bad), None, "{bad}");
        }
        assert!(is_channels("50000000382019052709732678859"));
        assert!(!is_channels("") && !is_channels("5/6") && !is_channels(&"5".repeat(33)));
    }
}
