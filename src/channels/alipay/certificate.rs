//! Certificates of the channel: it knows which are believed, and must never know what their keys signed.

use std::fmt;

use bursar_core::Timestamp;
use x509_parser::certificate::X509Certificate;

use super::serial;
use crate::rsa::PublicKey;
use crate::{pem, x509};

const LABEL: &str = "CERTIFICATE";

/// The first certificate of a file, with the channel's name for it.
///
/// # Errors
/// What was expected.
pub(super) fn named(text: &[u8]) -> Result<(String, Option<PublicKey>, Option<String>), &'static str> {
    const EXPECTED: &str = "a certificate in a PEM, such as the .crt files of the channel";
    let text = std::str::from_utf8(text).map_err(|_| EXPECTED)?;
    let der = pem::decode(LABEL, text).ok_or(EXPECTED)?;
    let certificate = x509::parse(&der).ok_or(EXPECTED)?;
    let name = serial::of(&certificate).ok_or(EXPECTED)?;
    Ok((name, PublicKey::from_der(certificate.public_key().raw), common_name(&certificate)))
}

fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok()).map(str::to_owned)
}

/// What makes a fetched certificate the channel's.
pub(super) struct Trust {
    roots: Vec<Vec<u8>>,
    /// Authorities below the roots that came with the channel's certificate.
    between: Vec<Vec<u8>>,
    /// Whom the configured certificate of the channel names. A merchant's own certificate leads to the same
    /// roots: only the name tells them apart. That a successor bears the same common name is not confirmed by a
    /// page; where it does not, calls end as unknown until a person adds the new file to the settings.
    common_names: Vec<String>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} roots)", self.roots.len())
    }
}

fn parsed(ders: &[Vec<u8>]) -> Vec<X509Certificate<'_>> {
    // What strict ASN.1 does not take is left out: the file of roots holds such a one.
    ders.iter().filter_map(|der| x509::parse(der)).collect()
}

impl Trust {
    /// From the file of roots and the files with the channel's certificates.
    pub(super) fn new(roots: &str, channel: &[String], common_names: Vec<String>) -> Self {
        let between = channel.iter().flat_map(|text| pem::decode_all(LABEL, text)).collect();
        Self { roots: pem::decode_all(LABEL, roots), between, common_names }
    }

    /// The key of the certificate with the name `serial` in `text`, which may bring the authorities above it.
    ///
    /// # Errors
    /// Why it is not believed.
    pub(super) fn accept(&self, text: &str, serial: &str, now: Timestamp) -> Result<PublicKey, String> {
        let brought = pem::decode_all(LABEL, text);
        let (roots, mut between) = (parsed(&self.roots), parsed(&self.between));
        between.extend(parsed(&brought));
        let found = parsed(&brought);
        let certificate = found
            .iter()
            .find(|certificate| serial::of(certificate).as_deref() == Some(serial))
            .ok_or("it brings another certificate than was asked for")?;
        let name = common_name(certificate).unwrap_or_default();
        if !self.common_names.contains(&name) {
            return Err("it brings a certificate that names somebody else than the configured one".into());
        }
        if !x509::leads_to_root(certificate, &between, &roots, now) {
            return Err("it brings a certificate that does not lead to the configured roots, or is not in force".into());
        }
        PublicKey::from_der(certificate.public_key().raw).ok_or_else(|| "its key is no RSA key".into())
    }
}
