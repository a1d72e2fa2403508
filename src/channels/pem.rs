//! PEM, the text around keys and certificates: it knows labels, and must never know what is inside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the first block with `label`; `None` when there is none or it is damaged.
pub(crate) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let packed: String = inside.split_ascii_whitespace().collect();
    STANDARD.decode(packed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_asked_block_is_taken_and_damage_is_refused() {
        let text = "noise\r\n-----BEGIN A-----\r\nAQI=\r\n-----END A-----\r\n-----BEGIN B-----\n!\n-----END B-----\n";
        assert_eq!(decode("A", text), Some(vec![1, 2]));
        assert_eq!(decode("B", text), None);
        assert_eq!(decode("C", text), None);
    }
}
