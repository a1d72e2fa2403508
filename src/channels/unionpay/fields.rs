//! The members of a message and the ways in which they are written: it knows how text becomes members and
//! back, and must never know what a member means.
//!
//! Requests and notifications are ordinary forms. Answers are not: their values stand as they are, with `=`
//! and `+` of base64, line breaks of a PEM and whole `{a=b&c=d}` groups in them.

use std::collections::{BTreeMap, BTreeSet};

use url::form_urlencoded;

/// Most members of one message that are read: the longest honest one has about forty.
const MAX_MEMBERS: usize = 128;
/// The member that is never signed.
pub(super) const SIGNATURE: &str = "signature";

/// Members by name. Blanks around a value are not part of it, and an empty value is no member: so the channel
/// signs, and so it is read, lest what was signed and what is read differ.
// Not `Debug`: it may hold the numbers of cards.
#[derive(Clone, PartialEq, Eq, Default)]
pub(super) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// The value of `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of `name`; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// Sets `name`; an empty value takes it away.
    pub(super) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value: String = value.into();
        match value.trim() {
            "" => drop(self.0.remove(name)),
            trimmed => drop(self.0.insert(name.to_owned(), trimmed.to_owned())),
        }
    }

    /// What is signed: all members but the signature, by name in byte order, as they stand.
    pub(super) fn canonical(&self) -> String {
        self.canonical_of(|_| true)
    }

    /// The part of it whose names are wanted.
    pub(super) fn canonical_of(&self, wanted: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != SIGNATURE && wanted(name)) {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }

    /// The body of a request.
    pub(super) fn form(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// All of them, for the form that a browser posts.
    pub(super) fn into_map(self) -> BTreeMap<String, String> {
        self.0
    }

    /// Reads the body of an answer: members are divided by `&` outside of braces, a name ends at its first `=`,
    /// and nothing is percent-decoded.
    ///
    /// # Errors
    /// What is wrong with it, without its values.
    pub(super) fn read_answer(body: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(body).map_err(|_| "it is not UTF-8")?;
        let mut reader = Reader::default();
        for member in split(text)? {
            let (name, value) = member.split_once('=').ok_or("a member has no `=`")?;
            reader.add(name, value)?;
        }
        Ok(reader.fields)
    }

    /// Reads the body of a notification, an ordinary form.
    ///
    /// # Errors
    /// What is wrong with it, without its values.
    pub(super) fn read_form(body: &[u8]) -> Result<Self, String> {
        let mut reader = Reader::default();
        for member in body.split(|byte| *byte == b'&').filter(|member| !member.is_empty()) {
            let at = member.iter().position(|byte| *byte == b'=').ok_or("a member has no `=`")?;
            let (name, value) = (member.get(..at).unwrap_or_default(), member.get(at + 1..).unwrap_or_default());
            let value = decode(value)?;
            // The signature covers members that were joined by `&`. A value with a bare one could be two
            // members in disguise: what was signed as one would be read as the other.
            if split(&value)?.len() > 1 {
                return Err("a value has an `&` outside of braces".into());
            }
            reader.add(&decode(name)?, &value)?;
        }
        Ok(reader.fields)
    }
}

/// Members as they come.
#[derive(Default)]
struct Reader {
    fields: Fields,
    /// The empty ones, too: which of two was meant is nothing to guess about.
    seen: BTreeSet<String>,
}

impl Reader {
    fn add(&mut self, name: &str, value: &str) -> Result<(), String> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("the name of a member is not made of letters and digits".into());
        }
        if self.seen.len() >= MAX_MEMBERS {
            return Err(format!("it has more than {MAX_MEMBERS} members"));
        }
        if !self.seen.insert(name.to_owned()) {
            return Err("it has two members of one name".into());
        }
        self.fields.set(name, value);
        Ok(())
    }
}

/// `text` divided at each `&` that stands outside of braces. A brace that closes nothing is a letter like others.
fn split(text: &str) -> Result<Vec<&str>, String> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_u32);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b'&' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if depth > 0 {
        return Err("a brace is not closed".into());
    }
    parts.push(text.get(start..).unwrap_or_default());
    Ok(parts)
}

/// Undoes percent-encoding. Unlike the usual decoders it refuses what is no UTF-8 (GBK, say) instead of
/// replacing it, so that the reason is told.
fn decode(text: &[u8]) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => match (rest.next().and_then(nibble), rest.next().and_then(nibble)) {
                (Some(high), Some(low)) => high << 4 | low,
                _ => return Err("a `%` is not followed by two hexadecimal digits".into()),
            },
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8".into())
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Result<Fields, String> {
        Fields::read_answer(text.as_bytes())
    }

    fn form(text: &str) -> Result<Fields, String> {
        Fields::read_form(text.as_bytes())
    }

    #[test]
    fn an_answer_is_divided_outside_of_braces_and_at_the_first_equals_sign_only() {
        let fields = answer(
            "tokenPayData={token=1&trId=2}&signature=a+b/c==&respMsg=100%25[0]\
             &signPubKeyCert=-----BEGIN-----\r\nMII=\r\n-----END-----&empty=&deep={a={b=c&d=e}&f=g}",
        )
        .unwrap();
        assert_eq!(fields.text("tokenPayData"), "{token=1&trId=2}");
        assert_eq!(fields.text("deep"), "{a={b=c&d=e}&f=g}");
        assert_eq!(fields.text("signature"), "a+b/c==");
        assert_eq!(fields.text("respMsg"), "100%25[0]");
        assert_eq!(fields.text("signPubKeyCert"), "-----BEGIN-----\r\nMII=\r\n-----END-----");
        assert_eq!((fields.get("empty"), fields.get("other")), (None, None));
        assert_eq!(answer("respMsg=}x&a=1").unwrap().canonical(), "a=1&respMsg=}x");
    }

    #[test]
    fn a_damaged_answer_is_an_error_without_its_values() {
        for damaged in [
            "",
            "secret",
            "a=1&secret",
            "a=1&a=secret",
            "a={secret",
            "a=&a=secret",
            "=secret",
            "a b=secret",
            "a=1&&b=2",
        ] {
            let error = answer(damaged).err().unwrap();
            assert!(!error.contains("secret"), "{damaged}: {error}");
        }
        assert!(Fields::read_answer(b"a=\xff").is_err());
        let many: Vec<_> = (0..129).map(|i| format!("k{i}=1")).collect();
        assert!(answer(&many.join("&")).is_err());
    }

    #[test]
    fn a_form_is_decoded_and_a_plus_is_a_blank() {
        let fields = form("respMsg=%E6%88%90%E5%8A%9F+a%20b&signature=a%2Bb%3d%3D&x=").unwrap();
        assert_eq!((fields.text("respMsg"), fields.text("signature")), ("成功 a b", "a+b=="));
        assert_eq!(fields.get("x"), None);
    }

    #[test]
    fn a_form_out_of_shape_is_an_error() {
        // Twice the same, names that are none, broken escapes, GBK.
        for damaged in
            ["a=1&a=2", "a=&a=1", "a", "%20=1", "a%3Db=1", "a=%", "a=%4", "a=%zz", "respMsg=%B3%C9%B9%A6", "a=%+1"]
        {
            assert!(form(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn two_members_cannot_hide_in_the_value_of_one() {
        assert!(form("respCode=05%26respMsg%3D00").is_err());
        assert_eq!(form("reserved=%7Ba%3D1%26b%3D2%7D").unwrap().text("reserved"), "{a=1&b=2}");
    }

    #[test]
    fn what_is_signed_is_sorted_by_bytes_without_the_signature_and_empty_values() {
        let mut fields = Fields::default();
        for (name, value) in [("b", "2"), ("signature", "s"), ("B", " 1 "), ("a", ""), ("c", "{x=y&z=w}")] {
            fields.set(name, value);
        }
        assert_eq!(fields.canonical(), "B=1&b=2&c={x=y&z=w}");
        fields.set("b", "");
        assert_eq!(fields.canonical(), "B=1&c={x=y&z=w}");
    }

    proptest::proptest! {
        #[test]
        fn a_request_is_read_back_as_it_was_meant(
            members in proptest::collection::btree_map("[a-zA-Z0-9]{1,8}", "[^&{}]{0,12}", 0..12),
        ) {
            let mut fields = Fields::default();
            for (name, value) in members {
                fields.set(&name, value);
            }
            let body = fields.form();
            let read = form(&body);
            proptest::prop_assert!(read.is_ok_and(|read| read == fields), "{}", body);
        }

        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200), text in ".{0,80}") {
            drop((Fields::read_form(&body), Fields::read_answer(&body), answer(&text), form(&text)));
        }
    }
}
