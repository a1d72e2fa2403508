//! PEM, the text around keys and certificates: it knows labels, and must never know what is inside.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The bytes of the first block with `label`; `None` when there is none or it is damaged.
pub(crate) fn decode(label: &str, text: &str) -> Option<Vec<u8>> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inside, _) = rest.split_once(&format!("-----END {label}-----"))?;
    bare(inside)
}

/// The bytes of all blocks with `label` in their order, without the damaged ones.
pub(crate) fn decode_all(label: &str, text: &str) -> Vec<Vec<u8>> {
    let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
    text.split(begin.as_str())
        .skip(1)
        .filter_map(|rest| rest.split_once(end.as_str()))
        .filter_map(|(inside, _)| bare(inside))
        .collect()
}

/// The bytes of base64 that stands alone, in as many lines as it likes; `None` when it is none or empty.
pub(crate) fn bare(text: &str) -> Option<Vec<u8>> {
    let packed: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(packed).ok().filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "noise\r\n-----BEGIN A-----\r\nAQI=\r\n-----END A-----\r\n-----BEGIN B-----\n!\n-----END B-----\n";

    #[test]
    fn only_the_asked_block_is_taken_and_damage_is_refused() {
        assert_eq!(decode("A", TEXT), Some(vec![1, 2]));
        assert_eq!(decode("B", TEXT), None);
        assert_eq!(decode("C", TEXT), None);
        assert_eq!(bare(" AQ\r\nI= "), Some(vec![1, 2]));
        assert_eq!(bare(TEXT), None);
    }

    #[test]
    fn a_damaged_block_among_others_is_left_out() {
        let text = format!("{TEXT}-----BEGIN A-----\n?\n-----END A-----\n-----BEGIN A-----\nAw==\n-----END A-----");
        assert_eq!(decode_all("A", &text), [vec![1, 2], vec![3]]);
        assert!(decode_all("B", TEXT).is_empty());
    }
}
