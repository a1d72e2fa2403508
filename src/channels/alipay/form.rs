//! Forms: it knows how members are written, and the string over which a form is signed, and must never know
//! what a member means.

use std::collections::BTreeMap;

/// Percent-encodes everything but letters, digits and `-_.~`, which every decoder reads back.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// `k=v` joined by `&`, values percent-encoded.
pub(super) fn written<'a>(members: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    members.into_iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// What is signed of a request: the members that have a value, but not `sign`, by the byte order of their names,
/// as they are before encoding.
pub(super) fn signed(members: &BTreeMap<&str, String>) -> String {
    let parts = members.iter().filter(|(name, value)| **name != "sign" && !value.is_empty());
    parts.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// A form as it came in: names and values decoded once, bytes of whatever charset.
#[derive(Debug)]
pub(super) struct Form(BTreeMap<String, Vec<u8>>);

/// Most members of a form: the longest honest message has about forty.
const MAX_MEMBERS: usize = 256;

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => hex(*rest.next()?)? * 16 + hex(*rest.next()?)?,
            other => *other,
        });
    }
    Some(decoded)
}

impl Form {
    /// Reads a form. A member that stands twice is refused: two readers could believe different ones.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let mut members = BTreeMap::new();
        for part in body.split(|byte| *byte == b'&').filter(|part| !part.is_empty()) {
            let (name, value) = match part.iter().position(|byte| *byte == b'=') {
                Some(at) => (part.get(..at).unwrap_or_default(), part.get(at + 1..).unwrap_or_default()),
                None => (part, &[][..]),
            };
            let name = decode(name).and_then(|name| String::from_utf8(name).ok()).ok_or("a name cannot be decoded")?;
            let value = decode(value).ok_or("a value cannot be decoded")?;
            if members.len() == MAX_MEMBERS {
                return Err("it has too many members".into());
            }
            if members.insert(name, value).is_some() {
                return Err("a member stands twice".into());
            }
        }
        Ok(Self(members))
    }

    fn bytes(&self, name: &str) -> Option<&[u8]> {
        self.0.get(name).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    /// The member `name` as text; `None` when it is missing, empty, or not in the form's charset.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        let bytes = self.bytes(name)?;
        let label = self.bytes("charset").unwrap_or(b"utf-8");
        encoding_rs::Encoding::for_label(label)?
            .decode_without_bom_handling_and_without_replacement(bytes)
            .map(std::borrow::Cow::into_owned)
    }

    /// What may be signed of a message: all members but `sign`, by the byte order of their names, decoded once.
    /// `keep_type` says whether `sign_type` counts, `keep_empty` whether members without a value do: kinds of
    /// messages differ.
    pub(super) fn signed(&self, keep_type: bool, keep_empty: bool) -> Vec<u8> {
        let mut message = Vec::new();
        let parts = self.0.iter().filter(|(name, value)| {
            *name != "sign" && (keep_type || *name != "sign_type") && (keep_empty || !value.is_empty())
        });
        for (name, value) in parts {
            if !message.is_empty() {
                message.push(b'&');
            }
            message.extend_from_slice(name.as_bytes());
            message.push(b'=');
            message.extend_from_slice(value);
        }
        message
    }

    /// Whether it has members without a value.
    pub(super) fn has_empty(&self) -> bool {
        self.0.values().any(Vec::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_ways_to_write_a_space_are_read_and_decoding_happens_once() {
        let form = Form::read(b"a=x+y&b=x%20y&c=%2525&d=%2B&e=").unwrap();
        assert_eq!(form.text("a").as_deref(), Some("x y"));
        assert_eq!(form.text("b").as_deref(), Some("x y"));
        assert_eq!(form.text("c").as_deref(), Some("%25"));
        assert_eq!(form.text("d").as_deref(), Some("+"));
        assert_eq!(form.text("e"), None);
        assert_eq!(form.signed(false, true), b"a=x y&b=x y&c=%25&d=+&e=");
        assert_eq!(form.signed(false, false), b"a=x y&b=x y&c=%25&d=+");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let long: Vec<_> = (0..300).map(|n| format!("m{n}=1")).collect();
        for body in ["a=1&a=1", "a=1&%61=2", "a=%", "a=%2", "a=%zz", "%ff=1", &long.join("&")] {
            assert!(Form::read(body.as_bytes()).is_err(), "{body}");
        }
        assert!(Form::read(b"").is_ok());
    }

    #[test]
    fn text_is_read_in_the_charset_that_the_form_names_and_signed_as_bytes() {
        let form = Form::read(b"charset=GBK&subject=%D6%A7%B8%B6&sign=s").unwrap();
        assert_eq!(form.text("subject").as_deref(), Some("支付"));
        assert_eq!(form.signed(false, true), b"charset=GBK&subject=\xD6\xA7\xB8\xB6");
        let wrong = Form::read(b"charset=utf-8&subject=%D6%A7%B8%B6").unwrap();
        assert_eq!(wrong.text("subject"), None);
        assert_eq!(Form::read(b"charset=klingon&a=1").unwrap().text("a"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(members in prop::collection::btree_map("[a-z_]{1,8}", ".{0,24}", 0..8)) {
            let text = written(members.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            prop_assert!(text.is_ascii());
            let form = Form::read(text.as_bytes()).unwrap();
            for (name, value) in &members {
                if name == "charset" { continue; }
                prop_assert_eq!(form.0.get(name).map(Vec::as_slice), Some(value.as_bytes()));
            }
        }
    }
}
