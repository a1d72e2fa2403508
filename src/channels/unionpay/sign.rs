//! What is signed: it knows the double digest, and must never know whose key signs.

use std::fmt::Write;

use aws_lc_rs::digest;

/// The 64 lower-case hexadecimal digits of SHA-256 over `canonical`. These digits, not the text, are the
/// message of the RSA signature, which digests them once more.
pub(super) fn message(canonical: &str) -> String {
    digits(&digest::digest(&digest::SHA256, canonical.as_bytes()))
}

/// The digits of a digest.
pub(super) fn digits(digest: &digest::Digest) -> String {
    let mut hex = String::with_capacity(64);
    for byte in digest.as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_the_hexadecimal_digest() {
        // printf 'a=1&b=2' | sha256sum
        assert_eq!(message("a=1&b=2"), "8e85be58c1c372ac29fe7bfa80d8ddcbd04a4032c7b51c1c026d67c55b1ab23f");
        assert_eq!(message("").len(), 64);
    }
}
