//! From bytes to text: it knows charsets and their marks, and must never guess in silence (a byte that does not
//! fit is an error, not a question mark).

use encoding_rs::{Encoding, GB18030, UTF_8, WINDOWS_1252};

use super::error::StatementError;

/// Decodes `bytes` as `encoding`, unless a mark at their front names another. UTF-16 only with such a mark.
pub(super) fn decode(bytes: &[u8], encoding: &'static Encoding) -> Result<String, StatementError> {
    let (encoding, rest) = match Encoding::for_bom(bytes) {
        Some((marked, length)) => (marked, bytes.get(length..).unwrap_or_default()),
        None => (encoding, bytes),
    };
    if let Some(text) = encoding.decode_without_bom_handling_and_without_replacement(rest) {
        return Ok(text.into_owned());
    }
    let at = match std::str::from_utf8(rest) {
        Err(e) if encoding == UTF_8 => {
            let before = rest.get(..e.valid_up_to()).unwrap_or_default();
            format!("line {}", 1 + before.iter().filter(|b| **b == b'\n').count())
        }
        _ => "the file".to_owned(),
    };
    let hint = if encoding == UTF_8 && GB18030.decode_without_bom_handling_and_without_replacement(rest).is_some() {
        "; it reads as GB18030"
    } else {
        ""
    };
    let what = format!("some bytes are not {}{hint}", encoding.name());
    Err(StatementError::new(at, what, "say the charset of the file in the mapping, or fetch it from the bank as UTF-8"))
}

/// Decodes what has no place to name its charset: UTF-8 when it is that, GB18030 when that makes Chinese text of
/// it, otherwise Latin 1 in the form that Windows writes.
pub(super) fn detect(bytes: &[u8]) -> Result<String, StatementError> {
    if Encoding::for_bom(bytes).is_some() || std::str::from_utf8(bytes).is_ok() {
        return decode(bytes, UTF_8);
    }
    match GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) if seems_chinese(bytes) => Ok(text.into_owned()),
        _ => decode(bytes, WINDOWS_1252),
    }
}

/// Whether most bytes beyond ASCII come as pairs of the common characters of GB 2312 (punctuation and level one).
/// Accented letters of Latin 1 come alone, and small ones are none of these first bytes.
fn seems_chinese(bytes: &[u8]) -> bool {
    let (mut common, mut other) = (0_usize, 0_usize);
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match after.split_first() {
            _ if first.is_ascii() => {}
            Some((0xa1..=0xfe, after)) if (0xa1..=0xd7).contains(first) => {
                common += 1;
                rest = after;
            }
            Some((0x40..=0xfe, after)) if (0x81..=0xfe).contains(first) => {
                other += 1;
                rest = after;
            }
            _ => other += 1,
        }
    }
    common > other
}

/// The encoding that an XML declaration names, in the first bytes of a file.
pub(super) fn declared_in_xml(bytes: &[u8]) -> Result<&'static Encoding, StatementError> {
    let head: String = bytes.iter().take(200).take_while(|b| **b != b'>').map(|b| char::from(*b)).collect();
    let Some((_, rest)) = head.split_once("encoding") else { return Ok(UTF_8) };
    let value = rest.trim_start().trim_start_matches('=').trim_start();
    let label: String = value.chars().skip(1).take_while(|c| *c != '"' && *c != '\'').collect();
    Encoding::for_label(label.as_bytes()).ok_or_else(|| {
        let what = format!("the declaration names the unknown encoding {}", super::error::shown(&label));
        StatementError::broken("line 1", what)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_win_and_wrong_bytes_are_named_with_their_line() {
        assert_eq!(decode(b"\xef\xbb\xbfx", GB18030).unwrap(), "x");
        assert_eq!(decode(b"\xff\xfex\0", UTF_8).unwrap(), "x");
        let error = decode(b"a\nb\xd6\xd0\n", UTF_8).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("GB18030"), "{error}");
    }

    #[test]
    fn chinese_and_western_bytes_are_told_apart() {
        let (gbk, _, _) = GB18030.encode("房租 十一月（张三）");
        assert_eq!(detect(&gbk).unwrap(), "房租 十一月（张三）");
        assert_eq!(detect(b"M\xfcller Stra\xdfe 5").unwrap(), "Müller Straße 5");
        assert_eq!(detect(b"Gr\xfc\xdfe, K\xf6ln").unwrap(), "Grüße, Köln");
        assert_eq!(detect("Müller 张三".as_bytes()).unwrap(), "Müller 张三");
    }

    #[test]
    fn the_declaration_of_xml_is_believed_or_refused() {
        assert_eq!(declared_in_xml(b"<?xml version='1.0' encoding='GBK'?>").unwrap().name(), "GBK");
        assert_eq!(declared_in_xml(b"<a/>").unwrap(), UTF_8);
        assert!(declared_in_xml(b"<?xml version=\"1.0\" encoding=\"klingon\"?>").is_err());
        assert!(declared_in_xml(b"<?xml encoding").is_err());
    }
}
