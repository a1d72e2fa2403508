//! How the channel names certificates: it knows the digest of issuer and serial, and must never judge a
//! certificate.

use md5::{Digest, Md5};
use x509_parser::certificate::X509Certificate;
use x509_parser::x509::X509Name;

use crate::{pem, x509};

/// The names that stand in an issuer, in the way in which the channel writes them (RFC 2253).
const SHORT: [(&str, &str); 7] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// The issuer, last name first: `CN=…,OU=…,O=…,C=…`.
fn reversed(name: &X509Name<'_>) -> Option<String> {
    let mut parts = Vec::new();
    for attribute in name.iter_attributes() {
        let oid = attribute.attr_type().to_id_string();
        let short = SHORT.iter().find(|(known, _)| *known == oid).map_or(oid.as_str(), |(_, short)| short);
        parts.push(format!("{short}={}", attribute.as_str().ok()?));
    }
    parts.reverse();
    Some(parts.join(","))
}

/// MD5 over the issuer and the serial in decimal, in hexadecimal. `None` when the issuer is no text.
pub(super) fn of(certificate: &X509Certificate<'_>) -> Option<String> {
    let text = format!("{}{}", reversed(certificate.issuer())?, certificate.tbs_certificate.serial);
    Some(Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The name of a file of root certificates: those signed with RSA, joined by `_`. The file also holds one
/// with SM2 and one that breaks ASN.1's rules: they do not count.
pub(super) fn of_roots(text: &str) -> Option<String> {
    let names: Vec<String> = pem::decode_all("CERTIFICATE", text)
        .iter()
        .filter_map(|der| x509::parse(der))
        .filter(x509::is_signed_with_rsa)
        .filter_map(|certificate| of(&certificate))
        .collect();
    (!names.is_empty()).then(|| names.join("_"))
}
