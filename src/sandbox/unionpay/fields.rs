//! The fields of a message and how they are written: as the form of a request or notification, as the raw
//! body of an answer, and as the string that is signed. It must never know what a field means.

use std::collections::BTreeMap;

/// The name of the field that is never part of the signed string.
pub(crate) const SIGNATURE: &str = "signature";
/// The field that carries the certificate of whoever signed.
pub(crate) const CERTIFICATE: &str = "signPubKeyCert";

/// The fields of one message, by name in ASCII order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    /// Reads a url-encoded form; `None` when a name comes twice, as then two readers may differ.
    pub(crate) fn from_form(body: &[u8]) -> Option<Self> {
        let mut fields = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if fields.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self(fields))
    }

    /// What the field holds; `None` when it is absent or empty, which is the same in this protocol.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// As [`Fields::get`], empty when absent.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Takes over those of the named fields that `from` has.
    pub(crate) fn copy(&mut self, from: &Self, names: &[&str]) {
        for name in names {
            if let Some(value) = from.get(name) {
                self.set(name, value);
            }
        }
    }

    /// The string that is signed: everything but the signature and what is empty, in ASCII order of the
    /// names, the values as they are.
    pub(crate) fn canonical(&self) -> String {
        let held = self.0.keys().filter(|name| *name != SIGNATURE);
        let pairs = held.filter_map(|name| self.get(name).map(|value| format!("{name}={value}")));
        pairs.collect::<Vec<_>>().join("&")
    }

    /// As a url-encoded form.
    pub(crate) fn form(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// As the body of an answer: nothing is encoded; certificate and signature come last, as the real
    /// gateway has them.
    pub(crate) fn raw(&self) -> String {
        let last = [CERTIFICATE, SIGNATURE];
        let first = self.0.iter().filter(|(name, _)| !last.contains(&name.as_str()));
        let after = last.iter().filter_map(|name| self.0.get_key_value(*name));
        first.chain(after).map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::default();
        pairs.iter().for_each(|(name, value)| fields.set(name, *value));
        fields
    }

    #[test]
    fn the_signed_string_is_sorted_unencoded_and_without_signature_and_empty_values() {
        let message = fields(&[
            ("txnType", "01"),
            ("signature", "x=="),
            ("backUrl", "https://shop.test/in?a=1"),
            ("reqReserved", ""),
            ("respMsg", " 成功 "),
            ("Zebra", "1"),
        ]);
        assert_eq!(message.canonical(), "Zebra=1&backUrl=https://shop.test/in?a=1&respMsg=成功&txnType=01");
    }

    #[test]
    fn an_answer_is_raw_with_certificate_and_signature_at_its_end() {
        let message = fields(&[("signature", "a+b=="), ("version", "5.1.0"), ("signPubKeyCert", "-\r\n-"), ("a", "é")]);
        assert_eq!(message.raw(), "a=é&version=5.1.0&signPubKeyCert=-\r\n-&signature=a+b==");
    }

    #[test]
    fn a_form_is_read_as_it_was_written_and_a_name_given_twice_is_refused() {
        let message = fields(&[("a", "1+1 = 二"), ("signPubKeyCert", "-----BEGIN CERTIFICATE-----\r\n")]);
        let form = message.form();
        assert_eq!(form, "a=1%2B1+%3D+%E4%BA%8C&signPubKeyCert=-----BEGIN+CERTIFICATE-----%0D%0A");
        assert_eq!(Fields::from_form(form.as_bytes()), Some(message));
        assert_eq!(Fields::from_form(b"a=1&b=2&a=1"), None);
    }
}
