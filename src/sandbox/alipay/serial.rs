//! The digests by which certificates are named: MD5 over issuer and serial number. It must never verify a
//! certificate.

use md5::{Digest, Md5};
use x509_parser::prelude::{FromDer, Pem, X509Certificate};

use crate::SandboxError;

/// Certificates signed with RSA take part in the digest of a root file; the others do not count.
const RSA_SIGNATURES: &str = "1.2.840.113549.1.1";

/// The digest of the first certificate of a PEM.
pub(crate) fn of_first(pem: &str) -> Result<String, SandboxError> {
    let broken = || SandboxError::BadKey("not a certificate in a PEM".to_owned());
    let block = Pem::iter_from_buffer(pem.as_bytes()).find_map(Result::ok).ok_or_else(broken)?;
    let (_, certificate) = X509Certificate::from_der(&block.contents).map_err(|_| broken())?;
    Ok(of(&certificate))
}

/// The digest of a file of root certificates: those of its RSA certificates, joined by `_`.
pub(crate) fn of_roots(pem: &str) -> String {
    let digests = Pem::iter_from_buffer(pem.as_bytes()).filter_map(|block| {
        let block = block.ok()?;
        // The real file holds certificates that strict readers refuse: they do not count either.
        let (_, certificate) = X509Certificate::from_der(&block.contents).ok()?;
        let kind = certificate.signature_algorithm.algorithm.to_id_string();
        kind.starts_with(RSA_SIGNATURES).then(|| of(&certificate))
    });
    digests.collect::<Vec<_>>().join("_")
}

fn of(certificate: &X509Certificate<'_>) -> String {
    let mut names: Vec<String> = Vec::new();
    for attribute in certificate.issuer().iter_attributes() {
        let name = match attribute.attr_type().to_id_string().as_str() {
            "2.5.4.3" => "CN",
            "2.5.4.6" => "C",
            "2.5.4.7" => "L",
            "2.5.4.8" => "ST",
            "2.5.4.10" => "O",
            "2.5.4.11" => "OU",
            _ => continue,
        };
        names.push(format!("{name}={}", attribute.as_str().unwrap_or_default()));
    }
    // Written from the most special name to the most general one.
    names.reverse();
    let text = format!("{}{}", names.join(","), certificate.tbs_certificate.serial);
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
